"""Whether a projection shows what the log says: fold it again in a side file, compare the rows.

The rows in use are read at one moment (a snapshot), and the log is folded exactly up to the
position that their checkpoint had then, so the projector may go on meanwhile. Nothing is repaired
here: that is what a rebuild is for.
"""

import sqlite3
import tempfile
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from projections import checkpoints
from projections.checkpoints import Checkpoint, Fold
from projections.contract import Projection
from scheduler.log.contract import Log
from scheduler.log.schema import connect, uri_of
from scheduler.model.errors import NotFound
from scheduler.model.limits import DIFFERENCES_MAX, PAGE_EVENTS_MAX

Row = tuple[object, ...]


class Difference(Struct, frozen=True):
    """One row that is not as the log has it."""

    table: str
    shown: Row | None  # None: it is missing
    folded: Row | None  # None: it should not be there


class Verified(Struct, frozen=True):
    """What a verification found, at most DIFFERENCES_MAX rows of it."""

    name: str
    position: int  # up to which the log was folded
    rows: int  # compared
    differences: tuple[Difference, ...]


class ReadableViews(Protocol):
    """Views that can be read, whoever keeps them up."""

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Give a connection to read from."""
        ...


def verify(log: Log, views: ReadableViews, kind: type[Projection]) -> Verified:
    """Fold the projection again in a temporary file and compare it with the rows in use.

    Raises: NotFound, when it was never folded.
    """
    with tempfile.TemporaryDirectory(prefix="horolog-verify-") as folder:
        side_path = Path(folder) / "side"
        with views.reading() as shown:
            shown.execute("ATTACH ? AS side", (str(side_path),))
            shown.execute("BEGIN")  # a snapshot, once something is read
            try:
                checkpoint = _in_use(shown, kind)
                tables = _fold_aside(log, side_path, checkpoint, kind)
                return _compare(shown, checkpoint, tables)
            finally:
                shown.execute("ROLLBACK")
                shown.execute("DETACH side")


def _in_use(shown: sqlite3.Connection, kind: type[Projection]) -> Checkpoint:
    for checkpoint in checkpoints.stored(shown):
        if checkpoint.name == kind.name and checkpoint.is_live:
            return checkpoint
    raise NotFound("projection", kind.name, "It was never folded: horolog projection rebuild")


def _fold_aside(
    log: Log, path: Path, checkpoint: Checkpoint, kind: type[Projection]
) -> tuple[str, ...]:
    """Fold the log up to the checkpoint's position into tables of the same names; return these."""
    with closing(connect(uri_of(path, mode="rwc"))) as side:
        side.execute("PRAGMA journal_mode = OFF").fetchall()
        side.execute("PRAGMA synchronous = OFF")
        side.execute("BEGIN")
        side.execute(checkpoints.DDL)
        fold = Fold(kind, checkpoint.generation)
        fold.create(side)
        while page := log.read(
            after=fold.position, until=checkpoint.position, limit=PAGE_EVENTS_MAX
        ):
            fold.step(side, page, checkpoints.BEGINNING)
            fold.position = page[-1].position
        side.execute("COMMIT")
    return tuple(f"{table}_{checkpoint.generation}" for table in kind.tables)


def _compare(
    shown: sqlite3.Connection, checkpoint: Checkpoint, tables: tuple[str, ...]
) -> Verified:
    rows = 0
    differences: list[Difference] = []
    for table in tables:
        rows += shown.execute(f"SELECT count(*) FROM side.{table}").fetchone()[0]
        room = DIFFERENCES_MAX - len(differences)
        differences += _differences(shown, table, room)
    return Verified(checkpoint.name, checkpoint.position, rows, tuple(differences))


def _differences(shown: sqlite3.Connection, table: str, limit: int) -> list[Difference]:
    """Return at most `limit` rows in which the table and its side differ, paired by their key."""
    key = [
        index for index, *_, place in shown.execute(f"PRAGMA main.table_info({table})") if place > 0
    ]

    def keyed(one: str, other: str) -> dict[Row, Row]:
        only = f"SELECT * FROM {one}.{table} EXCEPT SELECT * FROM {other}.{table} LIMIT ?"
        return {
            tuple(row[index] for index in key): tuple(row) for row in shown.execute(only, (limit,))
        }

    ours, folded = keyed("main", "side"), keyed("side", "main")
    keys = list(dict.fromkeys([*ours, *folded]))[:limit]
    return [Difference(table, ours.get(one), folded.get(one)) for one in keys]
