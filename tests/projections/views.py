"""What tests of the views share: folding a log in memory, and all rows of it as plain data."""

import sqlite3

from projections import checkpoints
from projections.projector import Projector
from scheduler.executor.derived import ViewsFile
from scheduler.log.contract import Log

Row = tuple[object, ...]


def folded(log: Log, views: ViewsFile | None = None) -> tuple[ViewsFile, Projector]:
    """Fold a log to its head."""
    views = views or ViewsFile.in_memory(identity=log.identity)
    projector = Projector(log, views)
    projector.catch_up()
    return views, projector


def all_rows(connection: sqlite3.Connection) -> dict[str, list[Row]]:
    """Return the rows of every table in use, by its name without the generation."""
    found: dict[str, list[Row]] = {}
    for checkpoint in checkpoints.stored(connection):
        if checkpoint.is_live:
            for table in checkpoint.tables:
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
                found[table.rpartition("_")[0]] = sorted(rows, key=repr)
    return found


def rows_of(views: ViewsFile) -> dict[str, list[Row]]:
    """Return `all_rows` of views."""
    with views.reading() as connection:
        return all_rows(connection)
