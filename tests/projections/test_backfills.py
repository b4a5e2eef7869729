"""Backfills and how far they have come: events in, rows out."""

from datetime import timedelta

import pytest
from hypothesis import given

from projections import read_backfills, read_jobs
from projections.projector import Projector
from projections.rows import BackfillRow
from scheduler.executor.derived import ViewsFile
from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import BackfillId, JobId
from scheduler.model.streams import backfill_stream, fire_stream
from tests.projections.backfilled import (
    BACKFILL,
    MINUTE,
    add,
    carried_out,
    minute,
    planned,
    requested,
    rerun,
)
from tests.projections.histories import BEN, LIVES, NOON, History, live
from tests.projections.views import folded, rows_of


def begun() -> tuple[History, JobId]:
    """Return a history in which a backfill of the three minutes before noon was asked for."""
    history = History()
    history.start()
    job = history.define("orders")
    requested(history, job)
    return history, job


def shown(history: History) -> BackfillRow:
    """Return the only backfill as folded."""
    views, _ = folded(history.log)
    with views.reading() as connection:
        (row,) = read_backfills.backfills(connection)
        return row


def test_a_backfill_shows_what_was_asked_for_by_whom_and_why() -> None:
    history, job = begun()
    row = shown(history)
    assert (BACKFILL, "orders", job, "running", None) == (
        row.backfill,
        row.job,
        row.job_id,
        row.status,
        row.cursor,
    )
    assert (minute(4), minute(1), 3, 1) == (row.after, row.until, row.count, row.left_out)
    assert ("missing", "oldest", 2, 30, False) == (
        row.only,
        row.order,
        row.concurrency,
        row.per_minute,
        row.callbacks,
    )
    assert (BEN.actor, BEN.on_behalf_of, BEN.reason, NOON) == (
        row.actor,
        row.on_behalf_of,
        row.reason,
        row.requested_at,
    )


def test_its_progress_is_what_was_planned_and_what_was_passed() -> None:
    history, job = begun()
    planned(history, job, minute(3))
    add(
        history,
        backfill_stream(BACKFILL),
        e.BackfillAdvanced(backfill=BACKFILL, cursor=minute(2), passed=1),
    )
    row = shown(history)
    assert (1, 1, 2, minute(2)) == (row.planned, row.passed, row.looked_at, row.cursor)


def test_its_runs_are_counted_as_they_stand_now() -> None:
    history, job = begun()
    runs = [planned(history, job, minute(number)) for number in (3, 2, 1)]
    carried_out(history, job, minute(3), runs[0], succeeds=True)
    carried_out(history, job, minute(2), runs[1], succeeds=False)
    row = shown(history)
    assert (1, 1, 0, 1) == (row.succeeded, row.failed, row.cancelled, row.open)
    reopened = e.RunReopened(run=runs[1], retry_at=NOON)
    add(history, fire_stream(minute(2), job), reopened)
    add(history, fire_stream(minute(1), job), e.RunCancelled(run=runs[2]))
    row = shown(history)
    assert (1, 0, 1, 1) == (row.succeeded, row.failed, row.cancelled, row.open)


def test_a_rerun_that_a_person_asked_for_is_none_of_its_own() -> None:
    history, job = begun()
    carried_out(history, job, minute(2), planned(history, job, minute(2)), succeeds=False)
    rerun(history, job, minute(2))
    row = shown(history)
    assert (1, 1, 0) == (row.planned, row.failed, row.open)


@pytest.mark.parametrize(
    ("events", "status", "is_over"),
    [
        ((e.BackfillPaused(backfill=BACKFILL),), "paused", False),
        (
            (e.BackfillPaused(backfill=BACKFILL), e.BackfillResumed(backfill=BACKFILL)),
            "running",
            False,
        ),
        ((e.BackfillCancelled(backfill=BACKFILL),), "cancelled", True),
        ((e.BackfillFinished(backfill=BACKFILL),), "finished", True),
    ],
)
def test_how_it_stands_follows_from_its_events(
    events: tuple[e.AnyEvent, ...], status: str, *, is_over: bool
) -> None:
    history, _ = begun()
    history.clock.advance(MINUTE)
    add(history, backfill_stream(BACKFILL), *events)
    row = shown(history)
    assert (status, is_over) == (row.status, row.is_over)
    assert (NOON + MINUTE if is_over else None) == row.ended_at


def test_rows_do_not_depend_on_where_pages_end() -> None:
    history, job = begun()
    for number in (3, 2, 1):
        carried_out(
            history, job, minute(number), planned(history, job, minute(number)), succeeds=True
        )
    add(history, backfill_stream(BACKFILL), e.BackfillFinished(backfill=BACKFILL))
    whole = rows_of(folded(history.log)[0])
    views = ViewsFile.in_memory(identity=history.log.identity)
    for position in range(1, history.log.head().position + 1):
        Projector(history.log, views).catch_up(until=position)
    assert whole == rows_of(views)


def test_progress_of_a_backfill_that_nobody_asked_for_is_refused() -> None:
    history = History()
    add(history, backfill_stream(BACKFILL), e.BackfillPaused(backfill=BACKFILL))
    with pytest.raises(ImpossibleHistory, match="was never requested"):
        folded(history.log)


def test_a_miss_shows_the_backfill_that_went_over_all_of_it_since() -> None:
    history = History()
    history.start()
    job = history.define("orders", catch_up="none")
    history.tick(600)

    def shown_with(backfill: str, after: timedelta, until: timedelta) -> str | None:
        """Return what the first miss shows after a backfill, so much off its ends."""
        views, _ = folded(history.log)
        with views.reading() as connection:
            miss = read_jobs.misses(connection)[-1]
        window = (miss.after + after, miss.until + until)
        requested(history, job, backfill=BackfillId(backfill), window=window)
        views, _ = folded(history.log)
        with views.reading() as connection:
            return read_jobs.misses(connection)[-1].backfill

    assert shown_with("early", -MINUTE, -MINUTE) is None
    assert shown_with("late", MINUTE, MINUTE) is None
    assert "wide" == shown_with("wide", -MINUTE, MINUTE)
    assert "exact" == shown_with("exact", 0 * MINUTE, 0 * MINUTE)
    exact = BackfillId("exact")
    add(history, backfill_stream(exact), e.BackfillCancelled(backfill=exact))
    assert "wide" == shown_with("none", MINUTE, MINUTE)


@given(LIVES)
def test_the_rows_show_what_the_executor_believes(steps: list[tuple[str, int, int]]) -> None:
    history = History()
    history.start()
    live(history, steps)
    views, _ = folded(history.log)
    with views.reading() as connection:
        rows = {row.backfill: row for row in read_backfills.backfills(connection)}
    states = history.handle.timetable.backfills
    assert set(states) == {row.backfill for row in rows.values() if not row.is_over}
    for key, state in states.items():
        row = rows[key]
        assert (state.cursor, state.looked_at, state.planned, state.paused) == (
            row.cursor,
            row.looked_at,
            row.planned,
            row.status == "paused",
        )
        assert (state.succeeded, state.failed, state.cancelled) == (
            row.succeeded,
            row.failed,
            row.cancelled,
        )
        assert len(history.handle.timetable.open_in.get(key, ())) == row.open
