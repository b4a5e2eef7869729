"""Instants become whole seconds, inside our calendar."""

from datetime import UTC, datetime, timedelta

from scheduler.model.instants import (
    CALENDAR_END,
    CALENDAR_START,
    EPOCH,
    FIRST_SECOND,
    LAST_SECOND,
    instant,
    search_ahead,
    search_back,
    second_after,
    second_at,
    second_before,
    second_until,
)
from scheduler.model.limits import SEARCH_YEARS

SPLIT = timedelta(microseconds=1)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def at(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def test_a_whole_second_is_itself_and_not_after_or_before_itself() -> None:
    assert (10, 11, 10, 9) == (
        second_at(at(10)),
        second_after(at(10)),
        second_until(at(10)),
        second_before(at(10)),
    )


def test_a_fraction_lies_between_two_seconds() -> None:
    between = at(10) + SPLIT
    assert (11, 11, 10, 10) == (
        second_at(between),
        second_after(between),
        second_until(between),
        second_before(between),
    )


def test_a_second_and_its_instant_are_one() -> None:
    assert at(1_770_000_000) == instant(1_770_000_000)
    assert UTC is instant(0).tzinfo


def test_nothing_outside_the_calendar_is_searched() -> None:
    assert (FIRST_SECOND, LAST_SECOND) == (second_after(EARLIEST), second_until(LATEST))
    assert LAST_SECOND == second_before(LATEST)
    assert CALENDAR_START == instant(FIRST_SECOND)
    assert CALENDAR_END == instant(LAST_SECOND)


def test_the_search_is_bounded_in_years() -> None:
    year = timedelta(days=365)
    first, last = search_ahead(at(0))
    assert at(first) + SEARCH_YEARS * year < at(last) < at(first) + (SEARCH_YEARS + 1) * year
    first, last = search_back(datetime(2100, 1, 1, tzinfo=UTC))
    assert at(last) - (SEARCH_YEARS + 1) * year < at(first) < at(last) - SEARCH_YEARS * year
