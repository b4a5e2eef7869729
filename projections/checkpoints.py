"""How far each projection has come, and which generation of its tables is in use.

A checkpoint is a position and the hash the log has there: a log that answers with another hash is
not the one the rows were folded from. It is written in the transaction that writes the rows. Each
generation names its tables, so those of an interrupted rebuild, or of code that is gone, can be
dropped by who knows nothing else of them.
"""

import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from projections.contract import Projection
from scheduler.log.contract import Recorded

DDL = """
CREATE TABLE IF NOT EXISTS checkpoints(
  name       TEXT    NOT NULL,
  generation INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  position   INTEGER NOT NULL,
  hash       BLOB    NOT NULL,
  is_live    INTEGER NOT NULL,  -- 0: being built beside
  tables     TEXT    NOT NULL,  -- JSON
  PRIMARY KEY (name, generation)
) STRICT
"""
BEGINNING = bytes(32)  # the hash at position 0


class Checkpoint(Struct, frozen=True, gc=False):
    """How far the tables of one generation have come."""

    name: str
    generation: int
    version: int
    position: int
    hash: bytes
    is_live: bool
    tables: tuple[str, ...]


def stored(connection: sqlite3.Connection) -> list[Checkpoint]:
    """Return all checkpoints, by name and generation; none when nothing was ever folded."""
    try:
        rows = connection.execute(
            "SELECT name, generation, version, position, hash, is_live, tables"
            " FROM checkpoints ORDER BY name, generation"
        ).fetchall()
    except sqlite3.OperationalError:
        return []  # no such table yet
    return [
        Checkpoint(name, generation, version, position, digest, bool(is_live), as_names(tables))
        for name, generation, version, position, digest, is_live, tables in rows
    ]


def as_names(tables: str) -> tuple[str, ...]:
    """Return the names of tables in a checkpoint's JSON."""
    return msgspec.json.decode(tables, type=tuple[str, ...])


def has_tables(connection: sqlite3.Connection, checkpoint: Checkpoint) -> bool:
    """Return whether all tables of the generation are there; a person may have dropped some."""
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    return found.issuperset(checkpoint.tables)


def drop(connection: sqlite3.Connection, checkpoint: Checkpoint) -> None:
    """Drop the tables of a generation and its checkpoint."""
    for table in checkpoint.tables:
        connection.execute(f'DROP TABLE IF EXISTS "{table}"')
    connection.execute(
        "DELETE FROM checkpoints WHERE name = ? AND generation = ?",
        (checkpoint.name, checkpoint.generation),
    )


def next_generation(connection: sqlite3.Connection, name: str) -> int:
    """Return the generation for a new set of tables of the projection."""
    return max((c.generation for c in stored(connection) if c.name == name), default=0) + 1


class Fold:
    """A projection at its checkpoint."""

    def __init__(self, kind: type[Projection], generation: int, position: int = 0) -> None:
        self.kind = kind
        self.generation = generation
        self.position = position  # committed
        self.projection = kind(generation)

    def create(self, connection: sqlite3.Connection) -> None:
        """Create the tables, empty, with a checkpoint at the beginning."""
        for statement in self.kind.ddl:
            connection.execute(statement.format(g=self.generation))
        tables = [f"{table}_{self.generation}" for table in self.kind.tables]
        connection.execute(
            "INSERT INTO checkpoints(name, generation, version, position, hash, is_live, tables)"
            " VALUES (?, ?, ?, 0, ?, 0, ?)",
            (
                self.kind.name,
                self.generation,
                self.kind.version,
                BEGINNING,
                msgspec.json.encode(tables).decode(),
            ),
        )

    def step(
        self, connection: sqlite3.Connection, page: Sequence[Recorded], last_hash: bytes
    ) -> None:
        """Fold the events of `page` past the checkpoint and move it to the page's end and hash."""
        skipped = self.position - page[0].position + 1
        batch = page[skipped:] if skipped > 0 else page
        if not batch:
            return
        self.projection.apply(connection, batch)
        connection.execute(
            "UPDATE checkpoints SET position = ?, hash = ? WHERE name = ? AND generation = ?",
            (batch[-1].position, last_hash, self.kind.name, self.generation),
        )

    def show(self, connection: sqlite3.Connection) -> None:
        """Point the stable views at this generation, and mark it as the one in use."""
        shown = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))
        for view, select in self.kind.views.items():
            sql = f'CREATE VIEW "{view}" AS {select.format(g=self.generation).strip()}'
            if shown.get(view) != sql:
                connection.execute(f'DROP VIEW IF EXISTS "{view}"')
                connection.execute(sql)
        connection.execute(
            "UPDATE checkpoints SET is_live = (generation = ?) WHERE name = ?",
            (self.generation, self.kind.name),
        )
