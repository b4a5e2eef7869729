"""The tables of the log, their guards, and the settings under which they are written.

The guards are triggers: they refuse every UPDATE and DELETE of an event, and every INSERT that
would not append. They hold on any connection, also where `recursive_triggers` is off and `INSERT OR
REPLACE` deletes rows without asking a delete trigger: the insert itself is refused whenever a key
of it exists. A tool that rebuilds a table drops them without a word, so `faults` compares the
schema with what stands here whenever a log is opened.

Content may lose its bytes (erased, or kept long enough) and regain the same ones; it never changes
to others. `kept_until` is in nanoseconds, NULL for good, 0 when it was erased; the index over it
holds only what has bytes to lose.
"""

import os
import sqlite3
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from scheduler.model.errors import Damaged, Unreachable
from scheduler.model.limits import BUSY_WAIT, WAL_BYTES_KEPT

APPLICATION_ID = 0x486F726F  # "Horo", in the file's header
FORMAT = 1  # of the tables, in the file's header as user_version
VERSION_MIN = (3, 37, 0)  # STRICT tables

SCHEMA = {
    "log": """
CREATE TABLE log(
  position    INTEGER PRIMARY KEY,
  stream      TEXT    NOT NULL,
  version     INTEGER NOT NULL,
  type        TEXT    NOT NULL,
  revision    INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  body        BLOB    NOT NULL,
  meta        BLOB,
  request_key TEXT,
  hash        BLOB    NOT NULL,
  UNIQUE (stream, version)
) STRICT""",
    "log_request_key": """
CREATE UNIQUE INDEX log_request_key ON log(request_key) WHERE request_key IS NOT NULL""",
    "content": """
CREATE TABLE content(digest BLOB PRIMARY KEY, bytes BLOB, kept_until INTEGER) STRICT""",
    "content_kept": """
CREATE INDEX content_kept ON content(kept_until, length(bytes))
WHERE kept_until IS NOT NULL AND bytes IS NOT NULL""",
    "log_only_appends": """
CREATE TRIGGER log_only_appends BEFORE INSERT ON log
WHEN NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM log)
  OR EXISTS (SELECT 1 FROM log WHERE stream = NEW.stream AND version = NEW.version)
  OR (NEW.request_key IS NOT NULL
      AND EXISTS (SELECT 1 FROM log WHERE request_key = NEW.request_key))
BEGIN SELECT RAISE(ABORT, 'the log only grows: position, version or key is taken'); END""",
    "log_never_changes": """
CREATE TRIGGER log_never_changes BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'the log only grows: events do not change'); END""",
    "log_never_shrinks": """
CREATE TRIGGER log_never_shrinks BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'the log only grows: events are not removed'); END""",
    "content_only_adds": """
CREATE TRIGGER content_only_adds BEFORE INSERT ON content
WHEN EXISTS (SELECT 1 FROM content WHERE digest = NEW.digest AND bytes IS NOT NULL
             AND bytes IS NOT NEW.bytes)
  OR EXISTS (SELECT 1 FROM content WHERE rowid = NEW.rowid AND digest IS NOT NEW.digest)
BEGIN SELECT RAISE(ABORT, 'content does not change under its digest'); END""",
    "content_never_changes": """
CREATE TRIGGER content_never_changes BEFORE UPDATE ON content
WHEN NEW.digest IS NOT OLD.digest OR NEW.rowid IS NOT OLD.rowid
  OR (OLD.bytes IS NOT NULL AND NEW.bytes IS NOT NULL AND NEW.bytes IS NOT OLD.bytes)
BEGIN SELECT RAISE(ABORT, 'content does not change under its digest'); END""",
    "content_never_shrinks": """
CREATE TRIGGER content_never_shrinks BEFORE DELETE ON content BEGIN SELECT RAISE(ABORT, 'content is
erased by setting its bytes to NULL; its digest stays'); END""",
}

