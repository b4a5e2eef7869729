"""Time zones: which names are accepted, and when their clocks change.

A name is looked up alone; the list of all zones (0.3 s to read) is needed only to find what a wrong
name may have meant. Names that mean another thing on another machine (`localtime`, `posixrules`)
and second spellings of one zone (`posix/...`, another case) are refused: a stored job must mean the
same everywhere.

The clock changes of a zone are not published by `zoneinfo`; they are found by asking for the offset
every three days and bisecting where it differs. Changes lie at least four days apart.
"""

import re
import zoneinfo
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduler.model.errors import BadInput
from scheduler.model.limits import (
    CLOCK_PROBE,
    CLOCK_YEARS_MAX,
    YEAR_MAX,
    YEAR_MIN,
    ZONE_CHARS_MAX,
    ZONES_MAX,
)
from scheduler.model.nearness import nearest

NOT_PLACES = frozenset({"posixrules", "localtime", "Factory"})
SECOND_SPELLINGS = ("posix/", "right/")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.ASCII)
_OFFSET = re.compile(r"(UTC|GMT)?[+-][0-9]{1,2}(:?[0-9]{2})?", re.ASCII)
_SECOND = timedelta(seconds=1)


class Transition(NamedTuple):
    """A change of a zone's clock."""

    at: datetime  # UTC, the first instant of the new offset
    offset_before: timedelta
    offset_after: timedelta


def zone(name: str, *, path: str = "$.schedule.timezone") -> ZoneInfo:
    """Return the zone called `name`.

    Raises: BadInput at `path`, with the names that may have been meant.
    """
    try:
        return _known(name)
    except LookupError:
        raise _unknown(name, path) from None


def is_known(name: str) -> bool:
    """Whether there is such a zone here; what else may be meant is not looked for."""
    try:
        _known(name)
    except LookupError:
        return False
    return True


def transitions(zone: ZoneInfo, after: datetime, until: datetime) -> list[Transition]:
    """Return the clock changes of `zone` in (after, until], ascending.

    Only from one year before the first to one year after the last year of our calendar.
    """
    if zone.utcoffset(None) is not None:
        return []  # it answers without a date only when its offset never changes
    first = max(after.astimezone(UTC).year, YEAR_MIN - 1)
    last = min(until.astimezone(UTC).year, YEAR_MAX + 1)
    return [
        transition
        for year in range(first, last + 1)
        for transition in _of_year(zone, year)
        if after < transition.at <= until
    ]


@lru_cache(CLOCK_YEARS_MAX)
def _of_year(zone: ZoneInfo, year: int) -> tuple[Transition, ...]:
    """Return the clock changes of one UTC year."""
    return tuple(
        _probed(zone, datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
    )


def _probed(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Transition]:
    """Yield the clock changes in [start, end), asking at each probe and bisecting between two."""
    earlier = start - _SECOND
    before = _offset(zone, earlier)
    while earlier < end - _SECOND:  # at most 123 probes a year
        later = min(earlier + CLOCK_PROBE, end - _SECOND)
        after = _offset(zone, later)
        if after != before:
            yield Transition(_bisected(zone, earlier, later, before), before, after)
        earlier, before = later, after


def _bisected(zone: ZoneInfo, earlier: datetime, later: datetime, before: timedelta) -> datetime:
    """Return the first second whose offset is no longer `before`."""
    while later - earlier > _SECOND:  # at most 18 halvings of three days
        middle = earlier + (later - earlier) // 2
        middle = middle.replace(microsecond=0)
        if _offset(zone, middle) == before:
            earlier = middle
        else:
            later = middle
    return later


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    """Return what the clock of `zone` is ahead of UTC at an instant."""
    return at.astimezone(zone).utcoffset() or timedelta()


@lru_cache(ZONES_MAX)
def _known(name: str) -> ZoneInfo:
    if name not in NOT_PLACES and not name.startswith(SECOND_SPELLINGS):
        found = _loaded(name)
        if found is not None:
            return found
    raise LookupError(name)  # and is not kept: zone data may be installed while we run


def _loaded(name: str) -> ZoneInfo | None:
    """Return the zone of exactly that name, or None."""
    if len(name) > ZONE_CHARS_MAX or not _NAME.fullmatch(name):
        return None
    try:
        found = ZoneInfo(name)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        return None  # a folder, another file of the zone tables, nothing at all
    return found if _is_spelled_so(name) else None


def _is_spelled_so(name: str) -> bool:
    """Whether the zone tables write it in this case; a disk that ignores case would not tell."""
    for root in zoneinfo.TZPATH:
        folder = Path(root)
        if not (folder / name).is_file():
            continue
        for part in name.split("/"):
            if part not in {entry.name for entry in folder.iterdir()}:
                return False
            folder /= part
        return True
    return True  # from the package of zones, whose files are found by their exact names


def _unknown(name: str, path: str) -> BadInput:
    """Return the refusal of a name, with what it may have meant."""
    shown = name if len(name) <= ZONE_CHARS_MAX and name.isprintable() else "that name"
    refused = f'there is no time zone "{shown}".'
    if name in NOT_PLACES:
        refused = f'"{name}" means another zone on another machine.'
        hint = "Name the place, such as Europe/Warsaw, or UTC"
    elif name.startswith(SECOND_SPELLINGS):
        hint = f"Write {name.partition('/')[2]}"
    elif _OFFSET.fullmatch(name):
        hint = "An offset is no zone: name the place, such as Europe/Warsaw, or UTC"
    elif near := _near(name):
        hint = f"Did you mean {near}?"
    else:
        hint = "Names are those of the tz database: Europe/Warsaw, America/New_York, UTC"
    return BadInput.at(path, refused, hint)


def _near(name: str) -> str | None:
    """Return the name that may have been meant: another case, the place alone, a slip."""
    typed = name[:ZONE_CHARS_MAX].strip().replace(" ", "_").lower()
    names = {
        known.lower(): known
        for known in sorted(zoneinfo.available_timezones() - NOT_PLACES)
        if not known.startswith(SECOND_SPELLINGS)
    }
    if typed in names:
        return names[typed]
    places = (known for known in names.values() if place_of(known.lower()) == typed)
    return next(places, None) or _slip(typed, names.values())


def _slip(typed: str, names: Iterable[str]) -> str | None:
    """Return the nearest name; its place must be near for itself, since few regions lead to all."""
    near = nearest(typed, names)
    return near if near and nearest(place_of(typed), [place_of(near)]) else None


def place_of(name: str) -> str:
    """Return the last part of a zone's name."""
    return name.rpartition("/")[2]
