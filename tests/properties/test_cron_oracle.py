"""Cron fire times against an oracle that knows nothing of how they are reckoned.

The oracle walks the line of UTC, asks the zone what its clock shows, and matches that against the
fields, which it reads by itself. What it does at clock changes restates Debian's cron(8): "Local
time changes of less than three hours, such as those caused by the Daylight Saving changes, are
handled in a special way. This only applies to jobs that run at a specific time and jobs that run
with a granularity greater than one hour." A job whose time was jumped over is run soon after the
change; one whose time comes again is not run again; "jobs that run more frequently are scheduled
normally". "Changes of more than 3 hours are considered to be corrections and the new time is used
immediately." In our words a job runs frequently when there is a `*` in its minute or hour.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scheduler.model.cron import matching_days, parse
from scheduler.model.errors import BadInput
from scheduler.model.firing import (
    count_fires,
    fire_times,
    latest_fire_times,
    next_fire,
    previous_fire,
)
from scheduler.model.schedules import Cron
from scheduler.model.zones import transitions

LIMIT = 100_000
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MADE_UP_MAX = timedelta(hours=3)
START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
PLACES = sorted(
    name
    for name in available_timezones()
    if "/" in name and not name.startswith(("Etc/", "posix", "right", "SystemV"))
)


# -- the oracle


def numbers(text: str, low: int, high: int) -> set[int]:
    """Read a field of plain numbers."""
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = ("*" if span == "*" else span).partition("-")
        if first == "*":
            begin, end = low, high
        else:
            begin = int(first)
            end = int(last) if last else (high if step else begin)
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


class Oracle:
    """One expression, read apart from the parser under test; the second comes first."""

    def __init__(self, text: str) -> None:
        second, minute, hour, self.day, month, self.weekday = text.split()
        self.seconds = numbers(second, 0, 59)
        self.minutes = numbers(minute, 0, 59)
        self.hours = numbers(hour, 0, 23)
        self.months = numbers(month, 1, 12)
        self.runs_frequently = "*" in minute + hour

    def takes(self, local: datetime) -> bool:
        """Say whether the clock that shows `local` matches."""
        return (
            local.second in self.seconds
            and local.minute in self.minutes
            and local.hour in self.hours
            and takes_date(self.day, self.weekday, local.date())
            and local.month in self.months
        )


@lru_cache(100_000)
def takes_date(days: str, weekdays: str, on: date) -> bool:
    by_day = any(takes_day(item, on) for item in days.split(","))
    by_weekday = any(takes_weekday(item, on) for item in weekdays.split(","))
    if days.startswith("*") or weekdays.startswith("*"):
        return by_day and by_weekday
    return by_day or by_weekday


def days_of_month(on: date) -> list[date]:
    first = on.replace(day=1)
    return [day for n in range(31) if (day := first + n * DAY).month == on.month]


def takes_day(item: str, on: date) -> bool:
    month = days_of_month(on)
    working = [day for day in month if day.isoweekday() <= 5]
    if item == "L":
        return on == month[-1]
    if item == "LW":
        return on == working[-1]
    if item.endswith("W"):
        wanted = int(item[:-1])
        nearest = min(working, key=lambda day: abs(day.day - wanted))
        return wanted <= len(month) and on == nearest
    return on.day in numbers(item, 1, 31)


def takes_weekday(item: str, on: date) -> bool:
    same = [day for day in days_of_month(on) if day.isoweekday() == on.isoweekday()]
    if "#" in item:
        weekday, nth = item.split("#")
        return on.isoweekday() % 7 == int(weekday) % 7 and same.index(on) + 1 == int(nth)
    if item.endswith("L"):
        return on.isoweekday() % 7 == int(item[0]) % 7 and on == same[-1]
    return bool({on.isoweekday(), on.isoweekday() % 7} & numbers(item, 0, 6))


class Moment(NamedTuple):
    """An instant and what the clock shows then."""

    at: datetime
    local: datetime


def walked(zone: str, after: datetime, until: datetime, step: timedelta) -> list[Moment]:
    place = ZoneInfo(zone)
    steps = (until - after) // step
    return [
        Moment(at, at.astimezone(place).replace(tzinfo=None))
        for at in (after + number * step for number in range(steps + 1))
    ]


def oracle_fires(schedule: Cron, moments: list[Moment], step: timedelta) -> set[datetime]:
    """Return when the schedule fires; the outermost moments only tell what comes twice."""
    fires: set[datetime] = set()
    for text in schedule.expressions:
        oracle = Oracle(text if schedule.seconds else f"0 {text}")
        if oracle.runs_frequently:
            fires |= {moment.at for moment in moments if oracle.takes(moment.local)}
        else:
            fires |= set(specific_times(oracle, moments, step, schedule))
    return fires


def specific_times(
    oracle: Oracle, moments: list[Moment], step: timedelta, schedule: Cron
) -> Iterator[datetime]:
    in_order = moments if schedule.fold == "last" else moments[::-1]
    run_at = {moment.local: moment.at for moment in in_order}  # one pass of those that come twice
    for before, moment in pairwise(moments):
        jump = moment.local - before.local - step
        if timedelta(0) < jump <= MADE_UP_MAX and schedule.gap == "after":
            jumped_over = (before.local + n * step for n in range(1, jump // step + 1))
            if any(map(oracle.takes, jumped_over)):
                yield moment.at
        if oracle.takes(moment.local) and run_at[moment.local] == moment.at:
            yield moment.at


def disagreements(
    schedule: Cron, around: datetime, reach: timedelta, margin: timedelta, step: timedelta
) -> set[datetime]:
    """Return the instants within `reach` at which only one of the two fires."""
    after, until = around - reach, around + reach
    moments = walked(schedule.timezone, after - margin, until + margin, step)
    expected = {at for at in oracle_fires(schedule, moments, step) if after < at <= until}
    found = fire_times(schedule, after=after, until=until, limit=LIMIT)
    assert sorted(set(found)) == found
    return expected ^ set(found)


# -- what is tried


def field(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    step = st.integers(1, high - low)
    span = st.tuples(value, value).map(lambda ends: f"{min(ends)}-{max(ends)}")
    item = (
        st.just("*")
        | value.map(str)
        | span
        | st.tuples(st.just("*") | value.map(str) | span, step).map(
            lambda two: f"{two[0]}/{two[1]}"
        )
    )
    return st.lists(item, min_size=1, max_size=3).map(",".join)


def few(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Leave most dates open, so that something fires near the clock change."""
    return st.just("*") | st.just("*") | strategy


