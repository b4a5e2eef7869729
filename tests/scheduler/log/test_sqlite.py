"""The engine on disk keeps the promises of the contract, and opens only a sound log of ours."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scheduler.log import schema
from scheduler.log.contract import Appended, Log
from scheduler.log.sqlite import SqliteLog
from scheduler.model.errors import (
    Conflict,
    Damaged,
    HorologError,
    NotAuthorised,
    Unreachable,
)
from tests.scheduler.log.conformance import LogConformance
from tests.scheduler.log.content_conformance import RETENTION, ContentConformance
from tests.scheduler.log.seams import storage_error, watched
from tests.scheduler.log.writing import (
    CREATED,
    META,
    StillClock,
    logged,
    new_log,
    one,
    plainly,
    request,
    write,
)


class TestSqliteLog(LogConformance, ContentConformance):
    @pytest.fixture
    def log(self, log_path: Path, clock: StillClock) -> Iterator[Log]:
        new_log(log_path, clock).close()
        log = SqliteLog.open(log_path, clock_ns=clock, retention=RETENTION)
        yield log
        log.close()


@pytest.fixture
def closed(log_path: Path) -> Path:
    """Return the path of a closed log of six events, with content."""
    log = new_log(log_path)
    log.append(request(write("fire/a", 0, 4)))
    log.append(logged("fire/b", b"x" * 20_000))
    log.close()
    return log_path


def refusal_of(path: Path, *, writing: bool = False) -> HorologError:
    """Return why the log cannot be opened."""
    with pytest.raises(HorologError) as raised:
        SqliteLog.open(path, clock_ns=StillClock() if writing else None)
    return raised.value


# -- creating


def test_a_new_log_is_for_its_user_alone(log_path: Path) -> None:
    log = new_log(log_path)
    modes = {path.name: path.stat().st_mode & 0o777 for path in log_path.parent.iterdir()}
    assert dict.fromkeys(("horolog.db", "horolog.db-wal", "horolog.db-shm"), 0o600) == modes
    log.close()


def test_a_new_log_is_marked_as_ours(closed: Path) -> None:
    db = sqlite3.connect(closed)
    assert (schema.APPLICATION_ID,) == db.execute("PRAGMA application_id").fetchone()
    assert (schema.FORMAT,) == db.execute("PRAGMA user_version").fetchone()
    assert ("wal",) == db.execute("PRAGMA journal_mode").fetchone()
    db.close()


def test_creating_leaves_an_existing_file_alone(log_path: Path) -> None:
    log_path.write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        new_log(log_path)
    assert "mine" == log_path.read_text()


def test_creating_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="There is no folder"):
        new_log(tmp_path / "none" / "horolog.db")


@pytest.mark.parametrize("place", ["CREATE TABLE", "INSERT INTO log", "COMMIT"])
def test_a_creation_that_fails_leaves_nothing_behind(log_path: Path, place: str) -> None:
    def failing(statement: str) -> None:
        if statement.lstrip().startswith(place):
            raise storage_error(sqlite3.SQLITE_FULL)

    with pytest.raises(HorologError):
        new_log(log_path, connecting=watched(failing))
    assert [] == list(log_path.parent.iterdir())


# -- opening


def test_a_log_goes_on_where_it_was_left(closed: Path) -> None:
    log = SqliteLog.open(closed, clock_ns=StillClock())
    assert Appended(7, 7) == log.append(one("fire/a", 4))
    assert "c0ffee" == log.identity
    assert log.verify().fault is None
    log.close()


def test_a_key_is_remembered_over_a_restart(log_path: Path) -> None:
    log = new_log(log_path)
    wish = request(write("job/a", 0, 3), key="k1")
    log.append(wish)
    log.close()
    again = SqliteLog.open(log_path, clock_ns=StillClock())
    assert Appended(2, 4, repeated=True) == again.append(wish)
    again.close()


def test_the_time_of_record_does_not_fall_over_a_restart(closed: Path) -> None:
    log = SqliteLog.open(closed, clock_ns=StillClock(StillClock().ns - 10**9))
    before = log.read()[-1].recorded_at
    log.append(one("fire/c"))
    assert before == log.read()[-1].recorded_at
    log.close()


def test_who_only_reads_sees_what_is_written_meanwhile(log_path: Path) -> None:
    log = new_log(log_path)
    reader = SqliteLog.open(log_path)
    log.append(one("fire/a"))
    assert (2, 2) == (reader.head().position, len(reader.read()))
    assert reader.wait(1, 0.0)
    assert not reader.wait(2, 0.06)
    reader.close()
    log.close()


def test_who_only_reads_cannot_write(closed: Path) -> None:
    reader = SqliteLog.open(closed)
    with pytest.raises(Unreachable, match="opened for reading only"):
        reader.append(one("fire/c"))
    with pytest.raises(Unreachable, match="opened for reading only"):
        reader.purge()
    reader.close()
    with pytest.raises(Unreachable, match="closed"):
        reader.read()


def test_reading_changes_nothing_in_the_file(closed: Path) -> None:
    before = closed.read_bytes()
    reader = SqliteLog.open(closed)
    assert 6 == len(reader.read())
    reader.close()
    assert before == closed.read_bytes()


def test_a_link_leads_to_the_log_it_names(closed: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(closed)
    log = SqliteLog.open(link)
    assert closed == log.path
    log.close()


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    path = tmp_path / "50% off? #1 é.db"
    log = new_log(path)
    log.append(one("fire/a"))
    log.close()
    assert [path] == list(tmp_path.iterdir())


def test_what_a_killed_process_was_told_is_there(log_path: Path) -> None:
    """The process ends without closing anything; its write-ahead log is all there is."""
    script = f"""
