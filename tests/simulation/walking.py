"""When a job should fire, found by walking the minutes of a day; nothing of the product reckons.

Plain cron only: numbers, ranges, lists and steps, five fields. A local time that the clock skips is
made up right after the gap; one that occurs twice fires once (Debian's cron(8)), unless there is a
`*` in the minute or the hour: then it is real time, and what the clock shows decides.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MADE_UP_MAX = timedelta(hours=3)  # a longer jump is a correction of the clock, not summer time


def fires(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """Return the fire times in (after, until], ascending."""
    match schedule:
        case Once(at=at):
            return [at] if after < at <= until else []
        case Interval(every=every, anchor=anchor):
            assert anchor is not None
            first = max((after - anchor) // every + 1, 0)
            last = (until - anchor) // every
            return [anchor + number * every for number in range(first, last + 1)]
        case Cron():
            found: list[datetime] = []
            for number in range((until.date() - after.date()).days + 1):
                times = of_day(schedule, after.date() + number * DAY)
                found += times[bisect_right(times, after) : bisect_right(times, until)]
            return found
        case Manual():
            return []


@lru_cache(10_000)
def of_day(schedule: Cron, day: date) -> tuple[datetime, ...]:
    """Return the fire times of one day of UTC."""
    found: set[datetime] = set()
    for text in schedule.expressions:
        found.update(_walked(text, schedule, datetime(day.year, day.month, day.day, tzinfo=UTC)))
    return tuple(sorted(found))


def _walked(text: str, schedule: Cron, midnight: datetime) -> Iterator[datetime]:
    minute, hour, *_ = text.split()
    is_frequent = "*" in minute + hour
    zone = ZoneInfo(schedule.timezone)
    before = (midnight - MINUTE).astimezone(zone)
    for number in range(24 * 60):
        at = midnight + number * MINUTE
        local = at.astimezone(zone)
        if _takes(text, local) and (is_frequent or _is_its_pass(local, schedule.fold)):
            yield at
        jump = local.replace(tzinfo=None) - before.replace(tzinfo=None) - MINUTE
        if timedelta(0) < jump <= MADE_UP_MAX and schedule.gap == "after" and not is_frequent:
            skipped = (before + step * MINUTE for step in range(1, jump // MINUTE + 1))
            if any(_takes(text, moment) for moment in skipped):
                yield at
        before = local


def _is_its_pass(local: datetime, wanted: str) -> bool:
    """Return whether a local time is shown once, or is on the pass that counts."""
    offsets = {local.replace(fold=fold).utcoffset() for fold in (0, 1)}
    return len(offsets) == 1 or local.fold == (wanted == "last")


def _takes(text: str, local: datetime) -> bool:
    minute, hour, day, month, weekday = text.split()
    by_day = local.day in numbers(day, 1, 31)
    by_weekday = bool({local.isoweekday(), local.isoweekday() % 7} & numbers(weekday, 0, 7))
    both = day.startswith("*") or weekday.startswith("*")
    return (
        local.minute in numbers(minute, 0, 59)
        and local.hour in numbers(hour, 0, 23)
        and local.month in numbers(month, 1, 12)
        and (by_day and by_weekday if both else by_day or by_weekday)
    )


@lru_cache(1_000)
def numbers(text: str, low: int, high: int) -> frozenset[int]:
    """Read a field of plain numbers."""
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        found.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return frozenset(found)
