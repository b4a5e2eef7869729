"""What time has brought, in bounded steps: ends of pauses, start deadlines, fires and starts."""

from collections.abc import Callable, Mapping
from datetime import datetime

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.limits import DUE_JOBS_PER_APPEND, FIRES_PER_DECISION_MAX
from scheduler.model.streams import job_stream
from scheduler.rules.aftermath import Aftermath
from scheduler.rules.facts import Fact
from scheduler.rules.pauses import end_of_all
from scheduler.rules.plan import Taken, plan
from scheduler.rules.runs import not_started
from scheduler.rules.timetable import Timetable


def expire(timetable: Timetable, now: datetime) -> list[Fact]:
    """End the runs for whose next attempt it is too late, at most DUE_JOBS_PER_APPEND of them."""
    facts: list[Fact] = []
    aftermath = Aftermath(timetable, now)
    for run in timetable.expired_runs(now, DUE_JOBS_PER_APPEND):
        facts += aftermath.of(run, [not_started(run)])
    return facts


def end_pauses(timetable: Timetable, now: datetime) -> list[Fact]:
    """Resume what was paused until a time that has come: as of that time, whoever was awake.

    At most DUE_JOBS_PER_APPEND jobs; the caller asks until nothing comes.
    """
    facts = end_of_all(timetable, now)
    for job in timetable.agenda.ended_pauses(now, DUE_JOBS_PER_APPEND):
        if job.pause_end is not None:
            at, missed = job.pause_end
            resumed = e.JobResumed(job=job.job, at=at, missed=missed)
            facts.append(Fact(job_stream(job.job), resumed))
    return facts


def plan_due(timetable: Timetable, now: datetime, *, taken: Taken) -> list[Fact]:
    """Decide the fire times of due jobs, at most DUE_JOBS_PER_APPEND jobs and about as many runs.

    Jobs that are due and not decided here come up again: the caller asks until nothing is due.
    """
    facts: list[Fact] = []
    for job in timetable.due_jobs(now, DUE_JOBS_PER_APPEND):
        if len(facts) >= FIRES_PER_DECISION_MAX:
            break  # the rest is still marked to be looked at
        decided = plan(timetable, job, now, taken=taken)
        if decided:
            facts += decided
        else:  # what is due has its runs already, from before the clock was set back
            timetable.agenda.pass_over(job.job, now)
    return facts


def start_ready(
    timetable: Timetable,
    now: datetime,
    *,
    slots: int,
    key_limits: Mapping[str, int],
    epoch: int,
    code: Callable[[str], str | None],
) -> list[Fact]:
    """Start the runs whose time and turn have come, as far as slots and keys are free."""
    return [
        Fact(
            run.stream,
            e.AttemptStarted(
                run=run.run,
                attempt=run.attempt + 1,
                epoch=epoch,
                code=code(run.definition.service),
            ),
        )
        for run in timetable.ready_runs(now, slots, key_limits)
    ]


def start_run(
    timetable: Timetable,
    wish: c.StartRun,
    now: datetime,
    *,
    code: Callable[[str], str | None],
) -> list[Fact]:
    """Start one run whose time has come; nothing when it runs already or has ended."""
    run = timetable.runs.get(wish.run)
    if run is None or run.status not in {"waiting", "retrying"} or run.start_at > now:
        return []
    if run.start_before is not None and run.start_before <= now:
        return Aftermath(timetable, now).of(run, [not_started(run)])
    started = e.AttemptStarted(
        run=run.run, attempt=run.attempt + 1, epoch=wish.epoch, code=code(run.definition.service)
    )
    return [Fact(run.stream, started)]