import os
from pathlib import Path
from tests.scheduler.log.writing import new_log, one
log = new_log(Path({str(log_path)!r}))
print(log.append(one("fire/a")).last, flush=True)
os._exit(9)
"""
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, check=False, text=True
    )
    assert (9, "2\n") == (ended.returncode, ended.stdout)
    log = SqliteLog.open(log_path, clock_ns=StillClock())
    assert 2 == log.head().position
    assert log.verify().fault is None
    log.close()


# -- refusing


def test_there_must_be_a_log(tmp_path: Path) -> None:
    failure = refusal_of(tmp_path / "horolog.db")
    assert 9 == failure.exit_code
    assert str(failure).startswith(f"No log at {tmp_path}/horolog.db.")
    assert '"horolog init" makes one here' in str(failure)


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    assert "is not a file" in str(refusal_of(tmp_path))


def test_a_second_hard_link_is_refused(closed: Path, tmp_path: Path) -> None:
    os.link(closed, tmp_path / "second.db")
    failure = refusal_of(tmp_path / "second.db")
    assert (9, True) == (failure.exit_code, "2 hard links" in str(failure))


@pytest.mark.parametrize("content", [b"", b"a text of mine\n" * 100, bytes(8_192)])
def test_a_file_that_is_not_ours_is_left_alone(log_path: Path, content: bytes) -> None:
    log_path.write_bytes(content)
    failure = refusal_of(log_path, writing=True)
    assert 9 == failure.exit_code
    assert "horolog.db is not a Horolog log" in str(failure)
    assert content == log_path.read_bytes()


def test_a_database_that_is_not_ours_is_left_alone(log_path: Path) -> None:
    plainly(log_path, "CREATE TABLE mine(a)")
    before = log_path.read_bytes()
    failure = refusal_of(log_path, writing=True)
    assert (9, True) == (failure.exit_code, "is not a Horolog log" in str(failure))
    assert before == log_path.read_bytes()


def test_a_log_of_a_newer_format_is_left_alone(closed: Path) -> None:
    plainly(closed, "PRAGMA user_version = 2")
    failure = refusal_of(closed, writing=True)
    assert 9 == failure.exit_code
    assert "horolog.db was written by a newer Horolog" in str(failure)


def test_a_log_without_a_guard_is_not_opened(closed: Path) -> None:
    plainly(closed, "DROP TRIGGER log_never_changes")
    failure = refusal_of(closed, writing=True)
    assert (8, True) == (failure.exit_code, "log_never_changes is missing" in str(failure))


def unguarded(path: Path, *statements: str) -> None:
    """Change a log as one who knows how: without its guards, which stand again afterwards."""
    guards = [name for name, sql in schema.SCHEMA.items() if "CREATE TRIGGER" in sql]
    plainly(
        path,
        *(f"DROP TRIGGER {name}" for name in guards),
        *statements,
        *(schema.SCHEMA[name] for name in guards),
    )


def test_a_log_whose_end_was_changed_is_not_opened(closed: Path) -> None:
    unguarded(closed, "UPDATE log SET recorded_at = recorded_at + 1 WHERE position = 6")
    failure = refusal_of(closed, writing=True)
    assert isinstance(failure, Damaged)
    assert (8, 6) == (failure.exit_code, failure.position)
    assert str(failure).startswith(
        "The log is damaged: event 6 does not follow from 5 (hash). Nothing is fired."
    )


def test_a_log_that_lost_its_beginning_is_not_opened(closed: Path) -> None:
    unguarded(closed, "DELETE FROM log WHERE position = 1")
    assert "does not begin with log-created" in str(refusal_of(closed))


@pytest.mark.parametrize(
    ("statement", "position", "fault"),
    [
        (
            "UPDATE log SET body = CAST(replace(CAST(body AS TEXT), ':2,', ':9,') AS BLOB)",
            3,
            "event 3 does not follow from 2 (hash). Events 1–2 are good",
        ),
        (
            "DELETE FROM log WHERE position = 4",
            4,
            "event 4 is missing; the next is 5. Events 1–3 are good",
        ),
    ],
)
def test_verification_names_the_first_event_that_was_changed(
    closed: Path, statement: str, position: int, fault: str
) -> None:
    unguarded(closed, statement)
    log = SqliteLog.open(closed)
    assert (fault, position) == log.verify()[2:]
    log.close()


def test_verification_finds_changed_content(closed: Path) -> None:
    unguarded(closed, "UPDATE content SET bytes = x'00'")
    log = SqliteLog.open(closed)
    assert "its bytes have another digest" in str(log.verify().fault)
    log.close()


def test_a_torn_page_is_damage(closed: Path) -> None:
    whole = closed.read_bytes()
    page = whole.index(b"\x0d", 4_096) // 4_096 * 4_096  # a leaf of a table
    closed.write_bytes(whole[:page] + b"\xff" * 64 + whole[page + 64 :])
    with pytest.raises(Damaged), closing(SqliteLog.open(closed)) as log:
        log.verify()


# -- places


MOUNTS = """\
22 1 252:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / {folder} rw,relatime shared:2 - nfs4 server:/export rw
"""


def test_a_network_file_system_is_refused(
    closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(folder=tmp_path))
    monkeypatch.setattr("scheduler.log.place.MOUNTS", mounts)
    for failure in (refusal_of(closed), refusal_of(closed, writing=True)):
        assert 9 == failure.exit_code
        assert str(failure).startswith("horolog.db lies on a network file system (nfs4).")
    with pytest.raises(Unreachable, match="network file system"):
        new_log(tmp_path / "new.db")


def refuse_writing(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """Make the system answer that `paths` cannot be written; root could, whatever their mode."""
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) not in paths and access(path, mode)
    )


def test_a_writer_needs_the_file_and_the_folder(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (closed, closed.parent):
        refuse_writing(monkeypatch, place)
        failure = refusal_of(closed, writing=True)
        assert isinstance(failure, NotAuthorised)
        assert f"may not write to {place}" in str(failure)
    with pytest.raises(NotAuthorised):
        SqliteLog.create(
            closed.with_name("new.db"), clock_ns=StillClock(), created=CREATED, meta=META
        )


def test_a_log_that_nobody_writes_is_read_in_a_folder_that_cannot_be_written(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_writing(monkeypatch, closed.parent)
    log = SqliteLog.open(closed, unowned=True)
    assert 6 == len(log.read())
    assert log.verify().fault is None
    log.close()
    assert [closed] == list(closed.parent.iterdir())


def test_a_log_in_use_is_not_read_in_a_folder_that_cannot_be_written(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = new_log(log_path)
    log.append(one("fire/a"))
    refuse_writing(monkeypatch, log_path.parent)
    for unowned in (False, True):  # the write-ahead log tells that it is in use
        with pytest.raises(Unreachable, match="is not writable"):
            SqliteLog.open(log_path, unowned=unowned)
    log.close()
