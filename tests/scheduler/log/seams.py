"""Where a test reaches into the writer of a log: connections it hands in, which fail or wait."""

import sqlite3
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

from scheduler.log.schema import Connect, connect
from scheduler.log.sqlite import SqliteLog
from tests.scheduler.log.writing import one

PATIENCE_S = 60.0  # a deadline of tests that would else hang; never waited for


class Seam:
    """Sees each statement of the writer, and does at one of them what a test asks for."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.at: dict[str, Callable[[], None]] = {}  # first word of a statement -> what to do

    def __call__(self, statement: str) -> None:
        if self.at or statement.startswith(("BEGIN", "COMMIT", "INSERT INTO log", "PRAGMA wal")):
            self.seen.append(statement)
        for beginning, act in list(self.at.items()):
            if statement.startswith(beginning):
                act()

    def fail(self, beginning: str, code: int) -> None:
        """Let statements that begin so fail with a result code of SQLite, until `mend`."""

        def act() -> None:
            raise storage_error(code)

        self.at[beginning] = act

    def mend(self) -> None:
        self.at.clear()

    def count(self, beginning: str) -> int:
        return sum(statement.startswith(beginning) for statement in self.seen)


class Gate:
    """Holds the writer in the middle of a commit while a test fills the queue."""

    def __init__(self, seam: Seam, log: SqliteLog) -> None:
        self._seam = seam
        self._log = log
        self._reached = Event()
        self._open = Event()

    def __enter__(self) -> None:
        self._seam.at["COMMIT"] = self._hold
        self.first = self._log.submit(one("gate"))
        assert self._reached.wait(PATIENCE_S)
        self._seam.at.pop("COMMIT")

    def _hold(self) -> None:
        self._reached.set()
        assert self._open.wait(PATIENCE_S)

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the commit go on."""
        self._open.set()


def watched(before: Callable[[str], None]) -> Connect:
    """Return how to open connections that call `before` with each statement first; it may raise."""

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:  # noqa: ANN401  # whatever SQLite takes
            before(sql)
            return super().execute(sql, *parameters)

        def executemany(self, sql: str, *parameters: Any) -> sqlite3.Cursor:  # noqa: ANN401  # whatever SQLite takes
            before(sql)
            return super().executemany(sql, *parameters)

    return partial(connect, factory=Watched)


def storage_error(code: int) -> sqlite3.OperationalError:
    """Return the error that SQLite raises with a result code."""
    error = sqlite3.OperationalError("made up for a test")
    error.sqlite_errorcode = code
    return error
