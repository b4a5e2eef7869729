"""Checkpoints: how far each generation has come, and which one is in use."""

from projections import checkpoints
from projections.checkpoints import Checkpoint, Fold
from projections.misses import Misses
from scheduler.executor.derived import ViewsFile
from tests.projections.histories import History


def lived() -> History:
    history = History()
    history.start()
    history.define("orders", catch_up="none", overlap="allow")
    for _ in range(3):
        history.tick(600)
    return history


def made(generation: int = 1) -> tuple[ViewsFile, Fold]:
    views = ViewsFile.in_memory()
    fold = Fold(Misses, generation)
    with views.transaction() as connection:
        connection.execute(checkpoints.DDL)
        fold.create(connection)
    return views, fold


def test_nothing_is_stored_before_anything_was_folded() -> None:
    with ViewsFile.in_memory().reading() as connection:
        assert [] == checkpoints.stored(connection)
        assert 1 == checkpoints.next_generation(connection, "misses")


def test_a_new_generation_begins_at_nothing_and_is_not_in_use() -> None:
    views, _ = made(3)
    with views.reading() as connection:
        assert [
            Checkpoint("misses", 3, 1, 0, bytes(32), is_live=False, tables=("skips_3",))
        ] == checkpoints.stored(connection)
        assert 4 == checkpoints.next_generation(connection, "misses")


def test_the_generation_shown_last_is_the_one_in_use() -> None:
    views, first = made()
    second = Fold(Misses, 2)
    with views.transaction() as connection:
        first.show(connection)
        second.create(connection)
        second.show(connection)
        assert {1: False, 2: True} == {
            c.generation: c.is_live for c in checkpoints.stored(connection)
        }
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'misses'"
        ).fetchone()
    assert "skips_2" in sql


def test_events_before_the_checkpoint_are_not_folded_again() -> None:
    history = lived()
    views, fold = made()
    page = history.log.read()
    with views.transaction() as connection:
        for until in (2, 5, 5, len(page)):
            fold.step(connection, page[:until], b"hash of the end")
            fold.position = max(fold.position, until)
        (checkpoint,) = checkpoints.stored(connection)
        rows = connection.execute("SELECT count(*) FROM skips_1").fetchone()
    assert (len(page), b"hash of the end") == (checkpoint.position, checkpoint.hash)
    assert (3,) == rows


def test_a_dropped_generation_leaves_nothing() -> None:
    views, _ = made()
    with views.transaction() as connection:
        (checkpoint,) = checkpoints.stored(connection)
        assert checkpoints.has_tables(connection, checkpoint)
        checkpoints.drop(connection, checkpoint)
        assert [] == checkpoints.stored(connection)
        assert not checkpoints.has_tables(connection, checkpoint)
