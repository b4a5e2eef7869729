"""Questions about backfills: which are found, in which order, page by page."""

import pytest

from projections.read_backfills import backfill, backfills
from projections.rows import BackfillRow
from scheduler.executor.derived import ViewsFile
from scheduler.model import events as e
from scheduler.model.errors import Conflict, NotFound
from scheduler.model.jobs import BackfillId, JobId
from scheduler.model.streams import backfill_stream
from tests.projections.backfilled import add, requested
from tests.projections.histories import History
from tests.projections.views import folded

NAMES = ("00000000-a", "00000000-b", "11111111-c", "22222222-d")


def several() -> tuple[ViewsFile, JobId]:
    """Return views of four backfills, one of each state; the first two are of one job."""
    history = History()
    history.start()
    job, other = history.define("orders"), history.define("invoices")
    ids = [BackfillId(name) for name in NAMES]
    for place, one in enumerate(ids):
        requested(history, job if place < 2 else other, backfill=one)
    add(history, backfill_stream(ids[1]), e.BackfillPaused(backfill=ids[1]))
    add(history, backfill_stream(ids[2]), e.BackfillCancelled(backfill=ids[2]))
    add(history, backfill_stream(ids[3]), e.BackfillFinished(backfill=ids[3]))
    return folded(history.log)[0], job


def names(rows: list[BackfillRow]) -> str:
    return "".join(row.backfill[-1] for row in rows)


def test_backfills_come_latest_first_and_are_found_by_job_and_state() -> None:
    views, job = several()
    with views.reading() as connection:
        assert "dcba" == names(backfills(connection))
        assert "ba" == names(backfills(connection, job=job))
        assert "b" == names(backfills(connection, status="paused"))
        assert "ba" == names(backfills(connection, status="open"))


def test_pages_of_backfills_join_without_gap_and_overlap() -> None:
    views, _ = several()
    with views.reading() as connection:
        first = backfills(connection, limit=3)
        assert "dcb" == names(first)
        assert "a" == names(backfills(connection, after=first[-1].key, limit=3))


def test_a_backfill_is_found_by_its_id_or_the_beginning_of_it() -> None:
    views, _ = several()
    with views.reading() as connection:
        assert "00000000-a" == backfill(connection, "00000000-a").backfill
        assert "11111111-c" == backfill(connection, "11111111").backfill
        with pytest.raises(Conflict, match="several backfills begin with"):
            backfill(connection, "00000000")
        with pytest.raises(NotFound, match="Give at least 8 characters of the id"):
            backfill(connection, "1")
        with pytest.raises(NotFound, match="no backfill 'ffffffff'"):
            backfill(connection, "ffffffff")


def test_the_runs_of_a_backfill_are_counted_by_an_index() -> None:
    views, _ = several()
    with views.reading() as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT * FROM backfills").fetchall()
    steps = [row[3] for row in plan if "runs_1" in row[3]]
    assert steps
    assert all("COVERING INDEX runs_1_by_backfill" in step for step in steps)
