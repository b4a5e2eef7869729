"""The statements on the tables of a log, each a function over a connection.

They hold no state, begin no transaction and translate no error: `commit` and `reader` do. Positions
come from Python (`admit`), never from RETURNING. A page is read by key, so nothing is held open
between two pages.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from scheduler.log.admit import KeyUse, Row, whose
from scheduler.log.chain import FIRST
from scheduler.log.codec import Codec, Columns
from scheduler.log.contract import Head
from scheduler.log.insertion import Insertion
from scheduler.log.retention import ERASED_NS
from scheduler.model.content import Contents
from scheduler.model.errors import Damaged

_LAST = 2**63 - 1  # no position is behind it
_PAGE = """
SELECT position, stream, version, type, revision, recorded_at, body, meta, request_key
FROM log WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"""
_STREAM_PAGE = """
SELECT position, stream, version, type, revision, recorded_at, body, meta, request_key
FROM log WHERE stream = ? AND position > ? AND position <= ? ORDER BY version LIMIT ?"""
_VERSIONS = "SELECT stream, max(version) FROM log WHERE stream IN ({places}) GROUP BY stream"
_PUT_CONTENT = """
INSERT INTO content(digest, bytes, kept_until) VALUES (?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes,
  kept_until = CASE WHEN excluded.kept_until IS NOT NULL AND kept_until IS NOT NULL
    THEN max(excluded.kept_until, kept_until) END
WHERE bytes IS NULL OR kept_until IS NOT NULL"""
_INSERTION = Insertion("log", 10)
_LINKED_PAGE = """
SELECT position, stream, version, type, revision, recorded_at, body, meta, request_key, hash
FROM log WHERE position >= ? AND position <= ? ORDER BY position LIMIT ?"""
# Bytes that are kept for good and not there are told as none, which have another digest.
_NEXT_CONTENT = """
SELECT rowid, lower(hex(digest)), iif(bytes IS NULL AND kept_until IS NULL, x'', bytes)
FROM content WHERE rowid > ? ORDER BY rowid LIMIT 1"""


def insert(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Append the rows."""
    _INSERTION.put(db, rows)


def insert_content(db: sqlite3.Connection, contents: Contents, kept_until_ns: int | None) -> None:
    """Keep content up to an instant, for good when there is none; what is gone stands again.

    What is there already is kept for as long as it is wanted longest.
    """
    for digest, content in contents.items():
        db.execute(_PUT_CONTENT, (bytes.fromhex(digest), content, kept_until_ns))


def head(db: sqlite3.Connection) -> tuple[Head, int]:
    """Return the end of the log and when its last event was recorded, in nanoseconds."""
    row = db.execute(
        "SELECT position, hash, recorded_at FROM log ORDER BY position DESC LIMIT 1"
    ).fetchone()
    return (Head(0, FIRST), 0) if row is None else (Head(row[0], row[1]), row[2])


def end(db: sqlite3.Connection) -> int:
    """Return the last position that the table or its index of streams knows.

    They differ when the end of one of them was cut off, which the chain cannot tell. The whole
    index is read: 0.1 s for a million events.
    """
    row = db.execute(
        "SELECT coalesce(max((SELECT max(position) FROM log),"
        " (SELECT max(position) FROM log INDEXED BY sqlite_autoindex_log_1)), 0)"
    ).fetchone()
    last: int = row[0]
    return last


def hash_at(db: sqlite3.Connection, position: int) -> bytes | None:
    """Return the hash of the event at `position` (32 zero bytes at 0); None beyond the head."""
    if position == 0:
        return FIRST
    row = db.execute("SELECT hash FROM log WHERE position = ?", (position,)).fetchone()
    found: bytes | None = row and row[0]
    return found


def version_of(db: sqlite3.Connection, stream: str) -> int:
    """Return the last version of a stream, 0 when there is none."""
    row = db.execute("SELECT max(version) FROM log WHERE stream = ?", (stream,)).fetchone()
    version: int | None = row[0]
    return version or 0


def versions_of(db: sqlite3.Connection, streams: Sequence[str]) -> dict[str, int]:
    """Return the last version of each of these streams that has one."""
    places = ", ".join("?" * len(streams))
    return dict(db.execute(_VERSIONS.format(places=places), streams))


def key_use(db: sqlite3.Connection, key: str, codec: Codec) -> KeyUse | None:
    """Return the request that had `key`, or None."""
    row = db.execute("SELECT position, meta FROM log WHERE request_key = ?", (key,)).fetchone()
    if row is None:
        return None
    meta = codec.decode_meta(row[1])
    return KeyUse(row[0], row[0] + meta.events - 1, whose(meta))


def page(
    db: sqlite3.Connection, after: int, until: int | None, stream: str | None, limit: int
) -> list[Columns]:
    """Return the columns of at most `limit` events with after < position <= until, in order."""
    last = _LAST if until is None else until
    if stream is None:
        return db.execute(_PAGE, (after, last, limit)).fetchall()
    return db.execute(_STREAM_PAGE, (stream, after, last, limit)).fetchall()


def linked_page(db: sqlite3.Connection, since: int, until: int, limit: int) -> list[Row]:
    """Return at most `limit` whole rows with since <= position <= until, hashes included."""
    return db.execute(_LINKED_PAGE, (since, until, limit)).fetchall()


def content(db: sqlite3.Connection, digest: str) -> bytes | None:
    """Return the bytes under `digest`; None when unknown, erased or no longer kept."""
    row = db.execute(
        "SELECT bytes FROM content WHERE digest = ? AND kept_until IS NOT ?",
        (bytes.fromhex(digest), ERASED_NS),
    ).fetchone()
    found: bytes | None = row and row[0]
    return found


def has_content(db: sqlite3.Connection, digest: str) -> bool:
    """Return whether `digest` is known; its bytes may be erased."""
    row = db.execute("SELECT 1 FROM content WHERE digest = ?", (bytes.fromhex(digest),)).fetchone()
    return row is not None


def contents(db: sqlite3.Connection) -> Iterator[tuple[str, object]]:
    """Yield all content, one at a time, holding no snapshot between two.

    Raises: Damaged, when the table is out of order.
    """
    rowid = -_LAST
    while True:
        row = db.execute(_NEXT_CONTENT, (rowid,)).fetchone()
        if row is None:
            return
        if row[0] <= rowid:
            raise Damaged("The log is damaged: its content is out of order")
        rowid = row[0]
        yield row[1], row[2]


def content_state(db: sqlite3.Connection, digest: str) -> tuple[int | None, int | None] | None:
    """Return the size of a content, None when its bytes are gone, and until when it is kept."""
    row: tuple[int | None, int | None] | None = db.execute(
        "SELECT length(bytes), kept_until FROM content WHERE digest = ?", (bytes.fromhex(digest),)
    ).fetchone()
    return row


def mark_erased(db: sqlite3.Connection, digests: Iterable[str]) -> None:
    """Make content unreadable at once; its bytes go with the next purge."""
    for digest in digests:
        db.execute(
            "UPDATE content SET kept_until = ? WHERE digest = ?", (ERASED_NS, bytes.fromhex(digest))
        )


class ContentShelf:
    """The content table, as `retention` sees it: keys are rowids."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def past(self, until_ns: int, limit: int) -> list[tuple[int, int]]:
        """Return key and size of what is kept until then at most, the soonest over first."""
        return self._db.execute(
            "SELECT rowid, length(bytes) FROM content WHERE kept_until <= ? AND bytes IS NOT NULL"
            " ORDER BY kept_until LIMIT ?",
            (until_ns, limit),
        ).fetchall()

    def output_bytes(self) -> int:
        """Return the size of all that is not kept for good; it is read from the index alone."""
        row = self._db.execute(
            "SELECT coalesce(sum(length(bytes)), 0) FROM content"
            " WHERE kept_until IS NOT NULL AND bytes IS NOT NULL"
        ).fetchone()
        size: int = row[0]
        return size

    def remove(self, keys: Sequence[int]) -> None:
        """Remove the bytes of these; their digests stay."""
        self._db.executemany(
            "UPDATE content SET bytes = NULL WHERE rowid = ?", [(key,) for key in keys]
        )
