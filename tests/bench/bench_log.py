"""Figures of the log as ratios to raw `sqlite3` in the same run: medians of interleaved rounds.

Run it from the checkout: `python -m tests.bench.bench_log [FOLDER]`; the folder should lie on the
disk that will hold the log. Nothing is asserted: what to reach stands beside each figure.
"""

import asyncio
import sqlite3
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter

from scheduler.log.contract import Appended, Meta, Request, Write
from scheduler.log.sqlite import SqliteLog
from scheduler.model.events import AttemptStarted, LogCreated, RunPlanned, RunSucceeded
from scheduler.model.jobs import JobId, RunId, run_id
from scheduler.model.streams import fire_stream

ROUNDS = 15
JOB = JobId("0193c1f2-2222-7222-8222-222222222222")
BEGIN_AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
META = Meta(actor="scheduler", epoch=7)
PLAIN = "INSERT INTO plain VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def lives(first: int) -> Iterator[tuple[str, RunId, datetime]]:
    """Yield the occurrences from the `first` second on."""
    for second in count(first):
        fire_time = BEGIN_AT + timedelta(seconds=second)
        yield fire_stream(fire_time, JOB), run_id(JOB, fire_time), fire_time


def planned(first: int, number: int) -> list[Write]:
    """Return what a tick appends for `number` jobs: two events over as many streams."""
    return [
        Write(
            stream,
            0,
            [
                RunPlanned(
                    run=run,
                    job=JOB,
                    cause="schedule",
                    revision=1,
                    due_time=at,
                    fire_time=at,
                    window_start=at - timedelta(seconds=1),
                ),
                AttemptStarted(run=run, attempt=1, epoch=7),
            ],
        )
        for (stream, run, at), _ in zip(lives(first), range(number), strict=False)
    ]


def ended(first: int, number: int) -> list[Write]:
    """Return the outcomes of `number` runs that `planned` has begun."""
    return [
        Write(stream, 2, [RunSucceeded(run=run, attempt=1, duration_us=1_500)])
        for (stream, run, _), _ in zip(lives(first), range(number), strict=False)
    ]


