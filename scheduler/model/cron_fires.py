"""When a cron schedule fires, in whole UTC seconds: walked forwards, backwards, or only counted.

The local days of the zone come in stretches (`local_days`). On plain ones the fires of a day are a
list of seconds since midnight, shared by all days that the same expressions match; nothing is
reckoned per fire. The days of a clock change are `clock_changes`.

Counting multiplies: whole months by their kind, edges by bisection, changed days by counting bits.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from scheduler.model.clock_changes import fires_on_changed_days, ones, positions
from scheduler.model.cron import CronFields, matching_days, parse
from scheduler.model.limits import DAY_TIMES_MAX, SCHEDULES_READ_MAX
from scheduler.model.local_days import (
    SECONDS_A_DAY,
    Month,
    Stretch,
    date_of,
    month_of,
    stretches,
)
from scheduler.model.schedules import Cron

_Seconds = Sequence[int]  # ascending


class Fires(NamedTuple):
    """Fires in one place: each is `base` plus one of `times`."""

    base: int  # UTC seconds
    times: _Seconds

    def between(self, first: int, last: int) -> "Fires":
        """Return those in [first, last]."""
        begin = bisect_left(self.times, first - self.base)
        return Fires(self.base, self.times[begin : bisect_right(self.times, last - self.base)])


class _MonthDays(NamedTuple):
    """The matching days of one kind of month, as offsets from its first, and their times."""

    days: tuple[int, ...]
    times: tuple[_Seconds, ...]
    fires: int  # in the whole month, on plain days


class CronFires:
    """The fires of one cron schedule; use `cron_fires` to get the shared one.

    All bounds are whole UTC seconds and inclusive.
    """

    def __init__(self, schedule: Cron) -> None:
        self.expressions = tuple(
            parse(text, seconds=schedule.seconds, path=f"$.schedule.expressions[{number}]")
            for number, text in enumerate(schedule.expressions)
        )
        self.zone_name = schedule.timezone
        self.makes_up_gaps = schedule.gap == "after"
        self.takes_first_pass = schedule.fold == "first"
        self._months: dict[tuple[int, int, int], _MonthDays] = {}  # 12 x 7, 7 more for leap years

    def walk(self, first: int, last: int, *, newest_first: bool = False) -> Iterator[Fires]:
        """Yield the fires in [first, last], a day or a clock change at a time, none empty."""
        for stretch in stretches(self.zone_name, first, last, newest_first=newest_first):
            for fires in self._in_stretch(stretch, first, last, newest_first=newest_first):
                found = fires.between(first, last)
                if found.times:
                    yield found

    def earliest(self, first: int, last: int, *, limit: int) -> list[int]:
        """Return the first `limit` fires in [first, last], ascending."""
        found: list[int] = []
        for base, times in self.walk(first, last):
            found.extend(base + time for time in times[: limit - len(found)])
            if len(found) >= limit:
                break
        return found

    def newest(self, first: int, last: int, *, limit: int) -> list[int]:
        """Return the last `limit` fires in [first, last], ascending."""
        found: list[int] = []
        for base, times in self.walk(first, last, newest_first=True):
            found.extend(base + time for time in times[: -(limit - len(found)) - 1 : -1])
            if len(found) >= limit:
                break
        found.reverse()
        return found

    def count(self, first: int, last: int) -> int:
        """Return how many fires lie in [first, last], without making them."""
        total = 0
        for stretch in stretches(self.zone_name, first, last):
            begin = max(first, stretch.start)
            end = min(last, stretch.end - 1)
            if stretch.changes:
                bits = self._changed(stretch) >> (begin - stretch.start)
                total += (bits & ones(end - begin + 1)).bit_count()
            else:
                total += self._count_plain(begin + stretch.offsets[0], end + stretch.offsets[0])
        return total

    def _changed(self, stretch: Stretch) -> int:
        """Return the fires on days with a clock change: bit n is the nth second of the stretch."""
        return fires_on_changed_days(
            self.expressions,
            stretch,
            makes_up_gaps=self.makes_up_gaps,
            takes_first_pass=self.takes_first_pass,
        )

    def _in_stretch(
        self, stretch: Stretch, first: int, last: int, *, newest_first: bool
    ) -> Iterator[Fires]:
        """Yield the fires of a stretch on the days near [first, last]."""
        if stretch.changes:
            if bits := self._changed(stretch):
                yield Fires(stretch.start, positions(bits))
            return
        offset = stretch.offsets[0]
        first_day = max(stretch.first_day, (first + offset) // SECONDS_A_DAY)
        last_day = min(stretch.last_day, (last + offset) // SECONDS_A_DAY)
        for month in _months(first_day, last_day, newest_first=newest_first):
            matching = self._month_days(month)
            begin = bisect_left(matching.days, first_day - month.first_day)
            end = bisect_right(matching.days, last_day - month.first_day)
            order = range(begin, end)
            for number in reversed(order) if newest_first else order:
                day = month.first_day + matching.days[number]
                yield Fires(day * SECONDS_A_DAY - offset, matching.times[number])

    def _count_plain(self, first: int, last: int) -> int:
        """Return how many local times in [first, last], local seconds, are named."""
        first_day, first_time = divmod(first, SECONDS_A_DAY)
        last_day, last_time = divmod(last, SECONDS_A_DAY)
        total = 0
        for month in _months(first_day, last_day):
            matching = self._month_days(month)
            if first_day <= month.first_day and month.last_day <= last_day:
                total += matching.fires
            else:
                begin = bisect_left(matching.days, first_day - month.first_day)
                end = bisect_right(matching.days, last_day - month.first_day)
                total += sum(len(times) for times in matching.times[begin:end])
        total -= bisect_left(self._times_on(first_day), first_time)
        times = self._times_on(last_day)
        return total - (len(times) - bisect_right(times, last_time))

    def _times_on(self, day: int) -> _Seconds:
        """Return the times of a plain day."""
        month = month_of(day)
        matching = self._month_days(month)
        number = bisect_left(matching.days, day - month.first_day)
        if number < len(matching.days) and matching.days[number] == day - month.first_day:
            return matching.times[number]
        return ()

    def _month_days(self, month: Month) -> _MonthDays:
        """Return the matching days of a month; months of one kind share them."""
        weekday = date_of(month.first_day).weekday()
        kind = (month.month, month.last_day - month.first_day, weekday)
        known = self._months.get(kind)
        if known is None:
            known = self._months[kind] = self._read_month(month)
        return known

    def _read_month(self, month: Month) -> _MonthDays:
        """Lay out a month: each day's times are those of all the expressions that match it."""
        matched: dict[int, tuple[int, ...]] = {}
        for number, fields in enumerate(self.expressions):
            for day in matching_days(fields, month.year, month.month):
                matched[day - 1] = (*matched.get(day - 1, ()), number)
        times = {
            numbers: _times(tuple(self.expressions[number] for number in numbers))
            for numbers in set(matched.values())
        }
        days = tuple(sorted(matched))
        of_days = tuple(times[matched[day]] for day in days)
        return _MonthDays(days, of_days, sum(map(len, of_days)))


@lru_cache(SCHEDULES_READ_MAX)
def cron_fires(schedule: Cron) -> CronFires:
    """Return the fires of a schedule, shared by all who ask for an equal one.

    Raises: BadInput, when an expression is refused.
    """
    return CronFires(schedule)


@lru_cache(DAY_TIMES_MAX)
def _times(expressions: tuple[CronFields, ...]) -> _Seconds:
    """Return the seconds since midnight that any of the expressions names."""
    united = {
        (hour * 60 + minute) * 60 + second
        for fields in expressions
        for hour in fields.hours
        for minute in fields.minutes
        for second in fields.seconds
    }
    times = sorted(united)
    step = times[1] - times[0] if len(times) > 1 else SECONDS_A_DAY
    if all(later - earlier == step for earlier, later in pairwise(times)):
        return range(times[0], times[-1] + 1, step)  # takes no room
    return array("i", times)


def _months(first_day: int, last_day: int, *, newest_first: bool = False) -> Iterator[Month]:
    """Yield the months that touch the days [first_day, last_day]."""
    day = last_day if newest_first else first_day
    while first_day <= day <= last_day:
        month = month_of(day)
        yield month
        day = month.first_day - 1 if newest_first else month.last_day + 1
