"""Building beside: the old rows are shown until the switch, and nothing is left behind."""

import sqlite3
from collections.abc import Callable

import pytest

from projections import checkpoints
from projections.catalog import CATALOG
from projections.contract import Projection
from projections.projector import Projector
from projections.rebuilding import Progress
from projections.runs import Runs
from scheduler.executor.clock import ManualClock
from scheduler.executor.derived import ViewsFile
from scheduler.model.errors import ImpossibleHistory, StorageFailed, ViewsRenewed
from tests.projections.histories import NOON, History, WatchedLog
from tests.projections.views import folded, rows_of


def lived() -> History:
    history = History()
    history.start()
    history.define("orders", overlap="allow")
    for _ in range(4):
        history.tick(60)
    return history


def tables(connection: sqlite3.Connection) -> set[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        name for (name,) in found if name.startswith(("runs_", "attempts_", "run_jobs_", "steps_"))
    }


def set_of(generation: int) -> set[str]:
    return {f"{table}_{generation}" for table in Runs.tables}


def at_first(act: Callable[[], None]) -> Progress:
    """Return a progress that acts when it is told for the first time."""
    told: list[int] = []

    def progress(position: int, head: int) -> None:
        told.append(position)
        if len(told) == 1:
            act()

    return progress


def spoil(views: ViewsFile) -> None:
    """Make the rows in use tell their generation."""
    with views.transaction() as connection:
        connection.execute("UPDATE runs_1 SET job = 'old'")


def test_two_generations_stand_side_by_side_and_the_old_one_is_shown() -> None:
    history = lived()
    views, projector = folded(history.log)
    spoil(views)
    seen: list[tuple[set[str], set[str]]] = []

    def look(position: int, head: int) -> None:
        assert history.log.head().position == position == head
        with views.reading() as connection:
            names = {job for (job,) in connection.execute("SELECT job FROM runs")}
            seen.append((tables(connection), names))

    assert projector.rebuild("runs", progress=look)
    assert [(set_of(1) | set_of(2), {"old"})] == seen
    with views.reading() as connection:
        assert set_of(2) == tables(connection)
        assert {("orders",)} == set(connection.execute("SELECT job FROM runs"))


def test_what_was_cancelled_is_dropped_and_the_old_rows_stay() -> None:
    history = lived()
    views, projector = folded(history.log)
    spoil(views)
    asked: list[None] = []

    def is_cancelled() -> bool:
        asked.append(None)
        return len(asked) > 1

    assert not projector.rebuild("runs", is_cancelled=is_cancelled)
    with views.reading() as connection:
        assert set_of(1) == tables(connection)
        assert {("old",)} == set(connection.execute("SELECT job FROM runs"))
        assert [1] == [c.generation for c in checkpoints.stored(connection) if c.name == "runs"]


def test_what_failed_is_dropped_and_the_old_rows_stay() -> None:
    history = lived()
    views, projector = folded(history.log)

    def fail(position: int, head: int) -> None:
        raise ImpossibleHistory("told to fail")

    with pytest.raises(ImpossibleHistory):
        projector.rebuild("runs", progress=fail)
    with views.reading() as connection:
        assert set_of(1) == tables(connection)


def test_what_is_recorded_while_building_is_in_the_new_rows() -> None:
    history = lived()
    views, projector = folded(history.log)

    def go_on() -> None:
        history.tick(60)
        projector.catch_up()

    assert projector.rebuild("runs", progress=at_first(go_on))
    assert rows_of(folded(history.log)[0])["runs"] == rows_of(views)["runs"]


def test_what_is_recorded_just_before_the_switch_is_in_the_new_rows() -> None:
    clock = ManualClock(NOON)
    log = WatchedLog(clock.now_ns)
    history = History(log, clock)
    history.start()
    history.define("orders")
    views, projector = folded(log)

    def go_on() -> None:
        history.tick(60)
        projector.catch_up()

    log.after_the_end = go_on
    assert projector.rebuild("runs")
    assert 1 == len(rows_of(views)["runs"])


def test_a_rebuilt_projection_goes_on_from_its_new_rows() -> None:
    history = lived()
    views, projector = folded(history.log)
    assert projector.rebuild("runs")
    for run in history.running():
        history.report(run, "succeeded")
    history.tick(60)
    projector.catch_up()
    assert rows_of(folded(history.log)[0]) == rows_of(views)


def test_what_a_dead_process_left_half_built_is_dropped_at_the_next_start() -> None:
    history = lived()
    views, projector = folded(history.log)
    left = checkpoints.Fold(Runs, 2)
    with views.transaction() as connection:
        left.create(connection)
    Projector(history.log, views).catch_up()
    with views.reading() as connection:
        assert set_of(1) == tables(connection)
    assert history.log.head().position == projector.position


@pytest.mark.parametrize("table", ["jobs_1", "runs_1"])
def test_what_is_being_built_survives_that_the_others_are_loaded_again(table: str) -> None:
    history = lived()
    views, projector = folded(history.log)

    def disturb() -> None:
        with views.transaction() as connection:
            connection.execute(f"DROP TABLE {table}")
        history.tick(60)
        with pytest.raises(StorageFailed, match=f"no such table: {table}"):
            projector.catch_up()
        projector.catch_up()

    assert projector.rebuild("runs", progress=at_first(disturb))
    assert rows_of(folded(history.log)[0]) == rows_of(views)


def test_views_lost_while_building_are_all_made_anew() -> None:
    history = lived()
    views, projector = folded(history.log)

    def lose(position: int, head: int) -> None:
        views.renew()
        raise ViewsRenewed("the views were damaged")

    assert projector.rebuild("runs", progress=lose)
    assert rows_of(folded(history.log)[0]) == rows_of(views)


@pytest.mark.parametrize("kind", CATALOG)
def test_each_projection_can_be_rebuilt_alone(kind: type[Projection]) -> None:
    history = lived()
    views, projector = folded(history.log)
    before = rows_of(views)
    assert projector.rebuild(kind.name)
    assert before == rows_of(views)
    with views.reading() as connection:
        generations = {c.name: c.generation for c in checkpoints.stored(connection)}
    expected = {one.name: 2 if one is kind else 1 for one in CATALOG}
    assert expected == generations