DAY_ITEMS = (
    st.sampled_from(["L", "LW"]) | st.integers(1, 31).map(lambda day: f"{day}W") | field(1, 31)
)
WEEKDAY_ITEMS = (
    st.tuples(st.integers(0, 7), st.integers(1, 5)).map(lambda two: f"{two[0]}#{two[1]}")
    | st.integers(0, 7).map(lambda weekday: f"{weekday}L")
    | st.sampled_from(["7", "5-7", "0-7"])
    | field(0, 6)
)
DAYS = st.lists(DAY_ITEMS, min_size=1, max_size=2).map(",".join)
WEEKDAYS = st.lists(WEEKDAY_ITEMS, min_size=1, max_size=2).map(",".join)
MINUTES, MONTHS = field(0, 59), field(1, 12)
HOURS = field(0, 23) | field(0, 4)  # clocks change at night
TEXTS = st.tuples(MINUTES, HOURS, few(DAYS), few(MONTHS), few(WEEKDAYS)).map(" ".join)


def fires_some_day(text: str) -> bool:
    try:
        parse(text)
    except BadInput as refused:
        return "never fires" not in str(refused)  # any other refusal is a fault of this test
    return True


SCHEDULES = st.builds(
    Cron,
    st.lists(TEXTS.filter(fires_some_day), min_size=1, max_size=3).map(tuple),
    st.sampled_from(PLACES),
    gap=st.sampled_from(["after", "skip"]),
    fold=st.sampled_from(["first", "last"]),
)


def a_change(schedule: Cron, number: int) -> datetime:
    changes = transitions(ZoneInfo(schedule.timezone), START, END)
    assume(changes)
    return changes[number % len(changes)].at


# -- fire times are what the oracle says


@given(SCHEDULES, st.integers(0, 1_000))
@example(Cron(("30 2 * * *",), "Europe/Warsaw"), 0)
@example(Cron(("30 2 * * *", "*/30 2 * * *"), "Europe/Warsaw", gap="skip", fold="last"), 1)
@example(Cron(("0 9 * * *", "*/20 9 30 * *"), "Pacific/Apia"), 2)
@example(Cron(("0 0,2 * * *",), "Antarctica/Casey"), 0)
@example(Cron(("45,15 1-2 * * *",), "Australia/Lord_Howe"), 0)
def test_fire_times_around_a_clock_change_are_the_oracles(schedule: Cron, number: int) -> None:
    around = a_change(schedule, number)
    assert set() == disagreements(schedule, around, 3 * DAY, DAY, MINUTE)


@settings(max_examples=15)
@given(SCHEDULES, MINUTES, st.integers(0, 1_000))
@example(Cron(("30 2 * * *",), "Europe/Warsaw"), "*/7", 0)
def test_fire_times_with_seconds_are_the_oracles(schedule: Cron, second: str, number: int) -> None:
    around = a_change(schedule, number)
    texts = tuple(f"{second} {text}" for text in schedule.expressions)
    with_seconds = Cron(texts, schedule.timezone, schedule.gap, schedule.fold, seconds=True)
    reach = timedelta(hours=2)
    assert set() == disagreements(with_seconds, around, reach, 2 * reach, SECOND)


