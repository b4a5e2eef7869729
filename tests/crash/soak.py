"""The soak: a real server works under load for a long time, and is looked at from outside.

What is judged are slopes and counts, after a time of warming: open files do not grow, threads stay
within what slots explain and memory within what bounded caches do, fires do not come later and
later, and none is missed. A machine that is slow throughout is no failure.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from statistics import median, quantiles
from threading import Event
from typing import NamedTuple

import psutil
from msgspec.structs import replace

from scheduler.executor.clock import SystemClock
from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.jobs import JobId
from tests.crash.asker import Asker
from tests.crash.chance import Chance
from tests.crash.ledger import Called
from tests.crash.load import JOBS, Wanderer
from tests.crash.site import SLOTS, Server, Site
from tests.crash.waiting import let_pass

WARMING_PART = 1 / 3  # of the time, whose samples are not judged
SAMPLES = 400  # of a whole soak; slopes are of all pairs of them
SAMPLE_S_MIN = 0.25
WISH_PAUSE_S = 1.0
GRACE = timedelta(minutes=1)  # so that no fire is missed unless the server does not work
GROWN_FILES_MAX = 1.0  # over the time judged: less than one
THREADS_MAX = SLOTS + 16  # those that carry out attempts come as they are needed, and stay
GROWN_BYTES_MAX = 32 * 1024 * 1024  # likewise: the page cache of the views is half of it (derived)
LATER_S_PER_S_MAX = 0.001  # a second's fire comes less than a millisecond later than the last's


class Sample(NamedTuple):
    """How the server stood at one moment."""

    at_s: float
    rss_bytes: int
    files: int
    threads: int


class Figures(NamedTuple):
    """What a soak has shown; growth is over the time judged, by the median slope."""

    length_s: float
    events: int
    fires: int
    rss_bytes: int
    grown_bytes: float
    grown_files: float
    threads: int  # the most there were
    late_s: tuple[float, float, float]  # median, p99 and the most
    later_s: float
    skipped: dict[str, int]  # fires of jobs that nobody paused, by reason

    def __str__(self) -> str:
        middle, p99, most = (f"{1_000 * late:,.0f}" for late in self.late_s)
        skipped = ", ".join(f"{count:,} {why}" for why, count in self.skipped.items()) or "none"
        return (
            f"{self.length_s:,.0f} s, {self.events:,} events, {self.fires:,} fires\n"
            f"memory    {self.rss_bytes / 2**20:,.1f} MiB at the end,"
            f" grown by {self.grown_bytes / 2**20:+,.2f} MiB\n"
            f"files     grown by {self.grown_files:+.2f}\n"
            f"threads   at most {self.threads}\n"
            f"lateness  median {middle} ms, p99 {p99} ms, most {most} ms,"
            f" grown by {1_000 * self.later_s:+,.1f} ms\n"
            f"skipped   {skipped}"
        )

    def faults(self) -> Iterator[str]:
        """Yield a sentence for each bound that was passed."""
        if self.grown_files >= GROWN_FILES_MAX:
            yield f"open files grew by {self.grown_files:.1f}"
        if self.threads > THREADS_MAX:
            yield f"there were {self.threads} threads"
        if self.grown_bytes > GROWN_BYTES_MAX:
            yield f"memory grew by {self.grown_bytes / 2**20:.1f} MiB"
        if self.later_s > LATER_S_PER_S_MAX * self.length_s * (1 - WARMING_PART):
            yield f"fires came later and later, by {self.later_s:.3f} s in the end"
        if strange := self.skipped.keys() - {"overlap"}:
            yield f"fires were skipped as {', '.join(sorted(strange))} while the server was up"


def soak(site: Site, *, seconds: float) -> Figures:
    """Let a server work for so long, and stop it; return the figures."""
    jobs = site.define(*(replace(job, misfire_grace=GRACE, catch_up="latest") for job in JOBS))
    asker = Asker(site.db, site.ledger_path)
    wanderer = Wanderer(
        asker, jobs[::2], Chance("soak"), pause_s=WISH_PAUSE_S, missed=("skip", "latest")
    )
    stop = Event()
    server = site.serve().ready()
    with ThreadPoolExecutor(1) as threads:
        wandering = threads.submit(wanderer.wander, stop)
        try:
            samples = list(sampled(server, seconds))
        except BaseException:
            asker.give_up.set()
            raise
        finally:
            stop.set()
        wandering.result()
    asker.close()
    site.stop(server)
    return figures(samples, site.recorded(), site.calls(), untouched=frozenset(jobs[1::2]))


def sampled(server: Server, seconds: float) -> Iterator[Sample]:
    """Yield how the server stands, again and again for so long."""
    clock = SystemClock()
    process = psutil.Process(server.pid)
    began_ns = clock.monotonic_ns()
    pause_s = max(seconds / SAMPLES, SAMPLE_S_MIN)
    while (at_s := (clock.monotonic_ns() - began_ns) / 1e9) < seconds:
        with process.oneshot():
            yield Sample(at_s, process.memory_info().rss, process.num_fds(), process.num_threads())
        let_pass(pause_s)
        assert not server.has_ended(), server.said()


def judged(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples after the time of warming."""
    return [one for one in samples if one.at_s >= WARMING_PART * samples[-1].at_s]


def figures(
    samples: Sequence[Sample],
    recorded: Sequence[Recorded],
    calls: Sequence[Called],
    *,
    untouched: frozenset[JobId],
) -> Figures:
    """Judge what was seen; fires by the jobs that nobody paused."""

    def grown(what: Callable[[Sample], float]) -> float:
        return growth([(one.at_s, what(one)) for one in judged(samples)])

    skipped: Counter[str] = Counter()
    for one in recorded:
        if isinstance(one.event, e.FiresSkipped) and one.event.job in untouched:
            skipped[one.event.reason] += one.event.count
    late = lateness(recorded, calls, untouched)
    late = late[round(WARMING_PART * len(late)) :]
    lengths = sorted(late_s for _, late_s in late)
    return Figures(
        length_s=samples[-1].at_s,
        events=len(recorded),
        fires=len(late),
        rss_bytes=samples[-1].rss_bytes,
        grown_bytes=grown(lambda one: one.rss_bytes),
        grown_files=grown(lambda one: one.files),
        threads=max(one.threads for one in samples),
        late_s=(median(lengths), quantiles(lengths, n=100)[-1], lengths[-1]),
        later_s=growth(late),
        skipped=dict(skipped),
    )


def lateness(
    recorded: Sequence[Recorded], calls: Sequence[Called], untouched: frozenset[JobId]
) -> list[tuple[float, float]]:
    """Return when each fire was due and how late its service was called, by due time; seconds."""
    scheduled = {
        one.event.run
        for one in recorded
        if isinstance(one.event, e.RunPlanned)
        and one.event.cause == "schedule"
        and one.event.job in untouched
    }
    return sorted(
        (line.due_ns / 1e9, (line.at_ns - line.due_ns) / 1e9)
        for line in calls
        if line.attempt == 1 and line.run in scheduled
    )


def growth(points: Sequence[tuple[float, float]]) -> float:
    """Return how much a figure grew from the first point to the last, by the median slope."""
    return slope(points) * (points[-1][0] - points[0][0])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the median slope of all pairs of points (Theil and Sen): outliers do not move it."""
    step = -(-len(points) // SAMPLES)
    return median(
        (y2 - y1) / (x2 - x1)
        for place, (x1, y1) in enumerate(points[::step])
        for x2, y2 in points[::step][place + 1 :]
        if x2 > x1
    )
