"""What becomes of a wish about a job: define, revise, rename, remove, run now.

Each function answers one command with facts, or refuses. A wish that changes nothing answers with
none.
"""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import BadInput, Conflict, NotFound
from scheduler.model.firing import next_fire
from scheduler.model.jobs import Definition, JobId
from scheduler.model.limits import CATCH_UP_FIRES_MAX
from scheduler.model.missing_zones import zone_missed_by
from scheduler.model.schedules import Interval, Manual, Once
from scheduler.model.streams import call_stream, job_stream
from scheduler.model.validation import name_problems, validate
from scheduler.rules.backfill import backfills_of, cancel_backfill
from scheduler.rules.callbacks import callback_problems, chain_problems
from scheduler.rules.facts import Fact
from scheduler.rules.job_state import JobState, Resumption
from scheduler.rules.lateness import pauses_of
from scheduler.rules.overlap import Line
from scheduler.rules.plan import Taken, plan
from scheduler.rules.timetable import Timetable

ONE_SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)


def refuse_callbacks(timetable: Timetable, definition: Definition) -> None:
    """Refuse a definition whose callbacks name no job, or lead back to it."""
    problems = callback_problems(timetable, definition)
    if problems:
        raise BadInput(*problems)


def existing(timetable: Timetable, job: JobId) -> JobState:
    """Return a job that is there and not removed."""
    state = timetable.jobs.get(job)
    if state is None or state.removed:
        raise NotFound("job", job)
    return state


def define_job(
    timetable: Timetable, wish: c.DefineJob, now: datetime, *, taken: Taken
) -> list[Fact]:
    """Define a job, or edit the one that bears its name when `replace` is set."""
    validate(wish.definition)
    if wish.job in timetable.jobs:
        return []  # asked again: the id was made for this wish
    refuse_callbacks(timetable, wish.definition)
    holder = timetable.names.get(wish.definition.name)
    if holder is not None:
        return _redefine(timetable, timetable.jobs[holder], wish, now, taken=taken)
    definition, cursor = anchored(wish.definition, None, now)
    if definition.start_at == cursor:
        cursor -= ONE_SECOND  # the start is a fire time, too
    definition, exhausted = placed_in_time(definition, now, if_past=wish.if_past)
    schedule = definition.schedule
    if isinstance(schedule, Once) and exhausted:
        cursor = schedule.at - ONE_SECOND  # so that it stays known as a fire time of the job
    event = e.JobDefined(job=wish.job, definition=definition, cursor=cursor, exhausted=exhausted)
    return [Fact(job_stream(wish.job), event)]


def _redefine(
    timetable: Timetable, state: JobState, wish: c.DefineJob, now: datetime, *, taken: Taken
) -> list[Fact]:
    if anchored(wish.definition, state.definition, now)[0] == state.definition:
        return []
    if not wish.replace:
        raise Conflict(
            f"there is already a job {wish.definition.name!r} with another definition. "
            f"Change it: horolog job edit {wish.definition.name}"
        )
    revision = c.ReviseJob(job=state.job, definition=wish.definition, if_past=wish.if_past)
    return revise_job(timetable, revision, now, taken=taken)


def anchored(
    definition: Definition, before: Definition | None, now: datetime
) -> tuple[Definition, datetime]:
    """Return the definition with its interval's anchor resolved, and where deciding begins.

    The anchor is the one named, else the one it had, else its start, else now; in that last case
    the first fire time comes one interval later.
    """
    schedule = definition.schedule
    if not isinstance(schedule, Interval) or schedule.anchor is not None:
        return definition, now
    kept = before.schedule if before is not None else None
    anchor = kept.anchor if isinstance(kept, Interval) else definition.start_at
    begin = now
    if anchor is None:
        anchor = begin = whole_second(now)
        if before is not None:  # an edit holds from now on: the old fire times end here
            anchor, begin = anchor + schedule.every, now
    return replace(definition, schedule=Interval(schedule.every, anchor)), begin


def whole_second(at: datetime) -> datetime:
    """Return the instant rounded up to a whole second."""
    floor = at.replace(microsecond=0)
    return floor if floor == at else floor + ONE_SECOND


