"""A job whose time zone this machine does not know: each command says so in one sentence."""

from datetime import date
from pathlib import Path

import pytest

from scheduler.log.contract import Meta, Request, Write
from scheduler.log.sqlite import SqliteLog
from scheduler.model import events as e
from scheduler.model.jobs import DateRange, Exclude, JobId
from scheduler.model.schedules import Cron
from scheduler.model.streams import job_stream
from tests.facts import defined
from tests.tools.cli.desk import NOON, Desk
from tests.tools.cli.test_server import serving
from tests.zone_files import ATLANTIS, IN_ATLANTIS, LEMURIA, installed

NO_ZONE = 'this machine has no time zone "Europe/Atlantis"'
TOLD = f"2 jobs do not fire, as {NO_ZONE}: orders, out"
FIVE_PAST, TEN_PAST = "2026-03-02T12:05Z", "2026-03-02T12:10Z"
TODAY = (DateRange(date(2026, 3, 2), date(2026, 3, 2)),)
DEFINITIONS = (
    defined(IN_ATLANTIS, name="orders", service="a.ok"),
    defined(Cron(("*/5 * * * *",)), name="out", service="a.ok", exclude=Exclude(TODAY, ATLANTIS)),
)


@pytest.fixture
def carried(desk: Desk) -> Desk:
    """Return a desk with a log from another machine: of its jobs two need a zone unknown here."""
    desk.done("job", "add", "beside", "a.ok", "--every", "10m")
    log = SqliteLog.open(desk.db, clock_ns=desk.clock.now_ns, unowned=True)
    for number, definition in enumerate(DEFINITIONS):
        key = JobId(f"0199a000-0000-7000-8000-00000000000{number}")
        event = e.JobDefined(job=key, definition=definition, cursor=NOON)
        log.append(Request([Write(job_stream(key), 0, [event])], Meta(actor="test")))
    log.close()
    return desk


def test_what_fires_next_leaves_it_out_and_tells_it(carried: Desk) -> None:
    printed = carried.done("next", "--json")
    assert ["beside"] == [row["job"] for row in printed.json]
    assert TOLD in printed.err


@pytest.mark.parametrize("job", ["orders", "out"])
def test_the_job_is_shown_with_the_reason_in_place_of_its_fire_times(
    carried: Desk, job: str
) -> None:
    told = f"{job} does not fire: {NO_ZONE}. Install zone data that has it, or name another zone:"
    assert f"  {told} horolog job edit {job}" in carried.done("job", "show", job).out.splitlines()
    shown = carried.done("job", "show", job, "--json=next_fire,fires,warnings").json
    assert (None, []) == (shown["next_fire"], shown["fires"])
    assert [f"{told} horolog job edit {job}"] == shown["warnings"]


@pytest.mark.parametrize("job", ["orders", "out"])
def test_of_an_instant_it_cannot_be_told_whether_it_is_a_fire_time(carried: Desk, job: str) -> None:
    answer = carried.done("why", job, "2026-03-02T12:10Z", "--json").json
    assert ("no-zone", None) == (answer["verdict"], answer["run"])
    assert f"{job} at 2026-03-02 13:10:00 CET cannot be told: {NO_ZONE}" == answer["sentence"]
    before = carried.done("why", job, "2026-03-02T11:10Z", "--json").json
    assert ("before-definition", None) == (before["verdict"], before["after"])


def test_of_what_ran_before_the_zone_was_lost_everything_is_told(
    desk: Desk, tmp_path: Path
) -> None:
    with installed(LEMURIA, tmp_path / "zones"):
        desk.done("job", "add", "orders", "a.ok", "--cron", "*/5 * * * *", "--tz", LEMURIA)
        desk.carry_out(12 * 60)
        desk.done("backfill", "start", "orders", "--from", FIVE_PAST, "--until", TEN_PAST)
        desk.carry_out()
    answer = desk.done("why", "orders", FIVE_PAST, "--json").json
    assert ("run", "succeeded", "coalesced") == (
        answer["verdict"],
        answer["status"],
        answer["reason"],
    )


def test_a_run_on_a_day_that_was_excluded_in_a_lost_zone_is_told(
    desk: Desk, tmp_path: Path
) -> None:
    with installed(LEMURIA, tmp_path / "zones"):
        excluding = ("--exclude", "2026-03-02", "--tz", LEMURIA)
        desk.done("job", "add", "orders", "a.ok", "--cron", "*/5 * * * *", *excluding)
        desk.carry_out(12 * 60)
    assert "no-zone" == desk.done("why", "orders", FIVE_PAST, "--json").json["verdict"]
    assert ["excluded"] == [row["reason"] for row in desk.done("missed", "--json").json]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("explain job orders", 2, "$.schedule.timezone: there is no time zone"),
        ("simulate --job orders", 2, "$.schedule.timezone: there is no time zone"),
        ("job edit orders --timeout 5m", 2, "$.schedule.timezone: there is no time zone"),
        ("job skip-next orders", 5, NO_ZONE),
        ("backfill plan orders --from 2026-03-01 --until 2026-03-02", 5, NO_ZONE),
        ("backfill start orders --from 2026-03-01 --until 2026-03-02", 5, NO_ZONE),
    ],
)
def test_what_hangs_on_its_fire_times_is_refused(
    carried: Desk, words: str, code: int, told: str
) -> None:
    printed = carried(*words.split())
    assert (code, True) == (printed.code, told in printed.err), printed.err


@pytest.mark.parametrize(
    "words",
    [
        "job pause orders",
        "job remove orders",
        "job rename orders new",
        "run start orders",
        "job edit orders --tz UTC",
    ],
)
def test_what_does_not_can_be_had(carried: Desk, words: str) -> None:
    carried.done(*words.split())


def test_the_views_of_such_a_log_verify(carried: Desk) -> None:
    carried.done("projection", "rebuild", "--all")
    carried.done("projection", "verify", "--all")


def test_a_server_of_such_a_log_is_ready_and_names_the_jobs(carried: Desk) -> None:
    with serving(carried) as served:
        ready = served.readiness()
        assert (True, None, (TOLD,)) == (ready.is_ready, ready.why, ready.notes)
        assert f"  {TOLD}" in carried.done("status").out.splitlines()
        assert [TOLD] == carried.done("status", "--json=held_apart").json["held_apart"]
        assert 2 == served.vitals.figures().jobs_held_apart


def test_the_doctor_names_each_of_them(carried: Desk) -> None:
    carried.done("job", "list")  # so that there are views to look at
    found = carried("doctor", "--json").json
    told = [one["message"] for one in found if one["check"] == "fires" and one["state"] == "fail"]
    assert ["job orders", "job out"] == [one.partition(" cannot be reckoned")[0] for one in told]
