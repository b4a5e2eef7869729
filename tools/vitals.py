"""How a running server does: alive, ready, and the figures of its process.

Alive is what moves; ready is what can decide. Why it cannot, and since when, is told by the
executor's own notes where there are any, else since it was first seen here: that is how long a
clock has been behind the log, or a stop has been under way.
"""

import platform
import sqlite3
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from projections.metrics import Figures
from projections.projector import Projector
from scheduler.executor.clock import Clock
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Status
from scheduler.log.sqlite import SqliteLog
from scheduler.model.limits import HEARTBEAT_MAX
from scheduler.model.missing_zones import told_apart
from tools.installation import versions


class Readiness(Struct, frozen=True):
    """Whether anything can be decided."""

    is_ready: bool
    why: str | None  # not
    since: datetime | None  # when it could for the last time
    heartbeat_at: datetime
    owed: int  # jobs with a fire time that is due and undecided
    notes: tuple[str, ...] = ()  # what a person should see to, though others can be decided


class Health(Struct, frozen=True):
    """Whether the deciding loop moves."""

    is_healthy: bool
    silent_for_s: float


class Vitals:
    """What probes and scrapes ask of a server; safe to ask from any thread."""

    def __init__(
        self, executor: Executor, projector: Projector, log: SqliteLog, clock: Clock
    ) -> None:
        self._executor = executor
        self._projector = projector
        self._log = log
        self._clock = clock
        self._unready_at: datetime | None = None  # first seen so

    def health(self) -> Health:
        """Return whether the loop moves; told at once, whatever else is the matter."""
        silence = self._executor.silence
        return Health(silence <= HEARTBEAT_MAX, round(silence.total_seconds(), 3))

    def readiness(self) -> Readiness:
        """Return whether anything can be decided, and why not."""
        return self._readiness(self._executor.status())

    def _readiness(self, status: Status) -> Readiness:
        why = why_not(status)
        notes = tuple(told_apart(status.held_apart))
        if why is None:
            self._unready_at = None
            return Readiness(True, None, None, status.heartbeat_at, status.owed, notes)
        seen_at = self._unready_at = self._unready_at or self._clock.now()
        since = min(seen_at, status.decided_at)
        return Readiness(False, why, since, status.heartbeat_at, status.owed, notes)

    def figures(self) -> Figures:
        """Return how the process stands now."""
        status = self._executor.status()
        handle = self._executor.handle
        found = versions()
        head = self._log.head().position
        return Figures(
            versions={
                "version": found["horolog"],
                "python": platform.python_version(),
                "sqlite": sqlite3.sqlite_version,
                "croniter": found["croniter"],
                "tzdata": found["tzdata"],
            },
            started_at=status.since,
            is_ready=self._readiness(status).is_ready,
            heartbeat_age=status.silence,
            clock_offset=status.ahead,
            fires_owed=status.owed,
            jobs_held_apart=len(status.held_apart),
            is_resting=status.is_resting,
            is_faulty=status.fault is not None,
            slots=status.slots,
            slots_taken=len(handle.timetable.occupied),
            log_position=head,
            log_size_bytes=size_bytes(self._log.path),
            append_buckets=handle.appends.buckets,
            append_sum_s=handle.appends.sum_s,
            projection_lag_events=max(head - self._projector.position, 0),
            are_views_kept_up=self._projector.failure is None,
        )


def why_not(status: Status) -> str | None:
    """Return why nothing can be decided, None when it can."""
    if status.fault is not None:
        return status.fault
    if status.is_stopping:
        return "the server is stopping"
    if status.ahead:
        return f"the clock is behind the log by {status.ahead}"
    if status.is_resting:
        return "the clock jumped; deciding rests until it has stood for a while"
    if status.silence > HEARTBEAT_MAX:
        return f"the executor has not moved for {whole_seconds(status.silence)}"
    return None


def whole_seconds(length: timedelta) -> timedelta:
    """Return a length without its fraction of a second."""
    return timedelta(seconds=length // timedelta(seconds=1))


def size_bytes(path: Path) -> int:
    """Return the size of a log: its file, and the write-ahead log beside it."""
    size = 0
    for file in (path, Path(f"{path}-wal")):
        with suppress(FileNotFoundError):  # an emptied one may be gone
            size += file.stat().st_size
    return size