def placed_in_time(
    definition: Definition, decided_until: datetime, *, if_past: str
) -> tuple[Definition, bool]:
    """Return the definition as it can be scheduled from here on, and whether it is already over.

    Raises: BadInput, when a one-time job is past and nothing was said about that, or nothing fires.
    """
    schedule = definition.schedule
    if isinstance(schedule, Manual):
        return definition, False
    if isinstance(schedule, Once) and schedule.at <= decided_until:
        if if_past == "run":
            at = whole_second(decided_until + INSTANT)
            return replace(definition, schedule=Once(at)), False
        if if_past == "skip":
            return definition, True
        raise BadInput.at(
            "$.schedule.at",
            f"{schedule.at:%Y-%m-%dT%H:%M:%SZ} is {ago(decided_until - schedule.at)} past.",
            "Run it now: --if-past run. Only record it: --if-past skip",
        )
    if not has_fires_after(definition, decided_until):
        raise BadInput.at(
            "$.end_at" if definition.end_at is not None else "$.schedule",
            "no fire time is left within the job's bounds.",
            "Move end_at, or take it away",
        )
    return definition, False


def has_fires_after(definition: Definition, after: datetime) -> bool:
    """Return whether a fire time later than `after` lies within the definition's bounds."""
    if definition.start_at is not None:
        after = max(after, definition.start_at - ONE_SECOND)
    first = next_fire(definition.schedule, after)
    return first is not None and (definition.end_at is None or first <= definition.end_at)


def ago(length: timedelta) -> str:
    """Return a length as one figure and its unit, rounded down."""
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        figure = int(length.total_seconds()) // seconds
        if figure:
            return f"{figure} {unit}{'s' if figure > 1 else ''}"
    return "less than a second"


def revise_job(
    timetable: Timetable, wish: c.ReviseJob, now: datetime, *, taken: Taken
) -> list[Fact]:
    """Give a job another definition from now on; what is due before is decided first."""
    validate(wish.definition)
    refuse_callbacks(timetable, wish.definition)
    state = existing(timetable, wish.job)
    version = timetable.versions[job_stream(wish.job)]
    if wish.if_version is not None and wish.if_version != version:
        raise Conflict(
            f"{state.definition.name} changed since you looked: it is at version {version}, "
            f"not {wish.if_version}. See: horolog job history {state.definition.name}"
        )
    named = replace(wish.definition, name=state.definition.name)
    definition, begin = anchored(named, state.definition, now)
    if definition == state.definition:
        return []
    facts = due_first(timetable, state, now, policy=definition, taken=taken)
    facts = [fact for fact in facts if not isinstance(fact.event, e.JobExhausted)]
    cursor = max([begin, state.cursor, *(cursor_of(fact) for fact in facts)])
    if keeps_fire_times(definition, state.definition, wish.if_past):
        is_manual = isinstance(definition.schedule, Manual)
        exhausted = not (is_manual or has_fires_after(definition, cursor))
    else:
        definition, exhausted = placed_in_time(definition, cursor, if_past=wish.if_past)
    runs = state.planned + sum(isinstance(fact.event, e.RunPlanned) for fact in facts)
    event = e.JobRevised(
        job=wish.job,
        revision=state.revision + 1,
        definition=definition,
        effective_at=cursor,
        exhausted=exhausted or (definition.max_runs is not None and runs >= definition.max_runs),
    )
    return [*facts, Fact(job_stream(wish.job), event)]


def keeps_fire_times(one: Definition, other: Definition, if_past: str) -> bool:
    """Return whether an edit leaves the fire times alone: then a past one is no mistake of it."""
    same = (one.schedule, one.start_at, one.end_at) == (
        other.schedule,
        other.start_at,
        other.end_at,
    )
    return same and if_past != "run"


def cursor_of(fact: Fact) -> datetime:
    """Return how far a planning fact moves its job's cursor."""
    match fact.event:
        case e.RunPlanned(fire_time=datetime() as at) | e.FiresSkipped(until=at):
            return at
        case _:
            return datetime.min.replace(tzinfo=UTC)


