"""`projection list`, `rebuild` and `verify`."""

import sqlite3

import pytest

from projections.catalog import CATALOG
from scheduler.executor.derived import ViewsFile, views_path
from scheduler.log.sqlite import SqliteLog
from tests.tools.cli.desk import Desk

NAMES = sorted(kind.name for kind in CATALOG)


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with a job that has run."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m")
    desk.carry_out(10 * 60)
    return desk


def tamper(desk: Desk) -> None:
    """Change a row of a view."""
    desk.done("run", "list")
    connection = sqlite3.connect(views_path(desk.db))
    (table,) = connection.execute(
        "SELECT name FROM sqlite_master WHERE type='table' AND name GLOB 'runs_[0-9]*'"
    ).fetchone()
    connection.execute(f"UPDATE {table} SET status = 'failed'")
    connection.commit()
    connection.close()


def test_all_views_are_listed_with_how_far_they_have_come(orders: Desk) -> None:
    rows = orders.done("projection", "list", "--json").json
    assert NAMES == sorted(row["projection"] for row in rows)
    assert {0} == {row["behind"] for row in rows}


def test_views_that_are_as_the_log_has_them_verify(orders: Desk) -> None:
    rows = orders.done("projection", "verify", "--all", "--json").json
    assert NAMES == sorted(row["projection"] for row in rows)
    assert [[]] * len(NAMES) == [row["differences"] for row in rows]


def test_a_view_that_was_changed_does_not_verify_until_it_is_rebuilt(orders: Desk) -> None:
    tamper(orders)
    printed = orders("projection", "verify", "runs")
    assert 8 == printed.code
    assert "Mend it: horolog projection rebuild runs\n" in printed.err
    orders.done("projection", "rebuild", "runs")
    orders.done("projection", "verify", "runs")


def test_all_views_can_be_lost_and_come_back_the_same(orders: Desk) -> None:
    before = orders.done("run", "list", "--json").out, orders.done("job", "list", "--json").out
    for file in orders.folder.glob("*.views*"):
        file.unlink()
    after = orders.done("run", "list", "--json").out, orders.done("job", "list", "--json").out
    assert before == after


@pytest.mark.parametrize("verb", ["rebuild", "verify"])
def test_a_view_or_all_must_be_named_and_not_both(orders: Desk, verb: str) -> None:
    assert 2 == orders("projection", verb).code
    assert 2 == orders("projection", verb, "runs", "--all").code
    assert 3 == orders("projection", verb, "nothing").code


def test_views_that_another_process_keeps_are_not_rebuilt(
    orders: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    monkeypatch.setattr("tools.cli.projection.VIEWS_PATIENCE", timedelta(0))
    log = SqliteLog.open(orders.db)
    views = ViewsFile.open(orders.db, identity=log.identity)
    try:
        assert 5 == orders("projection", "rebuild", "runs").code
    finally:
        views.close()
        log.close()
