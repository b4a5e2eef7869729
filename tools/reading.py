"""A log and its views, to be looked at: what every reading verb opens.

The views are brought up first. When nobody has them, this process folds what is missing; when a
server or another command does, it is waited for briefly. Where no file can be written beside the
log (someone else's folder, a read-only disk) the views are folded in memory: slower, and the same
rows.
"""

import sqlite3
import time
from pathlib import Path
from typing import Self

from projections import checkpoints
from projections.catalog import CATALOG
from projections.projector import Projector
from scheduler.executor.derived import ViewsFile
from scheduler.executor.owner import OwnerRecord, who_owns
from scheduler.log.contract import Head, Log
from scheduler.log.sqlite import SqliteLog
from scheduler.model.errors import Conflict, NotAuthorised, StorageFailed, Unreachable
from scheduler.model.limits import VIEWS_PATIENCE
from tools.settings import Settings

LOOK_S = 0.01  # between two looks at views that another process brings up


class Reading:
    """A log, its views, and who owns it; nothing can be changed through it."""

    def __init__(
        self,
        log: Log,
        views: sqlite3.Connection,
        *,
        owner: OwnerRecord | None,
        in_memory: ViewsFile | None = None,
    ) -> None:
        self.log = log
        self.views = views
        self.owner = owner  # None: nobody, so nothing fires
        self._in_memory = in_memory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of log and views."""
        if self._in_memory is None:
            self.views.close()
        else:
            self._in_memory.close()
        self.log.close()


def open_reading(settings: Settings) -> Reading:
    """Open the log for reading, with views that show every event it holds now.

    Raises: Unreachable, NotAuthorised, Damaged, UnknownEvent.
    """
    owner = who_owns(settings.db)
    log = SqliteLog.open(settings.db, unowned=owner is None)
    try:
        try:
            views = views_at_head(settings.db, log)
        except (Unreachable, NotAuthorised, StorageFailed):
            in_memory = ViewsFile.in_memory(identity=log.identity)
            Projector(log, in_memory).catch_up()
            with in_memory.reading() as connection:
                views = connection
            return Reading(log, views, owner=owner, in_memory=in_memory)
    except BaseException:
        log.close()
        raise
    return Reading(log, views, owner=owner)


def views_at_head(log_path: Path, log: Log) -> sqlite3.Connection:
    """Return a connection to the views of a log, brought up to its present head.

    When another process has them and stays behind for longer than `VIEWS_PATIENCE`, as they are.
    Raises: Unreachable, StorageFailed, when they cannot be written here.
    """
    head = log.head()
    looks = int(VIEWS_PATIENCE.total_seconds() / LOOK_S)
    for _ in range(looks):
        views = _read_if_there(log_path)
        if views is not None:
            if shows(views, head):
                return views
            views.close()
        try:
            bring_up(log_path, log)
        except Conflict:  # somebody else has them: a server, or a command that is done soon
            time.sleep(LOOK_S)
    return ViewsFile.read(log_path)


def bring_up(log_path: Path, log: Log, *, wait_s: float = 0.0) -> None:
    """Fold what is missing into the views of a log.

    Raises: Conflict, when another process writes them; Unreachable, StorageFailed.
    """
    views = ViewsFile.open(log_path, identity=log.identity, wait_s=wait_s)
    try:
        Projector(log, views).catch_up()
    finally:
        views.close()


def shows(views: sqlite3.Connection, head: Head) -> bool:
    """Return whether every view of today is there and has come as far as `head`."""
    live = {found.name: found for found in checkpoints.stored(views) if found.is_live}
    for kind in CATALOG:
        found = live.get(kind.name)
        if found is None or found.version != kind.version or found.position < head.position:
            return False
        if found.position == head.position and found.hash != head.hash:
            return False
        if not checkpoints.has_tables(views, found):
            return False
    return True


def _read_if_there(log_path: Path) -> sqlite3.Connection | None:
    try:
        return ViewsFile.read(log_path)
    except Unreachable:
        return None
