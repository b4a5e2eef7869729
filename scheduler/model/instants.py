"""Instants as whole seconds since 1970, and the bounds of our calendar.

Fire times are reckoned in whole seconds; what comes in may have a fraction. A window (after, until]
becomes the inclusive range [second_after(after), second_until(until)]. Nothing outside the years
1970 to 2262 is a fire time, so no sum of instants overflows.
"""

from datetime import UTC, datetime, timedelta

from scheduler.model.limits import SEARCH_YEARS, YEAR_MAX, YEAR_MIN

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

CALENDAR_START = datetime(YEAR_MIN, 1, 1, tzinfo=UTC)
CALENDAR_END = datetime(YEAR_MAX, 12, 31, 23, 59, 59, tzinfo=UTC)
FIRST_SECOND = (CALENDAR_START - EPOCH) // SECOND
LAST_SECOND = (CALENDAR_END - EPOCH) // SECOND
SEARCH_SECONDS = timedelta(days=366 * SEARCH_YEARS) // SECOND


def instant(second: int) -> datetime:
    """Return the instant of a second."""
    return datetime.fromtimestamp(second, UTC)


def second_at(at: datetime) -> int:
    """Return the whole second of an instant, a fraction rounded up: never early."""
    return -((EPOCH - at) // SECOND)


def second_after(after: datetime) -> int:
    """Return the first whole second later than `after`, not before our calendar."""
    return max((after - EPOCH) // SECOND + 1, FIRST_SECOND)


def second_until(until: datetime) -> int:
    """Return the last whole second not later than `until`, not beyond our calendar."""
    return min((until - EPOCH) // SECOND, LAST_SECOND)


def second_before(before: datetime) -> int:
    """Return the last whole second earlier than `before`, not beyond our calendar."""
    return min(second_at(before) - 1, LAST_SECOND)


def search_ahead(after: datetime) -> tuple[int, int]:
    """Return the range of seconds that is searched for a fire later than `after`."""
    first = second_after(after)
    return first, min(first + SEARCH_SECONDS, LAST_SECOND)


def search_back(before: datetime) -> tuple[int, int]:
    """Return the range of seconds that is searched for a fire earlier than `before`."""
    last = second_before(before)
    return max(last - SEARCH_SECONDS, FIRST_SECOND), last
