"""Which of the runs whose time has come may start next.

Three lanes: live runs, then those that catch up, then those beside the schedule (backfills and
reruns); within a lane by due time, then as they were planned, so that streams that lie side by side
in the log's index are written side by side. The two lower lanes get at most half the slots while
live runs wait, what is beside the schedule never more than half; so that a lower lane does not
starve either, one of its runs starts after LIVE_STARTS_PAST_MAX of higher ones have gone past it.
That is counted for each lower lane by itself; when it is the turn of both, the lowest goes first.
Runs of one concurrency key wait for one another in a queue of their own, with the same lanes and
that rule.

Heaps hold stale entries on purpose: one is believed only if the run still says so when it comes up.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from heapq import heappop, heappush

from scheduler.model.jobs import JobId, RunId
from scheduler.model.limits import KEY_LIMIT_DEFAULT, LIVE_STARTS_PAST_MAX
from scheduler.rules.job_state import JobState
from scheduler.rules.run_state import RunState

LIVE, CATCH_UP, BESIDE = range(3)
Lane = int
MayStart = Callable[[RunState], bool]


def lane_of(run: RunState) -> Lane:
    """Return the lane of a run."""
    if not run.is_live and run.cause != "call":
        return BESIDE
    return CATCH_UP if run.cause == "catch-up" else LIVE


class Queue:
    """Runs that wait in their lanes."""

    def __init__(self) -> None:
        self._heaps: tuple[list[tuple[datetime, int, RunId]], ...] = ([], [], [])
        self._past = [0, 0, 0]  # of each lane: starts of higher ones since it waits or one started
        self._behind: list[Lane] = []  # lower lanes that waited behind the run that came up last

    def push(self, run: RunState) -> None:
        """Have a run wait."""
        heappush(self._heaps[lane_of(run)], (run.due_time, run.line, run.run))

    def pop(
        self, runs: Mapping[RunId, RunState], may_start: MayStart, is_open: Callable[[Lane], bool]
    ) -> RunState | None:
        """Return the run whose turn it is, among the lanes that are open; None when none waits.

        When it starts, that is to be counted.
        """
        heads = [self._head(lane, runs, may_start) for lane in (LIVE, CATCH_UP, BESIDE)]
        for lane, run in enumerate(heads):
            if run is None:
                self._past[lane] = 0
        lanes = [lane for lane, run in enumerate(heads) if run is not None and is_open(lane)]
        if not lanes:
            return None
        owed = [lane for lane in lanes if self._past[lane] >= LIVE_STARTS_PAST_MAX]
        lane = owed[-1] if owed else lanes[0]
        self._behind = [lower for lower in lanes if lower > lane]
        heappop(self._heaps[lane])
        return heads[lane]

    def count_start(self, run: RunState) -> None:
        """Count that the run that came up last is started, past those of the lower lanes."""
        self._past[lane_of(run)] = 0
        for lane in self._behind:
            self._past[lane] += 1

    def has_live(self, runs: Mapping[RunId, RunState], may_start: MayStart) -> bool:
        """Return whether a live run waits."""
        return self._head(LIVE, runs, may_start) is not None

    def is_empty(self) -> bool:
        """Return whether nothing waits, not even a stale entry."""
        return not any(self._heaps)

    def _head(
        self, lane: Lane, runs: Mapping[RunId, RunState], may_start: MayStart
    ) -> RunState | None:
        """Return the first of a lane, dropping what no longer waits."""
        heap = self._heaps[lane]
        while heap:
            run = runs.get(heap[0][2])
            if run is not None and may_start(run):
                return run
            heappop(heap)
        return None


class Lanes:
    """All runs that may start: those without a key together, the others by their key."""

    def __init__(self, runs: Mapping[RunId, RunState], jobs: Mapping[JobId, JobState]) -> None:
        """Look into these, as they are at each call."""
        self._runs = runs
        self._jobs = jobs
        self._ready = Queue()
        self._by_key: dict[str, Queue] = {}

    def push(self, run: RunState) -> None:
        """Take in a run whose time and turn have come."""
        key = self._key_of(run)
        if key is None:
            self._ready.push(run)
        else:
            self._by_key.setdefault(key, Queue()).push(run)

    def choose(
        self,
        slots: int,
        occupied: Collection[RunId],
        key_limits: Mapping[str, int],
        may_start: MayStart,
    ) -> list[RunState]:
        """Take out the runs to start now, as far as slots and keys are free, in order."""
        chosen: dict[RunId, RunState] = {}

        def may(run: RunState) -> bool:
            return run.run not in chosen and may_start(run)

        taken = [self._runs[key] for key in occupied]
        room = slots - len(taken)
        if room <= 0:
            return []
        running = self._count_keys(taken)
        self._release(running, key_limits, may)
        half = max(slots // 2, 1)
        in_lane = Counter(lane_of(run) for run in taken)

        def is_open(lane: Lane) -> bool:
            if lane == LIVE:
                return True
            if lane == BESIDE and in_lane[BESIDE] >= half:
                return False
            is_crowded = in_lane[CATCH_UP] + in_lane[BESIDE] >= half
            return not (is_crowded and self._ready.has_live(self._runs, may))

        while len(chosen) < room:
            run = self._ready.pop(self._runs, may, is_open)
            if run is None:
                break
            key = self._key_of(run)
            if key is not None:
                if running.get(key, 0) >= key_limits.get(key, KEY_LIMIT_DEFAULT):
                    self._by_key.setdefault(key, Queue()).push(run)
                    continue
                running[key] = running.get(key, 0) + 1
            self._ready.count_start(run)
            chosen[run.run] = run
            in_lane[lane_of(run)] += 1
        return list(chosen.values())

    def _release(
        self, running: Mapping[str, int], key_limits: Mapping[str, int], may_start: MayStart
    ) -> None:
        """Have those line up whose key has room, in the order of its lanes."""
        for key, queue in list(self._by_key.items()):
            room = key_limits.get(key, KEY_LIMIT_DEFAULT) - running.get(key, 0)
            while room > 0 and (run := queue.pop(self._runs, may_start, _any_lane)) is not None:
                queue.count_start(run)
                self._ready.push(run)
                room -= 1
            if queue.is_empty():
                del self._by_key[key]

    def _count_keys(self, taken: list[RunState]) -> dict[str, int]:
        """Return how many of these runs bear each key."""
        running: dict[str, int] = {}
        for run in taken:
            key = self._key_of(run)
            if key is not None:
                running[key] = running.get(key, 0) + 1
        return running

    def _key_of(self, run: RunState) -> str | None:
        """Return the key by which a run is bounded: its job's, as it is now."""
        job = self._jobs.get(run.job)
        return None if job is None else job.definition.concurrency_key


def _any_lane(_: Lane) -> bool:
    return True
