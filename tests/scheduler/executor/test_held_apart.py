"""A log with a job whose time zone is not known here is executed, but for the fires of that job."""

from datetime import timedelta
from pathlib import Path

from scheduler.log.contract import Meta, Request, Write
from scheduler.model import commands as c
from scheduler.model.jobs import JobId
from scheduler.model.schedules import Schedule
from scheduler.rules.facts import Fact
from tests.backfill_facts import requested
from tests.facts import JOB, attempt_started, caught_up, planned, registered, run, succeeded
from tests.scheduler.executor.rig import Rig, of_runs
from tests.zone_files import ATLANTIS, IN_ATLANTIS, IN_LEMURIA, LEMURIA, installed

OTHER = JobId("job-2")
EVERY_5 = "*/5 * * * *"
HOUR = timedelta(hours=1)


def carried(*facts: Fact) -> Rig:
    """Return the rig of a log that another machine wrote, on which every zone was known."""
    rig = Rig(take_up=False)
    for stream, event in facts:
        rig.log.append(Request([Write(stream, 0, [event])], Meta(actor="test")))
    return rig.restarted()


def job(schedule: str | Schedule, *, key: JobId = JOB) -> Fact:
    return registered(schedule, at="10:00", job=key, name=key)


def test_all_others_fire_and_it_can_be_run_by_hand() -> None:
    rig = carried(job(IN_ATLANTIS), job(EVERY_5, key=OTHER))
    rig.until("10:05")
    assert [
        planned("10:05", job=OTHER),
        attempt_started("10:05", code="code of s", job=OTHER),
        succeeded("10:05", job=OTHER),
    ] == of_runs(rig)
    assert {JOB: ATLANTIS} == rig.executor.status().held_apart
    rig.ask(c.TriggerJob(job=JOB, run=run("call-1"))).result(0)
    rig.turn()
    assert succeeded("call-1") == of_runs(rig)[-1]


def test_with_the_zone_back_it_goes_on_where_it_stood(tmp_path: Path) -> None:
    rig = carried(job(IN_LEMURIA))
    rig.until("10:12")
    assert [] == of_runs(rig)
    with installed(LEMURIA, tmp_path):
        rig.until("10:13:30")
        assert caught_up("10:10") == of_runs(rig)[0]


def test_a_backfill_of_it_ends_nothing() -> None:
    asked = requested("08:00", "09:00", count=12, per_minute=1)
    rig = carried(job(IN_ATLANTIS), asked)
    rig.turn()
    assert rig.executor.status().fault is None
