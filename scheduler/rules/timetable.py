"""All states at one position of the log.

`apply` folds one event into the states it concerns; that is the whole of replay. Beside the states
it keeps what can be looked up from them at once: names, the open runs of a job, versions of live
streams. What time will bring to jobs is `agenda`'s, what it brings to runs is `waits`'s; both are
told what has changed.

Ended runs leave the timetable, and removed jobs and finished backfills with them, so it is as large
as what lives.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import BackfillId, JobId, RunId
from scheduler.model.streams import SYSTEM, backfill_stream, job_stream, skips_stream
from scheduler.rules.agenda import Agenda
from scheduler.rules.backfill_state import (
    BackfillState,
    after_end,
    evolve_backfill,
    requested,
)
from scheduler.rules.callers import Callers
from scheduler.rules.job_state import JobState, evolve_job
from scheduler.rules.run_state import (
    BADLY,
    ENDED,
    RunState,
    evolve_run,
    opened,
    opened_call,
)
from scheduler.rules.system import SystemState, evolve_system
from scheduler.rules.waits import Waits


class Timetable:
    """The fold of the log up to `position`."""

    def __init__(self) -> None:
        self.position = 0
        self.system = SystemState()
        self.jobs: dict[JobId, JobState] = {}
        self.names: dict[str, JobId] = {}
        self.callers = Callers()
        self.runs: dict[RunId, RunState] = {}  # open and held
        self.open_of: dict[JobId, dict[RunId, None]] = {}  # live ones, in the order of planning
        self.failures: dict[JobId, int] = {}  # of live runs in a row, where the last one failed
        self.backfills: dict[BackfillId, BackfillState] = {}  # not over; the last to come on last
        self.open_in: dict[BackfillId, dict[RunId, None]] = {}  # their open runs
        self.versions: dict[str, int] = {}  # of streams that may still grow
        self.occupied: dict[RunId, None] = {}  # runs that take a slot: running or abandoned
        self.changed_jobs: dict[JobId, None] = {}  # since the last snapshot asked
        self.changed_runs: dict[RunId, None] = {}
        self.agenda = Agenda(self.jobs)
        self.waits = Waits(self.runs, self.jobs, self._is_its_turn)

    # -- folding

    def apply(self, stream: str, event: e.AnyEvent) -> None:
        """Fold one event, the next of the log."""
        self.position += 1
        match event:
            case e.RunPlanned():
                self._apply_planned(stream, event)
            case e.ServiceCalled():
                self._open_stream(stream, event)
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
                | e.NextFireSkipped()
                | e.NextFireRestored()
            ):
                self._apply_job(stream, event)
            case (
                e.BackfillRequested()
                | e.BackfillAdvanced()
                | e.BackfillPaused()
                | e.BackfillResumed()
                | e.BackfillCancelled()
                | e.BackfillFinished()
            ):
                self._apply_backfill(stream, event)
            case _:
                self._apply_system(event)

    def _apply_planned(self, stream: str, event: e.RunPlanned) -> None:
        job = self.jobs.get(event.job)
        if job is None:
            raise ImpossibleHistory(f"run {event.run} was planned for unknown job {event.job}")
        self._open_stream(stream, event)
        definition = job.definition
        self._put_run(opened(event, stream=stream, definition=definition, line=self.position))
        if event.cause in {"schedule", "catch-up"}:
            self.jobs[event.job] = evolve_job(job, event)
            self.changed_jobs[event.job] = None
            self.agenda.touch(event.job)
        elif event.backfill is not None:
            self._move_backfill(event.backfill, event)

    def _open_stream(self, stream: str, event: e.RunPlanned | e.ServiceCalled) -> None:
        """Count the event that opens a run; a rerun's stream was continued before (`recall`)."""
        is_rerun = event.number > 1
        if event.run in self.runs or (stream in self.versions) != is_rerun:
            raise ImpossibleHistory(f"run {event.run} was planned twice, or has nothing to repeat")
        self.versions[stream] = self.versions.get(stream, 0) + 1

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
        if after.status != run.status and (run.status in ENDED or after.status in ENDED):
            self._count_end(run, after)

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
            if run.is_live:
                self.open_of.setdefault(run.job, {})[key] = None
            elif run.backfill is not None:
                self.open_in.setdefault(run.backfill, {})[key] = None
            self.waits.put(run)
            self.waits.put_expiry(run)
            return
        if status == "held":
            self.runs[key] = run
        else:
            self.runs.pop(key, None)
            self.versions.pop(run.stream, None)
        self._close(run)

    def _count_end(self, before: RunState, after: RunState) -> None:
        """Count how a run ended, or that it is tried again after all, where that is counted."""
        key = after.job
        if after.is_live and after.status in BADLY and key in self.jobs:
            self.failures[key] = self.failures.get(key, 0) + 1
            self.changed_jobs[key] = None
        elif after.is_live and before.status in BADLY and (counted := self.failures.pop(key, 0)):
            if counted > 1:
                self.failures[key] = counted - 1
            self.changed_jobs[key] = None
        elif after.is_live and after.status == "succeeded" and self.failures.pop(key, 0):
            self.changed_jobs[key] = None
        backfill = None if after.backfill is None else self.backfills.get(after.backfill)
        if backfill is not None:
            was, by = (before, -1) if before.status in ENDED else (after, 1)
            self.backfills[backfill.asked.backfill] = after_end(backfill, was.status, by=by)

    def _close(self, run: RunState) -> None:
        line = self.open_of.get(run.job)
        if line is not None and run.is_live:
            line.pop(run.run, None)
            for waiting in line:  # whose turn it may be now
                self.waits.put(self.runs[waiting])
                break
            if not line:
                del self.open_of[run.job]
        if run.backfill is not None and (others := self.open_in.get(run.backfill)) is not None:
            others.pop(run.run, None)
            if not others:
                del self.open_in[run.backfill]
        job = self.jobs.get(run.job)
        if job is not None and job.removed:
            self._forget(job)

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
        | e.JobExhausted
        | e.NextFireSkipped
        | e.NextFireRestored,
    ) -> None:
        key = event.job
        before = self.jobs.get(key)
        self.versions[stream] = self.versions.get(stream, 0) + 1
        after = evolve_job(before, event)
        self.jobs[key] = after
        self.changed_jobs[key] = None
        self.agenda.touch(key)
        if isinstance(event, e.JobPaused):
            self.agenda.note_pause(after)
        elif isinstance(event, e.JobResumed):
            self.failures.pop(key, None)
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
            self.agenda.forget_passed(key)
            for run in self.open_of.get(key, ()):  # a laxer overlap lets them go
                self.waits.put(self.runs[run])

    def _apply_backfill(self, stream: str, event: e.BackfillEvent) -> None:
        key = event.backfill
        self.versions[stream] = self.versions.get(stream, 0) + 1
        match event:
            case e.BackfillRequested():
                if key in self.backfills:
                    raise ImpossibleHistory(f"backfill {key} was asked for twice")
                self.backfills[key] = requested(event)
            case e.BackfillCancelled() | e.BackfillFinished():
                del self.backfills[key]
                del self.versions[stream]
            case _:
                self._move_backfill(key, event)

    def _move_backfill(self, key: BackfillId, event: e.BackfillEvent | e.RunPlanned) -> None:
        """Fold that a backfill came on; it goes behind all others."""
        after = evolve_backfill(self.backfill(key), event)
        del self.backfills[key]
        self.backfills[key] = after

    def backfill(self, key: BackfillId) -> BackfillState:
        """Return a backfill that is not over. Raises: ImpossibleHistory."""
        found = self.backfills.get(key)
        if found is None:
            raise ImpossibleHistory(f"backfill {key} is over, or was never asked for")
        return found

    def _forget(self, job: JobState) -> None:
        """Drop a removed job once nothing of it is open or held."""
        if self.open_of.get(job.job) or any(r.job == job.job for r in self.runs.values()):
            return
        self.jobs.pop(job.job, None)
        self.failures.pop(job.job, None)
        self.agenda.forget(job.job)
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
            self.agenda.begin_anew()

    def recall(self, run: RunState, version: int) -> None:
        """Take an ended run back, as its stream left it, so that it can be decided about."""
        if run.stream in self.versions:
            raise ImpossibleHistory(f"run {run.run} is not the last of its stream")
        self.runs[run.run], self.versions[run.stream] = run, version

    def continue_stream(self, stream: str, version: int) -> None:
        """Have the stream of an ended run go on, for the rerun that follows."""
        self.versions.setdefault(stream, version)

    def dismiss(self, key: RunId) -> None:
        """Let a recalled run go again, when it was not reopened."""
        run = self.runs.get(key)
        if run is not None and not run.is_open and run.status != "held":
            del self.runs[key]
            if not any(other.stream == run.stream for other in self.runs.values()):
                self.versions.pop(run.stream, None)

    def restore(
        self,
        position: int,
        system: tuple[SystemState, int],
        jobs: list[tuple[JobState, int, int, int]],
        runs: list[tuple[RunState, int]],
        backfills: list[tuple[BackfillState, int]],
    ) -> None:
        """Take states as a snapshot kept them, each with the versions of its streams.

        A job has two of them, then its failures in a row.
        """
        self.position = position
        self.system, self.versions[SYSTEM] = system
        for job, version, skips, failures in jobs:
            if failures:
                self.failures[job.job] = failures
            self.jobs[job.job] = job
            self.versions[job_stream(job.job)] = version
            if skips:
                self.versions[skips_stream(job.job)] = skips
            if not job.removed:
                self.names[job.definition.name] = job.job
            self.callers.note(None, job)
            self.agenda.touch(job.job)
            self.agenda.note_pause(job)
        for backfill, version in backfills:
            self.backfills[backfill.asked.backfill] = backfill
            self.versions[backfill_stream(backfill.asked.backfill)] = version
        for run, version in sorted(runs, key=lambda one: one[0].line):
            self.versions[run.stream] = version
            self._put_run(run)
        self.changed_runs.clear()

    # -- looking ahead

    def due_jobs(self, now: datetime, limit: int) -> list[JobState]:
        """Return at most `limit` jobs with an undecided fire time at or before `now`, in order."""
        return [] if self.system.paused else self.agenda.due(now, limit)

    def count_due(self, now: datetime) -> int:
        """Return how many jobs have an undecided fire time at or before `now`; from any thread."""
        return 0 if self.system.paused else self.agenda.count_due(now)

    def expired_runs(self, now: datetime, limit: int) -> list[RunState]:
        """Return at most `limit` runs for which it is too late to start; the caller ends each."""
        return self.waits.expired(now, limit)

    def ready_runs(
        self, now: datetime, slots: int, key_limits: Mapping[str, int]
    ) -> list[RunState]:
        """Return the runs to start, as far as slots and keys are free; the caller starts each."""
        return self.waits.ready(now, slots, self.occupied, key_limits)

    def _is_its_turn(self, run: RunState) -> bool:
        """Return whether nothing of its job is in a run's way: only the head of a line starts."""
        if run.status not in {"waiting", "retrying"} or run.is_cancel_requested:
            return False
        job = self.jobs.get(run.job)
        overlap = run.definition.overlap if job is None else job.definition.overlap
        if overlap == "allow" or not run.is_live:
            return True
        return next(iter(self.open_of[run.job])) == run.run

    def next_wake(self) -> datetime | None:
        """Return when time will next bring something; None when nothing is planned."""
        heads = (self.waits.next_at(), self.agenda.next_pause_end())
        wakes = [at for at in heads if at is not None]
        pause_end = self.system.pause_end
        if self.system.paused:
            wakes += [] if pause_end is None else [pause_end.at]
        else:
            fire = self.agenda.next_fire_due()
            wakes += [] if fire is None else [fire]
            wakes += [
                backfill.next_at
                for key, backfill in self.backfills.items()
                if backfill.next_at is not None
                and not backfill.is_resting(self.agenda.is_here)
                and len(self.open_in.get(key, ())) < backfill.asked.concurrency
            ]
        return min(wakes) if wakes else None

    def is_busy(self, job: JobId) -> bool:
        """Return whether a live run of the job is open."""
        return job in self.open_of
