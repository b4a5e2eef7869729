"""The summary counts by the schedules: what the scheduler forgot or did twice is seen."""

from datetime import datetime, timedelta

from scheduler.log.memory import MemoryLog
from scheduler.model import events as e
from scheduler.model.jobs import JobId, RunId
from scheduler.model.limits import DEMO_FIRES_MAX
from scheduler.model.schedules import Interval
from tests.facts import JOB, at, defined
from tools.demo.chronicle import Chronicle, Job, Run
from tools.demo.summary import Fires, due_fires, fires_of

EVERY = timedelta(minutes=5)


def chronicle(*runs: str, skips: tuple[str, ...] = ()) -> Chronicle:
    """Return what is known of a job that fires every five minutes from 10:05 on."""
    found = Chronicle(MemoryLog(lambda: 0))
    job = Job(JobId(JOB), defined(Interval(EVERY, at("10:00"))), at("10:00"))
    found.jobs[job.id] = job
    for number, fire in enumerate(runs, start=1):
        run = RunId(f"run {number}")
        found.runs[run] = Run(job, run, number, at(fire))
    found.skips += [skip_of(job, at(fire)) for fire in skips]
    return found


def skip_of(job: Job, fire_time: datetime) -> e.FiresSkipped:
    """Return the skip of one fire."""
    return e.FiresSkipped(
        job=job.id, after=fire_time - EVERY, until=fire_time, count=1, reason="overlap"
    )


def test_each_fire_that_is_a_run_or_a_skip_is_counted_once() -> None:
    known = chronicle("10:05", "10:15", skips=("10:10",))
    assert Fires(3, 1, 0, 0, 0) == fires_of(known, at("10:15"))


def test_a_fire_that_is_neither_a_run_nor_a_skip_is_undecided() -> None:
    assert Fires(3, 0, 1, 0, 0) == fires_of(chronicle("10:05", "10:15"), at("10:15"))


def test_a_fire_with_two_runs_or_a_run_and_a_skip_is_seen() -> None:
    assert 1 == fires_of(chronicle("10:05", "10:05"), at("10:05")).doubly
    assert 1 == fires_of(chronicle("10:05", skips=("10:05",)), at("10:05")).doubly


def test_no_more_fires_are_reckoned_than_a_demo_can_have() -> None:
    known = chronicle()
    job = known.jobs[JobId(JOB)]
    assert DEMO_FIRES_MAX == len(due_fires(job, [], job.cursor + 2 * DEMO_FIRES_MAX * EVERY))


def test_a_run_of_what_is_no_fire_is_seen() -> None:
    assert 1 == fires_of(chronicle("10:05", "10:07"), at("10:10")).strange
