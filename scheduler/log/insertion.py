"""Rows put into a table by statements over as many of them as there are.

A statement lets other threads run while it works, and gets its turn again when they let it: with
one for each row (`executemany`), a thread that reckons makes each row wait.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final

SIZES: Final = (128, 32, 8, 1)  # rows by one statement


class Insertion:
    """Inserts whole rows into one table, in place of those with their key if so asked."""

    def __init__(self, table: str, columns: int, *, replace: bool = False) -> None:
        """Insert into `table`, whose name is taken as it is, rows of so many columns."""
        verb = "INSERT OR REPLACE" if replace else "INSERT"
        row = f"({', '.join('?' * columns)})"
        self._statements = [
            (size, f"{verb} INTO {table} VALUES {', '.join([row] * size)}") for size in SIZES
        ]

    def put(self, db: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert the rows, in their order."""
        done = 0
        for size, statement in self._statements:
            while len(rows) - done >= size:
                db.execute(statement, tuple(chain.from_iterable(rows[done : done + size])))
                done += size
