"""The stretches of time that a job's excluded days cover.

A day begins at the first instant at which its zone's clock shows it, also where the clock jumps
over midnight, and ends where the next one begins.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from scheduler.model.jobs import Exclude
from scheduler.model.limits import SCHEDULES_READ_MAX
from scheduler.model.zones import zone

ONE_DAY = timedelta(days=1)
ONE_SECOND = timedelta(seconds=1)

Stretch = tuple[datetime, datetime]  # (after, until]: its fire times are excluded


def excluded_in(exclude: Exclude | None, after: datetime, until: datetime) -> Iterator[Stretch]:
    """Yield the parts of (after, until] whose fire times are excluded: ascending, apart."""
    if exclude is None:
        return
    stretches = _stretches(exclude)
    first = bisect_right(stretches, after, key=lambda one: one[1])
    for begin, end in stretches[first:]:
        if begin >= until:
            return
        yield max(begin, after), min(end, until)


def is_excluded(exclude: Exclude | None, fire_time: datetime) -> bool:
    """Return whether a fire time lies on one of the days."""
    return any(excluded_in(exclude, fire_time - ONE_SECOND, fire_time))


@lru_cache(SCHEDULES_READ_MAX)
def _stretches(exclude: Exclude) -> tuple[Stretch, ...]:
    """Return all of them; fire times are whole seconds, so a second before is the open end."""
    return tuple(
        (
            _begin_of(days.first, exclude.timezone) - ONE_SECOND,
            _begin_of(days.last + ONE_DAY, exclude.timezone) - ONE_SECOND,
        )
        for days in exclude.dates
    )


def _begin_of(day: date, timezone: str) -> datetime:
    """Return the instant at which a local day begins.

    Of a midnight that the clock shows twice the first pass; one in a gap is read by the offset
    before it, which is the instant of the change (PEP 495).
    """
    place = zone(timezone)
    return datetime(day.year, day.month, day.day, tzinfo=place).astimezone(UTC)
