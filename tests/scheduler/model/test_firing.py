"""When schedules fire: each rule once, as a person would check it on a calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.model.firing import (
    count_fires,
    fire_times,
    latest_fire_times,
    next_fire,
    previous_fire,
)
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule

WARSAW = "Europe/Warsaw"  # forward 2026-03-29 02:00 to 03:00, back 2026-10-25 03:00 to 02:00
SECOND = timedelta(seconds=1)
LIMIT = 1_000


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(*expressions: str, zone: str = "UTC", seconds: bool = False) -> Cron:
    return Cron(expressions, zone, seconds=seconds)


def fires(schedule: Schedule, after: str, until: str) -> list[str]:
    """Return the fire times in the window, in UTC, as short as they can be written."""
    found = fire_times(schedule, after=utc(after), until=utc(until), limit=LIMIT)
    return [f"{at:%Y-%m-%dT%H:%M:%S}".removesuffix(":00") for at in found]


# -- cron on plain days


def test_the_window_holds_its_end_and_not_its_beginning() -> None:
    hourly = cron("0 * * * *")
    assert ["2026-01-01T01:00", "2026-01-01T02:00"] == fires(
        hourly, "2026-01-01T00:00", "2026-01-01T02:00"
    )


def test_a_fraction_at_the_bounds_of_a_window_changes_nothing_else() -> None:
    hourly = cron("0 * * * *")
    assert ["2026-01-01T01:00"] == fires(
        hourly, "2026-01-01T00:00:00.000001", "2026-01-01T01:59:59.999999"
    )
    assert ["2026-01-01T00:00"] == fires(
        hourly, "2025-12-31T23:59:59.999999", "2026-01-01T00:00:00.000001"
    )


def test_an_empty_or_reversed_window_has_no_fires() -> None:
    always = cron("* * * * *")
    assert [] == fires(always, "2026-01-01T00:00", "2026-01-01T00:00")
    assert [] == fires(always, "2026-01-01T01:00", "2026-01-01T00:00")
    assert 0 == count_fires(always, after=utc("2026-01-02"), until=utc("2026-01-01"))


def test_local_times_are_those_of_the_zone() -> None:
    assert ["2026-01-05T08:00", "2026-01-06T08:00"] == fires(
        cron("0 9 * * 1-5", zone=WARSAW), "2026-01-03T00:00", "2026-01-06T12:00"
    )
    assert ["2026-01-01T00:15"] == fires(
        cron("45 5 1 * *", zone="Asia/Kolkata"), "2026-01-01T00:00", "2026-01-02T00:00"
    )


def test_a_local_date_may_differ_from_the_date_in_utc() -> None:
    assert ["2025-12-31T10:00"] == fires(
        cron("0 0 1 1 *", zone="Pacific/Kiritimati"), "2025-12-31T00:00", "2026-01-02T00:00"
    )
    assert ["2026-01-01T11:59"] == fires(
        cron("59 23 31 12 *", zone="Etc/GMT+12"), "2025-12-31T00:00", "2026-01-02T00:00"
    )


def test_the_limit_takes_the_first_ones_and_the_rest_follows_from_the_last() -> None:
    always = cron("* * * * *")
    after, until = utc("2026-01-01T00:00"), utc("2026-01-01T00:05")
    first = fire_times(always, after=after, until=until, limit=2)
    rest = fire_times(always, after=first[-1], until=until, limit=LIMIT)
    assert [utc("2026-01-01T00:01"), utc("2026-01-01T00:02")] == first
    assert utc("2026-01-01T00:03") == rest[0]
    assert 5 == len(first + rest)


def test_no_fires_are_found_when_none_are_wanted() -> None:
    window = {"after": utc("2026-01-01"), "until": utc("2026-01-02")}
    assert [] == fire_times(cron("* * * * *"), **window, limit=0)
    assert [] == latest_fire_times(cron("* * * * *"), **window, limit=0)
    assert [] == latest_fire_times(Interval(SECOND, utc("2026-01-01")), **window, limit=0)


def test_the_latest_of_a_window_of_years_are_found_without_the_others() -> None:
    found = latest_fire_times(
        cron("* * * * * *", zone=WARSAW, seconds=True),
        after=utc("1990-01-01"),
        until=utc("2026-01-01"),
        limit=2,
    )
    assert [utc("2025-12-31T23:59:59"), utc("2026-01-01")] == found


def test_expressions_unite_and_an_instant_they_share_is_one_fire() -> None:
    assert ["2026-01-01T09:00", "2026-01-01T09:30", "2026-01-01T10:00"] == fires(
        cron("0,30 9 * * *", "0 9-10 * * *"), "2026-01-01T00:00", "2026-01-02T00:00"
    )


def test_expressions_may_match_different_days() -> None:
    both = cron("0 9 * * 1", "0 12 1 * *")
    assert ["2026-06-01T09:00", "2026-06-01T12:00", "2026-06-08T09:00"] == fires(
        both, "2026-05-31T00:00", "2026-06-09T00:00"
    )


def test_seconds_are_honoured() -> None:
    assert ["2026-01-01T09:05:15", "2026-01-01T09:05:45"] == fires(
        cron("15,45 5 9 * * *", seconds=True), "2026-01-01T00:00", "2026-01-02T00:00"
    )


def test_the_29th_of_february_comes_in_leap_years_only() -> None:
    leap = cron("0 0 29 2 *")
    assert ["2096-02-29T00:00", "2104-02-29T00:00"] == fires(leap, "2095-01-01", "2105-01-01")


def test_a_date_that_comes_once_in_28_years_is_found() -> None:
    assert utc("2044-02-29") == next_fire(cron("0 0 */28 2 1#5"), utc("2026-01-01"))


# -- the other kinds


def test_once_fires_a_single_time() -> None:
    once = Once(utc("2026-05-05T05:05"))
    assert ["2026-05-05T05:05"] == fires(once, "2026-05-05T05:04", "2026-05-05T05:05")
    assert [] == fires(once, "2026-05-05T05:05", "2030-01-01T00:00")
    assert 1 == count_fires(once, after=utc("2000-01-01"), until=utc("2100-01-01"))


def test_an_interval_fires_at_its_anchor_and_on_its_grid() -> None:
    grid = Interval(timedelta(hours=7), utc("2026-01-01T01:00"))
    assert ["2026-01-01T01:00", "2026-01-01T08:00", "2026-01-01T15:00"] == fires(
        grid, "2025-01-01T00:00", "2026-01-01T15:00"
    )


def test_an_interval_does_not_drift() -> None:
    begin = utc("2026-01-01")
    grid = Interval(timedelta(seconds=7), begin)
    late = begin + 7_000_001 * SECOND
    assert begin + 7_000_000 * SECOND == previous_fire(grid, late)
    assert begin + 7_000_007 * SECOND == next_fire(grid, late)


def test_an_interval_is_elapsed_time_over_a_clock_change() -> None:
    day = Interval(timedelta(days=1), utc("2026-03-28T01:30"))
    assert utc("2026-03-29T01:30") == next_fire(day, utc("2026-03-28T01:30"))


def test_an_interval_without_an_anchor_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="not a resolved interval"):
        next_fire(Interval(SECOND), utc("2026-01-01"))


def test_an_interval_below_a_second_is_a_mistake_of_ours() -> None:
    for every in (timedelta(), timedelta(milliseconds=1500)):
        with pytest.raises(ValueError, match="not a resolved interval"):
            count_fires(
                Interval(every, utc("2026-01-01")), after=utc("2026-01-01"), until=utc("2026-01-02")
            )


def test_manual_never_fires() -> None:
    assert [] == fires(Manual(), "1970-01-01T00:00", "2262-01-01T00:00")
    assert None is next_fire(Manual(), utc("2026-01-01"))
    assert None is previous_fire(Manual(), utc("2026-01-01"))


# -- next and previous


@pytest.mark.parametrize(
    "schedule",
    [
        cron("0 * * * *"),
        Interval(timedelta(hours=1), utc("2025-01-01")),
    ],
)
def test_next_and_previous_are_strict(schedule: Schedule) -> None:
    assert utc("2026-01-01T02:00") == next_fire(schedule, utc("2026-01-01T01:00"))
    assert utc("2026-01-01T00:00") == previous_fire(schedule, utc("2026-01-01T01:00"))
    just_before, just_after = utc("2026-01-01T00:59:59.999"), utc("2026-01-01T01:00:00.001")
    assert utc("2026-01-01T01:00") == next_fire(schedule, just_before)
    assert utc("2026-01-01T01:00") == previous_fire(schedule, just_after)


def test_next_of_once_is_its_instant_or_nothing() -> None:
    once = Once(utc("2026-01-01"))
    assert utc("2026-01-01") == next_fire(once, utc("2026-01-01") - SECOND)
    assert None is next_fire(once, utc("2026-01-01"))
    assert None is previous_fire(once, utc("2026-01-01"))
    assert utc("2026-01-01") == previous_fire(once, utc("2026-01-01") + SECOND)


def test_an_interval_has_nothing_before_its_anchor() -> None:
    grid = Interval(SECOND, utc("2026-01-01"))
    assert None is previous_fire(grid, utc("2026-01-01"))
    assert utc("2026-01-01") == next_fire(grid, utc("2020-01-01"))


@pytest.mark.parametrize(
    "schedule",
    [
        cron("* * * * *", zone=WARSAW),
        cron("59 23 31 12 *", zone="Etc/GMT+12"),
        Interval(SECOND, utc("1970-01-01")),
    ],
)
def test_the_ends_of_the_calendar_are_met_without_an_error(schedule: Schedule) -> None:
    start, end = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert None is next_fire(schedule, end)
    assert None is previous_fire(schedule, start)
    assert 1970 == getattr(next_fire(schedule, start), "year", None)
    assert 2262 == getattr(previous_fire(schedule, end), "year", None)
    assert count_fires(schedule, after=start, until=end) > 0
    assert [] == fire_times(schedule, after=end, until=end, limit=1)


def test_instants_may_come_in_any_zone_and_leave_in_utc() -> None:
    local = datetime(2026, 7, 1, 9, tzinfo=ZoneInfo(WARSAW))
    for schedule in (cron("0 * * * *"), Interval(timedelta(hours=1), utc("2026-01-01"))):
        found = next_fire(schedule, local)
        assert utc("2026-07-01T08:00") == found
        assert found is not None
        assert UTC is found.tzinfo


# -- counting


def test_ten_years_of_every_second_are_counted_exactly() -> None:
    always = cron("* * * * * *", zone=WARSAW, seconds=True)
    after = utc("2026-01-01")
    until = utc("2036-01-01")
    assert (until - after) // SECOND == count_fires(always, after=after, until=until)


def test_a_count_takes_clock_changes_into_account() -> None:
    at_night = cron("*/10 2 * * *", zone=WARSAW)
    assert 6 * 365 == count_fires(at_night, after=utc("2026-01-01"), until=utc("2027-01-01"))
    at_once = cron("30 2 * * *", "0 3 * * *", zone=WARSAW)
    assert 2 * 365 - 1 == count_fires(at_once, after=utc("2026-01-01"), until=utc("2027-01-01"))


def test_a_count_of_united_expressions_counts_each_instant_once() -> None:
    both = cron("*/2 * * * *", "*/3 * * * *")
    assert 40 * 24 == count_fires(both, after=utc("2026-01-01"), until=utc("2026-01-02"))
