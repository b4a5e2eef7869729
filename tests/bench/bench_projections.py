"""How fast the views follow: events folded per second, beside raw inserts of the same rows.

Run it from the checkout: `python -m tests.bench.bench_projections [EVENTS]`. Both sides are
measured in the same run, in interleaved rounds, medians told. The log is made up as it is read, and
the time that takes is left out, so the figure is of the projections alone. Nothing is asserted.
"""

import sqlite3
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from projections.catalog import CATALOG
from projections.checkpoints import Fold
from projections.contract import Projection
from scheduler.executor.derived import ViewsFile
from scheduler.log.contract import Meta, Recorded
from scheduler.model import events as e
from scheduler.model.jobs import Definition, JobId, run_id
from scheduler.model.limits import PAGE_EVENTS_MAX
from scheduler.model.schedules import Cron
from scheduler.model.streams import fire_stream, job_stream

JOBS = 10_000
ROUNDS = 3
EVENTS_DEFAULT = 300_000
BEGIN_AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
META = Meta(actor="scheduler", epoch=7)
MINUTE = timedelta(minutes=1)


def job_id(number: int) -> JobId:
    return JobId(f"0195c1f2-2222-7222-8222-{number:012x}")


def recorded(position: int, stream: str, version: int, at: datetime, event: e.AnyEvent) -> Recorded:
    return Recorded(position, stream, version, at, event, META)


def definitions() -> list[Recorded]:
    """Return the definitions of all jobs, each due every minute."""
    found = []
    for number in range(JOBS):
        job = job_id(number)
        definition = Definition(
            name=f"job-{number}",
            service="api.scheduler.sync",
            schedule=Cron(("* * * * *",)),
            labels={"team": "billing"},
        )
        event = e.JobDefined(job=job, definition=definition, cursor=BEGIN_AT)
        found.append(recorded(number + 1, job_stream(job), 1, BEGIN_AT, event))
    return found


def page_of_runs(first_run: int, runs: int, position: int) -> list[Recorded]:
    """Return a page as a busy executor writes it: plans and starts in chunks, then the outcomes."""
    found: list[Recorded] = []

    def add(stream: str, version: int, at: datetime, event: e.AnyEvent) -> None:
        found.append(recorded(position + len(found), stream, version, at, event))

    for chunk in range(first_run, first_run + runs, 500):
        lives = []
        for number in range(chunk, min(chunk + 500, first_run + runs)):
            job = job_id(number % JOBS)
            fire_time = BEGIN_AT + MINUTE * (number // JOBS + 1)
            lives.append((job, fire_time, fire_stream(fire_time, job), run_id(job, fire_time)))
        for job, at, stream, run in lives:
            plan = e.RunPlanned(
                run=run,
                job=job,
                cause="schedule",
                revision=1,
                due_time=at,
                fire_time=at,
                window_start=at - MINUTE,
            )
            add(stream, 1, at, plan)
            add(stream, 2, at, e.AttemptStarted(run=run, attempt=1, epoch=7))
        for _, at, stream, run in lives:
            add(stream, 3, at, e.RunSucceeded(run=run, attempt=1, duration_us=1_500))
    return found


def folded(folder: Path, kinds: tuple[type[Projection], ...], events: int) -> tuple[float, Path]:
    """Fold that many events of runs; return the seconds it took and the log's path."""
    path = folder / f"{'-'.join(kind.name for kind in kinds)}.db"
    path.with_name(path.name + ".views").unlink(missing_ok=True)
    views = ViewsFile.open(path, identity="bench")
    folds = [Fold(kind, 1) for kind in kinds]
    with views.transaction() as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS checkpoints(name, generation, version,"
            " position, hash, is_live, tables)"
        )
        for fold in folds:
            fold.create(connection)
            fold.show(connection)
            fold.step(connection, definitions(), b"")
            fold.position = JOBS
    seconds = 0.0
    run = 0
    position = JOBS + 1
    while run < events // 3:
        page = page_of_runs(run, PAGE_EVENTS_MAX // 3, position)
        run += PAGE_EVENTS_MAX // 3
        position += len(page)
        began = perf_counter()
        with views.transaction() as connection:
            for fold in folds:
                fold.step(connection, page, b"")
                fold.position = page[-1].position
        seconds += perf_counter() - began
    views.close()
    return seconds, path


def raw(source: Path, folder: Path) -> float:
    """Insert the rows of the views into tables without indexes; return the seconds it took."""
    with ViewsFile.read(source) as connection:
        tables = {
            table: connection.execute(f"SELECT * FROM {table}").fetchall()
            for table in ("runs_1", "attempts_1")
        }
    connection.close()
    target = sqlite3.connect(folder / "raw.db", isolation_level=None)
    target.execute("PRAGMA journal_mode = WAL")
    target.execute("PRAGMA synchronous = NORMAL")
    seconds = 0.0
    for table, rows in tables.items():
        target.execute(f"DROP TABLE IF EXISTS {table}")
        columns = ", ".join(f"c{index}" for index in range(len(rows[0])))
        target.execute(f"CREATE TABLE {table}({columns})")
        insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})"
        for first in range(0, len(rows), PAGE_EVENTS_MAX // 3):
            began = perf_counter()
            target.execute("BEGIN IMMEDIATE")
            target.executemany(insert, rows[first : first + PAGE_EVENTS_MAX // 3])
            target.execute("COMMIT")
            seconds += perf_counter() - began
    target.close()
    return seconds


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS_DEFAULT
    whole: list[float] = []
    plain: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in CATALOG:
            if kind.name != "runs":
                seconds, _ = folded(folder, (kind,), events)
                print(f"{kind.name:>10}: {events / seconds:>10,.0f} events/s alone")
        seconds, _ = folded(folder, tuple(k for k in CATALOG if k.name == "runs"), events)
        print(f"{'runs':>10}: {events / seconds:>10,.0f} events/s alone")
        for _ in range(ROUNDS):
            seconds, path = folded(folder, CATALOG, events)
            whole.append(seconds)
            plain.append(raw(path, folder))
    rate = events / median(whole)
    ratio = median(plain) / median(whole)
    print(f"{'all':>10}: {rate:>10,.0f} events/s, a million in {1e6 / rate:.1f} s")
    print(f"ratio to raw inserts of the rows of runs and attempts: {ratio:.2f}")


if __name__ == "__main__":
    main()
