"""What the promises say of all runs together: slots, keys, lanes, turns, callbacks, backfills.

Part of the model: it knows the jobs' policies and what happened, and none of the rules.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from scheduler.model import events as e
from scheduler.model.jobs import BackfillId, Definition, RunId
from scheduler.model.schedules import Manual
from tests.simulation.model_jobs import RAN, Job
from tests.simulation.model_runs import Attempt, Run, Told, expect

NAMELESS = Definition(name="call", service="s", schedule=Manual(), overlap="allow")


class Work:
    """All runs: those that are open, and those that have ended."""

    def __init__(self, slots: int, key_limits: Mapping[str, int]) -> None:
        self.runs: dict[RunId, Run] = {}
        self.job_of: dict[RunId, Job | None] = {}  # None: a call, behind which there is no job
        self.backfills: dict[BackfillId, tuple[e.BackfillRequested, Job]] = {}
        self.epoch = 0
        self._open: dict[RunId, Run] = {}
        self._callbacks: set[RunId] = set()  # owed: runs whose end calls something
        self._slots = slots
        self._key_limits = key_limits

    def open(self, event: e.RunPlanned | e.ServiceCalled, job: Job | None) -> None:
        """Take up a run that is planned."""
        expect(event.run not in self.runs, f"{event.run} was planned twice")
        run = Run(event, NAMELESS if job is None else job.definition)
        self.runs[run.id] = self._open[run.id] = run
        self.job_of[run.id] = job
        if job is not None and run.is_live:
            job.open[run.id] = run
        if isinstance(event, e.RunPlanned) and event.of is not None:
            expect(not self.runs[event.of].is_open, f"{event.run} repeats one that has not ended")
        if job is not None and run.fire_time is not None:
            job.carried_out.add(run.fire_time)
        if event.parent is not None:
            expect(event.parent in self._callbacks, f"{event.run} was called by nothing")
            self._callbacks.discard(event.parent)

    def take(self, event: e.RunEvent, now: datetime, told: Told) -> Run:
        """Follow an event of a run, which came when it was `now`; return the run."""
        run = self.runs[event.run]
        job = self.job_of[run.id]
        if isinstance(event, e.AttemptStarted):
            expect(len(self._busy()) < self._slots, f"{run.id} starts without a slot")
            expect(self._has_key(job), f"{run.id} starts beside too many of its key")
            expect(self._has_turn(run), f"{run.id} starts before its turn")
        was_open, was = run.is_open, run.status
        run.take(event, now, told, self.epoch)
        if run.is_open:
            self._open[run.id] = run
        else:
            self._open.pop(run.id, None)
        if job is not None and not run.is_open:
            job.open.pop(run.id, None)
        elif job is not None and not was_open and run.is_live:
            overlap = job.definition.overlap
            is_free = job.refusal(job.definition) is None and (overlap != "cancel" or not job.open)
            expect(is_free or job.is_removed, f"{run.id} is tried again beside another")
            job.open[run.id] = run
            job.failures -= was in {"failed", "expired"} and job.failures > 0
        if run.ends is not None and run.cause != "backfill":
            policy = run.definition
            if policy.on_success if run.ends == "succeeded" else policy.on_failure:
                self._callbacks.add(run.id)
        return run

    def judge_backfill(self, key: BackfillId) -> None:
        """Judge the end of a backfill: whatever was missing in its window has been run."""
        asked, job = self.backfills[key]
        left = {"excluded", "skip-next"} | RAN
        for at, fate in job.fates.items():
            if asked.after < at <= asked.until and fate not in left and not job.was_set_back:
                is_run = at in job.carried_out
                expect(is_run or asked.only == "failed", f"{at} is missing after its backfill")

    def judge_turn(self) -> None:
        """Judge the end of a turn: what the end of an attempt brings has come with it."""
        expect(not self._callbacks, f"not called back: {self._callbacks}")
        waiting = [run.id for run in self._open.values() if run.awaited is not None]
        expect(not waiting, f"neither tried again nor ended: {waiting}")

    def judge_quiet(self, now: datetime, out: Iterable[Attempt]) -> None:
        """Judge a moment at which nothing is left to do; the attempts that are `out` are known."""
        busy = self._busy()
        running = {(run.id, run.attempt) for run in busy if run.status == "running"}
        expect(running <= set(out), f"said to run, and does not: {running - set(out)}")
        for run in self._open.values():
            if run.status not in {"waiting", "retrying"}:
                continue
            job = self.job_of[run.id]
            late = run.start_by is not None and run.start_by <= now and run.attempt == 0
            expect(not late, f"{run.id} has not expired")
            expect(not run.gives_up(now), f"{run.id} has not given up")
            may_start = len(busy) < self._slots and run.start_at <= now and self._has_turn(run)
            may_start = may_start and self._has_key(job) and self._has_lane(run)
            expect(not may_start, f"{run.id} does not start")
            is_left = job is not None and job.is_removed and run.attempt == 0
            expect(not is_left, f"{run.id} outlives its job")

    def _busy(self) -> list[Run]:
        return [run for run in self._open.values() if run.status in {"running", "abandoned"}]

    def _has_key(self, job: Job | None) -> bool:
        """Return whether the key of a job's runs leaves room for one more."""
        key = None if job is None else job.definition.concurrency_key
        if key is None:
            return True
        jobs = [self.job_of[run.id] for run in self._busy()]
        alike = sum(one is not None and one.definition.concurrency_key == key for one in jobs)
        return alike < self._key_limits.get(key, 1)

    def _has_turn(self, run: Run) -> bool:
        job = self.job_of[run.id]
        if job is None or not run.is_live or job.definition.overlap == "allow":
            return True
        return next(iter(job.open)) == run.id

    def _has_lane(self, run: Run) -> bool:
        """Return whether a run that catches up need not leave its slot to live ones."""
        if not run.is_live:
            return False  # it may have to leave it for long
        crowd = sum(one.cause == "catch-up" or not one.is_live for one in self._busy())
        return run.cause != "catch-up" or crowd < max(self._slots // 2, 1)
