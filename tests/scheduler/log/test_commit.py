"""What a failing disk and a second writer do to a commit; the faults come from a connection."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.log import schema
from scheduler.log.commit import Versions
from scheduler.log.contract import Appended
from scheduler.log.schema import connect
from scheduler.log.sqlite import SqliteLog
from scheduler.model.content import digest_of
from scheduler.model.errors import StaleEpoch, StorageFailed
from scheduler.model.limits import STREAMS_KEPT_MAX
from tests.scheduler.log.seams import Gate, Seam, watched
from tests.scheduler.log.writing import StillClock, erasing, logged, new_log, one, plainly


@pytest.fixture
def seam() -> Seam:
    return Seam()


@pytest.fixture
def log(log_path: Path, seam: Seam) -> Iterator[SqliteLog]:
    log = new_log(log_path, connecting=watched(seam))
    seam.seen.clear()
    yield log
    seam.mend()
    log.close()


# -- streams written lately


def test_of_streams_written_lately_so_many_are_remembered_twice_over() -> None:
    versions = Versions()
    for first in range(0, 3 * STREAMS_KEPT_MAX, 1_024):
        versions.update({f"fire/{number}": number for number in range(first, first + 1_024)})
    known = [versions.get(f"fire/{number}") for number in range(3 * STREAMS_KEPT_MAX)]
    forgotten = known.count(None)
    assert STREAMS_KEPT_MAX == forgotten
    assert list(range(forgotten, 3 * STREAMS_KEPT_MAX)) == known[forgotten:]


# -- a failing disk


def failure_of(future: Future[Appended]) -> StorageFailed:
    failure = future.exception()
    assert isinstance(failure, StorageFailed)
    return failure


def test_a_full_disk_acknowledges_nothing_and_recovers(log_path: Path) -> None:
    """A real SQLITE_FULL: the file may not grow."""
    opened: list[sqlite3.Connection] = []

    def connecting(uri: str) -> sqlite3.Connection:
        opened.append(connect(uri))
        return opened[-1]

    log = new_log(log_path, connecting=connecting)
    log.append(one("fire/a"))
    head = log.head()
    writing = next(db for db in reversed(opened) if can_write(db))
    pages = writing.execute("PRAGMA page_count").fetchone()[0]
    writing.execute(f"PRAGMA max_page_count = {pages}")
    large = logged("fire/b", b"x" * 100_000)
    for _ in range(2):
        failure = failure_of(log.submit(large))
        assert not failure.in_doubt
        assert str(failure).startswith("Disk full: ")
        with closing(SqliteLog.open(log_path)) as reader:
            assert (head, head) == (log.head(), reader.head())
        assert 2 == len(log.read())
        assert (str(failure), False) == log.health()[:2]
    writing.execute("PRAGMA max_page_count = 1000000")
    assert Appended(3, 3) == log.append(large)
    assert log.health().failure is None
    assert log.verify().fault is None
    log.close()


def can_write(db: sqlite3.Connection) -> bool:
    try:
        return bool(db.execute("PRAGMA query_only").fetchone() == (0,))
    except sqlite3.ProgrammingError:  # closed
        return False


@pytest.mark.parametrize("place", ["BEGIN", "INSERT INTO log", "COMMIT"])
def test_a_disk_that_is_full_anywhere_in_a_commit_leaves_no_doubt(
    log: SqliteLog, seam: Seam, place: str
) -> None:
    seam.fail(place, sqlite3.SQLITE_FULL)
    failure = failure_of(log.submit(one("fire/a", key="k1")))
    assert (False, "k1") == (failure.in_doubt, failure.key)
    seam.mend()
    assert Appended(2, 2) == log.append(one("fire/a", key="k1"))


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM])
def test_what_passes_is_tried_again(log: SqliteLog, seam: Seam, code: int) -> None:
    seam.fail("BEGIN", code)
    assert not failure_of(log.submit(one("fire/a"))).in_doubt
    assert not log.health().ended
    seam.mend()
    assert Appended(2, 2) == log.append(one("fire/a"))


def test_a_lock_of_another_program_is_waited_for_a_while(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_WAIT", timedelta(milliseconds=10))
    log = new_log(log_path)
    with closing(sqlite3.connect(log_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not failure_of(log.submit(one("fire/a"))).in_doubt
    assert Appended(2, 2) == log.append(one("fire/a"))
    log.close()


def test_a_batch_that_fails_fails_all_its_requests(log: SqliteLog, seam: Seam) -> None:
    with Gate(seam, log):
        futures = [log.submit(one(name)) for name in ("fire/a", "fire/b", "fire/a")]
        seam.fail("INSERT INTO log", sqlite3.SQLITE_FULL)
    assert [False] * 3 == [failure_of(future).in_doubt for future in futures]


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_BUSY]
)
def test_after_a_failed_commit_nothing_is_written_until_a_restart(
    log: SqliteLog, seam: Seam, code: int
) -> None:
    seam.fail("COMMIT", code)
    failure = failure_of(log.submit(one("fire/a", key="k1")))
    assert (True, "k1") == (failure.in_doubt, failure.key)
    assert str(failure).endswith(
        "Whether this was stored is not known; ask again with the same request key, 'k1'"
    )
    seam.mend()
    later = failure_of(log.submit(one("fire/b", key="k2")))
    assert (False, "k2") == (later.in_doubt, later.key)
    assert "not known" not in str(later)
    assert log.health().ended
    assert 1 == seam.count("BEGIN")
    log.close()
    again = SqliteLog.open(log.path, clock_ns=StillClock())
    assert 1 <= again.append(one("fire/c")).first
    again.close()


@pytest.mark.parametrize("place", ["BEGIN", "INSERT INTO log", "SELECT position, hash"])
def test_after_an_io_error_nothing_is_written_until_a_restart(
    log: SqliteLog, seam: Seam, place: str
) -> None:
    seam.fail(place, sqlite3.SQLITE_IOERR)
    assert "until a restart" in str(failure_of(log.submit(one("fire/a"))))
    seam.mend()
    assert not failure_of(log.submit(one("fire/b"))).in_doubt
    assert 1 == log.head().position


def test_reading_goes_on_when_writing_has_ended(log: SqliteLog, seam: Seam) -> None:
    log.append(one("fire/a"))
    seam.fail("COMMIT", sqlite3.SQLITE_IOERR)
    failure_of(log.submit(one("fire/b")))
    seam.mend()
    assert [1, 2] == [recorded.position for recorded in log.read()]
    assert log.verify().fault is None


def test_a_probe_writes_and_stores_nothing(log: SqliteLog) -> None:
    def size() -> int:
        return Path(f"{log.path}-wal").stat().st_size

    head, before = log.head(), size()
    log.probe().result()
    assert (head, True) == (log.head(), before < size())
    assert log.verify().fault is None


@pytest.mark.parametrize("fault", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY])
def test_a_probe_tells_whether_anything_can_be_written(
    log: SqliteLog, seam: Seam, fault: int
) -> None:
    seam.fail("BEGIN", fault)
    assert not failure_of(log.submit(one("fire/a"))).in_doubt
    assert isinstance(log.probe().exception(), StorageFailed)
    assert (True, None) == (log.health().failure is not None, log.ended)
    seam.mend()
    assert log.probe().exception() is None
    assert log.health().failure is None
    assert Appended(2, 2) == log.append(one("fire/a"))


def test_a_probe_whose_sync_fails_ends_all_writing(log: SqliteLog, seam: Seam) -> None:
    seam.fail("COMMIT", sqlite3.SQLITE_IOERR_FSYNC)
    assert isinstance(log.probe().exception(), StorageFailed)
    assert log.ended is not None
    seam.mend()
    failure_of(log.submit(one("fire/a")))


def test_memory_that_is_short_passes(log: SqliteLog, seam: Seam) -> None:
    def act() -> None:
        raise MemoryError

    seam.at["INSERT INTO log"] = act
    failure = failure_of(log.submit(one("fire/a")))
    assert "not enough memory to write" in str(failure)
    assert not failure.in_doubt
    seam.mend()
    assert Appended(2, 2) == log.append(one("fire/a"))


def test_an_erasure_fails_with_its_batch(log: SqliteLog, seam: Seam) -> None:
    log.append(logged("fire/a", b"secret"))
    seam.fail("COMMIT", sqlite3.SQLITE_FULL)
    failure_of(log.submit(erasing(b"secret")))
    seam.mend()
    assert b"secret" == log.content(digest_of(b"secret"))
    log.append(erasing(b"secret"))
    assert log.content(digest_of(b"secret")) is None


def test_a_purge_that_fails_is_told_and_tried_again(log: SqliteLog, seam: Seam) -> None:
    log.append(logged("fire/a", b"secret"))
    log.append(erasing(b"secret"))
    seam.fail("COMMIT", sqlite3.SQLITE_FULL)
    with pytest.raises(StorageFailed, match="Disk full"):
        log.purge()
    seam.mend()
    assert 1 == log.purge()
    assert Appended(4, 4) == log.append(one("fire/b"))


def test_a_purge_whose_sync_fails_ends_all_writing(log: SqliteLog, seam: Seam) -> None:
    log.append(logged("fire/a", b"secret"))
    log.append(erasing(b"secret"))
    seam.fail("COMMIT", sqlite3.SQLITE_IOERR)
    with pytest.raises(StorageFailed):
        log.purge()
    seam.mend()
    with pytest.raises(StorageFailed, match="until a restart"):
        log.purge()
    failure_of(log.submit(one("fire/b")))


def test_a_purge_finds_another_writer(log: SqliteLog) -> None:
    log.append(logged("fire/a", b"secret"))
    log.append(erasing(b"secret"))
    other = SqliteLog.open(log.path, clock_ns=StillClock())
    other.append(one("fire/b"))
    other.close()
    with pytest.raises(StaleEpoch):
        log.purge()


def test_a_defect_of_the_writer_leaves_nobody_waiting(log: SqliteLog, seam: Seam) -> None:
    def defect() -> None:
        raise ZeroDivisionError

    seam.at["INSERT INTO log"] = defect
    assert failure_of(log.submit(one("fire/a"))).in_doubt
    seam.mend()
    assert not failure_of(log.submit(one("fire/b"))).in_doubt
    assert log.health().ended


# -- another writer


def test_of_two_writers_on_one_file_the_stale_one_stops_for_ever(
    log: SqliteLog, log_path: Path
) -> None:
    other = SqliteLog.open(log_path, clock_ns=StillClock())
    other.append(one("fire/a"))
    for name in ("fire/b", "fire/c"):
        with pytest.raises(StaleEpoch, match="Another writer was at this log: its head is 2"):
            log.append(one(name))
    assert log.health().ended
    assert Appended(3, 3) == other.append(one("fire/d"))
    assert other.verify().fault is None
    other.close()


def test_a_foreign_row_stops_the_writer(log: SqliteLog, log_path: Path) -> None:
    plainly(
        log_path,
        "INSERT INTO log SELECT 2, 'fire/x', 1, type, revision, recorded_at, body, meta, NULL, hash"
        " FROM log",
    )
    with pytest.raises(StaleEpoch):
        log.append(one("fire/a"))


def test_a_file_that_was_replaced_is_not_written(log: SqliteLog, log_path: Path) -> None:
    log.append(one("fire/a"))
    log_path.rename(log_path.with_suffix(".old"))
    new_log(log_path.with_name("other.db")).close()
    log_path.with_name("other.db").rename(log_path)
    for name in ("fire/b", "fire/c"):
        failure = failure_of(log.submit(one(name)))
        assert "was moved, replaced or removed" in str(failure)
        assert not failure.in_doubt
