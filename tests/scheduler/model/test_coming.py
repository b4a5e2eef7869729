"""Which fire times will become runs, as far as a definition says so."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scheduler.model.coming import coming, next_coming
from scheduler.model.excluded import is_excluded
from scheduler.model.firing import fire_times
from scheduler.model.jobs import DateRange, Definition, Exclude
from scheduler.model.limits import EXCLUDED_RANGES_MAX
from scheduler.model.plain_dates import joined
from scheduler.model.schedules import Cron, Interval, Manual, Once

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
HOURLY = Definition(name="a", service="b", schedule=Cron(("0 * * * *",), "Europe/Warsaw"))


def without(*days: int, timezone: str = "UTC") -> Definition:
    """Return the hourly job with these days of March excluded."""
    ranges = joined(DateRange(date(2026, 3, day), date(2026, 3, day)) for day in days)
    return replace(HOURLY, exclude=Exclude(ranges, timezone))


def test_without_exclusions_they_are_the_fire_times() -> None:
    assert [MIDNIGHT + n * HOUR for n in (1, 2, 3)] == coming(HOURLY, after=MIDNIGHT, limit=3)
    assert MIDNIGHT + HOUR == next_coming(HOURLY, after=MIDNIGHT)


def test_excluded_days_are_left_out() -> None:
    last = MIDNIGHT + 23 * HOUR
    assert [last, MIDNIGHT + 2 * DAY] == coming(without(2), after=last - HOUR, limit=2)
    assert MIDNIGHT + 3 * DAY == next_coming(without(2, 3), after=last)


def test_days_are_those_of_the_zone_they_were_written_in() -> None:
    begin = datetime(2026, 3, 1, 14, tzinfo=UTC)  # an hour before the 2nd begins in Tokyo
    after = next_coming(without(2, timezone="Asia/Tokyo"), after=begin)
    assert datetime(2026, 3, 2, 15, tzinfo=UTC) == after


def test_fire_times_that_are_to_be_passed_over_are_left_out() -> None:
    skipping = (MIDNIGHT + HOUR, MIDNIGHT + 3 * HOUR)
    found = coming(HOURLY, after=MIDNIGHT, limit=2, skipping=skipping)
    assert [MIDNIGHT + 2 * HOUR, MIDNIGHT + 4 * HOUR] == found
    assert MIDNIGHT + 2 * HOUR == next_coming(HOURLY, after=MIDNIGHT, skipping=skipping)


def test_bounds_hold() -> None:
    bounded = replace(without(2), start_at=MIDNIGHT + 22 * HOUR, end_at=MIDNIGHT + 2 * DAY + HOUR)
    assert [
        MIDNIGHT + 22 * HOUR,
        MIDNIGHT + 23 * HOUR,
        MIDNIGHT + 2 * DAY,
        MIDNIGHT + 2 * DAY + HOUR,
    ] == coming(bounded, after=MIDNIGHT - DAY, limit=9)
    assert next_coming(bounded, after=MIDNIGHT + 2 * DAY + HOUR) is None


@pytest.mark.parametrize(
    "definition",
    [
        replace(HOURLY, schedule=Manual()),
        replace(HOURLY, schedule=Once(MIDNIGHT)),
        replace(without(2), schedule=Once(MIDNIGHT + DAY)),
        replace(HOURLY, end_at=MIDNIGHT),
        replace(without(1), end_at=MIDNIGHT + HOUR),
    ],
)
def test_a_job_that_never_runs_again_has_none(definition: Definition) -> None:
    assert [] == coming(definition, after=MIDNIGHT, limit=5)
    assert next_coming(definition, after=MIDNIGHT) is None


def test_the_most_excluded_days_are_passed_in_one_call() -> None:
    daily = replace(HOURLY, schedule=Interval(DAY, MIDNIGHT + 12 * HOUR))
    first = MIDNIGHT.date()
    days = [first + 2 * n * DAY for n in range(EXCLUDED_RANGES_MAX)]
    exclude = Exclude(tuple(DateRange(day, day) for day in days), "UTC")
    found = coming(replace(daily, exclude=exclude), after=MIDNIGHT, limit=EXCLUDED_RANGES_MAX)
    assert [MIDNIGHT + (2 * n + 1) * DAY + 12 * HOUR for n in range(EXCLUDED_RANGES_MAX)] == found


@given(
    st.lists(st.integers(1, 28), max_size=20),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
    st.lists(st.integers(0, 700), max_size=20),
    st.integers(0, 700),
    st.integers(1, 60),
)
def test_they_are_the_fire_times_that_nothing_keeps_from_running(
    days: list[int], zone: str, skipped: list[int], begin: int, limit: int
) -> None:
    definition = without(*days, timezone=zone) if days else HOURLY
    skipping = tuple(sorted({MIDNIGHT + n * HOUR for n in skipped}))
    after = MIDNIGHT + begin * HOUR
    every = fire_times(HOURLY.schedule, after=after, until=after + 60 * DAY, limit=10_000)
    kept = [at for at in every if not is_excluded(definition.exclude, at) and at not in skipping]
    assert kept[:limit] == coming(definition, after=after, limit=limit, skipping=skipping)
    assert kept[0] == next_coming(definition, after=after, skipping=skipping)