@given(DAYS, WEEKDAYS, few(MONTHS), st.integers(2000, 2037))
@example("*/2", "1", "*", 2026)
@example("1-31", "1", "*", 2026)
@example("31W,LW", "5#5,1L", "*", 2026)
def test_matching_days_are_the_oracles(days: str, weekdays: str, months: str, year: int) -> None:
    text = f"0 0 {days} {months} {weekdays}"
    assume(fires_some_day(text))
    fields = parse(text)
    found = [
        date(year, month, day)
        for month in range(1, 13)
        for day in matching_days(fields, year, month)
    ]
    whole_year = (date(year, 1, 1) + number * DAY for number in range(366))
    oracle = Oracle(f"0 {text}")
    assert found == [
        on
        for on in whole_year
        if on.year == year and on.month in oracle.months and takes_date(days, weekdays, on)
    ]


# -- laws


@given(SCHEDULES, st.integers(0, 1_000), st.integers(-3_000, 3_000), st.integers(0, 6_000))
def test_a_window_is_what_its_parts_are(
    schedule: Cron, number: int, begin: int, length: int
) -> None:
    """Counted, taken from the end, cut in two or asked for one by one: the same fires."""
    after = a_change(schedule, number) + begin * MINUTE + timedelta(milliseconds=begin)
    until = after + length * MINUTE
    middle = after + length // 3 * MINUTE
    whole = fire_times(schedule, after=after, until=until, limit=LIMIT)
    assert len(whole) == count_fires(schedule, after=after, until=until)
    assert whole == latest_fire_times(schedule, after=after, until=until, limit=LIMIT)
    tail = latest_fire_times(schedule, after=after, until=until, limit=7)
    assert whole[-7:] == tail
    assert whole[:7] == fire_times(schedule, after=after, until=until, limit=7)
    head = fire_times(schedule, after=after, until=middle, limit=LIMIT)
    assert whole == head + fire_times(schedule, after=middle, until=until, limit=LIMIT)
    assert count_fires(schedule, after=middle, until=until) == len(whole) - len(head)
    assert whole[:40] == list(islice(one_by_one(schedule, after, until), 40))


def one_by_one(schedule: Cron, after: datetime, until: datetime) -> Iterator[datetime]:
    at = next_fire(schedule, after)
    while at is not None and at <= until:
        later = next_fire(schedule, at)
        assert later is None or previous_fire(schedule, later) == at
        yield at
        at = later


@given(SCHEDULES, st.integers(0, 20_000), st.integers(1, 20_000))
def test_years_are_counted_as_their_days_are(schedule: Cron, begin: int, length: int) -> None:
    after = START + begin * timedelta(hours=5)
    days = min(length, 800)
    bounds = [after + number * DAY for number in range(days + 1)]
    each = [count_fires(schedule, after=a, until=b) for a, b in pairwise(bounds)]
    assert sum(each) == count_fires(schedule, after=after, until=bounds[-1])


# -- every clock change there is


def dice(key: str) -> Iterator[int]:
    """Yield numbers that follow from a key, so that the same expressions are tried each time."""
    for turn in range(1_000):
        yield from hashlib.sha256(f"{key}/{turn}".encode()).digest()


def cast_field(rolls: Iterator[int], low: int, high: int) -> str:
    span = high - low + 1
    first, second = sorted((low + next(rolls) % span, low + next(rolls) % span))
    step = 1 + next(rolls) % (span - 1)
    forms = ["*", f"*/{step}", f"{first}", f"{first}-{second}", f"{first}-{second}/{step}"]
    return f"{forms[next(rolls) % len(forms)]},{second}" if step % 3 else forms[next(rolls) % 5]


def cast_schedule(zone: str, key: str) -> Cron:
    rolls = dice(key)
    texts = tuple(
        " ".join(
            (
                cast_field(rolls, 0, 59),
                cast_field(rolls, 0, 23 if next(rolls) % 2 else 4),
                cast_field(rolls, 1, 28) if next(rolls) % 4 == 0 else "*",
                "*",
                cast_field(rolls, 0, 6) if next(rolls) % 4 == 0 else "*",
            )
        )
        for _ in range(2)
    )
    return Cron(
        texts,
        zone,
        gap="skip" if next(rolls) % 4 == 0 else "after",
        fold="last" if next(rolls) % 4 == 0 else "first",
    )


@pytest.mark.slow
@pytest.mark.parametrize("part", range(16))
def test_every_clock_change_of_every_zone_is_the_oracles(part: int) -> None:
    """Try each distinct (instant, offset before, offset after) from 2000 to 2037 once."""
    distinct = {
        change: place for place in PLACES for change in transitions(ZoneInfo(place), START, END)
    }
    for number, (change, place) in enumerate(sorted(distinct.items())):
        if number % 16 == part:
            schedule = cast_schedule(place, f"{change.at.isoformat()}/{place}")
            assert set() == disagreements(schedule, change.at, 3 * DAY, DAY, MINUTE), schedule
