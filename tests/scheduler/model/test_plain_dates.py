"""Excluded days as people write them: every form there is, and what is none."""

import tomllib
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.model.errors import BadInput
from scheduler.model.jobs import DateRange, Exclude
from scheduler.model.plain_dates import joined, read_exclude, write_exclude, zone_of_fires
from scheduler.model.schedules import Cron, Interval, Manual, Once

HERE = "Europe/Warsaw"
EVE = date(2026, 12, 24)
NEW_YEAR = date(2027, 1, 1)
ONE_DAY = timedelta(days=1)


def read(value: object) -> Exclude | None:
    return read_exclude(value, "$.exclude", zone=HERE)


def refused(value: object) -> str:
    with pytest.raises(BadInput) as error:
        read(value)
    return str(error.value)


def on(*days: date) -> Exclude:
    return Exclude(tuple(DateRange(day, day) for day in days), HERE)


@pytest.mark.parametrize(
    "written",
    [
        ["2026-12-24", "2027-01-01"],
        ("2026-12-24", "2027-01-01"),
        ["2027-01-01", "2026-12-24"],
        ["2026-12-24..2026-12-24", "2027-01-01", "2027-01-01"],
        "2026-12-24,2027-01-01",
        " 2026-12-24 , 2027-01-01 ",
        [EVE, NEW_YEAR],
        {"dates": ["2026-12-24", "2027-01-01"]},
        {"dates": "2026-12-24,2027-01-01", "timezone": HERE},
        {"dates": [EVE, "2027-01-01"], "timezone": None},
    ],
    ids=repr,
)
def test_the_same_days_are_the_same_value_however_they_are_written(written: object) -> None:
    assert on(EVE, NEW_YEAR) == read(written)


def test_dates_of_toml_need_no_quotes() -> None:
    tables = tomllib.loads("exclude = [2026-12-24, 2027-01-01]")
    assert on(EVE, NEW_YEAR) == read(tables["exclude"])
    assert on(EVE) == read(tomllib.loads("exclude = 2026-12-24")["exclude"])


def test_a_range_holds_both_its_ends() -> None:
    whole = Exclude((DateRange(EVE, EVE + 2 * ONE_DAY),), HERE)
    for written in ("2026-12-24..2026-12-26", "2026-12-24 .. 2026-12-26"):
        assert whole == read(written)


@pytest.mark.parametrize(
    "written",
    [
        ["2026-12-24", "2026-12-25", "2026-12-26"],
        ["2026-12-24..2026-12-25", "2026-12-26"],
        ["2026-12-24..2026-12-26", "2026-12-25"],
        ["2026-12-25..2026-12-26", "2026-12-24..2026-12-25"],
    ],
    ids=repr,
)
def test_ranges_that_touch_or_overlap_are_one(written: object) -> None:
    assert read("2026-12-24..2026-12-26") == read(written)


@pytest.mark.parametrize("nothing", [[], (), {"dates": []}])
def test_no_days_are_no_exclusion(nothing: object) -> None:
    assert read(nothing) is None


