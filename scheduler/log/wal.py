"""The write-ahead log's upkeep: when its frames are copied into the file, and when it is emptied.

A write-ahead log that grows doubles the cost of a commit, so after about CHECKPOINT_BYTES of frames
they are copied, busy or not (PASSIVE waits for nobody). The frames are reckoned from what was
written: the file's size says nothing, since it does not shrink when it is used again. It is emptied
(TRUNCATE) only when nobody writes.

SQLite before 3.51.3 can lose pages when two connections checkpoint, so only the writer's connection
comes here.
"""

import sqlite3

from scheduler.log.contract import Nanoseconds
from scheduler.model.limits import BUSY_WAIT, CHECKPOINT_BYTES

PAGE_BYTES = 4096
ROW_BYTES = 190  # of one event beside its body: the other columns, and its stream in the index
PAGES_PER_COMMIT = 3  # the pages begun before and not full yet: table, index, the path to them


class Wal:
    """Counts what a connection writes and checkpoints when it is due."""

    def __init__(self, db: sqlite3.Connection, clock_ns: Nanoseconds) -> None:
        self._db = db
        self._clock_ns = clock_ns
        self._pending_bytes = 0  # of frames since the last checkpoint
        self.has_frames = True  # those that an earlier writer may have left
        self.behind_since_ns: int | None = None  # since when checkpoints move less than there is

    def wrote(self, events: int, size: int) -> None:
        """Count a commit of `events` events with `size` bytes of bodies and content."""
        pages = PAGES_PER_COMMIT + (size + events * ROW_BYTES) // PAGE_BYTES
        self._pending_bytes += pages * PAGE_BYTES
        self.has_frames = True

    def checkpoint(self) -> None:
        """Copy frames into the file when enough of them were written since the last time.

        Raises: what `faults.RAISED` names.
        """
        if self._pending_bytes < CHECKPOINT_BYTES:
            return
        self._pending_bytes = 0
        _, frames, moved = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if moved >= frames:
            self.behind_since_ns = None
        else:  # a reader holds an old snapshot
            self.fell_behind()

    def fell_behind(self) -> None:
        """Note that a checkpoint moved less than there is, or could not be made."""
        if self.behind_since_ns is None:
            self.behind_since_ns = self._clock_ns()

    def empty(self) -> None:
        """Copy all frames and truncate the write-ahead log, unless a reader needs it just now.

        Raises: what `faults.RAISED` names.
        """
        self._db.execute("PRAGMA busy_timeout = 0")  # a request may come: wait for no reader
        try:
            busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            wait_ms = round(BUSY_WAIT.total_seconds() * 1_000)
            self._db.execute(f"PRAGMA busy_timeout = {wait_ms}")
        if not busy:
            self._pending_bytes = 0
            self.has_frames = False
            self.behind_since_ns = None
