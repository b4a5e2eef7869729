"""Running once more: a rerun is another run of the same occurrence or call, in its stream.

Only the last run of a stream can be repeated, and only when it has ended, so a stream has one run
under way at most. A rerun has the input, fire time and window of the run that it repeats, starts
with no finished steps, and follows the job's service and policies as they are now. It stands beside
the schedule: it meets no overlap and moves no cursor.
"""

from datetime import datetime

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import Conflict
from scheduler.model.jobs import BackfillId, RunId, derived_id, run_id
from scheduler.model.limits import RERUNS_MAX
from scheduler.rules.facts import Fact
from scheduler.rules.job_state import JobState
from scheduler.rules.run_state import ENDED, NO_JOB, RunState
from scheduler.rules.runs import found
from scheduler.rules.timetable import Timetable


def replay_run(timetable: Timetable, wish: c.ReplayRun, now: datetime) -> list[Fact]:
    """Run an ended run's occurrence or call once more."""
    run = found(timetable, wish.run)
    if run.status not in ENDED:
        raise Conflict(
            f"run {run.run} has not ended ({run.status}); only an ended run is run again"
        )
    if run.number >= RERUNS_MAX:
        raise Conflict(f"there are {RERUNS_MAX:,} runs of this already (RERUNS_MAX)")
    if run.job == NO_JOB:
        return [Fact(run.stream, _called_again(run, now))]
    job = timetable.jobs.get(run.job)
    if job is None or job.removed:
        raise Conflict(f"the job of run {run.run} was removed; its ended runs stay as they are")
    return [Fact(run.stream, rerun(run, job, now))]


def rerun(
    run: RunState, job: JobState, now: datetime, *, backfill: BackfillId | None = None
) -> e.RunPlanned:
    """Return the run that repeats `run`, which has ended."""
    deadline = job.definition.start_deadline
    return e.RunPlanned(
        run=_next_id(run),
        job=run.job,
        cause="rerun" if backfill is None else "backfill",
        revision=job.revision,
        due_time=now,
        fire_time=run.fire_time,
        window_start=run.window_start,
        number=run.number + 1,
        of=run.run,
        backfill=backfill,
        input=run.input,
        start_by=None if deadline is None else now + deadline,
    )


def _called_again(run: RunState, now: datetime) -> e.ServiceCalled:
    return e.ServiceCalled(
        run=_next_id(run),
        service=run.definition.service,
        cause="rerun",
        due_time=now,
        number=run.number + 1,
        of=run.run,
        timeout=run.definition.timeout,
        isolation=run.definition.isolation,
        input=run.input,
    )


def _next_id(run: RunState) -> RunId:
    """Return the id of the run after this one: it follows from its stream and number."""
    if run.fire_time is not None:
        return run_id(run.job, run.fire_time, run.number + 1)
    return RunId(derived_id(run.due_time, f"{run.stream}/{run.number + 1}"))
