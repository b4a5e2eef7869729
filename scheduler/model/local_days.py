"""The local days of a zone, laid on the line of UTC seconds.

Between clock changes local days are plain: 86,400 seconds at one offset, so whole months of them
can be reckoned at once. Only the days that a clock change touches are odd; they are kept apart,
with their changes, so that whoever walks or counts fires handles the odd days in one place.

Days are numbered from 1 January 1970, local; seconds from the same midnight, UTC. A year's
stretches cover its days without hole or overlap; a clock change around New Year belongs whole to
the year in which its first day lies.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from scheduler.model.instants import EPOCH, SECOND
from scheduler.model.limits import CLOCK_YEARS_MAX
from scheduler.model.zones import Transition, transitions, zone

SECONDS_A_DAY = 86_400

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_OFFSET_DAYS = 2  # a local date is at most so far from the UTC date
_MARGIN = timedelta(days=4)  # a change that near may touch the year's first or last day


class Segment(NamedTuple):
    """Seconds of one offset inside a stretch: [start, end) in UTC."""

    start: int
    end: int
    offset: int  # seconds that the local clock is ahead of UTC


class Stretch(NamedTuple):
    """Whole local days in a row: plain ones at one offset, or those that a clock change touches."""

    first_day: int
    last_day: int
    offsets: tuple[int, ...]  # seconds; one more than changes
    changes: tuple[int, ...] = ()  # UTC seconds at which the next offset begins; at most one

    @property
    def midnight(self) -> int:
        """The local second at which the first day begins."""
        return self.first_day * SECONDS_A_DAY

    @property
    def start(self) -> int:
        """The UTC second at which the first day begins."""
        return self.midnight - self.offsets[0]

    @property
    def end(self) -> int:
        """The UTC second at which the last day has ended."""
        return (self.last_day + 1) * SECONDS_A_DAY - self.offsets[-1]

    def segments(self) -> Iterator[Segment]:
        """Yield the parts of one offset each, in the order of time."""
        bounds = (self.start, *self.changes, self.end)
        for (start, end), offset in zip(pairwise(bounds), self.offsets, strict=True):
            yield Segment(start, end, offset)


class Month(NamedTuple):
    """A calendar month and its days' numbers."""

    year: int
    month: int
    first_day: int
    last_day: int


def day_number(year: int, month: int, day: int) -> int:
    """Return the number of a calendar date."""
    return date(year, month, day).toordinal() - _EPOCH_DAY


def date_of(day: int) -> date:
    """Return the calendar date of a day's number."""
    return date.fromordinal(day + _EPOCH_DAY)


def month_of(day: int) -> Month:
    """Return the month in which a day lies."""
    on = date_of(day)
    return _month(on.year, on.month)


@lru_cache(CLOCK_YEARS_MAX)
def _month(year: int, month: int) -> Month:
    first = day_number(year, month, 1)
    return Month(year, month, first, day_number(year + month // 12, month % 12 + 1, 1) - 1)


def stretches(
    zone_name: str, first: int, last: int, *, newest_first: bool = False
) -> Iterator[Stretch]:
    """Yield the stretches that touch the UTC seconds [first, last]."""
    if first > last:
        return
    first_year = date_of(first // SECONDS_A_DAY - _OFFSET_DAYS).year
    last_year = date_of(last // SECONDS_A_DAY + _OFFSET_DAYS).year
    years = range(first_year, last_year + 1)
    for year in reversed(years) if newest_first else years:
        of_year = _stretches_of_year(zone_name, year)
        for stretch in reversed(of_year) if newest_first else of_year:
            if stretch.start <= last and first < stretch.end:
                yield stretch


@lru_cache(CLOCK_YEARS_MAX)
def _stretches_of_year(zone_name: str, year: int) -> tuple[Stretch, ...]:
    """Return the stretches that cover the local days of a year, in the order of time."""
    new_year = datetime(year, 1, 1, tzinfo=UTC)
    next_year = datetime(year + 1, 1, 1, tzinfo=UTC)
    place = zone(zone_name)
    start = new_year - _MARGIN
    found = transitions(place, start, next_year + _MARGIN)
    offset = _seconds(start.astimezone(place).utcoffset() or timedelta())
    covered: list[Stretch] = []
    day, last_day = day_number(year, 1, 1), day_number(year, 12, 31)
    for change in map(_touched, found):  # at least four days apart
        if change.first_day > last_day:
            break
        if change.first_day >= day_number(year, 1, 1):
            if day < change.first_day:
                covered.append(Stretch(day, change.first_day - 1, (offset,)))
            covered.append(change)
        day = max(day, change.last_day + 1)
        offset = change.offsets[-1]
    if day <= last_day:
        covered.append(Stretch(day, last_day, (offset,)))
    return tuple(covered)


def _touched(transition: Transition) -> Stretch:
    """Return the one or two days that a clock change touches."""
    at = (transition.at - EPOCH) // SECOND
    before, after = _seconds(transition.offset_before), _seconds(transition.offset_after)
    first, last = sorted(((at + before) // SECONDS_A_DAY, (at + after) // SECONDS_A_DAY))
    return Stretch(first, last, (before, after), (at,))


def _seconds(length: timedelta) -> int:
    return length // SECOND
