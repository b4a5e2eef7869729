"""Questions about runs: who is found, in which order, page by page."""

from datetime import timedelta

import pytest

from projections.read_runs import attempts, count_unfinished, run, runs
from projections.rows import RunRow
from scheduler.executor.derived import ViewsFile
from scheduler.model import commands as c
from scheduler.model.errors import Conflict, NotFound
from scheduler.model.jobs import JobId, RunId
from scheduler.model.schedules import Manual
from tests.projections.histories import NOON, History
from tests.projections.views import folded

MINUTE = timedelta(minutes=1)


def several() -> tuple[ViewsFile, JobId]:
    """Return views of two jobs with three minutes of runs: succeeded, failed, running."""
    history = History()
    history.start()
    history.define("invoices")
    job = history.define("orders")
    for outcome in ("succeeded", "error", None):
        history.tick(60)
        for key in history.running() if outcome else ():
            history.report(key, outcome or "", error="no" if outcome == "error" else "")
    return folded(history.log)[0], job


def minutes(rows: list[RunRow]) -> list[int]:
    return [(row.planned_at - NOON) // MINUTE for row in rows]


def test_runs_come_latest_first() -> None:
    views, job = several()
    with views.reading() as connection:
        rows = runs(connection)
        assert [3, 3, 2, 2, 1, 1] == minutes(rows)
        assert sorted((row.position for row in rows), reverse=True) == [
            row.position for row in rows
        ]
        assert [3, 2, 1] == minutes(runs(connection, job=job))


def test_runs_are_found_by_status() -> None:
    views, job = several()
    with views.reading() as connection:
        assert [1] == minutes(runs(connection, job=job, status="succeeded"))
        assert [2, 2] == minutes(runs(connection, status="failed"))
        assert [3, 3] == minutes(runs(connection, status="running"))
        assert [3, 3] == minutes(runs(connection, status="open"))
        assert {"failed": 2, "running": 2} == count_unfinished(connection)


def test_runs_are_found_by_when_they_were_planned() -> None:
    views, job = several()
    with views.reading() as connection:
        assert [3, 2] == minutes(runs(connection, job=job, since=NOON + MINUTE))
        assert [2, 1] == minutes(runs(connection, job=job, until=NOON + 2 * MINUTE))


def test_runs_are_found_by_cause() -> None:
    history = History()
    history.start()
    job = history.define("orders", Manual())
    history.ask(c.TriggerJob(job=job, run=RunId(history.clock.new_id())))
    history.define("invoices")
    history.tick(60)
    views, _ = folded(history.log)
    with views.reading() as connection:
        assert ["orders"] == [row.job for row in runs(connection, cause="trigger")]
        assert ["invoices"] == [row.job for row in runs(connection, cause="schedule")]


def test_pages_of_runs_join_without_gap_and_overlap() -> None:
    views, _ = several()
    with views.reading() as connection:
        whole = runs(connection)
        pages: list[RunRow] = []
        for _ in range(4):
            page = runs(connection, after=pages[-1].key if pages else None, limit=2)
            assert len(page) <= 2
            pages += page
        assert whole == pages


def test_a_run_is_found_by_its_id_or_the_beginning_of_it() -> None:
    views, job = several()
    with views.reading() as connection:
        latest = runs(connection, job=job, limit=1)[0]
        assert latest == run(connection, latest.run)
        assert latest == run(connection, latest.run[:23])


def test_a_beginning_that_several_runs_share_is_refused() -> None:
    views, _ = several()
    with views.reading() as connection:
        shared = runs(connection)[0].run[:13]
        with pytest.raises(Conflict, match="several runs begin with"):
            run(connection, shared)


def test_too_short_a_beginning_is_told_so() -> None:
    views, _ = several()
    with views.reading() as connection:
        with pytest.raises(NotFound, match="Give at least 8 characters of the id"):
            run(connection, "0")
        with pytest.raises(NotFound) as unknown:
            run(connection, "ffffffff-0000")
    assert "no run 'ffffffff-0000'" == str(unknown.value)


def test_attempts_come_in_their_order() -> None:
    history = History()
    history.start()
    history.define("orders")
    history.tick(60)
    history.start()
    history.tick(1)
    history.start()
    history.tick(1)
    views, _ = folded(history.log)
    with views.reading() as connection:
        (row,) = runs(connection)
        assert [(1, "crash", 1), (2, "crash", 2), (3, None, 3)] == [
            (one.attempt, one.outcome, one.epoch) for one in attempts(connection, row)
        ]


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("job_id = 'j'", "by_job"),
        ("status = 'failed' AND status <> 'succeeded'", "by_status"),
        ("planned_at > '2026'", "by_time"),
        ("1", "by_time"),
    ],
)
def test_lists_of_runs_are_served_by_an_index_and_never_sorted(condition: str, index: str) -> None:
    views, _ = several()
    with views.reading() as connection:
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT * FROM runs WHERE {condition}"
            " ORDER BY planned_at DESC, position DESC LIMIT 5"
        ).fetchall()
    (step,) = [row[3] for row in plan]
    assert f"runs_1_{index}" in step
