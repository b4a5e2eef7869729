"""Alive is what moves, ready is what can decide; why not, and since when, is told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.executor.messages import Status
from scheduler.model import commands as c
from scheduler.model.errors import StorageFailed
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.limits import HEARTBEAT_MAX
from scheduler.model.schedules import Interval
from tests.tools.conftest import Serve
from tests.tools.making import defining
from tools.app import open_wishes
from tools.installation import versions
from tools.serving import Seams, Served
from tools.settings import Settings
from tools.vitals import size_bytes, why_not

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WELL = Status(
    epoch=1,
    since=NOON,
    heartbeat_at=NOON,
    position=1,
    jobs=0,
    runs_open=0,
    attempts_out=0,
    slots=32,
    owed=0,
    held_apart={},
    ahead=timedelta(),
    is_resting=False,
    is_stopping=False,
    fault=None,
    decided_at=NOON,
    silence=timedelta(),
)


def test_a_server_that_does_well_is_ready() -> None:
    assert None is why_not(WELL)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (WELL._replace(fault="Disk full: 0 bytes free"), "Disk full: 0 bytes free"),
        (WELL._replace(is_stopping=True), "the server is stopping"),
        (WELL._replace(ahead=timedelta(hours=1)), "the clock is behind the log by 1:00:00"),
        (
            WELL._replace(is_resting=True),
            "the clock jumped; deciding rests until it has stood for a while",
        ),
        (
            WELL._replace(silence=HEARTBEAT_MAX + timedelta(seconds=1.5)),
            "the executor has not moved for 0:00:31",
        ),
    ],
)
def test_a_server_that_cannot_decide_says_why(status: Status, told: str) -> None:
    assert told == why_not(status)


class Standing:
    """An executor of which only its status is asked."""

    def __init__(self, served: Served) -> None:
        self.handle = served.executor.handle
        self.now = WELL

    def status(self) -> Status:
        return self.now

    @property
    def silence(self) -> timedelta:
        return self.now.silence


@pytest.fixture
def standing(served: Served, monkeypatch: pytest.MonkeyPatch) -> Standing:
    """Put an executor that stands as it is told in the place of the one that works."""
    executor = Standing(served)
    monkeypatch.setattr(served.vitals, "_executor", executor)
    monkeypatch.setattr(served.vitals, "_clock", ManualClock(NOON + 5 * SECOND))
    return executor


def test_health_fails_only_when_the_loop_stands_still(served: Served, standing: Standing) -> None:
    standing.now = WELL._replace(fault="full", is_resting=True, silence=HEARTBEAT_MAX)
    assert served.vitals.health().is_healthy
    standing.now = WELL._replace(silence=HEARTBEAT_MAX + timedelta(milliseconds=1))
    health = served.vitals.health()
    assert (False, 30.001) == (health.is_healthy, health.silent_for_s)


def test_a_fault_is_told_since_the_last_decision(served: Served, standing: Standing) -> None:
    standing.now = WELL._replace(fault="Disk full", decided_at=NOON - SECOND, owed=14)
    ready = served.readiness()
    assert (False, "Disk full") == (ready.is_ready, ready.why)
    assert (NOON - SECOND, 14) == (ready.since, ready.owed)


def test_jobs_held_apart_are_noted_whether_others_can_be_decided_or_not(
    served: Served, standing: Standing
) -> None:
    standing.now = WELL._replace(held_apart={"orders": "Mars/Base"})
    ready = served.readiness()
    assert ready.is_ready
    assert ready.notes[0].endswith('no time zone "Mars/Base": orders')
    standing.now = standing.now._replace(fault="Disk full")
    assert (False, ready.notes) == (served.readiness().is_ready, served.readiness().notes)


def test_what_the_executor_does_not_note_is_told_since_it_was_first_seen(
    served: Served, standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = WELL._replace(ahead=timedelta(hours=1), decided_at=NOON + timedelta(hours=2))
    standing.now = behind
    assert NOON + 5 * SECOND == served.readiness().since
    monkeypatch.setattr(served.vitals, "_clock", ManualClock(NOON + timedelta(hours=1)))
    assert NOON + 5 * SECOND == served.readiness().since
    standing.now = WELL
    assert (True, None) == (served.readiness().is_ready, served.readiness().since)
    standing.now = behind
    assert NOON + timedelta(hours=1) == served.readiness().since


def test_figures_tell_what_the_process_knows(served: Served, standing: Standing) -> None:
    standing.now = WELL._replace(
        slots=7, owed=3, is_resting=True, fault="full", ahead=SECOND, silence=2 * SECOND
    )
    figures = served.vitals.figures()
    assert (NOON, 7, 3) == (figures.started_at, figures.slots, figures.fires_owed)
    assert (True, True, False) == (figures.is_resting, figures.is_faulty, figures.is_ready)
    assert (SECOND, 2 * SECOND) == (figures.clock_offset, figures.heartbeat_age)
    assert versions()["croniter"] == figures.versions["croniter"]
    assert served.log.head().position == figures.log_position


def test_appends_and_events_are_counted_as_they_come(served: Served) -> None:
    before = served.vitals.figures()
    with open_wishes(served.settings) as wishes:
        wishes.ask(defining())
    after = served.vitals.figures()
    assert before.log_position + 1 == after.log_position
    assert sum(before.append_buckets) + 1 == sum(after.append_buckets)
    assert (0, True) == (after.projection_lag_events, after.are_views_kept_up)
    assert after.log_size_bytes >= served.log.path.stat().st_size


def test_views_that_failed_are_not_kept_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.projector, "failure", StorageFailed("full", in_doubt=False))
    assert not served.vitals.figures().are_views_kept_up


def test_the_size_of_a_log_is_that_of_both_its_files(tmp_path: Path) -> None:
    log = tmp_path / "h.db"
    log.write_bytes(b"x" * 5)
    assert 5 == size_bytes(log)
    log.with_name("h.db-wal").write_bytes(b"x" * 7)
    assert 12 == size_bytes(log)


def test_a_clock_that_was_set_back_makes_a_server_unready_until_it_is_accepted(
    settings: Settings, serve: Serve
) -> None:
    clock = ManualClock(NOON)
    served = serve(settings, Seams(clock=clock))
    job = JobId(clock.new_id())
    definition = Definition(name="a", service="say.hello", schedule=Interval(timedelta(hours=1)))
    with open_wishes(settings, clock=clock) as wishes:
        wishes.ask(c.DefineJob(job=job, definition=definition))
        clock.step(-timedelta(hours=1))
        ready = served.readiness()
        assert (False, "the clock is behind the log by 1:00:00") == (ready.is_ready, ready.why)
        assert timedelta(hours=1) == served.vitals.figures().clock_offset
        wishes.ask(c.AcceptClock())
    assert served.readiness().is_ready


def test_slots_are_taken_by_runs_that_occupy_them(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = served.executor.handle.timetable.occupied
    monkeypatch.setitem(occupied, RunId("one"), None)
    assert 1 == served.vitals.figures().slots_taken
