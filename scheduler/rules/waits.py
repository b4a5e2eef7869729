"""What time will bring to runs: when each may start, and when it is too late for that.

The counterpart of `agenda` for runs. The heaps hold stale entries on purpose: one is believed only
if the run still says so when it comes up. Of those whose time has come, `lanes` says who is next.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from heapq import heapify, heappop, heappush

from scheduler.model.jobs import JobId, RunId
from scheduler.model.limits import STALE_ENTRIES_MAX
from scheduler.rules.job_state import JobState
from scheduler.rules.lanes import Lanes
from scheduler.rules.run_state import RunState


class Waits:
    """The runs that wait."""

    def __init__(
        self,
        runs: Mapping[RunId, RunState],
        jobs: Mapping[JobId, JobState],
        is_its_turn: Callable[[RunState], bool],
    ) -> None:
        """Look into these, as they are at each call."""
        self._runs = runs
        self._is_its_turn = is_its_turn
        self._starts: list[tuple[datetime, RunId]] = []
        self._expiries: list[tuple[datetime, RunId]] = []
        self._jobs = jobs
        self._lanes = Lanes(runs, jobs)
        self._now: datetime | None = None  # of the last look

    def put(self, run: RunState) -> None:
        """Have a run come up when it may start, if it waits for that."""
        if run.status in {"waiting", "retrying"}:
            heappush(self._starts, (run.start_at, run.run))

    def put_expiry(self, run: RunState) -> None:
        """Have a run come up when it is too late for it to start, if there is such a time."""
        before = run.start_before
        if before is None:
            return
        heappush(self._expiries, (before, run.run))
        if len(self._expiries) > 2 * len(self._runs) + STALE_ENTRIES_MAX:
            waiting = ((one.start_before, one.run) for one in self._runs.values())
            self._expiries = [(at, key) for at, key in waiting if at is not None]
            heapify(self._expiries)

    def expired(self, now: datetime, limit: int) -> list[RunState]:
        """Return at most `limit` runs for which it is too late to start; the caller ends each."""
        expired: dict[RunId, RunState] = {}
        while self._expiries and self._expiries[0][0] <= now and len(expired) < limit:
            at, key = heappop(self._expiries)
            run = self._runs.get(key)
            if run is not None and run.start_before == at:
                expired[key] = run
        return list(expired.values())

    def ready(
        self,
        now: datetime,
        slots: int,
        occupied: Collection[RunId],
        key_limits: Mapping[str, int],
    ) -> list[RunState]:
        """Return the runs to start: due, their turn, and slots and keys free.

        The caller starts each of them.
        """
        if self._now is not None and now < self._now:
            self._begin_anew()
        self._now = now
        starts = self._starts
        while starts and starts[0][0] <= now:
            _, key = heappop(starts)
            run = self._runs.get(key)
            if run is not None and run.start_at <= now and self._is_its_turn(run):
                self._lanes.push(run)

        def may_start(run: RunState) -> bool:
            return run.start_at <= now and self._is_its_turn(run)

        return self._lanes.choose(slots, occupied, key_limits, may_start)

    def next_at(self) -> datetime | None:
        """Return when time next brings something to a run, at the earliest."""
        heads = [heap[0][0] for heap in (self._starts, self._expiries) if heap]
        return min(heads) if heads else None

    def _begin_anew(self) -> None:
        """Have all that wait come up again: the clock went back, and none may start early."""
        self._lanes = Lanes(self._runs, self._jobs)
        self._starts = [
            (run.start_at, run.run)
            for run in self._runs.values()
            if run.status in {"waiting", "retrying"}
        ]
        heapify(self._starts)
