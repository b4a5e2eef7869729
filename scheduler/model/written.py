"""How people write instants and lengths of time, and how we write them back.

It owns the two small grammars and nothing about jobs: whether a length is too short for an interval
or an instant lies in the past is the caller's to say. What can be read in two ways is refused with
both readings: `1M`, a bare number, a local time that the clock shows twice. What comes out is a
`timedelta`, exact, or an instant in UTC of whole seconds, a fraction rounded up (never early).
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from fractions import Fraction
from functools import lru_cache
from typing import Final

from scheduler.model.errors import BadInput
from scheduler.model.instants import FIRST_SECOND, LAST_SECOND, instant, second_at
from scheduler.model.limits import (
    DURATION_MAX,
    LENGTHS_READ_MAX,
    WRITTEN_CHARS_MAX,
    YEAR_MAX,
    YEAR_MIN,
)
from scheduler.model.zones import transitions
from scheduler.model.zones import zone as zone_named

UNITS: Final = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
MICROSECOND: Final = timedelta(microseconds=1)
OFFSET_HOURS_MAX: Final = 23
MINUTES_AN_HOUR: Final = 60
DURATION_FORMS: Final = "Write it as 90s, 5m, 1h30m, 2d or 1w"
INSTANT_FORMS: Final = "Write it as 2026-10-25T14:30, 2026-10-25T14:30:00Z, now or +5m"

_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|[wdhms]) *", re.ASCII)
_CALENDAR_LENGTH: Final = re.compile(r"[0-9]+ *(M|mo|mon|months?|y|Y|years?)", re.ASCII)
_ISO_CALENDAR_LENGTH: Final = re.compile(r"P[0-9]+[YM].*", re.ASCII)
_ISO_LENGTH: Final = re.compile(
    r"P(?=.)(?:([0-9]+)W)?(?:([0-9]+)D)?"
    r"(?:T(?=.)(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?",
    re.ASCII,
)
_LOCAL: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:(?:[Tt]| +)([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?)?"
    r" *([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?|[A-Z]{2,5})?",
    re.ASCII,
)


def parse_duration(text: str, *, path: str) -> timedelta:
    """Return the length that `text` names: `90s`, `1h30m`, `1.5h`, `500ms`, or ISO 8601 `PT1H`.

    Never negative, at most 100 years, exact to the microsecond. Raises: BadInput at `path`.
    """
    typed = text.strip(" ")
    if len(typed) > WRITTEN_CHARS_MAX:
        raise BadInput.at(path, f"more than {WRITTEN_CHARS_MAX} characters.", DURATION_FORMS)
    microseconds = _read_length(typed)
    if microseconds is None:
        raise _no_duration(typed, path)
    if microseconds.denominator != 1:
        raise BadInput.at(path, f'"{typed}" is finer than a microsecond.')
    if microseconds > DURATION_MAX // MICROSECOND:
        raise BadInput.at(path, f'"{typed}" is too long: at most {DURATION_MAX.days} days.')
    return int(microseconds) * MICROSECOND


def format_duration(length: timedelta) -> str:
    """Return a length as `parse_duration` reads it: `1h30m`, `2d`, `1w`, `0s`.

    A negative one is shown with its sign, which cannot be read back.
    """
    if length < timedelta():
        return f"-{format_duration(-length)}"
    if length and length % UNITS["w"] == timedelta():
        return f"{length // UNITS['w']}w"
    written = ""
    for unit in ("d", "h", "m", "s"):
        count, length = divmod(length, UNITS[unit])
        if count:
            written += f"{count}{unit}"
    if length:
        milliseconds, microseconds = divmod(length // MICROSECOND, 1000)
        fraction = f".{microseconds:03d}".rstrip("0") if microseconds else ""
        written += f"{milliseconds}{fraction}ms"
    return written or "0s"


def parse_instant(text: str, *, zone: str, now: datetime, path: str) -> datetime:
    """Return the instant that `text` names, in UTC, whole seconds, a fraction rounded up.

    A date, or a date and time, of the clock in `zone` unless an offset stands with it; `now`;
    `+5m` or `in 5m`, counted from `now`. Raises: BadInput at `path`.
    """
    return instant(second_at(read_instant(text, zone=zone, now=now, path=path)))


def read_instant(text: str, *, zone: str, now: datetime, path: str) -> datetime:
    """Return the instant that `text` names, not rounded. Raises: BadInput at `path`."""
    typed = text.strip(" ")
    if len(typed) > WRITTEN_CHARS_MAX:
        raise BadInput.at(path, f"more than {WRITTEN_CHARS_MAX} characters.", INSTANT_FORMS)
    if typed == "now":
        named = now
    elif typed.startswith(("+", "in ")):
        named = now + parse_duration(typed.removeprefix("+").removeprefix("in "), path=path)
    else:
        named = _dated(typed, zone=zone, path=path)
    if not FIRST_SECOND <= second_at(named) <= LAST_SECOND:
        raise _beyond_the_calendar(typed, path)
    return named


def format_instant(at: datetime, zone: str) -> str:
    """Return an instant for people: `2026-10-25 02:30:00 CEST`, the clock of `zone`."""
    local = at.astimezone(zone_named(zone))
    return f"{local.replace(tzinfo=None).isoformat(' ', 'seconds')} {local.tzname()}"


@lru_cache(LENGTHS_READ_MAX)
def _read_length(typed: str) -> Fraction | None:
    """Return the microseconds of a length in either form; None when it is none."""
    return _iso_length(typed) if typed.startswith("P") else _parts(typed)


def _parts(typed: str) -> Fraction | None:
    """Return the microseconds of `1h30m`, longer units first; None if it is of another form."""
    total, place = Fraction(0), 0
    units = list(UNITS)
    while place < len(typed):  # each step consumes a part
        part = _PART.match(typed, place)
        if part is None or part[2] not in units:
            return None
        del units[: units.index(part[2]) + 1]
        total += Fraction(part[1]) * (UNITS[part[2]] // MICROSECOND)
        place = part.end()
    return total if typed else None


def _iso_length(typed: str) -> Fraction | None:
    """Return the microseconds of an ISO 8601 duration; None if it is not one of fixed length."""
    found = _ISO_LENGTH.fullmatch(typed)
    if found is None:
        return None
    counts = zip(found.groups(), ("w", "d", "h", "m", "s"), strict=True)
    return sum(
        (Fraction(count) * (UNITS[unit] // MICROSECOND) for count, unit in counts if count),
        Fraction(0),
    )


def _no_duration(typed: str, path: str) -> BadInput:
    """Return the refusal of what is no length, with what it may have meant."""
    if _CALENDAR_LENGTH.fullmatch(typed) or _ISO_CALENDAR_LENGTH.fullmatch(typed):
        if "y" in typed.lower():
            return BadInput.at(
                path, f'"{typed}": years differ in length.', "For yearly: --cron '0 0 1 1 *'"
            )
        return BadInput.at(
            path, f'"{typed}": months differ in length.', "For monthly: --cron '0 0 1 * *'"
        )
    if typed.isascii() and typed.isdecimal():
        return BadInput.at(
            path, f'"{typed}" has no unit.', f"Write {typed}s, {typed}m, {typed}h or {typed}d"
        )
    if typed.startswith("-"):
        return BadInput.at(path, f"{_shown(typed)} is negative.", DURATION_FORMS)
    return BadInput.at(path, f"{_shown(typed)} is no length of time.", DURATION_FORMS)


def _dated(typed: str, *, zone: str, path: str) -> datetime:
    """Return the instant of a date with or without time, in `zone` unless it says otherwise."""
    found = _LOCAL.fullmatch(typed)
    if found is None:
        raise BadInput.at(path, f"{_shown(typed)} is no date and time.", INSTANT_FORMS)
    *numbers, fraction, mark = found.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise _beyond_the_calendar(typed, path)
    try:
        shown = datetime.combine(date(year, month, day), time(hour, minute, second))
        offset = _offset(mark)
    except ValueError as error:
        raise BadInput.at(path, f'"{typed}" is no date and time: {error}.', INSTANT_FORMS) from None
    if offset is None:
        named = _local(shown, mark, typed, zone=zone, path=path)
    else:
        named = shown.replace(tzinfo=offset)
    digits = fraction or "0"
    rounded_up = -(-int(digits) * 1_000_000 // 10 ** len(digits))
    return named + timedelta(microseconds=rounded_up)


def _offset(mark: str | None) -> timezone | None:
    """Return the offset that stands with a time; None for none, or for a name that a zone knows."""
    if mark in {"Z", "z", "UTC"}:
        return UTC
    if mark is None or mark[0] not in "+-":
        return None
    hours, minutes = int(mark[1:3]), int(mark[3:].lstrip(":") or 0)
    if hours > OFFSET_HOURS_MAX or minutes >= MINUTES_AN_HOUR:
        raise ValueError("an offset has at most 23 hours and 59 minutes")
    minutes += hours * MINUTES_AN_HOUR
    return timezone(timedelta(minutes=-minutes if mark[0] == "-" else minutes))


def _local(shown: datetime, mark: str | None, typed: str, *, zone: str, path: str) -> datetime:
    """Return the one instant at which the clock of `zone` shows a time, by the name `mark`."""
    place = zone_named(zone)
    passes = sorted(
        at
        for fold in (0, 1)
        if (at := shown.replace(tzinfo=place, fold=fold).astimezone(UTC))
        .astimezone(place)
        .replace(tzinfo=None)
        == shown
    )
    if not passes:
        raise _skipped(shown, typed, zone=zone, path=path)
    if mark is not None:
        passes = [at for at in passes if at.astimezone(place).tzname() == mark]
        if not passes:
            raise BadInput.at(
                path,
                f'"{typed}": the clock of {zone} is not called {mark} then.',
                "Leave it out, or write the offset, such as +02:00",
            )
    if passes[0] != passes[-1]:
        clock = shown.time().isoformat("seconds" if shown.second else "minutes")
        which = " or ".join(f"{clock}{at.astimezone(place).isoformat()[19:]}" for at in passes)
        raise BadInput.at(
            path, f"{typed} happens twice in {zone} (the clock goes back).", f"Say which: {which}"
        )
    return passes[0]


def _skipped(shown: datetime, typed: str, *, zone: str, path: str) -> BadInput:
    """Return the refusal of a local time that the clock jumps over, with the first one after it."""
    near = shown.replace(tzinfo=UTC)
    week = timedelta(days=7)
    hint = next(
        f"The first time after it is {(change.at + change.offset_after):%Y-%m-%dT%H:%M}"
        for change in transitions(zone_named(zone), near - week, near + week)
        if change.at + change.offset_before <= near < change.at + change.offset_after
    )
    return BadInput.at(path, f"{typed} does not exist in {zone} (the clock goes forward).", hint)


def _beyond_the_calendar(typed: str, path: str) -> BadInput:
    return BadInput.at(path, f'"{typed}" is outside the years {YEAR_MIN} to {YEAR_MAX}.')


def _shown(typed: str) -> str:
    """Return what was typed between quotes, made harmless for a terminal."""
    return f'"{typed}"' if typed.isprintable() else ascii(typed)
