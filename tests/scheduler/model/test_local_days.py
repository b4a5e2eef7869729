"""The local days of a zone cover its years without hole or overlap."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.model.instants import EPOCH, SECOND
from scheduler.model.local_days import (
    SECONDS_A_DAY,
    Stretch,
    date_of,
    day_number,
    month_of,
    stretches,
)
from scheduler.model.zones import zone

ZONES = [
    "UTC",
    "Europe/Warsaw",
    "Pacific/Apia",  # lost 30 December 2011
    "Pacific/Kiritimati",  # lost 1 January 1995 in part: changed at New Year
    "America/Sao_Paulo",  # changed at midnight
    "America/Noronha",  # changed twice within a week
    "Africa/Monrovia",  # odd seconds until 1972
    "Antarctica/Vostok",  # went back by seven hours
    "Asia/Kathmandu",  # changed on New Year's Day 1986
    "Asia/Dhaka",  # went back to New Year's Eve at the end of 2009
]


def second(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // SECOND


def test_a_day_is_numbered_from_1970() -> None:
    assert 0 == day_number(1970, 1, 1)
    assert "2026-03-29" == date_of(day_number(2026, 3, 29)).isoformat()


def test_a_month_knows_its_first_and_last_day() -> None:
    february = month_of(day_number(2028, 2, 10))
    assert (2028, 2) == (february.year, february.month)
    assert (day_number(2028, 2, 1), day_number(2028, 2, 29)) == february[2:]
    assert day_number(2027, 12, 31) == month_of(day_number(2027, 12, 5)).last_day


@pytest.mark.parametrize("name", ZONES)
def test_stretches_follow_each_other_without_hole_or_overlap(name: str) -> None:
    found = list(stretches(name, second("1970-06-01"), second("2040-06-01")))
    for earlier, later in pairwise(found):
        assert earlier.last_day + 1 == later.first_day
        assert earlier.end == later.start
        assert earlier.offsets[-1] == later.offsets[0]


@pytest.mark.parametrize("name", ZONES)
def test_backwards_the_same_stretches_are_met(name: str) -> None:
    window = second("1990-06-01"), second("2015-06-01")
    forwards = list(stretches(name, *window))
    assert forwards[::-1] == list(stretches(name, *window, newest_first=True))


@given(st.sampled_from(ZONES), st.integers(second("1970-01-05"), second("2100-01-01")))
def test_the_offset_of_a_segment_is_what_the_clock_shows(name: str, at: int) -> None:
    (stretch,) = stretches(name, at, at)
    (segment,) = [segment for segment in stretch.segments() if segment.start <= at < segment.end]
    local = (EPOCH + at * SECOND).astimezone(zone(name))
    assert segment.offset * SECOND == local.utcoffset()
    day = (at + segment.offset) // SECONDS_A_DAY
    assert local.date() == date_of(day)
    assert stretch.first_day <= day <= stretch.last_day


def test_only_the_days_that_a_change_touches_are_kept_apart() -> None:
    day = day_number(2026, 3, 29)
    at = second("2026-03-29T01:00")
    assert [Stretch(day, day, (3600, 7200), (at,))] == list(stretches("Europe/Warsaw", at, at))


def test_a_change_at_midnight_touches_both_days() -> None:
    at = second("2018-02-18T02:00")
    (stretch,) = stretches("America/Sao_Paulo", at, at)
    assert (day_number(2018, 2, 17), day_number(2018, 2, 18)) == stretch[:2]


def test_a_reversed_range_has_no_stretches() -> None:
    assert [] == list(stretches("UTC", 1, 0))
