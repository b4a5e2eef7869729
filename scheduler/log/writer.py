"""The one thread that writes a log on disk, and the bounded queue before it.

The thread takes all that wait, up to the bounds of one commit, and has them committed together;
while that is synced, the next batch gathers: there is no timer. Answers are given after the commit,
in the order of the requests. What fails in a commit is `commit`'s; here a failure is only handed to
everyone who waited for that batch.

Checkpoints run on this thread, after the answers: when enough was written, and when nothing has
come for a while. So does the removal of content whose time is over, one small step at a time.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Lock, Thread
from typing import NamedTuple

from scheduler.log import faults
from scheduler.log.codec import Codec
from scheduler.log.commit import Append, Committer, Probe, Purge, Waiting, again
from scheduler.log.contract import Head, Nanoseconds, Retention
from scheduler.log.retention import Upkeep
from scheduler.log.wal import Wal
from scheduler.model.errors import HorologError, StorageFailed, Unreachable
from scheduler.model.limits import (
    BYTES_PER_COMMIT_MAX,
    BYTES_WAITING_MAX,
    CHECKPOINT_IDLE,
    EVENTS_PER_COMMIT_MAX,
    REQUESTS_WAITING_MAX,
)


class Health(NamedTuple):
    """How the writer does, for readiness and alarms."""

    failure: str | None  # why the last batch could not be written; None when it could
    ended: bool  # nothing is written until a restart
    waiting: int  # requests in the queue
    wal_behind_since_ns: int | None  # since when checkpoints move less than there is


class Writer:
    """Writes a log through one connection, its own from here on; `stop`, then `close`."""

    def __init__(
        self,
        db: sqlite3.Connection,
        real: Path,
        *,
        clock_ns: Nanoseconds,
        codec: Codec,
        retention: Retention,
        grown: Callable[[], None],
    ) -> None:
        """Begin at the head in the file; after each commit, `grown` is called on the thread."""
        self._db = db
        self._real = real
        self._clock_ns = clock_ns
        self._upkeep = Upkeep[int](retention, clock_ns())
        self._committer = Committer(db, real, clock_ns=clock_ns, codec=codec, upkeep=self._upkeep)
        self._asked: list[Purge] = []  # who waits for the end of a purge
        self._purged = 0  # contents, since somebody asked
        self._wal = Wal(db, clock_ns)
        self._grown = grown
        self._failure: HorologError | None = None
        self._queue: deque[Waiting] = deque()
        self._queued_bytes = 0
        self._closing = False
        self._is_gathering = False
        lock = Lock()
        self._filled = Condition(lock)
        self._room = Condition(lock)
        self._thread = Thread(target=self._run, name="horolog-log-writer", daemon=True)
        self._thread.start()

    @property
    def head(self) -> Head:
        """The last position committed by this writer, and its hash."""
        return self._committer.head

    @property
    def ended(self) -> HorologError | None:
        """Why nothing is written until a restart."""
        return self._committer.ended

    def health(self) -> Health:
        """Return how the writer does."""
        return Health(
            failure=None if self._failure is None else str(self._failure),
            ended=self._committer.ended is not None,
            waiting=len(self._queue),
            wal_behind_since_ns=self._wal.behind_since_ns,
        )

    def put(self, request: Waiting) -> None:
        """Queue a request; blocks while the queue is full.

        Raises: Unreachable, when the log is closed.
        """
        with self._filled:
            while not self._closing and self._is_full():
                self._room.wait()
            if self._closing:
                raise Unreachable("this log is closed")
            self._queue.append(request)
            self._queued_bytes += _size(request)
            if not self._is_gathering or self._is_full():
                self._filled.notify()

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Do not wake the thread for what is put within, but for all of it at the end.

        For one thread at a time; what another puts meanwhile waits with it.
        """
        self._is_gathering = True
        try:
            yield
        finally:
            with self._filled:
                self._is_gathering = False
                if self._queue:
                    self._filled.notify()

    def stop(self) -> None:
        """Write what is queued and empty the write-ahead log; further requests are refused."""
        with self._filled:
            self._closing = True
            self._filled.notify_all()
            self._room.notify_all()
        self._thread.join()

    def close(self) -> None:
        """Close the connection of a writer that was stopped."""
        self._db.close()

    def _is_full(self) -> bool:
        return len(self._queue) >= REQUESTS_WAITING_MAX or self._queued_bytes >= BYTES_WAITING_MAX

    def _is_gathered(self) -> bool:
        return bool(self._queue) and (not self._is_gathering or self._is_full())

    def _is_called(self) -> bool:
        return self._closing or bool(self._asked) or self._is_gathered()

    # -- on the writer's thread

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            if batch:
                self._write(batch)
            self._tend(idle=not batch)
        self._tend(idle=True)

    def _take(self) -> list[Waiting] | None:
        """Return what waits, [] when nothing came for a while, None at the end when closing."""
        idle_s = self._upkeep.wait_s(self._clock_ns())
        if self._wal.has_frames:
            idle_s = min(idle_s, CHECKPOINT_IDLE.total_seconds())
        with self._filled:
            self._filled.wait_for(self._is_called, idle_s)
            if not self._queue:
                return None if self._closing and not self._asked else []
            self._filled.wait_for(self._is_gathered)
            batch = [self._queue.popleft()]
            events, size = _events(batch[0]), _size(batch[0])
            while self._queue:
                events += _events(self._queue[0])
                size += _size(self._queue[0])
                if events > EVENTS_PER_COMMIT_MAX or size > BYTES_PER_COMMIT_MAX:
                    break
                batch.append(self._queue.popleft())
            self._queued_bytes -= sum(map(_size, batch))
            self._room.notify_all()
            return batch

    def _write(self, batch: list[Waiting]) -> None:
        running = [request for request in batch if request.future.set_running_or_notify_cancel()]
        self._asked += [request for request in running if isinstance(request, Purge)]
        probes = [request for request in running if isinstance(request, Probe)]
        wanted = [request for request in running if isinstance(request, Append)]
        if probes:
            self._probe(probes)
        if not wanted:
            return
        try:
            settles, events, size = self._committer.commit(wanted)
        except Exception as fault:  # noqa: BLE001  # whatever it is, nobody may wait for ever
            self._fail(wanted, fault)
            return
        self._failure = None
        self._wal.wrote(events, size)
        for settle in settles:
            settle()
        self._grown()

    def _probe(self, probes: Sequence[Probe]) -> None:
        try:
            self._committer.probe()
        except Exception as fault:  # noqa: BLE001  # as in `_write`
            self._fail(probes, fault)
            return
        self._failure = None
        self._wal.wrote(0, 0)
        for probe in probes:
            probe.future.set_result(None)

    def _fail(self, requests: Sequence[Waiting], fault: Exception) -> None:
        if not isinstance(fault, HorologError):  # a defect of ours: the file's state is unknown
            fault = StorageFailed(f"the log's writer failed: {fault!r}", in_doubt=True)
        self._failure = fault
        if isinstance(fault, StorageFailed) and fault.in_doubt:
            # These requests are in doubt; what comes after them is only refused.
            self._committer.ended = StorageFailed(str(fault), in_doubt=False)
        for request in requests:
            key = request.prepared.key if isinstance(request, Append) else None
            request.future.set_exception(again(fault, key))

    def _tend(self, *, idle: bool) -> None:
        self._purge()
        if self._committer.ended is not None:
            return
        try:
            if not idle or self._asked:
                self._wal.checkpoint()
            elif self._wal.has_frames:
                self._wal.empty()
        except faults.RAISED as error:
            if faults.is_passing(error):
                self._wal.fell_behind()
            else:
                self._failure = StorageFailed(faults.sentence(error, self._real), in_doubt=False)
                self._committer.ended = self._failure

    def _purge(self) -> None:
        """Take a step of removing content whose time is over, when it is due or someone waits."""
        now_ns = self._clock_ns()
        if not (self._asked or self._upkeep.is_due(now_ns)):
            return
        if self._committer.ended is not None and not self._asked:
            self._upkeep.put_off(now_ns)
            return
        try:
            step = self._committer.purge(now_ns)
        except Exception as fault:  # noqa: BLE001  # as in `_write`
            self._upkeep.put_off(now_ns)
            asked, self._asked = self._asked, []
            self._fail(asked, fault)
            return
        if step.keys:
            self._wal.wrote(0, step.size)  # what is freed is overwritten
            self._purged += len(step.keys)
            return
        asked, self._asked = self._asked, []
        purged, self._purged = self._purged, 0
        for request in asked:
            request.future.set_result(purged)


def _events(request: Waiting) -> int:
    return len(request.prepared.events) if isinstance(request, Append) else 1


def _size(request: Waiting) -> int:
    return request.prepared.size if isinstance(request, Append) else 0
