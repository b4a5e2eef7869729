"""Passing over one fire time to come, on request, and taking that back before it comes."""

from datetime import datetime, timedelta

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.excluded import excluded_in, is_excluded
from scheduler.model.firing import next_fire
from scheduler.model.limits import EXCLUDED_RANGES_MAX, SKIPS_NAMED_MAX
from scheduler.model.missing_zones import refuse_missing_zone
from scheduler.model.streams import job_stream
from scheduler.rules.facts import Fact
from scheduler.rules.job_state import JobState
from scheduler.rules.lifecycle import existing
from scheduler.rules.timetable import Timetable

ONE_SECOND = timedelta(seconds=1)


def skip_next(timetable: Timetable, wish: c.SkipNextFire, now: datetime) -> list[Fact]:
    """Have a fire time passed over when it comes: the one named, else the next."""
    state = existing(timetable, wish.job)
    refuse_missing_zone(state.definition)
    fire_time = next_of(state, now) if wish.fire_time is None else wish.fire_time
    if fire_time is None:
        raise Conflict(f"{state.definition.name} has no fire time to come; nothing can be skipped")
    if fire_time in state.skipping:
        return []
    if wish.fire_time is not None:
        refuse_what_is_none(state, fire_time, now)
    if len(state.skipping) >= SKIPS_NAMED_MAX:
        raise Conflict(f"{SKIPS_NAMED_MAX} fire times are to be skipped already (SKIPS_NAMED_MAX)")
    return [Fact(job_stream(wish.job), e.NextFireSkipped(job=wish.job, fire_time=fire_time))]


def restore_next(timetable: Timetable, wish: c.RestoreNextFire, now: datetime) -> list[Fact]:
    """Take that back: for the one named, else for all that are still to come."""
    state = existing(timetable, wish.job)
    named = state.skipping if wish.fire_time is None else (wish.fire_time,)
    return [
        Fact(job_stream(wish.job), e.NextFireRestored(job=wish.job, fire_time=at))
        for at in named
        if at in state.skipping and at > now
    ]


def next_of(state: JobState, now: datetime) -> datetime | None:
    """Return the job's next fire time that is not excluded, past `now` and all that is decided."""
    definition = state.definition
    after = max(now, state.cursor)
    if state.exhausted:
        return None
    if definition.start_at is not None:
        after = max(after, definition.start_at - ONE_SECOND)
    for _ in range(EXCLUDED_RANGES_MAX + 1):  # each round leaves one range of days behind
        at = next_fire(definition.schedule, after)
        if at is None or (definition.end_at is not None and at > definition.end_at):
            return None
        if not is_excluded(definition.exclude, at):
            return at
        after = end_of_days(state, at)
    return None


def end_of_days(state: JobState, at: datetime) -> datetime:
    """Return the last instant of the excluded days that a fire time lies on."""
    horizon = datetime.max.replace(tzinfo=at.tzinfo) - ONE_SECOND
    return next(excluded_in(state.definition.exclude, at - ONE_SECOND, horizon))[1]


def refuse_what_is_none(state: JobState, at: datetime, now: datetime) -> None:
    """Refuse an instant that is no fire time of the job to come."""
    if at <= max(now, state.cursor):
        raise BadInput.at("$.fire_time", f"{at:%Y-%m-%dT%H:%M:%SZ} has gone by.")
    definition = state.definition
    is_one = next_fire(definition.schedule, at - ONE_SECOND) == at
    start_at, end_at = definition.start_at or at, definition.end_at or at
    if state.exhausted or not is_one or not start_at <= at <= end_at:
        hint = "See: horolog next"
        raise BadInput.at(
            "$.fire_time",
            f"{at:%Y-%m-%dT%H:%M:%SZ} is no fire time of {definition.name}.",
            hint,
        )
    if is_excluded(definition.exclude, at):
        raise BadInput.at("$.fire_time", f"{at:%Y-%m-%dT%H:%M:%SZ} is excluded anyway.")
