"""The fire times of a job that will become runs, as far as its definition says so.

Fire times on excluded days are left out, and those that somebody asked to pass over; bounds hold.
What else may keep a fire time from running (an open run, a pause) is not known beforehand.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from scheduler.model.excluded import Stretch, excluded_in
from scheduler.model.firing import fire_times, next_fire
from scheduler.model.instants import CALENDAR_END, SECOND
from scheduler.model.jobs import Definition
from scheduler.model.schedules import Manual


def coming(
    definition: Definition, *, after: datetime, limit: int, skipping: tuple[datetime, ...] = ()
) -> list[datetime]:
    """Return the first `limit` fire times later than `after` that will run, ascending."""
    found: list[datetime] = []
    for begin, end in _kept(definition, after):
        wanted = limit - len(found) + len(skipping)
        times = fire_times(definition.schedule, after=begin, until=end, limit=wanted)
        found += [at for at in times if at not in skipping]
        if len(found) >= limit:
            return found[:limit]
    return found


def next_coming(
    definition: Definition, *, after: datetime, skipping: tuple[datetime, ...] = ()
) -> datetime | None:
    """Return the first of them, None when there is none; the views ask for each job they write."""
    if definition.exclude is not None:
        return next(iter(coming(definition, after=after, limit=1, skipping=skipping)), None)
    return _first(definition, _begin(definition, after), skipping)


def _first(
    definition: Definition, after: datetime, skipping: Collection[datetime]
) -> datetime | None:
    """Return the first fire time within the bounds that is not to be passed over."""
    for _ in range(len(skipping) + 1):  # each round leaves one of them behind
        at = next_fire(definition.schedule, after)
        if at is None or (definition.end_at is not None and at > definition.end_at):
            return None
        if at not in skipping:
            return at
        after = at
    return None


def _begin(definition: Definition, after: datetime) -> datetime:
    start_at = definition.start_at
    return after if start_at is None else max(after, start_at - SECOND)


def _kept(definition: Definition, after: datetime) -> Iterator[Stretch]:
    """Yield the parts of the job's time later than `after` that are not excluded.

    Without a schedule it has none, and no zone is asked for its excluded days (`missing_zones`).
    """
    if isinstance(definition.schedule, Manual):
        return
    begin, until = _begin(definition, after), definition.end_at or CALENDAR_END
    for first, last in excluded_in(definition.exclude, begin, until):
        if begin < first:
            yield begin, first
        begin = last
    if begin < until:
        yield begin, until
