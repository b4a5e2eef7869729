"""The days a job is excluded on, as people write them: dates and ranges of dates.

    ["2026-12-24", "2027-08-01..2027-08-15"]
    {"dates": [...], "timezone": "Europe/Warsaw"}

The first form is of the zone of the job's schedule. What is read is in order, and ranges that touch
are one, so that the same days are always the same value. No days at all is no exclusion.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from scheduler.model.errors import BadInput, Problem
from scheduler.model.jobs import DateRange, Exclude
from scheduler.model.json_values import shown
from scheduler.model.plain_values import read_table, text
from scheduler.model.schedules import Cron, Schedule
from scheduler.model.validation_policies import is_touching
from scheduler.model.zones import zone as known_zone

DATE_FORMS = "Write a date as 2026-12-24, several days as 2026-12-24..2026-12-26"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read_exclude(value: object, path: str, *, zone: str) -> Exclude | None:
    """Return the days that a list, or a table with a zone, names; None when it names none.

    Raises: BadInput.
    """
    if not isinstance(value, Mapping):
        return _exclude(_ranges(value, path), zone)
    problems: list[Problem] = []
    found = read_table(value, path, {"dates": _ranges, "timezone": text}, problems)
    if not problems and "dates" not in found:
        problems.append(Problem(f"{path}.dates", "is missing.", DATE_FORMS))
    if problems:
        raise BadInput(*problems)
    named, ranges = found.get("timezone"), found["dates"]
    if isinstance(named, str):
        zone = known_zone(named, path=f"{path}.timezone").key
    return _exclude(ranges if isinstance(ranges, tuple) else (), zone)


def _exclude(ranges: tuple[DateRange, ...], zone: str) -> Exclude | None:
    return Exclude(joined(ranges), zone) if ranges else None


def write_exclude(exclude: Exclude, *, known_zone: str | None) -> object:
    """Return what `read_exclude` reads as these days; `known_zone` is that of the schedule."""
    dates = [write_days(days) for days in exclude.dates]
    if exclude.timezone == known_zone:
        return dates
    return {"dates": dates, "timezone": exclude.timezone}


def zone_of_fires(schedule: Schedule) -> str | None:
    """Return the zone that a schedule carries; None when it carries none."""
    return schedule.timezone if isinstance(schedule, Cron) else None


def joined(ranges: Iterable[DateRange]) -> tuple[DateRange, ...]:
    """Return the same days in order, ranges that touch or overlap as one."""
    whole: list[DateRange] = []
    for days in sorted(ranges, key=lambda one: one.first):
        if whole and is_touching(whole[-1].last, days.first):
            whole[-1] = DateRange(whole[-1].first, max(whole[-1].last, days.last))
        else:
            whole.append(days)
    return tuple(whole)


def _ranges(value: object, path: str) -> tuple[DateRange, ...]:
    if isinstance(value, list | tuple):
        return tuple(_range(part, f"{path}[{place}]") for place, part in enumerate(value))
    if isinstance(value, str):  # as on a command line: 2026-12-24,2026-12-31
        return tuple(_range(part.strip(), path) for part in value.split(","))
    if isinstance(value, date):
        return (_range(value, path),)
    raise BadInput.at(path, f"got {shown(value)} instead of a list of dates.", DATE_FORMS)


def _range(value: object, path: str) -> DateRange:
    if isinstance(value, date):  # TOML writes dates without quotes
        value = value.isoformat()
    typed = text(value, path)
    first, between, last = typed.partition("..")
    days = DateRange(*_dates((first, last if between else first), typed, path))
    if days.last < days.first:
        raise BadInput.at(path, f"{shown(typed)} ends before it begins.", "Exchange the two dates")
    return days


def _dates(parts: tuple[str, str], typed: str, path: str) -> Iterator[date]:
    for part in parts:
        if _DATE.fullmatch(part.strip()) is None:
            raise BadInput.at(path, f"{shown(typed)} is no date.", DATE_FORMS)
        try:
            yield date.fromisoformat(part.strip())
        except ValueError as error:
            raise BadInput.at(path, f"{shown(typed)} is no date: {error}.", DATE_FORMS) from None


def write_days(days: DateRange) -> str:
    """Return one day as a date, several as a range of dates."""
    first = days.first.isoformat()
    return first if days.first == days.last else f"{first}..{days.last.isoformat()}"
