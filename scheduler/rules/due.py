"""What time has brought: start deadlines, fire times and starts, in bounded steps."""

from collections.abc import Callable
from datetime import datetime

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.limits import DUE_JOBS_PER_APPEND, FIRES_PER_DECISION_MAX
from scheduler.rules.callbacks import with_callbacks
from scheduler.rules.facts import Fact
from scheduler.rules.plan import Taken, plan
from scheduler.rules.timetable import Timetable


def expire(timetable: Timetable, now: datetime) -> list[Fact]:
    """Expire the runs whose first attempt has not started by their start deadline."""
    facts: list[Fact] = []
    for run in timetable.expired_runs(now):
        expired = Fact(run.stream, e.RunExpired(run=run.run))
        facts += with_callbacks(timetable, run, [expired], now)
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
            timetable.pass_over(job.job, now)
    return facts


def start_ready(
    timetable: Timetable,
    now: datetime,
    *,
    slots: int,
    epoch: int,
    code: Callable[[str], str | None],
) -> list[Fact]:
    """Start the runs whose time and turn have come, as far as slots are free."""
    free = max(slots - len(timetable.occupied), 0)
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
        for run in timetable.ready_runs(now, free)
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
    started = e.AttemptStarted(
        run=run.run, attempt=run.attempt + 1, epoch=wish.epoch, code=code(run.definition.service)
    )
    return [Fact(run.stream, started)]
