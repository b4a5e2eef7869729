"""Questions about jobs: who is found, in which order, page by page."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from projections.read_jobs import count_jobs, history, job, jobs, misses, system, upcoming
from projections.rows import JobRow, MissRow
from scheduler.executor.clock import ManualClock
from scheduler.log.memory import MemoryLog
from scheduler.model import commands as c
from scheduler.model.errors import Conflict, NotFound
from scheduler.model.jobs import JobId
from scheduler.model.limits import ID_PREFIX_CHARS_MIN
from scheduler.model.schedules import Interval, Manual
from tests.projections.histories import NOON, History
from tests.projections.views import folded

MINUTE = timedelta(minutes=1)


@contextmanager
def read(history: History) -> Iterator[sqlite3.Connection]:
    """Give a connection to the folded views."""
    views, _ = folded(history.log)
    with views.reading() as connection:
        yield connection


def names(rows: list[JobRow]) -> list[str]:
    return [row.name for row in rows]


def several() -> History:
    history = History()
    history.define("orders", labels={"team": "billing", "tier": "1"}, description="Fetches ORDERS")
    history.define("invoices", labels={"team": "billing"})
    history.define("zebra", Manual(), service="api.zoo", labels={"team": "animals"})
    removed = history.define("gone")
    history.ask(c.RemoveJob(job=removed))
    return history


def test_jobs_come_by_name_without_the_removed_ones() -> None:
    with read(several()) as connection:
        assert ["invoices", "orders", "zebra"] == names(jobs(connection))


def test_jobs_are_found_by_status() -> None:
    with read(several()) as connection:
        assert ["gone"] == names(jobs(connection, status="removed"))
        assert ["zebra"] == names(jobs(connection, status="manual"))
        assert ["gone", "invoices", "orders", "zebra"] == names(jobs(connection, status="any"))
        assert {"active": 2, "manual": 1, "removed": 1} == count_jobs(connection)


def test_jobs_are_found_by_label() -> None:
    with read(several()) as connection:
        assert ["invoices", "orders"] == names(jobs(connection, labels=["team=billing"]))
        assert ["orders"] == names(jobs(connection, labels=["tier"]))
        assert ["orders"] == names(jobs(connection, labels=["team=billing", "tier"]))
        assert [] == names(jobs(connection, labels=["team=billing", "team=sales"]))
        assert [] == names(jobs(connection, labels=["team=bill"]))
        assert [] == names(jobs(connection, labels=['te"am']))


def test_jobs_are_found_by_a_part_of_name_service_or_description() -> None:
    with read(several()) as connection:
        assert ["zebra"] == names(jobs(connection, search="ZOO"))
        assert ["orders"] == names(jobs(connection, search="etches orders"))
        assert [] == names(jobs(connection, search="%"))


def test_a_list_goes_on_after_the_last_row_seen() -> None:
    with read(several()) as connection:
        first = jobs(connection, limit=2)
        rest = jobs(connection, after=first[-1].key, limit=2)
        assert [["invoices", "orders"], ["zebra"]] == [names(first), names(rest)]


def test_a_name_means_the_job_that_bears_it_then_the_last_that_did() -> None:
    history = several()
    with read(history) as connection:
        assert "removed" == job(connection, "gone").status
    again = history.define("gone")
    with read(history) as connection:
        assert again == job(connection, "gone").job_id
    history.ask(c.RemoveJob(job=again))
    with read(history) as connection:
        assert again == job(connection, "gone").job_id


def test_an_id_or_its_beginning_means_one_job() -> None:
    history = History()
    first = history.define("first")
    history.clock.advance(timedelta(days=1))
    second = history.define("second")
    with read(history) as connection:
        assert "first" == job(connection, first).name
        assert "second" == job(connection, second[:13]).name
        assert "second" == job(connection, second[:ID_PREFIX_CHARS_MIN]).name
        with pytest.raises(NotFound):
            job(connection, second[: ID_PREFIX_CHARS_MIN - 1])


def test_a_beginning_that_several_ids_share_is_refused() -> None:
    history = several()
    shared = next(iter(history.handle.timetable.jobs))[:13]
    with read(history) as connection, pytest.raises(Conflict, match="several jobs begin with"):
        job(connection, shared)


def test_an_unknown_name_is_told_with_the_one_that_was_meant() -> None:
    with (
        read(several()) as connection,
        pytest.raises(NotFound, match=r"no job 'order'\. Did you mean orders\?"),
    ):
        job(connection, "order")


def test_the_one_that_was_meant_is_looked_for_among_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with read(several()) as connection:
        monkeypatch.setattr("projections.read_jobs.SUGGESTED_NAMES_MAX", 2)
        with pytest.raises(NotFound, match="Did you mean orders"):
            job(connection, "order")
        monkeypatch.setattr("projections.read_jobs.SUGGESTED_NAMES_MAX", 1)
        with pytest.raises(NotFound) as unknown:
            job(connection, "order")
    assert "Did you mean" not in str(unknown.value)


def test_at_most_so_many_are_upcoming_and_none_that_is_paused() -> None:
    history = History()
    for seconds in (30, 20, 10):
        history.define(f"every-{seconds}", Interval(timedelta(seconds=seconds)))
    history.ask(c.PauseJob(job=next(reversed(history.handle.timetable.jobs))))
    with read(history) as connection:
        assert ["every-20", "every-30"] == names(upcoming(connection))
        assert ["every-20"] == names(upcoming(connection, limit=1))


def skipped() -> tuple[History, JobId]:
    """Return a history with misses of two jobs, of two stretches each."""
    history = History()
    history.start()
    history.define("invoices", catch_up="none", overlap="allow")
    job = history.define("orders", catch_up="none", overlap="allow")
    history.tick(600)
    history.tick(600)
    return history, job


def windows(rows: list[MissRow]) -> list[tuple[str, int, int]]:
    return [(row.job, (row.after - NOON) // MINUTE, (row.until - NOON) // MINUTE) for row in rows]


def test_misses_come_latest_first_and_go_on_after_the_last_seen() -> None:
    history, _ = skipped()
    expected = [("orders", 10, 18), ("invoices", 10, 18), ("orders", 0, 8), ("invoices", 0, 8)]
    with read(history) as connection:
        first = misses(connection, limit=3)
        rest = misses(connection, after=first[-1].key)
        assert sorted(expected[:2]) == sorted(windows(first[:2]))
        assert sorted(expected) == sorted(windows(first + rest))
        assert 1 == len(rest)


def test_misses_are_found_by_job_reason_and_time() -> None:
    history, key = skipped()
    with read(history) as connection:
        assert [("orders", 10, 18), ("orders", 0, 8)] == windows(misses(connection, job=key))
        assert [] == misses(connection, reason="paused")
        assert 4 == len(misses(connection, reason="misfire"))
        since = misses(connection, job=key, since=NOON + 8 * MINUTE)
        assert [("orders", 10, 18)] == windows(since)
        until = misses(connection, job=key, until=NOON + 10 * MINUTE)
        assert [("orders", 0, 8)] == windows(until)


def test_changes_before_a_position_come_latest_first() -> None:
    with read(several()) as connection:
        rows = history(connection)
        assert [6, 5, 4, 3, 2] == [row.position for row in rows]
        assert [3, 2] == [row.position for row in history(connection, before=4)]


def test_of_a_log_without_events_nothing_is_known() -> None:
    views, _ = folded(MemoryLog(ManualClock(NOON).now_ns))
    with views.reading() as connection:
        assert system(connection) is None
        assert [] == jobs(connection)
        assert {} == count_jobs(connection)
