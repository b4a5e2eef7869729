"""Schedules as they are written in Python: `cron("0 9 * * 1-5")`, `every("5m")`, `once(at)`.

They only shape what was said. Whether an expression fires, or an interval is long enough, is
checked with the whole definition, as for every other way in.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from scheduler.model.errors import BadInput
from scheduler.model.schedules import Cron, Interval, Once


def cron(
    *expressions: str,
    timezone: str = "UTC",
    gap: Literal["after", "skip"] = "after",
    fold: Literal["first", "last"] = "first",
    seconds: bool = False,
) -> Cron:
    """Return the schedule that fires when the local clock of `timezone` matches an expression."""
    return Cron(expressions, timezone=timezone, gap=gap, fold=fold, seconds=seconds)


def every(length: timedelta | str, *, anchor: datetime | None = None) -> Interval:
    """Return the schedule that fires each `length` ("5m", "1h30m"), counted from `anchor`.

    Without an anchor it is the job's creation, and the first fire is one interval later.
    Raises: BadInput, when the length cannot be read or the anchor names no zone.
    """
    if isinstance(length, str):
        from scheduler.model.written import parse_duration  # noqa: PLC0415  # children start faster

        length = parse_duration(length, path="$.schedule.every")
    return Interval(length, None if anchor is None else in_utc(anchor, "$.schedule.anchor"))


def once(at: datetime) -> Once:
    """Return the schedule that fires a single time. Raises: BadInput, when `at` names no zone."""
    return Once(in_utc(at, "$.schedule.at"))


def in_utc(at: datetime, path: str) -> datetime:
    """Return an instant in UTC. Raises: BadInput, when it names no zone."""
    if at.tzinfo is None:
        raise BadInput.at(
            path,
            f"{at.isoformat()} does not say in which time zone.",
            'Give it one: datetime(..., tzinfo=ZoneInfo("Europe/Warsaw")).',
        )
    return at.astimezone(UTC)
