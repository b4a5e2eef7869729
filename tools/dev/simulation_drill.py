"""Virtual days under seeded faults, on all cores, for as long as one likes.

`python -m tools.dev.simulation_drill --for 30m` lives through one day after the other, each with a
new seed, and says how many passed; a day that fails is printed with its seed. `--seed` lives one
day again. What a day is, and what it is judged by, stands in `tests/simulation`.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from time import perf_counter

from scheduler.model.written import parse_duration
from tests.simulation.lives import DayFailedError, lived

FAILURES_MAX = 20  # told; more of them have the same cause


def judged(seed: str, hours: float) -> tuple[int, str | None]:
    """Live the day of a seed; return the number of its events, and what is wrong with it."""
    try:
        return lived(seed, hours=hours).world.log.head().position, None
    except DayFailedError as failed:
        return 0, str(failed)


def days(first: int, until: float, hours: float) -> Iterator[tuple[int, str | None]]:
    """Yield how each day went, all cores busy, until the time is over."""
    seed = first
    open_days: set[Future[tuple[int, str | None]]] = set()
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        while open_days or perf_counter() < until:
            while len(open_days) < 2 * cores and perf_counter() < until:
                open_days.add(pool.submit(judged, str(seed), hours))
                seed += 1
            done, open_days = wait(open_days, return_when=FIRST_COMPLETED)
            for one in done:
                yield one.result()


def main(arguments: list[str] | None = None) -> int:
    """Live through days and return 0 when all passed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.dev.simulation_drill")
    parser.add_argument("--for", dest="length", default="30m", help="how long, as in 30m")
    parser.add_argument("--hours", type=float, default=24.0, help="virtual hours of a day")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", help="live this one day")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        events, failure = judged(given.seed, given.hours)
        print(failure or f"seed {given.seed}: {events:,} events, every promise kept")
        return int(failure is not None)
    length_s = parse_duration(given.length, path="--for").total_seconds()
    passed = events = 0
    failures: list[str] = []
    for number, failure in days(given.first, perf_counter() + length_s, given.hours):
        events += number
        passed += failure is None
        if failure is not None:
            failures.append(failure)
            if len(failures) <= FAILURES_MAX:
                print(failure, flush=True)
    print(
        f"{passed:,} of {passed + len(failures):,} days of {given.hours:g} virtual hours passed, "
        f"{events:,} events judged"
    )
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
