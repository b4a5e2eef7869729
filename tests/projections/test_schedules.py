"""Jobs and the system: events in, rows out."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from msgspec.structs import replace

from projections.job_tables import state_of
from projections.read_jobs import job, jobs, system, upcoming
from projections.rows import JobRow
from projections.schedules import Schedules
from projections.verification import verify
from scheduler.executor.derived import ViewsFile
from scheduler.log.contract import Request, Write
from scheduler.model import coming
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import DateRange, Definition, Exclude, JobId
from scheduler.model.schedules import Interval, Manual, Once, Schedule
from scheduler.model.streams import SYSTEM, job_stream, skips_stream
from tests.projections.histories import BEN, EVERY_MINUTE, LIVES, NOON, History, live
from tests.projections.views import folded
from tests.zone_files import IN_ATLANTIS

MINUTE = timedelta(minutes=1)


def shown(history: History, name: str = "orders", views: ViewsFile | None = None) -> JobRow:
    """Return the job as folded."""
    views, _ = folded(history.log, views)
    with views.reading() as connection:
        return job(connection, name)


def begun(**policies: object) -> tuple[History, JobId]:
    history = History()
    history.start()
    return history, history.define("orders", EVERY_MINUTE, **policies)


def test_a_defined_job_is_active_with_its_next_fire() -> None:
    history, key = begun(labels={"team": "billing"})
    row = shown(history)
    assert (key, "orders", "api.sync", "active") == (row.job_id, row.name, row.service, row.status)
    assert (EVERY_MINUTE, NOON + MINUTE, NOON) == (row.schedule, row.next_fire, row.cursor)
    assert (1, 1, 0, BEN.actor) == (row.revision, row.version, row.planned, row.actor)
    assert {"team": "billing"} == row.definition.labels
    assert NOON == row.defined_at == row.changed_at


def test_a_fire_time_moves_cursor_and_next_fire_but_is_no_change_of_the_job() -> None:
    history, _ = begun()
    views, _ = folded(history.log)
    history.tick(60)
    row = shown(history, views=views)
    assert (NOON + MINUTE, NOON + 2 * MINUTE) == (row.cursor, row.next_fire)
    assert (1, NOON + MINUTE, NOON, 1) == (
        row.planned,
        row.last_run_fire,
        row.changed_at,
        row.version,
    )


def test_a_skip_moves_the_cursor_and_is_no_run() -> None:
    history, _ = begun(catch_up="none")
    history.tick(600)
    row = shown(history)
    assert NOON + 10 * MINUTE == row.cursor
    assert 1 == row.planned  # the first of those on time; it is still open


def test_a_paused_job_has_no_next_fire_and_a_resumed_one_has() -> None:
    history, key = begun()
    history.ask(c.PauseJob(job=key))
    row = shown(history)
    assert ("paused", None, 2) == (row.status, row.next_fire, row.version)
    history.ask(c.ResumeJob(job=key))
    row = shown(history)
    assert ("active", NOON + MINUTE) == (row.status, row.next_fire)


def test_a_job_that_has_had_all_its_runs_is_exhausted() -> None:
    history, _ = begun(max_runs=1)
    history.tick(60)
    row = shown(history)
    assert ("exhausted", None, 1) == (row.status, row.next_fire, row.planned)


@pytest.mark.parametrize(
    ("schedule", "status", "next_fire"),
    [
        (Manual(), "manual", None),
        (Once(NOON + MINUTE), "active", NOON + MINUTE),
        (Interval(timedelta(seconds=90)), "active", NOON + timedelta(seconds=90)),
    ],
)
def test_each_kind_of_schedule_shows_its_next_fire(
    schedule: Schedule, status: str, next_fire: datetime | None
) -> None:
    history = History()
    history.define("orders", schedule)
    row = shown(history)
    assert (schedule.__class__, status, next_fire) == (
        row.schedule.__class__,
        row.status,
        row.next_fire,
    )


def test_the_next_fire_lies_within_the_bounds_of_the_job() -> None:
    later, _ = begun(start_at=NOON + 5 * MINUTE)
    assert NOON + 5 * MINUTE == shown(later).next_fire
    ending, _ = begun(end_at=NOON + MINUTE)
    ending.tick(60)
    assert shown(ending).next_fire is None


def test_a_renamed_job_is_found_by_its_new_name_only() -> None:
    history, key = begun()
    history.ask(c.RenameJob(job=key, name="invoices"))
    row = shown(history, "invoices")
    assert (key, "invoices", 2, 1) == (row.job_id, row.definition.name, row.version, row.revision)


def test_an_edit_is_a_new_revision() -> None:
    history, key = begun()
    edited = history.handle.timetable.jobs[key].definition
    history.clock.advance(MINUTE / 2)
    history.ask(c.ReviseJob(job=key, definition=replace(edited, service="api.other")))
    row = shown(history)
    assert ("api.other", "api.other", 2) == (row.service, row.definition.service, row.revision)
    assert NOON + MINUTE / 2 == row.cursor == row.changed_at


def test_a_removed_job_keeps_its_row() -> None:
    history, key = begun()
    history.ask(c.RemoveJob(job=key))
    other = history.define("orders")
    views, _ = folded(history.log)
    with views.reading() as connection:
        assert ("removed", None) == (
            job(connection, key).status,
            job(connection, key).next_fire,
        )
        assert other == job(connection, "orders").job_id
        assert [other] == [row.job_id for row in jobs(connection)]


def test_an_accepted_clock_sets_back_every_cursor_that_is_ahead() -> None:
    history, _ = begun()
    history.define("hourly", Interval(60 * MINUTE))
    history.tick(300)
    views, _ = folded(history.log)
    history.clock.step(-3 * MINUTE)
    assert history.ask(c.AcceptClock())
    row = shown(history, views=views)
    assert (NOON + 2 * MINUTE, NOON + 3 * MINUTE) == (row.cursor, row.next_fire)
    assert NOON == shown(history, "hourly", views).cursor


def test_a_pause_with_an_end_shows_it_and_the_first_fire_after_it() -> None:
    history, key = begun()
    end = NOON + 10 * MINUTE
    history.ask(c.PauseJob(job=key, until=end, missed="latest"))
    row = shown(history)
    assert ("paused", end, "latest", end + MINUTE) == (
        row.status,
        row.paused_until,
        row.pause_missed,
        row.next_fire,
    )
    history.tick(700)
    row = shown(history)
    assert ("active", None, None) == (row.status, row.paused_until, row.pause_missed)


def test_a_fire_time_to_be_passed_over_is_shown_and_is_not_the_next() -> None:
    history, key = begun()
    history.ask(c.SkipNextFire(job=key))
    row = shown(history)
    assert ((NOON + MINUTE,), NOON + 2 * MINUTE) == (row.skipping, row.next_fire)
    assert (2, BEN.actor) == (row.version, row.actor)
    history.ask(c.RestoreNextFire(job=key))
    row = shown(history)
    assert ((), NOON + MINUTE) == (row.skipping, row.next_fire)


def test_a_fire_time_that_was_passed_over_is_not_shown_any_more() -> None:
    history, key = begun()
    history.ask(c.SkipNextFire(job=key))
    history.tick(61)
    row = shown(history)
    assert ((), NOON + MINUTE, 0) == (row.skipping, row.cursor, row.planned)


def test_the_next_fire_lies_on_no_excluded_day() -> None:
    today = Exclude((DateRange(NOON.date(), NOON.date()),), "UTC")
    history, _ = begun(exclude=today)
    assert NOON + 12 * 60 * MINUTE == shown(history).next_fire


def test_a_pause_of_everything_shows_its_end() -> None:
    history, _ = begun()
    for until, missed in ((NOON + MINUTE, "all"), (None, "skip")):
        history.ask(c.PauseSystem(until=until, missed=missed))  # type: ignore[arg-type]  # of the closed set
        views, _ = folded(history.log)
        with views.reading() as connection:
            row = system(connection)
        assert row is not None
        assert (NOON, until, None if until is None else missed) == (
            row.paused_at,
            row.paused_until,
            row.pause_missed,
        )


def test_other_versions_of_what_reckons_fire_times_have_them_reckoned_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history, _ = begun()
    views, _ = folded(history.log)
    monkeypatch.setattr(coming, "next_fire", lambda schedule, after: after + 7 * MINUTE)
    history.start()
    assert NOON + MINUTE == shown(history, views=views).next_fire
    started = c.StartSystem(host="web-1", pid=1, versions={"tzdata": "2027.1"})
    history.handle.gather(started)
    history.handle.flush()
    assert NOON + 7 * MINUTE == shown(history, views=views).next_fire


def test_the_system_shows_who_took_up_the_log_and_who_paused_everything() -> None:
    history = History()
    history.start()
    history.clock.advance(MINUTE)
    history.ask(c.PauseSystem())
    views, projector = folded(history.log)
    with views.reading() as connection:
        row = system(connection)
    assert row is not None
    assert (1, "web-1", 812, NOON, None) == (
        row.epoch,
        row.host,
        row.pid,
        row.started_at,
        row.stopped_at,
    )
    assert (NOON + MINUTE, BEN.actor, "0.1.0", NOON) == (
        row.paused_at,
        row.paused_by,
        row.horolog,
        row.created_at,
    )
    history.ask(c.ResumeSystem())
    history.handle.gather(c.StopSystem())
    history.handle.flush()
    projector.catch_up()
    with views.reading() as connection:
        row = system(connection)
    assert row is not None
    assert (None, None, NOON + MINUTE) == (row.paused_at, row.paused_by, row.stopped_at)


def test_the_earliest_next_fire_comes_first() -> None:
    history = History()
    for name, seconds in (("slow", 300), ("quick", 10), ("middle", 60)):
        history.define(name, Interval(timedelta(seconds=seconds)))
    history.define("by-hand", Manual())
    views, _ = folded(history.log)
    with views.reading() as connection:
        assert ["quick", "middle", "slow"] == [row.name for row in upcoming(connection)]


def test_a_skip_of_a_job_that_was_never_defined_is_refused() -> None:
    history = History()
    skip = e.FiresSkipped(
        job=JobId("none"), after=NOON, until=NOON + MINUTE, count=1, reason="misfire"
    )
    history.log.append(Request([Write(skips_stream(JobId("none")), 0, [skip])], BEN))
    with pytest.raises(ImpossibleHistory, match="never defined"):
        folded(history.log)


def test_events_of_the_system_that_show_nothing_are_passed_over() -> None:
    history = History()
    jump = e.ClockJumped(by_s=7_200, was=NOON, now=NOON + 120 * MINUTE)
    history.log.append(Request([Write(SYSTEM, 1, [jump])], BEN))
    _, projector = folded(history.log)
    assert 2 == projector.position


@given(LIVES)
def test_the_rows_hold_the_states_that_the_executor_believes(
    steps: list[tuple[str, int, int]],
) -> None:
    history = History()
    history.start()
    live(history, steps)
    views, _ = folded(history.log)
    with views.reading() as connection:
        stored = {
            job_id: state_of(state, definition)
            for job_id, state, definition in connection.execute(
                "SELECT job_id, state, definition FROM jobs_1"
            )
        }
    timetable = history.handle.timetable
    assert timetable.jobs == {key: stored[key] for key in timetable.jobs}
    assert all(stored[key].removed for key in stored.keys() - timetable.jobs.keys())


def test_a_job_whose_zone_is_not_known_here_stops_no_view_and_rebuilds_alike() -> None:
    history, job = begun()
    apart = e.JobRevised(
        job=job,
        revision=2,
        definition=Definition(name="orders", service="api.sync", schedule=IN_ATLANTIS),
        effective_at=NOON,
    )
    history.log.append(Request([Write(job_stream(job), 1, [apart])], BEN))
    views, projector = folded(history.log)
    row = shown(history, views=views)
    assert ("active", None, IN_ATLANTIS) == (row.status, row.next_fire, row.schedule)
    assert projector.failure is None
    assert () == verify(history.log, views, Schedules).differences
