"""Snapshots of the fold, so that a restart reads what lives and the tail of the log, not all of it.

A snapshot is a cache: one that does not fit the log, or was folded by other code, is ignored. Two
generations are kept and written in turn; each time only what changed since that generation was last
written is encoded, on a thread of its own. The deciding thread only copies references, which frozen
states allow. It is kept only once the log is durable up to it.

No fire time that was reckoned is stored: after an upgrade of the zone data they are reckoned anew.
"""

import hashlib
import sqlite3
import threading
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from scheduler.executor.clock import Clock
from scheduler.executor.derived import ViewsFile
from scheduler.executor.handle import Handle
from scheduler.log.contract import Log
from scheduler.log.faults import RAISED
from scheduler.model.errors import HorologError
from scheduler.model.jobs import JobId, RunId
from scheduler.model.limits import SNAPSHOT_EVENTS, SNAPSHOT_EVERY, SNAPSHOT_PATIENCE
from scheduler.model.streams import SYSTEM, backfill_stream, job_stream, skips_stream
from scheduler.rules.backfill_state import BackfillState
from scheduler.rules.job_state import JobState
from scheduler.rules.run_state import RunState
from scheduler.rules.system import SystemState
from scheduler.rules.timetable import Timetable

GENERATIONS = 2
TABLES = """
CREATE TABLE IF NOT EXISTS snapshot(
  generation INTEGER PRIMARY KEY, position INTEGER NOT NULL, hash BLOB NOT NULL,
  code TEXT NOT NULL, system BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS snapshot_state(
  generation INTEGER NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (generation, key)) STRICT, WITHOUT ROWID;
"""


class StoredJob(msgspec.Struct, array_like=True, gc=False):
    """A job, the versions of its two streams, and how many runs in a row have failed."""

    state: JobState
    version: int
    skips: int
    failures: int


class StoredRun(msgspec.Struct, array_like=True, gc=False):
    """An open or held run, and the version of its stream."""

    state: RunState
    version: int


class StoredBackfill(msgspec.Struct, array_like=True, gc=False):
    """A backfill that is not over, and the version of its stream."""

    state: BackfillState
    version: int


class StoredSystem(msgspec.Struct, array_like=True, gc=False):
    """The whole's state, the version of its stream, and the few backfills there are."""

    state: SystemState
    version: int
    backfills: list[StoredBackfill]


class Picture(NamedTuple):
    """The fold at one position: references to frozen states."""

    position: int
    refolds: int  # how often the fold had been thrown away
    system: SystemState
    jobs: dict[JobId, JobState]
    runs: dict[RunId, RunState]
    backfills: list[BackfillState]
    failures: dict[JobId, int]
    versions: dict[str, int]
    changed_jobs: dict[JobId, None]
    changed_runs: dict[RunId, None]


_encode = msgspec.msgpack.Encoder().encode
_decode_job = msgspec.msgpack.Decoder(StoredJob).decode
_decode_run = msgspec.msgpack.Decoder(StoredRun).decode
_decode_system = msgspec.msgpack.Decoder(StoredSystem).decode


@cache
def code_digest() -> str:
    """Return the digest of the sources that a fold depends on."""
    digest = hashlib.sha256()
    for package in ("scheduler.model", "scheduler.rules"):
        for source in sorted(files(package).iterdir(), key=lambda file: file.name):
            if source.name.endswith(".py"):
                digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