def due_first(
    timetable: Timetable,
    state: JobState,
    now: datetime,
    *,
    policy: Definition,
    taken: Taken,
) -> list[Fact]:
    """Decide what is due of a job before it changes; a pause's fires are skipped as `paused`."""
    if not may_be_due(state):
        return []
    pauses = [*pauses_of(timetable, state), *standing_pauses(timetable, state, now)]
    facts = plan(
        timetable,
        state,
        now,
        taken=taken,
        policy=policy,
        pauses=pauses,
        runs_max=CATCH_UP_FIRES_MAX,
    )
    if sum(isinstance(fact.event, e.RunPlanned) for fact in facts) >= CATCH_UP_FIRES_MAX:
        raise Conflict(
            f"more than {CATCH_UP_FIRES_MAX:,} fires of {state.definition.name} are due and are "
            "being decided. Try again in a moment"
        )
    return facts


def may_be_due(state: JobState) -> bool:
    """Return whether a fire time of a job may be due, and can be reckoned here."""
    if state.exhausted or isinstance(state.definition.schedule, Manual):
        return False
    return zone_missed_by(state.definition) is None


def standing_pauses(timetable: Timetable, state: JobState, now: datetime) -> list[Resumption]:
    """Return how the pauses that stand treat what is due; one whose end has come, as that said."""
    system = timetable.system
    stands = ((state.paused, state.pause_end), (system.paused, system.pause_end))
    ends = [
        end if end is not None and end.at <= now else Resumption(now, "skip")
        for is_paused, end in stands
        if is_paused
    ]
    return sorted(ends, key=lambda end: end.at)


def rename_job(timetable: Timetable, wish: c.RenameJob) -> list[Fact]:
    """Give a job another name; all else stays, and is not judged again."""
    state = existing(timetable, wish.job)
    was = state.definition.name
    if wish.name == was:
        return []
    wrong = list(name_problems(wish.name))
    if wrong:
        raise BadInput(*wrong)
    callers = sorted(timetable.jobs[job].definition.name for job in timetable.callers.of(was))
    if callers:
        raise Conflict(f"{was} is called back by {', '.join(callers)}; change that first")
    renamed = replace(state.definition, name=wish.name)
    problems = chain_problems(timetable, renamed)  # of jobs that call one of the new name
    if problems:
        raise BadInput(*problems)
    if wish.name in timetable.names:
        raise Conflict(f"there is already a job {wish.name!r}")
    return [Fact(job_stream(wish.job), e.JobRenamed(job=wish.job, name=wish.name, was=was))]


def remove_job(
    timetable: Timetable, wish: c.RemoveJob, now: datetime, *, taken: Taken
) -> list[Fact]:
    """Remove a job for good: what is due is decided, what has not started is cancelled."""
    state = existing(timetable, wish.job)
    facts = due_first(timetable, state, now, policy=state.definition, taken=taken)
    ended = {fact.event.run for fact in facts if isinstance(fact.event, e.RunCancelled)}
    for fact in list(facts):
        if isinstance(fact.event, e.RunPlanned) and fact.event.run not in ended:
            facts.append(Fact(fact.stream, e.RunCancelled(run=fact.event.run)))
    for backfill in backfills_of(timetable, wish.job):
        facts += cancel_backfill(timetable, backfill.asked.backfill)
    ended |= {fact.event.run for fact in facts if isinstance(fact.event, e.RunCancelled)}
    for key, run in timetable.runs.items():
        if run.job == wish.job and run.is_open and run.attempt == 0 and key not in ended:
            facts.append(Fact(run.stream, e.RunCancelled(run=key)))
    return [*facts, Fact(job_stream(wish.job), e.JobRemoved(job=wish.job))]


def trigger_job(timetable: Timetable, wish: c.TriggerJob, now: datetime) -> list[Fact]:
    """Run a job now; cursor and counters stay. Refused, not skipped, when overlap forbids it."""
    if wish.run in timetable.runs:
        return []  # asked again: the id was made for this wish
    state = existing(timetable, wish.job)
    line = Line(timetable, wish.job, state.definition)
    line.refuse(state.definition.name)
    deadline = state.definition.start_deadline
    event = e.RunPlanned(
        run=wish.run,
        job=wish.job,
        cause="trigger",
        revision=state.revision,
        due_time=now,
        input=wish.input,
        start_by=None if deadline is None else now + deadline,
    )
    return [*line.give_way(wish.run), Fact(call_stream(wish.run), event)]
