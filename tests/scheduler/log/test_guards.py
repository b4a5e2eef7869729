"""The guards hold against any tool, on a plain connection with SQLite's own defaults."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.log import schema
from scheduler.log.sqlite import SqliteLog
from scheduler.model.content import digest_of
from scheduler.model.errors import Damaged, Unreachable
from tests.scheduler.log.writing import StillClock, logged, new_log, one, plainly, request, write

CONTENT = b"line 1\n"
DIGEST = bytes.fromhex(digest_of(CONTENT))
ROW = "(position, stream, version, type, revision, recorded_at, body, request_key, hash)"


@pytest.fixture
def log(log_path: Path) -> Iterator[SqliteLog]:
    """Return a log whose events 2 to 4 are of stream fire/a and key k1, and 5 names CONTENT."""
    log = new_log(log_path)
    log.append(request(write("fire/a", 0, 3), key="k1"))
    log.append(logged("fire/b", CONTENT))
    yield log
    log.close()


@pytest.fixture
def plain(log: SqliteLog) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(log.path, isolation_level=None)
    assert (0,) == db.execute("PRAGMA recursive_triggers").fetchone()
    yield db
    db.close()


def values(
    position: object = 6, stream: str = "fire/c", version: int = 1, key: str | None = None
) -> tuple[object, ...]:
    return position, stream, version, "run-held", 1, 0, b"{}", key, bytes(32)


REFUSED_INSERTS = [
    pytest.param(values(position=3), id="a position that is taken"),
    pytest.param(values(position=1), id="the first position"),
    pytest.param(values(position=0), id="a position before the first"),
    pytest.param(values(position=-1), id="a negative position"),
    pytest.param(values(position=7), id="a position that leaves a hole"),
    pytest.param(values(position=None), id="no position"),
    pytest.param(values(stream="fire/a", version=3), id="a version that is taken"),
    pytest.param(values(key="k1"), id="a key that is taken"),
]


@pytest.mark.parametrize(
    "verb", ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL", "REPLACE"]
)
@pytest.mark.parametrize("row", REFUSED_INSERTS)
def test_no_insert_takes_the_place_of_an_event(
    log: SqliteLog, plain: sqlite3.Connection, verb: str, row: tuple[object, ...]
) -> None:
    before = log.read()
    with pytest.raises(sqlite3.IntegrityError, match="the log only grows"):
        plain.execute(f"{verb} INTO log {ROW} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert before == log.read()


@pytest.mark.parametrize(
    "conflict",
    [
        "ON CONFLICT (position) DO UPDATE SET body = excluded.body",
        "ON CONFLICT (stream, version) DO UPDATE SET body = excluded.body",
        "ON CONFLICT DO NOTHING",
        "ON CONFLICT DO UPDATE SET body = excluded.body",
    ],
)
@pytest.mark.parametrize("row", REFUSED_INSERTS)
def test_no_upsert_changes_an_event(
    log: SqliteLog, plain: sqlite3.Connection, conflict: str, row: tuple[object, ...]
) -> None:
    before = log.read()
    with pytest.raises(sqlite3.IntegrityError, match="the log only grows"):
        plain.execute(f"INSERT INTO log {ROW} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) {conflict}", row)
    assert before == log.read()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log SET body = x'00' WHERE position = 3",
        "UPDATE log SET hash = hash",
        "UPDATE OR REPLACE log SET position = 2 WHERE position = 3",
        "UPDATE OR REPLACE log SET rowid = 9 WHERE position = 5",
        "UPDATE OR IGNORE log SET request_key = 'k2' WHERE position = 2",
        "DELETE FROM log",
        "DELETE FROM log WHERE position = 5",
        "REPLACE INTO log SELECT * FROM log WHERE position = 5",
        "INSERT OR REPLACE INTO log SELECT * FROM log",
    ],
)
def test_no_statement_changes_or_removes_an_event(
    log: SqliteLog, plain: sqlite3.Connection, statement: str
) -> None:
    before = log.read()
    with pytest.raises(sqlite3.IntegrityError, match="the log only grows"):
        plain.execute(statement)
    assert before == log.read()
    assert log.verify().fault is None


@pytest.mark.parametrize(
    "column", ["stream", "version", "type", "revision", "recorded_at", "body", "hash"]
)
def test_an_event_has_all_its_columns(plain: sqlite3.Connection, column: str) -> None:
    names = ROW.strip("()").split(", ")
    row = dict(zip(names, values(), strict=True))
    row[column] = None
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        plain.execute(f"INSERT INTO log {ROW} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [*row.values()])


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("UPDATE content SET bytes = x'00' WHERE digest = ?", (DIGEST,)),
        ("UPDATE content SET digest = x'00' WHERE digest = ?", (DIGEST,)),
        ("UPDATE OR REPLACE content SET rowid = rowid + 1 WHERE digest = ?", (DIGEST,)),
        ("DELETE FROM content WHERE digest = ?", (DIGEST,)),
        ("INSERT INTO content VALUES (?, x'00', NULL)", (DIGEST,)),
        ("REPLACE INTO content VALUES (?, x'00', NULL)", (DIGEST,)),
        ("REPLACE INTO content VALUES (?, NULL, NULL)", (DIGEST,)),
        ("INSERT OR REPLACE INTO content(rowid, digest) VALUES (1, ?)", (b"other",)),
        (
            "INSERT INTO content VALUES (?, x'00', NULL) ON CONFLICT DO UPDATE SET bytes = x'00'",
            (DIGEST,),
        ),
    ],
)
def test_content_does_not_change_under_its_digest(
    log: SqliteLog, plain: sqlite3.Connection, statement: str, parameters: tuple[object, ...]
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="content"):
        plain.execute(statement, parameters)
    assert CONTENT == log.content(DIGEST.hex())


def test_content_may_be_erased(log: SqliteLog, plain: sqlite3.Connection) -> None:
    plain.execute("UPDATE content SET bytes = NULL, kept_until = 0 WHERE digest = ?", (DIGEST,))
    assert log.content(DIGEST.hex()) is None
    assert log.verify().fault is None


def test_content_that_is_gone_and_was_not_erased_is_a_fault(
    log: SqliteLog, plain: sqlite3.Connection
) -> None:
    plain.execute("UPDATE content SET bytes = NULL WHERE digest = ?", (DIGEST,))
    assert "its bytes have another digest" in str(log.verify().fault)


# -- do the guards stand?


def test_the_guards_of_a_new_log_stand(plain: sqlite3.Connection) -> None:
    assert [] == schema.faults(plain)


@pytest.mark.parametrize("guard", [name for name in schema.SCHEMA if "_" in name])
def test_a_guard_that_is_missing_is_found(plain: sqlite3.Connection, guard: str) -> None:
    kind = "INDEX" if "CREATE TRIGGER" not in schema.SCHEMA[guard] else "TRIGGER"
    plain.execute(f"DROP {kind} {guard}")
    assert [f"{guard} is missing"] == schema.faults(plain)
    with pytest.raises(Damaged, match=f"{guard} is missing"):
        schema.check_guards(plain)


def test_a_guard_that_was_weakened_is_found(plain: sqlite3.Connection) -> None:
    plain.execute("DROP TRIGGER log_never_shrinks")
    plain.execute(
        "CREATE TRIGGER log_never_shrinks BEFORE DELETE ON log WHEN OLD.position > 100"
        " BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    assert ["log_never_shrinks was changed"] == schema.faults(plain)


def test_a_column_that_was_added_is_found(plain: sqlite3.Connection) -> None:
    plain.execute("ALTER TABLE log ADD COLUMN note TEXT")
    assert ["log was changed"] == schema.faults(plain)


def test_a_trigger_of_somebody_else_is_found(plain: sqlite3.Connection) -> None:
    plain.execute("CREATE TRIGGER spy AFTER INSERT ON log BEGIN SELECT 1; END")
    assert ["spy is a trigger of somebody else"] == schema.faults(plain)


def test_a_rebuilt_table_is_found_when_the_log_is_opened(log: SqliteLog) -> None:
    """What `sqlite-utils transform` does: the table is copied, and its triggers are gone."""
    log.close()
    table = re.sub(r"\blog\(", "log_new(", schema.SCHEMA["log"])
    plainly(
        log.path,
        table,
        "INSERT INTO log_new SELECT * FROM log",
        "DROP TABLE log",
        "ALTER TABLE log_new RENAME TO log",
    )
    with pytest.raises(Damaged, match=r"guards do not stand: .*log_only_appends is missing"):
        SqliteLog.open(log.path, clock_ns=StillClock())


def test_the_settings_of_a_writing_connection_are_checked(log: SqliteLog) -> None:
    log.close()
    db = schema.connect(schema.uri_of(log.path, mode="rw"))
    try:
        schema.configure(db, schema.WRITER_PRAGMAS)
        assert (2,) == db.execute("PRAGMA synchronous").fetchone()  # FULL
        wish = ("synchronous", "NORMAL", 2)
        with pytest.raises(Unreachable, match="does not keep PRAGMA synchronous at 2: it is 1"):
            schema.configure(db, (wish,))
    finally:
        db.close()


def test_the_guards_do_not_stand_in_the_way_of_appending(log: SqliteLog) -> None:
    assert 6 == log.append(one("fire/c")).first