# name, value to set, value it must then have
WRITER_PRAGMAS: tuple[tuple[str, str, object], ...] = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("fullfsync", "ON", 1),  # macOS: a plain fsync stops at the drive's cache
    ("recursive_triggers", "ON", 1),
    ("wal_autocheckpoint", "0", 0),  # the writer counts its own frames
    ("journal_size_limit", str(WAL_BYTES_KEPT), WAL_BYTES_KEPT),
    ("mmap_size", "0", 0),  # an I/O error is then an error, and not a signal
    ("trusted_schema", "OFF", 0),
    ("secure_delete", "ON", 1),  # erased content leaves no bytes in free pages
)
READER_PRAGMAS: tuple[tuple[str, str, object], ...] = (
    ("query_only", "ON", 1),
    ("mmap_size", "0", 0),
    ("trusted_schema", "OFF", 0),
)


class Connect(Protocol):
    """Opens the file behind a SQLite URI; handed in, so that tests can make a connection fail."""

    def __call__(self, uri: str) -> sqlite3.Connection:
        """Return a connection without implicit transactions that any thread may use."""
        ...


def connect(uri: str, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """Open the file behind a SQLite URI, without implicit transactions and for any thread."""
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=BUSY_WAIT.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
        factory=factory,
    )


def uri_of(real: Path, **parameters: str) -> str:
    """Return the SQLite URI of a file."""
    asked = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"file:{quote(os.fsencode(real))}?{asked}"


def configure(db: sqlite3.Connection, pragmas: tuple[tuple[str, str, object], ...]) -> None:
    """Set the pragmas and check that each took.

    Raises: Unreachable, when SQLite does not give what the promises need.
    """
    if sqlite3.sqlite_version_info < VERSION_MIN:
        raise Unreachable(
            f"This Python links SQLite {sqlite3.sqlite_version}; Horolog needs 3.37 or newer"
        )
    for name, value, _ in pragmas:
        db.execute(f"PRAGMA {name} = {value}").fetchall()
    for name, _, wanted in pragmas:
        row = db.execute(f"PRAGMA {name}").fetchone()
        if row != (wanted,):
            found = row and row[0]
            raise Unreachable(f"SQLite does not keep PRAGMA {name} at {wanted!r}: it is {found!r}")


def create_tables(db: sqlite3.Connection) -> None:
    """Create tables and guards in an empty file, inside the caller's transaction."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {FORMAT}")
    for statement in SCHEMA.values():
        db.execute(statement)


def identify(db: sqlite3.Connection, name: str) -> None:
    """Check that the file behind `db` is a log of a format we know; `name` is for messages.

    Raises: Unreachable; the file was not changed.
    """
    application = db.execute("PRAGMA application_id").fetchone()[0]
    form = db.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise Unreachable(
            f"{name} is not a Horolog log, so it was left alone. If yours is elsewhere: --db PATH"
            " or HOROLOG_DB"
        )
    if form > FORMAT:
        raise Unreachable(
            f"{name} was written by a newer Horolog: its tables have format {form}, this one"
            f" knows {FORMAT}. Install a later version; nothing was changed"
        )


def faults(db: sqlite3.Connection) -> list[str]:
    """Return a sentence for each table, index or guard that is missing, changed or not ours."""
    found = {
        name: _plain(sql)
        for name, sql in db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    }
    wrong = [f"{name} is missing" for name in SCHEMA if name not in found]
    wrong += [
        f"{name} was changed"
        for name, sql in SCHEMA.items()
        if name in found and found[name] != _plain(sql)
    ]
    wrong += [
        f"{name} is a trigger of somebody else"
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        if name not in SCHEMA
    ]
    return wrong


def check_guards(db: sqlite3.Connection) -> None:
    """Check that tables and guards stand as they were made.

    Raises: Damaged.
    """
    wrong = faults(db)
    if wrong:
        raise Damaged(
            f"The log's guards do not stand: {', '.join(wrong)}. Another tool has rebuilt its"
            " tables. Nothing is fired. Keep the file; restore a copy: horolog db restore"
        )


def _plain(sql: object) -> str:
    return " ".join(str(sql).split())  # in a damaged file it may be bytes
