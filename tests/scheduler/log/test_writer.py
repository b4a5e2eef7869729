"""Group commit, the bounded queue before it and the upkeep of the write-ahead log."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from threading import Condition, Event

import pytest

from scheduler.log import writer
from scheduler.log.contract import Appended
from scheduler.log.sqlite import SqliteLog
from scheduler.model.content import digest_of
from scheduler.model.errors import Unreachable, VersionConflict
from scheduler.model.limits import BYTES_PER_COMMIT_MAX, CHECKPOINT_BYTES, EVENTS_PER_COMMIT_MAX
from tests.scheduler.log.seams import PATIENCE_S, Gate, Seam, watched
from tests.scheduler.log.writing import StillClock, logged, new_log, one, request, write


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


# -- group commit


def test_requests_that_wait_are_written_in_one_transaction(log: SqliteLog, seam: Seam) -> None:
    with Gate(seam, log):
        futures = [log.submit(one(f"fire/{number}")) for number in range(50)]
    assert list(range(3, 53)) == [future.result().first for future in futures]
    assert 2 == seam.count("COMMIT")


def test_requests_that_are_gathered_are_written_in_one_transaction(
    log: SqliteLog, seam: Seam
) -> None:
    log.append(one("job/before"))
    seam.seen.clear()
    with log.gathering():
        futures = [log.submit(one(f"fire/{number}")) for number in range(50)]
        assert not any(future.done() for future in futures)
    assert list(range(3, 53)) == [future.result(PATIENCE_S).first for future in futures]
    assert 1 == seam.count("COMMIT")


def test_a_writer_that_was_busy_waits_for_the_end_of_a_gathering(
    log: SqliteLog, seam: Seam
) -> None:
    gate = Gate(seam, log)
    with ExitStack() as held:
        held.enter_context(gate)
        held.enter_context(log.gathering())
        futures = [log.submit(one(f"fire/{number}")) for number in range(25)]
        gate.release()
        assert 2 == gate.first.result(PATIENCE_S).last
        assert [] == log.read(after=2)
        futures += [log.submit(one(f"fire/{number}")) for number in range(25, 50)]
    assert list(range(3, 53)) == [future.result(PATIENCE_S).first for future in futures]
    assert 2 == seam.count("COMMIT")


def test_a_writer_with_nothing_else_to_do_sleeps_until_the_end_of_a_gathering(
    log_path: Path, seam: Seam, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeping = Event()

    class Watched(Condition):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is None:
                sleeping.set()
            return super().wait(timeout)

    monkeypatch.setattr(writer, "Condition", Watched)
    monkeypatch.setattr(writer, "CHECKPOINT_IDLE", timedelta(0))  # there is always something due
    with ExitStack() as held:
        log = new_log(log_path, connecting=watched(seam))
        held.callback(log.close)
        gate = Gate(seam, log)
        held.enter_context(gate)
        with log.gathering():
            gathered = log.submit(one("fire/a"))
            gate.release()
            assert sleeping.wait(PATIENCE_S)
            assert not gathered.done()
        assert Appended(3, 3) == gathered.result(PATIENCE_S)


def test_a_request_is_written_by_as_few_statements_as_it_takes(log: SqliteLog, seam: Seam) -> None:
    streams = [f"fire/{number:03}" for number in range(171)]
    log.append(request(*(write(stream, 0) for stream in streams)))
    assert streams == [recorded.stream for recorded in log.read(after=1)]
    assert 1 + 1 + 1 + 3 == seam.count("INSERT INTO log")  # 128, 32, 8 and three of 1


def test_a_failed_condition_in_a_batch_fails_its_own_request_only(
    log: SqliteLog, seam: Seam
) -> None:
    log.append(one("job/taken"))
    with Gate(seam, log):
        names = ("fire/a", "job/taken", "fire/b", "fire/a", "fire/c")
        futures = [log.submit(one(name)) for name in names]
    assert [4, 5, 6] == [futures[place].result().first for place in (0, 2, 4)]
    for place in (1, 3):
        assert isinstance(futures[place].exception(), VersionConflict)


def test_an_occurrence_that_was_not_written_lately_fails_its_own_request_only(
    log_path: Path,
) -> None:
    """Its version is not looked up before; the unique index refuses it, and the batch is redone."""
    first = new_log(log_path)
    first.append(request(write("fire/old", 0, 2)))
    first.close()
    seam = Seam()
    with ExitStack() as stack:
        log = SqliteLog.open(log_path, clock_ns=StillClock(), connect=watched(seam))
        stack.callback(log.close)
        with Gate(seam, log):
            futures = [log.submit(one(name)) for name in ("fire/a", "fire/old", "fire/b")]
        assert [5, 6] == [futures[place].result().first for place in (0, 2)]
        with pytest.raises(VersionConflict, match="is at version 2, not 0"):
            futures[1].result()
        assert 3 == seam.count("BEGIN")  # the gate's, the refused one, and the one that stands
        assert log.verify().fault is None


def test_a_commit_holds_at_most_so_many_events(log: SqliteLog, seam: Seam) -> None:
    size = EVENTS_PER_COMMIT_MAX * 6 // 10
    with Gate(seam, log):
        futures = [log.submit(request(write(f"fire/{part}", 0, size))) for part in range(3)]
    assert [2 + size * part + 1 for part in range(3)] == [each.result().first for each in futures]
    assert 4 == seam.count("COMMIT")


def test_a_commit_holds_at_most_so_many_bytes_of_several_requests(
    log: SqliteLog, seam: Seam
) -> None:
    with Gate(seam, log):
        size = BYTES_PER_COMMIT_MAX * 6 // 10
        contents = [bytes([part]) * size for part in range(3)]
        futures = [log.submit(logged(f"fire/{part}", each)) for part, each in enumerate(contents)]
    assert [3, 4, 5] == [future.result().first for future in futures]
    assert 4 == seam.count("COMMIT")
    assert contents == [log.content(digest_of(each)) for each in contents]


def test_answers_are_given_after_the_commit_in_the_order_of_the_requests(
    log: SqliteLog, seam: Seam
) -> None:
    answered: list[tuple[str, int]] = []
    with Gate(seam, log):
        names = ("fire/a", "job/a", "fire/a", "fire/b")
        futures = [(name, log.submit(one(name))) for name in names]
        for name, future in futures:
            future.add_done_callback(
                lambda _, name=name: answered.append((name, seam.count("COMMIT")))  # type: ignore[misc]  # bound early
            )
        assert [] == answered
    futures[-1][1].result()
    log.close()
    assert [(name, 2) for name in names] == answered


def test_a_request_cancelled_while_it_waits_leaves_nothing_behind(
    log: SqliteLog, seam: Seam
) -> None:
    with Gate(seam, log):
        unwanted, wanted = log.submit(one("fire/a")), log.submit(one("fire/b"))
        assert unwanted.cancel()
    assert Appended(3, 3) == wanted.result()
    with pytest.raises(CancelledError):
        unwanted.result()
    assert 0 == log.version("fire/a")


def test_the_queue_is_bounded(log: SqliteLog, seam: Seam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "REQUESTS_WAITING_MAX", 3)
    waiting: list[int] = []
    seam.at["BEGIN"] = lambda: waiting.append(log.health().waiting)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.append(one(f"fire/{number}")), range(100)))
    assert 3 >= max(waiting)
    assert 101 == log.head().position


def test_those_who_wait_for_room_are_refused_when_the_log_closes(
    log: SqliteLog, seam: Seam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BYTES_WAITING_MAX", 1)
    with ThreadPoolExecutor(1) as pool:
        with Gate(seam, log):
            queued = log.submit(one("fire/a"))
            closing = pool.submit(log.close)
            with pytest.raises(Unreachable, match="closed"):
                log.append(one("fire/b"))
        closing.result()
    assert Appended(3, 3) == queued.result()


# -- the write-ahead log


def test_frames_are_copied_when_enough_were_written(log: SqliteLog, seam: Seam) -> None:
    log.append(one("fire/small"))
    assert 0 == seam.count("PRAGMA wal_checkpoint(PASSIVE)")
    log.append(logged("fire/large", b"x" * CHECKPOINT_BYTES))
    log.append(one("fire/behind"))
    assert 1 == seam.count("PRAGMA wal_checkpoint(PASSIVE)")
    assert log.health().wal_behind_since_ns is None


def test_a_checkpoint_that_a_reader_holds_up_is_told(
    log: SqliteLog, seam: Seam, log_path: Path
) -> None:
    reading = sqlite3.connect(log_path, isolation_level=None)
    reading.execute("BEGIN")
    reading.execute("SELECT count(*) FROM log").fetchall()
    for part in range(2):
        log.append(logged(f"fire/{part}", bytes([part]) * CHECKPOINT_BYTES))
    log.append(one("fire/behind"))
    assert StillClock().ns == log.health().wal_behind_since_ns
    reading.close()
    log.append(logged("fire/more", b"x" * CHECKPOINT_BYTES))
    log.append(one("fire/last"))
    assert log.health().wal_behind_since_ns is None


def log_to_be_emptied(path: Path) -> tuple[SqliteLog, Event]:
    """Return a new log, and what is set when its write-ahead log has been emptied."""
    emptied = Event()

    def seen(statement: str) -> None:
        if statement.startswith("PRAGMA busy_timeout = 5000"):  # the end of a truncation
            emptied.set()

    return new_log(path, connecting=watched(seen)), emptied


def test_the_write_ahead_log_is_emptied_when_nothing_comes(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_IDLE", timedelta(milliseconds=1))
    log, emptied = log_to_be_emptied(log_path)
    log.append(one("fire/a"))
    assert emptied.wait(PATIENCE_S)
    log.close()


def test_gatherings_of_nothing_do_not_put_off_what_is_done_when_nothing_comes(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_IDLE", timedelta(milliseconds=200))
    log, emptied = log_to_be_emptied(log_path)
    log.append(one("fire/a"))
    for _ in range(5_000):  # a moment apart: much longer than it takes to be idle
        with log.gathering():
            pass
        if emptied.wait(0.001):
            break
    assert emptied.is_set()
    log.close()


def test_closing_writes_what_is_queued_and_leaves_one_file(
    log: SqliteLog, seam: Seam, log_path: Path
) -> None:
    log.read()  # readers are open, too
    with Gate(seam, log):
        futures = [log.submit(one(f"fire/{number}")) for number in range(20)]
    log.close()
    assert list(range(3, 23)) == [future.result().first for future in futures]
    assert [log_path] == list(log_path.parent.iterdir())


def test_closing_twice_does_nothing_more(log: SqliteLog) -> None:
    log.close()
    log.close()
