"""The read side of a log on disk: a few connections that cannot write, shared by all threads.

Each question takes a connection, asks one statement (so it sees one state of the log) and gives it
back; nothing is held between two pages, so a slow reader never keeps the write-ahead log from being
reused. In the process that owns the log these connections are SQLite's, like the writer's: opening
and closing the file in any other way would drop its locks.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import BoundedSemaphore

from scheduler.log import faults, rows
from scheduler.log.codec import Codec, Columns
from scheduler.log.contract import Appended, ContentState, Head, Report
from scheduler.log.retention import state_of
from scheduler.log.schema import READER_PRAGMAS, Connect, configure, uri_of
from scheduler.log.verify import Links, check_content
from scheduler.model.errors import Damaged, Unreachable
from scheduler.model.limits import PAGE_EVENTS_MAX, READERS_MAX


class Reader:
    """Answers questions about the log in a file, from any thread."""

    def __init__(self, real: Path, connect: Connect, codec: Codec, *, immutable: bool) -> None:
        """Read `real`; `immutable` when nobody writes and the folder cannot be written."""
        self._real = real
        self._connect = connect
        self._codec = codec
        self._uri = uri_of(real, mode="ro", immutable="1") if immutable else uri_of(real, mode="ro")
        self._idle: list[sqlite3.Connection] = []
        self._free = BoundedSemaphore(READERS_MAX)
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that only reads.

        Raises: Damaged, Unreachable, StorageFailed.
        """
        with self._free:
            try:
                db = self._borrowed()
                try:
                    yield db
                finally:
                    self._give_back(db)
            except faults.RAISED as error:
                raise faults.opening(error, self._real) from error

    def _borrowed(self) -> sqlite3.Connection:
        if self._closed:
            raise Unreachable("this log is closed")
        with suppress(IndexError):  # asked and taken at once: other threads borrow, too
            return self._idle.pop()
        db = self._connect(self._uri)
        try:
            configure(db, READER_PRAGMAS)
        except BaseException:
            db.close()
            raise
        return db

    def _give_back(self, db: sqlite3.Connection) -> None:
        if self._closed:
            db.close()
        else:
            self._idle.append(db)

    def head(self) -> Head:
        """Return the last durable position and its hash."""
        with self.connection() as db:
            return rows.head(db)[0]

    def hash_at(self, position: int) -> bytes | None:
        """Return the hash of the event at `position`; None beyond the head."""
        with self.connection() as db:
            return rows.hash_at(db, position)

    def page(self, after: int, until: int | None, stream: str | None, limit: int) -> list[Columns]:
        """Return the columns of a page of events."""
        with self.connection() as db:
            return rows.page(db, after, until, stream, min(limit, PAGE_EVENTS_MAX))

    def version(self, stream: str) -> int:
        """Return the last version of a stream."""
        with self.connection() as db:
            return rows.version_of(db, stream)

    def versions(self, streams: Sequence[str]) -> dict[str, int]:
        """Return the last version of each of these streams that has one, at most a page of them."""
        with self.connection() as db:
            return rows.versions_of(db, streams[:PAGE_EVENTS_MAX])

    def find(self, key: str) -> tuple[Appended, str | None] | None:
        """Return where a request key was used and the digest of its command, or None."""
        with self.connection() as db:
            use = rows.key_use(db, key, self._codec)
        return None if use is None else (Appended(use.first, use.last), use.who[1])

    def content(self, digest: str) -> bytes | None:
        """Return the bytes under `digest`."""
        with self.connection() as db:
            return rows.content(db, digest)

    def content_state(self, digest: str) -> ContentState | None:
        """Return whether the bytes under `digest` are there; None when it was never heard of."""
        with self.connection() as db:
            found = rows.content_state(db, digest)
        return None if found is None else state_of(*found)

    def verify(self, after: int, trusted: bytes | None) -> Report:
        """Follow the chain to the head, page by page, and compare all content with its digests."""
        links = Links(after, trusted, self._codec)
        since = max(after, 1)
        with self.connection() as db:
            # What is written meanwhile is not waited for.
            until = rows.head(db)[0].position if after else rows.end(db)
            while page := rows.linked_page(db, since, until, PAGE_EVENTS_MAX):
                if not links.check(page, lambda digest: rows.has_content(db, digest)):
                    return links.report(None)
                since = page[-1][0] + 1
            links.end(until)
            return links.report(check_content(rows.contents(db)))

    def check_end(self) -> None:
        """Check that the last event follows from the one before it.

        Raises: Damaged.
        """
        with self.connection() as db:
            last = rows.head(db)[0].position
            links = Links(max(last - 1, 0), None, self._codec)
            links.check(rows.linked_page(db, last - 1, last, 2), lambda _: True)
        report = links.report(None)
        if report.fault is not None:
            raise Damaged(
                f"The log is damaged: {report.fault}. Nothing is fired. Keep the file; restore a"
                " copy: horolog db restore",
                position=report.position,
            )

    def close(self) -> None:
        """Close the connections; those on loan close when they come back."""
        self._closed = True
        with suppress(IndexError):
            while True:
                self._idle.pop().close()
