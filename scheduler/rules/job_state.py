"""What is true of one job, and `evolve_job`: the one meaning of the events that concern it.

It is total and holds no rule: what an event says is believed, and only what cannot follow at all is
refused (`ImpossibleHistory`). States are frozen, so a snapshot may encode them while the fold goes
on. Nothing here knows other jobs or the log; all states together are `timetable`'s.
"""

from datetime import datetime
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import Definition, JobId, Missed


class Resumption(NamedTuple):
    """The end of a pause, come or to come: fire times up to `at` are decided as `missed` says."""

    at: datetime
    missed: Missed


class JobState(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One job, as its events have left it."""

    job: JobId
    definition: Definition
    revision: int
    defined_at: datetime
    cursor: datetime  # every fire time up to here is decided
    on_grid: bool = False  # the cursor is itself a fire time of the definition
    planned: int = 0  # runs by schedule or catch-up, towards max_runs
    last_run_fire: datetime | None = None  # the latest fire time that had such a run
    coalesced_after: datetime | None = None  # fires after this were folded into the next run
    ahead_until: datetime | None = None  # where the cursor stood when a slower clock was accepted
    paused: bool = False
    pause_end: Resumption | None = None  # of a pause that ends by itself
    resumption: Resumption | None = None  # of a pause that has ended and is still to be decided
    skipping: tuple[datetime, ...] = ()  # fire times to come that are to be passed over; ascending
    exhausted: bool = False
    removed: bool = False


def evolve_job(state: JobState | None, event: e.AnyEvent) -> JobState:
    """Return the job after `event`; None stands for a job that does not exist yet."""
    if state is None:
        if not isinstance(event, e.JobDefined):
            raise ImpossibleHistory(f"{type(event).__name__} for a job that was never defined")
        return JobState(
            job=event.job,
            definition=event.definition,
            revision=1,
            defined_at=event.cursor,
            cursor=event.cursor,
            exhausted=event.exhausted,
        )
    match event:
        case e.RunPlanned(cause="schedule" | "catch-up", fire_time=at) if at is not None:
            return planned(state, at)
        case e.RunPlanned():
            return state  # asked for by hand: the schedule's own cursor stays where it is
        case e.FiresSkipped():
            return skipped(state, event)
        case e.JobRevised(definition=definition, revision=revision, effective_at=at):
            return replace(
                state,
                definition=definition,
                revision=revision,
                cursor=at,
                on_grid=False,
                exhausted=event.exhausted,
                resumption=None,
            )
        case e.JobRenamed(name=name):
            return replace(state, definition=replace(state.definition, name=name))
        case e.JobPaused(until=until, missed=missed):
            end = None if until is None else Resumption(until, missed)
            return replace(state, paused=True, pause_end=end)
        case e.JobResumed(at=at, missed=missed):
            ended = Resumption(at, missed)
            return replace(state, paused=False, pause_end=None, resumption=ended)
        case e.NextFireSkipped(fire_time=at):
            return replace(state, skipping=tuple(sorted({*state.skipping, at})))
        case e.NextFireRestored(fire_time=at):
            return replace(state, skipping=tuple(one for one in state.skipping if one != at))
        case e.JobExhausted():
            return replace(state, exhausted=True)
        case e.JobRemoved():
            return replace(state, removed=True)
        case e.ClockAccepted(at=at):
            return set_back(state, at)
        case _:
            raise ImpossibleHistory(f"{type(event).__name__} does not concern a job")


def planned(state: JobState, fire_time: datetime) -> JobState:
    """Return the job after one of its fire times became a run."""
    if fire_time <= state.cursor:
        raise ImpossibleHistory(f"{fire_time} of job {state.job} was decided before")
    last = state.last_run_fire
    return replace(
        state,
        cursor=fire_time,
        on_grid=True,
        planned=state.planned + 1,
        last_run_fire=fire_time if last is None or fire_time > last else last,
        coalesced_after=None,
        skipping=to_come(state.skipping, fire_time),
    )


def skipped(state: JobState, event: e.FiresSkipped) -> JobState:
    """Return the job after a window of its fire times was passed over."""
    if event.after != state.cursor or event.until <= event.after:
        raise ImpossibleHistory(
            f"job {state.job} skipped ({event.after}, {event.until}] "
            f"while decided up to {state.cursor}"
        )
    kept = state.coalesced_after
    if event.reason == "coalesced" and kept is None:
        kept = event.after
    return replace(
        state,
        cursor=event.until,
        on_grid=True,
        coalesced_after=kept,
        skipping=to_come(state.skipping, event.until),
    )


def to_come(skipping: tuple[datetime, ...], cursor: datetime) -> tuple[datetime, ...]:
    """Return the fire times to be passed over that still lie ahead of the cursor."""
    if not skipping or skipping[0] > cursor:
        return skipping
    return tuple(at for at in skipping if at > cursor)


def set_back(state: JobState, at: datetime) -> JobState:
    """Return the job after a slower clock was accepted: what lay ahead of it is open again.

    Runs ahead stay, and count; skips ahead are void, and with them an end that they had brought.
    """
    resumption = not_beyond(state.resumption, at)
    if state.cursor <= at:
        return state if resumption == state.resumption else replace(state, resumption=resumption)
    coalesced = state.coalesced_after
    most = state.definition.max_runs
    return replace(
        state,
        cursor=at,
        on_grid=False,
        ahead_until=max(state.cursor, state.ahead_until or state.cursor),
        coalesced_after=None if coalesced is None or coalesced > at else coalesced,
        resumption=resumption,
        exhausted=state.exhausted and most is not None and state.planned >= most,
    )


def not_beyond(resumption: Resumption | None, at: datetime) -> Resumption | None:
    """Return the end of a pause, at the accepted time when it lay ahead of that."""
    if resumption is None or resumption.at <= at:
        return resumption
    return Resumption(at, resumption.missed)