def timed(work: Callable[[], object]) -> float:
    """Return the seconds `work` takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


def new_log(folder: Path, name: str) -> SqliteLog:
    """Return a new log in `folder`."""
    clock = count(1_800_000_000_000_000_000, 1_000)
    return SqliteLog.create(
        folder / f"{name}.db",
        clock_ns=lambda: next(clock),
        created=LogCreated(identity=name, horolog="bench"),
        meta=META,
    )


def plain_table(folder: Path) -> sqlite3.Connection:
    """Return a table without index, guard or chain, under the same durability."""
    db = sqlite3.connect(folder / "plain.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(
        "CREATE TABLE plain(position INTEGER PRIMARY KEY, stream TEXT, version INTEGER, type TEXT,"
        " revision INTEGER, recorded_at INTEGER, body BLOB, meta BLOB, request_key TEXT, hash BLOB)"
    )
    return db


def insert_plain(db: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    """Write rows as plainly as SQLite can durably."""
    db.execute("BEGIN IMMEDIATE")
    db.executemany(PLAIN, rows)
    db.execute("COMMIT")


def append_ratio(folder: Path, events: int, reach: float) -> None:
    """Compare an append through the public path with plain `executemany` of the same rows."""
    log, db = new_log(folder, f"append-{events}"), plain_table(folder)
    ours: list[float] = []
    theirs: list[float] = []
    position = 0
    for turn in range(ROUNDS):
        request = Request(planned(turn * events, events // 2), META)
        ours.append(timed(lambda request=request: log.append(request)))  # type: ignore[misc]  # bound early
        source = sqlite3.connect(f"file:{log.path}?mode=ro", uri=True)
        rows = [
            (position + place, *row)
            for place, row in enumerate(
                source.execute(
                    "SELECT stream, version, type, revision, recorded_at, body, meta, request_key,"
                    " hash FROM log ORDER BY position DESC LIMIT ?",
                    (events,),
                ),
                start=1,
            )
        ]
        source.close()
        position += events
        theirs.append(timed(lambda rows=rows: insert_plain(db, rows)))  # type: ignore[misc]  # bound early
    db.close()
    log.close()
    (folder / "plain.db").unlink()
    ratio = median(theirs) / median(ours)
    print(
        f"append, batch of {events}: {ratio:.2f} of plain executemany (reach {reach});"
        f" {median(ours) / events * 1e6:.1f} µs an event, plain {median(theirs) / events * 1e6:.1f}"
    )


class Producers:
    """Coroutines that await each append; one call wakes all whom a commit answered."""

    def __init__(self, log: SqliteLog, names: Iterator[int]) -> None:
        self._log = log
        self._names = names
        self._loop = asyncio.new_event_loop()
        self._answered: deque[tuple[asyncio.Future[None], Future[Appended]]] = deque()
        self._called = False

    def run(self, producers: int, appends: int) -> None:
        """Let so many producers append so many events each, one after the other."""

        async def all_of_them() -> None:
            await asyncio.gather(*(self._produce(appends) for _ in range(producers)))

        self._loop.run_until_complete(all_of_them())

    async def _produce(self, appends: int) -> None:
        for _ in range(appends):
            waiting = self._loop.create_future()
            future = self._log.submit(started(next(self._names)))
            future.add_done_callback(lambda done, waiting=waiting: self._answer(waiting, done))  # type: ignore[misc]  # bound early
            await waiting

    def _answer(self, waiting: "asyncio.Future[None]", done: "Future[Appended]") -> None:
        self._answered.append((waiting, done))
        if not self._called:
            self._called = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._called = False
        while self._answered:
            waiting, done = self._answered.popleft()
            done.result()
            waiting.set_result(None)

    def close(self) -> None:
        """Close the loop."""
        self._loop.close()


def started(name: int) -> Request:
    """Return an append of one event to a new stream."""
    event = AttemptStarted(run=run_id(JOB, BEGIN_AT), attempt=1, epoch=7)
    return Request([Write(f"fire/{name:09}", 0, [event])], META)


def group_commit(folder: Path) -> None:
    """Compare 100 producers that await each append with one commit for each."""
    log, names = new_log(folder, "group"), count()
    producers = Producers(log, names)
    together: list[float] = []
    alone: list[float] = []
    for _ in range(ROUNDS):
        together.append(timed(lambda: producers.run(100, 20)) / 2_000)
        alone.append(timed(lambda: [log.append(started(next(names))) for _ in range(100)]) / 100)
    producers.close()
    log.close()
    print(
        f"awaited appends, 100 producers: {median(alone) / median(together):.1f} times one commit"
        f" each (reach 8); {1 / median(together):,.0f} a second"
    )


def wal_bytes(folder: Path) -> None:
    """Measure the WAL bytes of one event at a batch of 100."""
    log = new_log(folder, "wal")
    wal = Path(f"{log.path}-wal")
    before = wal.stat().st_size
    for batch in range(10):  # less than what leads to a checkpoint
        log.append(Request(planned(batch * 50, 50), META))
    size = wal.stat().st_size - before
    log.close()
    print(f"WAL at batch 100: {size / 1_000:.0f} bytes an event (reach 1,000)")


def read_and_verify(folder: Path, millions: float) -> None:
    """Measure reading, verifying and the size of the WAL on a log of `millions` million events."""
    log = new_log(folder, "long")
    runs = 333
    batches = round(millions * 1_000_000 / (runs * 3))
    wal = Path(f"{log.path}-wal")
    frames_max = 0
    began = perf_counter()
    for batch in range(batches):
        log.submit(Request(planned(batch * runs, runs), META))
        log.append(Request(ended(batch * runs, runs), META))
        frames_max = max(frames_max, wal.stat().st_size)
    wrote_s = perf_counter() - began
    events = log.head().position
    db = sqlite3.connect(f"file:{log.path}?mode=ro", uri=True)
    rows_s = timed(lambda: sum(1 for _ in db.execute("SELECT * FROM log ORDER BY position")))
    db.close()
    read_s = timed(lambda: sum(1 for _ in log.follow(0)))
    verify_s = timed(log.verify)
    log.close()
    per_million = 1e6 / events
    print(f"written: {events / wrote_s:,.0f} events a second; the WAL was {frames_max:,} bytes")
    print(f"read and decoded: {read_s * per_million:.2f} s a million (reach 2);", end=" ")
    print(f"{rows_s / read_s:.2f} of the rows alone; verified: ", end="")
    print(f"{verify_s * per_million:.2f} s a million (reach 6)")
    print(f"file: {(folder / 'long.db').stat().st_size / events:.0f} bytes an event")


def main(arguments: list[str]) -> None:
    """Print all figures, using a temporary folder in the one named."""
    with tempfile.TemporaryDirectory(dir=arguments[0] if arguments else None) as name:
        folder = Path(name)
        append_ratio(folder, 100, 0.38)
        append_ratio(folder, 1_000, 0.25)
        group_commit(folder)
        wal_bytes(folder)
        read_and_verify(folder, 0.3)


if __name__ == "__main__":
    main(sys.argv[1:])
