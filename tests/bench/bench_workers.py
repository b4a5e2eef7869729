"""How many no-op services a second go through the workers, and what a process of its own costs.

Run: python -m tests.bench.bench_workers
"""

import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns

from scheduler.model.invocations import Invocation, Outcome
from scheduler.model.jobs import Isolation, JobId, RunId
from services.invoke import Workers
from services.loading import load

CALLS = 20_000
BATCH = 500  # as the executor starts them
ROUNDS = 5
CHILDREN = 8

SERVICES = """
from services.registry import service


@service("plain")
def plain(ctx):
    pass


@service("awaited")
async def awaited(ctx):
    pass
"""


class _Count:
    """Counts outcomes, and knows when all have come."""

    def __init__(self, expected: int) -> None:
        self.left = expected
        self.batches = 0
        self.done = threading.Event()

    def report(self, outcomes: Sequence[Outcome]) -> None:
        assert all(outcome.kind == "succeeded" for outcome in outcomes), outcomes[0]
        self.batches += 1
        self.left -= len(outcomes)
        if not self.left:
            self.done.set()


def _invocations(service: str, isolation: Isolation, count: int) -> list[Invocation]:
    return [
        Invocation(
            run=RunId(f"{service}-{number}"),
            attempt=1,
            epoch=1,
            job=JobId("job"),
            job_name="job",
            service=service,
            cause="schedule",
            isolation=isolation,
            timeout=timedelta(hours=1),
            due_time=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for number in range(count)
    ]


def unasked(_: Invocation, __: object) -> Future[None]:
    raise AssertionError("no service of these asks for anything")


def _seconds(workers: Workers, service: str, isolation: Isolation, count: int) -> tuple[float, int]:
    invocations = _invocations(service, isolation, count)
    counted = _Count(count)
    begun = perf_counter()
    for first in range(0, count, BATCH):
        workers.start(invocations[first : first + BATCH], counted.report, unasked)
    assert counted.done.wait(60)
    return perf_counter() - begun, counted.batches


def main() -> None:
    """Print the figures, medians of interleaved rounds."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "services.py").write_text(SERVICES)
        loaded = load(["*.py"], Path(folder), installed=False)
        workers = Workers(
            loaded.registry,
            slots=32,
            monotonic_ns=perf_counter_ns,
            children_dir=Path(folder, "children"),
        )
        took: dict[str, list[float]] = {"plain": [], "awaited": [], "bare": [], "children": []}
        batches = {"plain": 0, "awaited": 0}
        for _ in range(ROUNDS):
            function = next(s for s in loaded.registry if s.name == "plain").function
            begun = perf_counter()
            for invocation in _invocations("plain", "thread", CALLS):
                function(invocation)
            took["bare"].append(perf_counter() - begun)
            for service in ("plain", "awaited"):
                seconds, batches[service] = _seconds(workers, service, "thread", CALLS)
                took[service].append(seconds)
            took["children"].append(_seconds(workers, "plain", "process", CHILDREN)[0])
        workers.close()
    for service in ("plain", "awaited"):
        rate = CALLS / median(took[service])
        print(
            f"{service:8} {rate:10,.0f} calls a second, {CALLS / batches[service]:.0f} told at once"
        )
    print(f"bare     {CALLS / median(took['bare']):10,.0f} calls a second, made and called by hand")
    print(
        f"children {median(took['children']) / CHILDREN * 1000:10.0f} ms each, {CHILDREN} at once"
    )


if __name__ == "__main__":
    main()
