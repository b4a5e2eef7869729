"""Verification: what the rows say is compared with what the log says, row for row."""

from pathlib import Path

import pytest
from hypothesis import given

from projections.catalog import CATALOG
from projections.contract import Projection
from projections.projector import Projector
from projections.runs import Runs
from projections.schedules import Schedules
from projections.verification import Difference, verify
from scheduler.executor.clock import ManualClock
from scheduler.executor.derived import ViewsFile
from scheduler.model.errors import NotFound
from scheduler.model.limits import DIFFERENCES_MAX
from scheduler.model.schedules import Manual
from tests.projections.histories import LIVES, NOON, History, WatchedLog, live
from tests.projections.views import folded, rows_of


def lived() -> History:
    history = History()
    history.start()
    history.define("orders", overlap="allow")
    for _ in range(4):
        history.tick(60)
    return history


@given(LIVES)
def test_what_was_folded_verifies(steps: list[tuple[str, int, int]]) -> None:
    history = History()
    history.start()
    live(history, steps)
    views, projector = folded(history.log)
    for kind in CATALOG:
        found = verify(history.log, views, kind)
        assert (kind.name, projector.position, ()) == (
            found.name,
            found.position,
            found.differences,
        )


def test_a_changed_row_is_shown_beside_the_one_it_should_be() -> None:
    history = lived()
    views, _ = folded(history.log)
    (right, *_) = rows_of(views)["runs"]
    with views.transaction() as connection:
        connection.execute("UPDATE runs_1 SET job = 'tampered' WHERE position = ?", right[:1])
    wrong = tuple("tampered" if value == "orders" else value for value in right)
    found = verify(history.log, views, Runs)
    assert (Difference("runs_1", wrong, right),) == found.differences
    assert 4 + 4 + 1 == found.rows


def test_a_missing_row_and_one_too_many_are_told() -> None:
    history = lived()
    views, _ = folded(history.log)
    first, second, *_ = rows_of(views)["attempts"]
    with views.transaction() as connection:
        connection.execute("DELETE FROM attempts_1 WHERE run_position = ?", first[:1])
        connection.execute(
            "UPDATE attempts_1 SET run_position = 99 WHERE run_position = ?", second[:1]
        )
    found = verify(history.log, views, Runs)
    assert {
        Difference("attempts_1", None, first),
        Difference("attempts_1", None, second),
        Difference("attempts_1", (99, *second[1:]), None),
    } == set(found.differences)


def test_of_very_many_differences_the_first_are_told() -> None:
    history = History()
    history.define("orders")
    for number in range(DIFFERENCES_MAX + 1):
        history.define(f"job-{number}", Manual())
    views, _ = folded(history.log)
    with views.transaction() as connection:
        connection.execute("UPDATE jobs_1 SET service = 'tampered'")
    found = verify(history.log, views, Schedules)
    assert DIFFERENCES_MAX == len(found.differences)


def test_rows_that_lag_are_compared_with_the_log_as_far_as_they_go() -> None:
    history = lived()
    views = ViewsFile.in_memory(identity=history.log.identity)
    Projector(history.log, views).catch_up(until=5)
    found = verify(history.log, views, Runs)
    assert (5, ()) == (found.position, found.differences)


def test_a_rebuild_repairs_what_verification_found() -> None:
    history = lived()
    views, projector = folded(history.log)
    with views.transaction() as connection:
        connection.execute("UPDATE jobs_1 SET name = 'tampered'")
    assert 1 == len(verify(history.log, views, Schedules).differences)
    projector.rebuild("schedules")
    assert () == verify(history.log, views, Schedules).differences


def test_views_on_disk_are_verified_while_they_move_on(log_path: Path) -> None:
    clock = ManualClock(NOON)
    log = WatchedLog(clock.now_ns)
    history = History(log, clock)
    history.start()
    history.define("orders", overlap="allow")
    history.tick(60)
    views = ViewsFile.open(log_path, identity=log.identity)
    try:
        _, projector = folded(log, views)
        before = projector.position
        history.tick(60)
        log.before_reading = projector.catch_up
        found = verify(log, views, Runs)
    finally:
        views.close()
    assert (before, ()) == (found.position, found.differences)
    assert log.head().position == projector.position > before


def test_what_was_never_folded_cannot_be_verified() -> None:
    with pytest.raises(NotFound, match="never folded"):
        verify(lived().log, ViewsFile.in_memory(), Runs)


@pytest.mark.parametrize("kind", CATALOG)
def test_nothing_is_left_of_a_verification(kind: type[Projection]) -> None:
    history = lived()
    views, _ = folded(history.log)
    before = rows_of(views)
    verify(history.log, views, kind)
    with views.reading() as connection:
        databases = [name for _, name, _ in connection.execute("PRAGMA database_list")]
    assert ["main"] == databases
    assert before == rows_of(views)