def test_a_leap_day_is_a_day_in_its_year_alone() -> None:
    assert on(date(2028, 2, 29)) == read("2028-02-29")
    assert "is no date: day is out of range for month." in refused("2027-02-29")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        # in a hurry
        (None, "$.exclude: got None instead of a list of dates. Write a date as 2026-12-24"),
        (20261224, "$.exclude: got 20261224 instead of a list of dates."),
        ("24.12.2026", '$.exclude: "24.12.2026" is no date. Write a date as'),
        ("12/24/2026", '$.exclude: "12/24/2026" is no date.'),
        ("20261224", '$.exclude: "20261224" is no date.'),
        ("2026-12", '$.exclude: "2026-12" is no date.'),
        ("2026-W52-4", '$.exclude: "2026-W52-4" is no date.'),
        ("2026-12-24T10:00", '$.exclude: "2026-12-24T10:00" is no date.'),
        (["2026-12-24", 5], "$.exclude[1]: got 5 instead of a text."),
        ([["2026-12-24"]], "$.exclude[0]: got ['2026-12-24'] instead of a text."),
        ([datetime(2026, 12, 24, tzinfo=UTC)], "$.exclude[0]: "),
        ([time(10)], "$.exclude[0]: got 10:00:00 instead of a text."),
        # half asleep
        ("", '$.exclude: "" is no date.'),
        ("2026-12-24,", '$.exclude: "" is no date.'),
        ("2026-12-24..", '$.exclude: "2026-12-24.." is no date.'),
        ("..2026-12-24", '$.exclude: "..2026-12-24" is no date.'),
        ("..", '$.exclude: ".." is no date.'),
        ("2026-12-24...2026-12-26", '$.exclude: "2026-12-24...2026-12-26" is no date.'),
        ("2026-12-24-2026-12-26", '$.exclude: "2026-12-24-2026-12-26" is no date.'),
        ("2026-1-1", '$.exclude: "2026-1-1" is no date.'),
        ("2026-13-01", '$.exclude: "2026-13-01" is no date: month must be in 1..12.'),
        (
            "2026-12-26..2026-12-24",
            '$.exclude: "2026-12-26..2026-12-24" ends before it begins. Exchange the two dates',
        ),
        ({"dates": ["2026-12-24"], "zone": HERE}, "$.exclude.zone: is not a field."),
        ({"timezone": HERE}, "$.exclude.dates: is missing. Write a date as"),
        ({"dates": "2026-12-24", "timezone": "Mars"}, "$.exclude.timezone: there is no time zone"),
        # hostile
        ("\x1b[2J", '$.exclude: "\\u001b[2J" is no date.'),
        ("٢٠٢٦-١٢-٢٤", '$.exclude: "٢٠٢٦-١٢-٢٤" is no date.'),
        ("2026-12-24\n", None),
        ("0000-01-01", '$.exclude: "0000-01-01" is no date: year 0 is out of range.'),
        ("9" * 100_000, '$.exclude: "9999'),
        ({"dates": {"dates": []}}, "$.exclude.dates: got {'dates': []} instead of a list"),
        ({"dates": ["2026-12-24"], "timezone": "../../etc/passwd"}, "$.exclude.timezone: "),
    ],
)
def test_what_is_no_date_is_refused_by_its_place(written: object, told: str | None) -> None:
    if told is None:  # what stands around a date is only space
        assert on(EVE) == read(written)
        return
    found = refused(written)
    assert found.startswith(told)
    assert len(found) < 500


@pytest.mark.parametrize("edge", [date.min, date.max])
def test_the_ends_of_the_calendar_are_joined_like_any_day(edge: date) -> None:
    assert (DateRange(edge, edge),) == joined([DateRange(edge, edge), DateRange(edge, edge)])


ranges = st.builds(
    lambda first, length: DateRange(first, first + length * ONE_DAY),
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    st.integers(0, 9),
)


def days_of(found: tuple[DateRange, ...]) -> set[date]:
    return {
        days.first + ONE_DAY * n
        for days in found
        for n in range((days.last - days.first) // ONE_DAY + 1)
    }


@given(st.lists(ranges, max_size=40))
def test_joining_keeps_the_days_in_order_and_apart(drawn: list[DateRange]) -> None:
    found = joined(drawn)
    assert days_of(tuple(drawn)) == days_of(found)
    assert all(one.last + ONE_DAY < other.first for one, other in pairwise(found))
    assert found == joined(reversed(drawn))


@given(st.lists(ranges, min_size=1, max_size=20), st.sampled_from([HERE, "Asia/Tokyo", None]))
def test_what_is_written_is_read_as_the_same_days(
    drawn: list[DateRange], known: str | None
) -> None:
    exclude = Exclude(joined(drawn), HERE)
    written = write_exclude(exclude, known_zone=known)
    assert exclude == read_exclude(written, "$.exclude", zone=known or "America/New_York")


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        (Cron(("@daily",), "Asia/Tokyo"), "Asia/Tokyo"),
        (Interval(ONE_DAY), None),
        (Once(datetime(2026, 12, 24, tzinfo=UTC)), None),
        (Manual(), None),
    ],
)
def test_only_a_cron_schedule_carries_a_zone(schedule: Cron, zone: str | None) -> None:
    assert zone == zone_of_fires(schedule)
