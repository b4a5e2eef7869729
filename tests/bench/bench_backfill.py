"""How late live jobs are beside a backfill, against how late they are in peace.

Run it from the checkout: `python -m tests.bench.bench_backfill [OCCURRENCES] [FOLDER]`. All parts
are the real ones, as in `bench_executor`. A hundred jobs are due each second, spread over all of
them by their names' order; lateness is from a run's due time to its start in the log. First a while
of peace, then the same while a backfill of no-op runs goes on. Nothing is asserted.
"""

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from threading import Event
from time import perf_counter

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import BackfillId, Definition, JobId
from scheduler.model.schedules import Cron, Interval
from tests.bench.bench_executor import ME, Rig

OCCURRENCES = 10_000
LIVE_JOBS = 100
PEACE_S = 20
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def lateness(rig: Rig, after: int, until: int) -> list[float]:
    """Return how late each live run started, in milliseconds, of those planned in between."""
    due: dict[str, datetime] = {}
    late: list[float] = []
    for recorded in rig.log.follow(after):
        event = recorded.event
        if isinstance(event, e.RunPlanned) and event.cause == "schedule":
            if recorded.position <= until:
                due[event.run] = event.due_time
        elif isinstance(event, e.AttemptStarted) and event.run in due:
            late.append((recorded.recorded_at - due[event.run]) / timedelta(milliseconds=1))
    return late


def shown(name: str, late: list[float]) -> float:
    """Print the median and the 99th percentile, and return the latter."""
    cuts = quantiles(late, n=100)
    print(f"{name:<24}{len(late):8,} runs   p50 {cuts[49]:7.1f} ms   p99 {cuts[98]:7.1f} ms")
    return cuts[98]


def main() -> None:
    """Print the figures."""
    occurrences = int(sys.argv[1]) if len(sys.argv) > 1 else OCCURRENCES
    base = sys.argv[2] if len(sys.argv) > 2 else None
    pause = Event()
    with tempfile.TemporaryDirectory(dir=base) as name, Rig(Path(name)) as rig:
        minutely = Definition(name="minutely", service="nothing", schedule=Cron(("* * * * *",)))
        live = [
            Definition(name=f"live {n}", service="nothing", schedule=Interval(SECOND))
            for n in range(LIVE_JOBS)
        ]
        jobs = [JobId(rig.clock.new_id()) for _ in range(LIVE_JOBS + 1)]
        for job, definition in zip(jobs, [minutely, *live], strict=True):
            rig.executor.ask(c.DefineJob(job=job, definition=definition), meta=ME).result()
        pause.wait(2)
        quiet_from = rig.log.head().position
        pause.wait(PEACE_S)
        quiet_until = rig.log.head().position
        until = datetime.now(UTC).replace(second=0, microsecond=0) - MINUTE  # noqa: TID251  # a bench
        wish = c.RequestBackfill(
            backfill=BackfillId(rig.clock.new_id()),
            job=jobs[0],
            after=until - occurrences * MINUTE,
            until=until,
            concurrency=8,
        )
        begun = perf_counter()
        rig.executor.ask(wish, meta=ME).result()
        while rig.handle.timetable.backfills:
            pause.wait(0.05)
        took_s = perf_counter() - begun
        busy_until = rig.log.head().position
        pause.wait(1)
        peace = shown("in peace", lateness(rig, quiet_from, quiet_until))
        beside = shown("beside the backfill", lateness(rig, quiet_until, busy_until))
    print(
        f"{occurrences:,} occurrences backfilled in {took_s:.1f} s: {occurrences / took_s:,.0f}/s"
    )
    print(f"ratio of the 99th percentiles: {beside / peace:.2f}")


if __name__ == "__main__":
    main()
