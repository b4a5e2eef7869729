"""All states at one position of the log, and who is due next.

`apply` folds one event into the states it concerns; that is the whole of replay. Beside the states
it keeps what can be looked up from them at once: names, the open runs of a job, versions of live
streams, and heaps of what time will bring. The heaps hold stale entries on purpose: one is believed
only if the state still says so when it comes up.

Ended runs leave the timetable, and removed jobs with them, so it is as large as what lives. It
reckons fire times (`firing`) only for jobs that were touched, when asked who is due.
"""

from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from msgspec.structs import replace

from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.firing import next_fire
from scheduler.model.jobs import JobId, RunId
from scheduler.model.limits import STALE_ENTRIES_MAX
from scheduler.model.streams import SYSTEM, job_stream, skips_stream
from scheduler.rules.callers import Callers
from scheduler.rules.state import (
    JobState,
    RunState,
    evolve_job,
    evolve_run,
    opened,
    opened_call,
)
from scheduler.rules.system import SystemState, evolve_system

ONE_SECOND = timedelta(seconds=1)


class Timetable:
    """The fold of the log up to `position`."""

    def __init__(self) -> None:
        self.position = 0
        self.system = SystemState()
        self.jobs: dict[JobId, JobState] = {}
        self.names: dict[str, JobId] = {}
        self.callers = Callers()
        self.runs: dict[RunId, RunState] = {}  # open and held
        self.open_of: dict[JobId, dict[RunId, None]] = {}  # by job, in the order of planning
        self.versions: dict[str, int] = {}  # of streams that may still grow
        self.occupied: dict[RunId, None] = {}  # runs that take a slot: running or abandoned
        self.changed_jobs: dict[JobId, None] = {}  # since the last snapshot asked
        self.changed_runs: dict[RunId, None] = {}
        self._next: dict[JobId, datetime] = {}
        self._unreckoned: dict[JobId, None] = {}  # jobs whose next fire time is to be looked up
        self._fires: list[tuple[datetime, JobId]] = []
        self._starts: list[tuple[datetime, RunId]] = []
        self._expiries: list[tuple[datetime, RunId]] = []
        self._ready: list[tuple[int, datetime, RunId]] = []
        self._passed: dict[JobId, datetime] = {}

    # -- folding

    def apply(self, stream: str, event: e.AnyEvent) -> None:
        """Fold one event, the next of the log."""
        self.position += 1
        match event:
            case e.RunPlanned():
                self._apply_planned(stream, event)
            case e.ServiceCalled():
                self.versions[stream] = 1
                self._put_run(opened_call(event, stream=stream, line=self.position))
            case (
                e.AttemptStarted()
                | e.RunSucceeded()
                | e.AttemptFailed()
                | e.RunFailed()
                | e.StepCompleted()
                | e.AttemptLogged()
                | e.AttemptInterrupted()
                | e.RunExpired()
                | e.CancelRequested()
                | e.RunCancelled()
                | e.RunHeld()
                | e.RunResolved()
                | e.RunReopened()
                | e.LateOutcomeIgnored()
            ):
                self._apply_run(stream, event)
            case (
                e.FiresSkipped()
                | e.JobDefined()
                | e.JobRevised()
                | e.JobRenamed()
                | e.JobPaused()
                | e.JobResumed()
                | e.JobRemoved()
                | e.JobExhausted()
            ):
                self._apply_job(stream, event)
            case _:
                self._apply_system(event)

    def _apply_planned(self, stream: str, event: e.RunPlanned) -> None:
        job = self.jobs.get(event.job)
        if job is None:
            raise ImpossibleHistory(f"run {event.run} was planned for unknown job {event.job}")
        if event.run in self.runs or stream in self.versions:
            raise ImpossibleHistory(f"run {event.run} was planned twice")
        self.versions[stream] = 1
        definition = job.definition
        self._put_run(opened(event, stream=stream, definition=definition, line=self.position))
        if event.cause in {"schedule", "catch-up"}:
            self.jobs[event.job] = evolve_job(job, event)
            self.changed_jobs[event.job] = None
            self._unreckoned[event.job] = None

    def _apply_run(self, stream: str, event: e.RunEvent) -> None:
        run = self.runs.get(event.run)
        if run is None:
            # An ended run: only a reopening makes it live again, and that needs its whole stream.
            if isinstance(event, e.RunReopened):
                raise ImpossibleHistory(f"run {event.run} was reopened without being recalled")
            return
        self.versions[stream] += 1
        after = evolve_run(run, event)
        if after.is_open and not run.is_open:  # back at the end of the line
            after = replace(after, line=self.position)
        self._put_run(after)

    def _put_run(self, run: RunState) -> None:
        key = run.run
        self.changed_runs[key] = None
        status = run.status
        if status in {"running", "abandoned"}:
            self.occupied[key] = None
        else:
            self.occupied.pop(key, None)
        if run.is_open:
            self.runs[key] = run
            self.open_of.setdefault(run.job, {})[key] = None
            if status in {"waiting", "retrying"}:
                heappush(self._starts, (run.start_at, key))
                if run.start_by is not None and run.attempt == 0:
                    self._push_expiry(run.start_by, key)
            return
        if status == "held":
            self.runs[key] = run
        else:
            self.runs.pop(key, None)
            self.versions.pop(run.stream, None)
        self._close(run)

    def _push_expiry(self, start_by: datetime, key: RunId) -> None:
        heappush(self._expiries, (start_by, key))
        if len(self._expiries) > 2 * len(self.runs) + STALE_ENTRIES_MAX:
            waiting = (run for run in self.runs.values() if run.status == "waiting")
            self._expiries = [(run.start_by, run.run) for run in waiting if run.start_by]
            heapify(self._expiries)

    def _close(self, run: RunState) -> None:
        line = self.open_of.get(run.job)
        if line is not None:
            line.pop(run.run, None)
            for waiting in line:  # whose turn it may be now
                self._requeue(waiting)
                break
            if not line:
                del self.open_of[run.job]
        job = self.jobs.get(run.job)
        if job is not None and job.removed:
            self._forget(job)

    def _requeue(self, key: RunId) -> None:
        run = self.runs[key]
        if run.status in {"waiting", "retrying"}:
            heappush(self._starts, (run.start_at, key))

    def _apply_job(
        self,
        stream: str,
        event: e.FiresSkipped
        | e.JobDefined
        | e.JobRevised
        | e.JobRenamed
        | e.JobPaused
        | e.JobResumed
        | e.JobRemoved
        | e.JobExhausted,
    ) -> None:
        key = event.job
        before = self.jobs.get(key)
        self.versions[stream] = self.versions.get(stream, 0) + 1
        after = evolve_job(before, event)
        self.jobs[key] = after
        self.changed_jobs[key] = None
        self._unreckoned[key] = None
        self.callers.note(before, after)
        if before is not None and before.definition.name != after.definition.name:
            self.names.pop(before.definition.name, None)
        if after.removed:
            if self.names.get(after.definition.name) == key:
                del self.names[after.definition.name]
            self._forget(after)
        elif before is None or before.definition.name != after.definition.name:
            self.names[after.definition.name] = key
        if isinstance(event, e.JobRevised):
            self._passed.pop(key, None)  # of the schedule it had; a laxer overlap lets runs go
            for run in self.open_of.get(key, ()):
                self._requeue(run)

    def _forget(self, job: JobState) -> None:
        """Drop a removed job once nothing of it is open or held."""
        if self.open_of.get(job.job) or any(r.job == job.job for r in self.runs.values()):
            return
        for kept in (self.jobs, self._next, self._unreckoned, self._passed):
            kept.pop(job.job, None)
        self.versions.pop(job_stream(job.job), None)
        self.versions.pop(skips_stream(job.job), None)
        self.changed_jobs[job.job] = None

    def _apply_system(self, event: e.AnyEvent) -> None:
        self.versions[SYSTEM] = self.versions.get(SYSTEM, 0) + 1
        self.system = evolve_system(self.system, event)
        if isinstance(event, e.ClockAccepted):
            for key, job in self.jobs.items():
                self.jobs[key] = evolve_job(job, event)
                self.changed_jobs[key] = None
                self._unreckoned[key] = None
            self._passed.clear()

    def recall(self, run: RunState, version: int) -> None:
        """Take an ended run back, as its stream left it, so that it can be decided about."""
        self.runs.setdefault(run.run, run)
        self.versions.setdefault(run.stream, version)

    def dismiss(self, key: RunId) -> None:
        """Let a recalled run go again, when it was not reopened."""
        run = self.runs.get(key)
        if run is not None and not run.is_open and run.status != "held":
            del self.runs[key]
            self.versions.pop(run.stream, None)

    def restore(
        self,
        position: int,
        system: tuple[SystemState, int],
        jobs: list[tuple[JobState, int, int]],
        runs: list[tuple[RunState, int]],
    ) -> None:
        """Take states as a snapshot kept them, each with the versions of its streams."""
        self.position = position
        self.system, self.versions[SYSTEM] = system
        for job, version, skips in jobs:
            self.jobs[job.job] = job
            self.versions[job_stream(job.job)] = version
            if skips:
                self.versions[skips_stream(job.job)] = skips
            if not job.removed:
                self.names[job.definition.name] = job.job
            self.callers.note(None, job)
            self._unreckoned[job.job] = None
        for run, version in sorted(runs, key=lambda one: one[0].line):
            self.versions[run.stream] = version
            self._put_run(run)
        self.changed_runs.clear()

    # -- looking ahead

    def pass_over(self, job: JobId, until: datetime) -> None:
        """Note that all fire times of the job up to `until` have their runs (a clock set back)."""
        self._passed[job] = until
        self._unreckoned[job] = None

    def looked_at(self, job: JobState) -> datetime:
        """Return where to look for the job's next fire time from: its cursor, or further."""
        return max(job.cursor, self._passed.get(job.job, job.cursor))

    def next_fire_of(self, job: JobState) -> datetime | None:
        """Return the job's next undecided fire time within its bounds; None when there is none."""
        definition = job.definition
        after = self.looked_at(job)
        if definition.start_at is not None:
            after = max(after, definition.start_at - ONE_SECOND)
        at = next_fire(definition.schedule, after)
        if at is None or (definition.end_at is not None and at > definition.end_at):
            return None
        return at

    def _reckon(self) -> None:
        for key in self._unreckoned:
            job = self.jobs.get(key)
            at = None
            if job is not None and not (job.paused or job.exhausted or job.removed):
                at = self.next_fire_of(job)
            if at is None:
                self._next.pop(key, None)
            elif self._next.get(key) != at:
                self._next[key] = at
                heappush(self._fires, (at, key))
        self._unreckoned.clear()

    def due_jobs(self, now: datetime, limit: int) -> list[JobState]:
        """Return at most `limit` jobs with an undecided fire time at or before `now`, in order."""
        if self._unreckoned:
            self._reckon()
        if self.system.paused:
            return []
        due: list[JobState] = []
        fires = self._fires
        while fires and fires[0][0] <= now and len(due) < limit:
            at, key = heappop(fires)
            if self._next.get(key) == at:
                del self._next[key]
                self._unreckoned[key] = None  # back in the heap at the next look, decided or not
                due.append(self.jobs[key])
        return due

    def count_due(self, now: datetime) -> int:
        """Return how many jobs have an undecided fire time at or before `now`; from any thread."""
        if self.system.paused:
            return 0
        return sum(at <= now for at in list(self._next.values()))

    def expired_runs(self, now: datetime) -> list[RunState]:
        """Return the runs whose start deadline has come before their first attempt."""
        expired: list[RunState] = []
        while self._expiries and self._expiries[0][0] <= now:
            _, key = heappop(self._expiries)
            run = self.runs.get(key)
            if run is not None and run.status == "waiting":
                expired.append(run)
        return expired

    def ready_runs(self, now: datetime, limit: int) -> list[RunState]:
        """Return at most `limit` runs that may start: due, and their turn.

        Live runs come before catch-up, then by due time. The caller starts each of them.
        """
        starts, ready = self._starts, self._ready
        while starts and starts[0][0] <= now:
            _, key = heappop(starts)
            run = self.runs.get(key)
            if run is not None and run.start_at <= now and self._may_start(run):
                heappush(ready, (run.cause == "catch-up", run.due_time, key))
        chosen: dict[RunId, RunState] = {}
        while ready and len(chosen) < limit:
            key = heappop(ready)[2]
            run = self.runs.get(key)
            if run is not None and run.start_at <= now and self._may_start(run):
                chosen[key] = run
        return list(chosen.values())

    def _may_start(self, run: RunState) -> bool:
        if run.status not in {"waiting", "retrying"} or run.is_cancel_requested:
            return False
        job = self.jobs.get(run.job)
        overlap = run.definition.overlap if job is None else job.definition.overlap
        if overlap == "allow" or run.attempt > 0:
            return True
        return next(iter(self.open_of[run.job])) == run.run

    def next_wake(self) -> datetime | None:
        """Return when time will next bring something; None when nothing is planned."""
        if self._unreckoned:
            self._reckon()
        while self._fires and self._next.get(self._fires[0][1]) != self._fires[0][0]:
            heappop(self._fires)
        heads = [heap[0][0] for heap in (self._starts, self._expiries) if heap]
        if self._fires and not self.system.paused:
            heads.append(self._fires[0][0])
        return min(heads) if heads else None

    def is_busy(self, job: JobId) -> bool:
        """Return whether a live run of the job is open."""
        return job in self.open_of

    def is_line_open(self, job: JobId) -> bool:
        """Return whether an open run of the job catches up in line; later fires wait behind it."""
        return any(self.runs[run].in_line for run in self.open_of.get(job, ()))