class Snapshots:
    """Writes and reads snapshots in the views file."""

    def __init__(self, views: ViewsFile, log: Log, clock: Clock) -> None:
        self._views = views
        self._log = log
        self._clock = clock
        self._renewals = views.renewals
        self._generation = 0  # the one to be written next
        self._others_jobs: dict[JobId, None] = {}  # what the other generation wrote last: due here
        self._others_runs: dict[RunId, None] = {}
        self._is_whole = [False] * GENERATIONS  # whether a generation only lacks what has changed
        self._position = 0  # of the last one
        self._taken_ns = clock.monotonic_ns()
        self._thread: threading.Thread | None = None

    # -- reading

    def load(self) -> Timetable | None:
        """Return the newest timetable that fits the log and this code; None when there is none.

        One that cannot be read is none: the log has it all.
        """
        try:
            return self._newest()
        except (HorologError, msgspec.MsgspecError, *RAISED):
            return None

    def _newest(self) -> Timetable | None:
        with self._views.transaction() as connection:
            for statement in TABLES.split(";"):
                connection.execute(statement)
            found = connection.execute(
                "SELECT generation, position, hash, system FROM snapshot"
                " WHERE code = ? ORDER BY position DESC",
                (code_digest(),),
            ).fetchall()
            for generation, position, digest, system in found:
                if self._log.hash_at(position) == digest:
                    self._generation = (generation + 1) % GENERATIONS
                    self._position = position
                    return _restored(connection, generation, position, system)
        return None

    # -- writing

    def offer(self, handle: Handle) -> None:
        """Take a snapshot when it is time; called between turns, and quick."""
        if self._thread is not None and self._thread.is_alive():
            return
        tail = handle.timetable.position - self._position
        age_ns = self._clock.monotonic_ns() - self._taken_ns
        if tail >= SNAPSHOT_EVENTS or (tail and age_ns >= SNAPSHOT_EVERY.total_seconds() * 1e9):
            picture = self._take(handle)
            self._thread = threading.Thread(
                target=self._keep, args=(picture, handle), name="horolog-snapshot", daemon=True
            )
            self._thread.start()

    def close(self, handle: Handle) -> None:
        """Take a last snapshot, when all is settled."""
        self.join()
        if handle.timetable.position > self._position:
            self._keep(self._take(handle), handle, patience_s=0.0)  # what is not durable never was

    def join(self) -> None:
        """Wait for the snapshot that is being written, if there is one."""
        if self._thread is not None:
            self._thread.join()

    def _take(self, handle: Handle) -> Picture:
        timetable = handle.timetable
        picture = Picture(
            timetable.position,
            handle.refolds,
            timetable.system,
            timetable.jobs.copy(),
            timetable.runs.copy(),
            list(timetable.backfills.values()),
            timetable.failures.copy(),
            timetable.versions.copy(),
            timetable.changed_jobs,
            timetable.changed_runs,
        )
        timetable.changed_jobs, timetable.changed_runs = {}, {}
        self._taken_ns = self._clock.monotonic_ns()
        self._position = timetable.position
        return picture

    def _keep(
        self,
        picture: Picture,
        handle: Handle,
        *,
        patience_s: float = SNAPSHOT_PATIENCE.total_seconds(),
    ) -> None:
        """Write a picture once the log is durable up to it, unless its fold was thrown away."""
        if not self._log.wait(picture.position - 1, patience_s) or (
            handle.refolds != picture.refolds
        ):
            self._is_whole = [False] * GENERATIONS
            return
        try:
            self._write(picture)
        except (HorologError, *RAISED):  # a full disk, a renewed file: the next one is whole
            self._is_whole = [False] * GENERATIONS

    def _write(self, picture: Picture) -> None:
        generation = self._generation
        if self._renewals != self._views.renewals:
            self._renewals = self._views.renewals
            self._is_whole = [False] * GENERATIONS
        is_whole = self._is_whole[generation]
        jobs = picture.changed_jobs | self._others_jobs if is_whole else picture.jobs
        runs = picture.changed_runs | self._others_runs if is_whole else picture.runs
        rows = [
            *(("job/" + key, _job_body(picture, key)) for key in jobs),
            *(("run/" + key, _run_body(picture, key)) for key in runs),
        ]
        system = _encode(
            StoredSystem(
                picture.system,
                picture.versions.get(SYSTEM, 0),
                [
                    StoredBackfill(state, picture.versions[backfill_stream(state.asked.backfill)])
                    for state in picture.backfills
                ],
            )
        )
        digest = self._log.hash_at(picture.position)
        with self._views.transaction() as connection:
            for statement in TABLES.split(";"):
                connection.execute(statement)
            if not is_whole:
                connection.execute("DELETE FROM snapshot_state WHERE generation = ?", (generation,))
            connection.executemany(
                "INSERT OR REPLACE INTO snapshot_state VALUES (?, ?, ?)",
                ((generation, key, body) for key, body in rows if body is not None),
            )
            connection.executemany(
                "DELETE FROM snapshot_state WHERE generation = ? AND key = ?",
                ((generation, key) for key, body in rows if body is None),
            )
            connection.execute(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?)",
                (generation, picture.position, digest, code_digest(), system),
            )
        self._is_whole[generation] = True
        self._others_jobs, self._others_runs = picture.changed_jobs, picture.changed_runs
        self._generation = (generation + 1) % GENERATIONS


def _job_body(picture: Picture, key: JobId) -> bytes | None:
    state = picture.jobs.get(key)
    if state is None:
        return None
    versions = picture.versions
    return _encode(
        StoredJob(
            state,
            versions.get(job_stream(key), 0),
            versions.get(skips_stream(key), 0),
            picture.failures.get(key, 0),
        )
    )


def _run_body(picture: Picture, key: RunId) -> bytes | None:
    state = picture.runs.get(key)
    return None if state is None else _encode(StoredRun(state, picture.versions[state.stream]))


def _restored(
    connection: sqlite3.Connection, generation: int, position: int, system: bytes
) -> Timetable:
    jobs: list[StoredJob] = []
    runs: list[StoredRun] = []
    rows = connection.execute(
        "SELECT key, body FROM snapshot_state WHERE generation = ?", (generation,)
    )
    for key, body in rows:
        if key.startswith("job/"):
            jobs.append(_decode_job(body))
        else:
            runs.append(_decode_run(body))
    whole = _decode_system(system)
    timetable = Timetable()
    timetable.restore(
        position,
        (whole.state, whole.version),
        [(job.state, job.version, job.skips, job.failures) for job in jobs],
        [(run.state, run.version) for run in runs],
        [(backfill.state, backfill.version) for backfill in whole.backfills],
    )
    return timetable
