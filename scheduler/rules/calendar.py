"""The calendar of a backfill: which fire times its window has, by the definitions that held then.

Before the job existed its first definition's schedule holds, without its `start_at`. What a
definition excludes is no occurrence, nor is a fire time that somebody had asked to skip. The
calendar stands in the event that asks for the backfill; here it is drawn up, and read.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from scheduler.model import events as e
from scheduler.model.backfill_events import Stretch
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.excluded import excluded_in, is_excluded
from scheduler.model.firing import count_fires, fire_times, latest_fire_times
from scheduler.model.jobs import Definition
from scheduler.model.schedules import Interval, Manual, Schedule

ONE_SECOND = timedelta(seconds=1)
ALWAYS = datetime.min.replace(tzinfo=UTC)
FOR_EVER = datetime.max.replace(tzinfo=UTC)


class Held(NamedTuple):
    """A definition, and from when on it held; fire times after that are its own."""

    since: datetime
    definition: Definition


def definitions_of(events: Iterable[e.AnyEvent]) -> list[Held]:
    """Return the definitions of a job, from the events of its stream; the first held always."""
    held: list[Held] = []
    for event in events:
        match event:
            case e.JobDefined(definition=definition):
                held.append(Held(ALWAYS, definition))
            case e.JobRevised(definition=definition, effective_at=at):
                held.append(Held(at, definition))
            case _:
                continue
    return held


def defined_at(events: Iterable[e.AnyEvent]) -> datetime:
    """Return when the job came to be; fire times after that were its own."""
    for event in events:
        if isinstance(event, e.JobDefined):
            return event.cursor
    raise ImpossibleHistory("a job has a stream and was never defined")


def skipped_by_hand(
    events: Iterable[e.AnyEvent], after: datetime, until: datetime
) -> tuple[datetime, ...]:
    """Return the fire times in (after, until] that somebody asked to skip, ascending."""
    named: set[datetime] = set()
    for event in events:
        if isinstance(event, e.NextFireSkipped):
            named.add(event.fire_time)
        elif isinstance(event, e.NextFireRestored):
            named.discard(event.fire_time)
    return tuple(sorted(at for at in named if after < at <= until))


def stretches(
    held: Sequence[Held], *, born_at: datetime, after: datetime, until: datetime
) -> tuple[Stretch, ...]:
    """Return the calendar of (after, until]; stretches without a schedule are left out."""
    found: list[Stretch] = []
    ends = [*held[1:], Held(FOR_EVER, held[-1].definition)]
    for (since, definition), (end, _) in zip(held, ends, strict=True):
        for early, late in pairwise((since, max(since, min(born_at, end)), end)):
            begin, close = max(early, after), min(late, until, definition.end_at or FOR_EVER)
            schedule = definition.schedule
            if late <= born_at:
                schedule = reaching_back(schedule, begin)
            elif definition.start_at is not None:
                begin = max(begin, definition.start_at - ONE_SECOND)
            if begin < close and not isinstance(schedule, Manual):
                found.append(Stretch(begin, close, schedule, definition.exclude))
    return tuple(found)


def reaching_back(schedule: Schedule, after: datetime) -> Schedule:
    """Return a schedule whose grid begins at or before `after`, if it has one."""
    if not isinstance(schedule, Interval) or schedule.anchor is None or schedule.anchor <= after:
        return schedule
    steps = -((after - schedule.anchor) // schedule.every)
    return Interval(schedule.every, schedule.anchor - steps * schedule.every)


def count(calendar: Iterable[Stretch], left_out: Iterable[datetime]) -> int:
    """Return how many occurrences a calendar has; reckoned, not looped."""
    calendar = list(calendar)
    found = sum(
        count_fires(stretch.schedule, after=after, until=until)
        for stretch in calendar
        for after, until in kept_in(stretch)
    )
    return found - sum(is_occurrence(calendar, at) for at in left_out)


def is_occurrence(calendar: Iterable[Stretch], at: datetime) -> bool:
    """Return whether an instant is a fire time of a calendar that is not excluded."""
    return any(
        stretch.after < at <= stretch.until
        and not is_excluded(stretch.exclude, at)
        and bool(count_fires(stretch.schedule, after=at - ONE_SECOND, until=at))
        for stretch in calendar
    )


def kept_in(stretch: Stretch) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of a stretch that are not excluded, ascending."""
    after = stretch.after
    for begin, end in excluded_in(stretch.exclude, stretch.after, stretch.until):
        if after < begin:
            yield after, begin
        after = end
    if after < stretch.until:
        yield after, stretch.until


def occurrences(
    asked: e.BackfillRequested, *, after: datetime | None, limit: int
) -> list[datetime]:
    """Return the next `limit` fire times of a backfill past its cursor, in its own order."""
    left_out = set(asked.left_out)
    most = limit + len(left_out)
    found: list[datetime] = []
    for schedule, begin, end in parts_past(asked, after):
        room = most - len(found)
        if room <= 0:
            break
        if asked.order == "oldest":
            found += fire_times(schedule, after=begin, until=end, limit=room)
        else:
            found += reversed(latest_fire_times(schedule, after=begin, until=end, limit=room))
    return [at for at in found if at not in left_out][:limit]


def parts_past(
    asked: e.BackfillRequested, cursor: datetime | None
) -> Iterator[tuple[Schedule, datetime, datetime]]:
    """Yield what is left of a backfill's window past its cursor, (after, until], in its order."""
    is_oldest = asked.order == "oldest"
    for stretch in asked.stretches if is_oldest else reversed(asked.stretches):
        kept = list(kept_in(stretch))
        for after, until in kept if is_oldest else reversed(kept):
            if cursor is None:
                begin, end = after, until
            elif is_oldest:
                begin, end = max(after, cursor), until
            else:
                begin, end = after, min(until, cursor - ONE_SECOND)
            if begin < end:
                yield stretch.schedule, begin, end


def stretch_at(asked: e.BackfillRequested, fire_time: datetime) -> Stretch:
    """Return the stretch that a fire time of a backfill lies in."""
    for stretch in asked.stretches:
        if stretch.after < fire_time <= stretch.until:
            return stretch
    raise ImpossibleHistory(f"{fire_time} is no fire time of backfill {asked.backfill}")
