"""Excluded days are stretches of time: whole local days, whatever the clock does in them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.model.excluded import excluded_in, is_excluded
from scheduler.model.jobs import DateRange, Exclude
from scheduler.model.zones import zone

SECOND = timedelta(seconds=1)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
LATE = datetime(2262, 1, 1, tzinfo=UTC)


def days(timezone: str, *ranges: tuple[str, str]) -> Exclude:
    read = date.fromisoformat
    return Exclude(tuple(DateRange(read(first), read(last)) for first, last in ranges), timezone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_nothing_is_excluded_where_nothing_is_said() -> None:
    assert [] == list(excluded_in(None, LONG_AGO, LATE))
    assert not is_excluded(None, utc("2026-12-24"))


def test_a_day_is_the_local_one_from_its_first_second_to_its_last() -> None:
    exclude = days("Europe/Warsaw", ("2026-12-24", "2026-12-24"))
    assert not is_excluded(exclude, utc("2026-12-23T22:59:59"))
    assert is_excluded(exclude, utc("2026-12-23T23:00:00"))
    assert is_excluded(exclude, utc("2026-12-24T22:59:59"))
    assert not is_excluded(exclude, utc("2026-12-24T23:00:00"))


def test_a_range_holds_both_its_ends() -> None:
    exclude = days("UTC", ("2026-12-24", "2026-12-26"))
    (stretch,) = excluded_in(exclude, LONG_AGO, LATE)
    assert (utc("2026-12-24") - SECOND, utc("2026-12-27") - SECOND) == stretch


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("Europe/Warsaw", "2026-03-29", 23),  # the clock goes forward
        ("Europe/Warsaw", "2026-10-25", 25),  # ... and back
        ("America/Sao_Paulo", "2018-11-04", 23),  # there is no midnight
        ("America/Sao_Paulo", "2018-02-17", 25),  # 23 o'clock comes twice
        ("Atlantic/Azores", "1992-09-27", 25),
        ("Pacific/Apia", "2011-12-30", 0),  # the day that never was
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(timezone: str, day: str, hours: int) -> None:
    found = list(excluded_in(days(timezone, (day, day)), LONG_AGO, LATE))
    assert timedelta(hours=hours) == sum((end - begin for begin, end in found), timedelta())


def test_parts_are_cut_to_the_window() -> None:
    exclude = days("UTC", ("2026-01-01", "2026-01-01"), ("2026-01-03", "2026-01-31"))
    after, until = utc("2026-01-01T12:00"), utc("2026-01-03T12:00")
    assert [
        (after, utc("2026-01-02") - SECOND),
        (utc("2026-01-03") - SECOND, until),
    ] == list(excluded_in(exclude, after, until))


@given(
    st.sampled_from(("UTC", "Europe/Warsaw", "America/New_York", "Australia/Lord_Howe")),
    st.integers(0, 400 * 86_400),
)
def test_an_instant_is_excluded_when_its_local_date_is(timezone: str, second: int) -> None:
    at = utc("2026-01-01") + timedelta(seconds=second)
    exclude = days(timezone, ("2026-03-28", "2026-03-30"), ("2026-10-25", "2026-11-01"))
    local = at.astimezone(zone(timezone)).date()
    assert any(one.first <= local <= one.last for one in exclude.dates) == is_excluded(exclude, at)
