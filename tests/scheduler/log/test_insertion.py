"""Rows by statements over many of them."""

import sqlite3
from collections.abc import Iterator

import pytest

from scheduler.log.insertion import SIZES, Insertion

Row = tuple[object, ...]


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)")
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, sum(SIZES), 2 * SIZES[0] + 3])
def test_every_row_is_inserted_once_and_in_order(db: sqlite3.Connection, count: int) -> None:
    rows: list[Row] = [(number, f"row {number}") for number in range(count)]
    Insertion("t", 2).put(db, rows)
    assert rows == db.execute("SELECT a, b FROM t ORDER BY rowid").fetchall()


def test_a_row_is_put_in_place_of_the_one_with_its_key_only_if_so_asked(
    db: sqlite3.Connection,
) -> None:
    Insertion("t", 2).put(db, [(1, "old")])
    with pytest.raises(sqlite3.IntegrityError):
        Insertion("t", 2).put(db, [(1, "new")])
    Insertion("t", 2, replace=True).put(db, [(1, "new"), (2, "other")])
    assert [(1, "new"), (2, "other")] == db.execute("SELECT a, b FROM t").fetchall()
