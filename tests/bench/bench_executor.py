"""How many no-op jobs due at one instant are planned, started and ended durably in a second.

Run it from the checkout: `python -m tests.bench.bench_executor [JOBS] [FOLDER]`; the folder should
lie on the disk that will hold the log. All parts are the real ones: the log on disk, the executor
on its own thread, workers, and the projector following. Beside it, in the same run, as many
three-row transactions into a plain table, committed one by one as a job store without group commit
does. Nothing is asserted: figures are ratios, to be compared within a run. Processor time, of all
threads until the views show it all, says more than they do on a busy machine.
"""

import sqlite3
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Self

from projections.projector import Projector
from scheduler.executor.clock import SystemClock
from scheduler.executor.derived import ViewsFile
from scheduler.executor.handle import Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.log.contract import Meta
from scheduler.log.sqlite import SqliteLog
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import Definition, JobId
from scheduler.model.schedules import Once
from services.context import Context
from services.invoke import Workers
from services.registry import Registry
from tools.pace import keep_what_is_here, set_pace

ROUNDS = 3
LEAD = timedelta(seconds=4)  # beyond the time it takes to define the jobs, found by the first round
ME = Meta(actor="bench")


async def nothing(_: Context) -> None:
    """Do nothing."""


class Rig:
    """A whole Horolog in this process, without its face."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        created = e.LogCreated(identity=self.clock.random_hex(16), horolog="bench")
        path = folder / "bench.db"
        self.log = SqliteLog.create(path, clock_ns=self.clock.now_ns, created=created, meta=ME)
        self.views = ViewsFile.open(path, identity=created.identity)
        registry = Registry()
        registry.service("nothing")(nothing)
        self.workers = Workers(
            registry,
            slots=32,
            monotonic_ns=self.clock.monotonic_ns,
            children_dir=folder / "children",
        )
        self.handle = Handle(self.log, self.clock)
        self.executor = Executor(
            self.handle, self.workers, self.clock, Identity("bench", 1, {}), slots=32
        )
        self.projector = Projector(
            self.log, self.views, is_busy=lambda: bool(self.handle.timetable.runs)
        )
        self._stop = Event()
        self._following = Thread(target=self.projector.run, args=(self._stop,))

    def __enter__(self) -> Self:
        self.executor.start()
        self._following.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.stop()
        self._stop.set()
        self._following.join()
        self.workers.close()
        self.log.close()
        self.views.close()

    def define(self, jobs: int, at: datetime) -> float:
        """Define the jobs durably; return how many a second."""
        begun = perf_counter()
        answers = [
            self.executor.ask(
                c.DefineJob(
                    job=JobId(self.clock.new_id()),
                    definition=Definition(name=f"job {n}", service="nothing", schedule=Once(at)),
                ),
                meta=ME,
            )
            for n in range(jobs)
        ]
        for answer in answers:
            answer.result()
        return jobs / (perf_counter() - begun)

    def drain(self, at: datetime) -> float:
        """Wait until every job has run; return the seconds since they were due."""
        pause = Event()
        timetable = self.handle.timetable
        while datetime.now(UTC) < at or timetable.runs or timetable.count_due(datetime.now(UTC)):  # noqa: TID251  # a bench measures
            pause.wait(0.002)
        position = self.log.head().position
        took_s = (datetime.now(UTC) - at).total_seconds()  # noqa: TID251  # a bench measures
        self.projector.wait_for(position, 60)
        return took_s


def plain(folder: Path, jobs: int, *, per_commit: int) -> float:
    """Return three-row jobs a second into a plain table, so many jobs a transaction."""
    connection = sqlite3.connect(folder / f"plain{per_commit}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE plain(a INTEGER PRIMARY KEY, b TEXT, c BLOB)")
    row = ("fire/2026-03-01T10:05:00Z/0193c1f2-2222-7222-8222-222222222222", b"x" * 200)
    begun = perf_counter()
    for _ in range(0, jobs, per_commit):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO plain(b, c) VALUES (?, ?)", [row] * 3 * per_commit)
        connection.execute("COMMIT")
    took_s = perf_counter() - begun
    connection.close()
    return jobs / took_s


def main() -> None:
    """Print the figures."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    base = sys.argv[2] if len(sys.argv) > 2 else None
    runs: list[float] = []
    defined: list[float] = []
    one_by_one: list[float] = []
    used: dict[str, list[float]] = {"defined": [], "run": []}
    lead = LEAD
    set_pace()  # as a server does
    keep_what_is_here()
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=base) as name:
            folder = Path(name)
            with Rig(folder) as rig:
                at = (datetime.now(UTC) + lead).replace(microsecond=0)  # noqa: TID251  # a bench
                begun_s = process_time()
                defined.append(rig.define(jobs, at))
                used["defined"].append(process_time() - begun_s)
                begun_s = process_time()
                runs.append(jobs / rig.drain(at))
                used["run"].append(process_time() - begun_s)
            one_by_one.append(plain(folder, jobs, per_commit=1))
    ratios = [ours / theirs for ours, theirs in zip(runs, one_by_one, strict=True)]
    print(f"jobs defined a second, durably:            {median(defined):10,.0f}")
    print(f"no-op jobs run a second, durably, viewed:  {median(runs):10,.0f}")
    print(f"plain table, one commit a job:             {median(one_by_one):10,.0f}")
    print(f"ratio of runs to plain commits:            {median(ratios):10.2f}")
    for what, seconds in used.items():
        print(f"processor-s for 1,000 jobs {what:<17}{median(seconds) / jobs * 1_000:10.3f}")


if __name__ == "__main__":
    main()
