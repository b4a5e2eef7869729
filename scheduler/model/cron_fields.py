"""The grammar of one cron field: text in, the numbers it stands for out.

It knows what a minute or a weekday may look like and nothing of the other fields, of calendars or
of time zones. It is stricter than any cron: what other programs read in different ways (`?`, `H`,
a range that runs backwards, a step that never comes round) is refused with what to type instead,
for a schedule that is understood wrongly is found months later.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from scheduler.model.errors import BadInput
from scheduler.model.limits import FIELDS_READ_MAX

HERE = "$.schedule.expressions[0]"  # the path when the caller names none

MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAY_NAMES = (
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
)
MONTHS = tuple(name[:3].upper() for name in MONTH_NAMES)
WEEKDAYS = tuple(name[:3].upper() for name in WEEKDAY_NAMES)
SUNDAY_AS_LAST = 7  # Sunday is 0 and 7
NTH_MAX = 5  # a weekday comes four or five times a month

_NUMBER = re.compile(r"[0-9]+", re.ASCII)
_NEAREST = re.compile(r"([0-9]+)W", re.ASCII)
_MARKED_DAY = re.compile(r"([0-9]+|[A-Z]{3})(?:#([0-9]+)|L)", re.ASCII)
_DICED = re.compile(r"[HR](?:\([^)]*\))?(?:/[0-9]+)?", re.ASCII)


class Spec(NamedTuple):
    """What one field of an expression may hold."""

    name: str
    low: int
    high: int  # of the numbers it stands for; a weekday may also be written as 7
    names: tuple[str, ...] = ()  # of its numbers, from `low` on
    unit: str = ""  # of the interval that a step too long may stand for


SECOND = Spec("second", 0, 59, unit="s")
MINUTE = Spec("minute", 0, 59, unit="m")
HOUR = Spec("hour", 0, 23, unit="h")
DAY = Spec("day of month", 1, 31, unit="d")
MONTH = Spec("month", 1, 12, MONTHS)
WEEKDAY = Spec("day of week", 0, 6, WEEKDAYS)


class Field(NamedTuple):
    """What a field stands for: numbers, and for days marks such as `L`, `15W` or `5#2`."""

    numbers: tuple[int, ...]  # ascending; Sunday is 0
    marks: tuple[str, ...] = ()  # normalised: "L" "LW" "15W" (days), "5#2" "5L" (weekdays)


def wrong(message: str, hint: str | None = None) -> BadInput:
    """Return the refusal of an expression; the caller puts its own path in."""
    return BadInput.at(HERE, message, hint)


@lru_cache(FIELDS_READ_MAX)
def read_field(text: str, spec: Spec) -> Field:
    """Return what `text` stands for in the field `spec`.

    Raises: BadInput, with what is wrong and what to type instead.
    """
    numbers: set[int] = set()
    marks: set[str] = set()
    for item in text.upper().split(","):
        if not item:
            raise wrong(f'"{text}" in the {spec.name} field has an empty item.')
        mark = _mark(item, spec)
        if mark is None:
            numbers.update(_numbers(item, spec))
        else:
            marks.add(mark)
    if spec is WEEKDAY:
        numbers = {number % SUNDAY_AS_LAST for number in numbers}
    return Field(tuple(sorted(numbers)), tuple(sorted(marks)))


def _mark(item: str, spec: Spec) -> str | None:
    """Return the normalised mark that `item` is, or None when it is made of numbers."""
    if spec is DAY:
        if item in {"L", "LW"}:
            return item
        if nearest := _NEAREST.fullmatch(item):
            return f"{_value(nearest[1], item, spec)}W"
    elif spec is WEEKDAY and (marked := _MARKED_DAY.fullmatch(item)):
        weekday = _value(marked[1], item, spec) % SUNDAY_AS_LAST
        if marked[2] is None:
            return f"{weekday}L"
        nth = int(marked[2])
        if not 1 <= nth <= NTH_MAX:
            raise wrong(
                f'"{item}" in the {spec.name} field: a weekday comes at most 5 times a month.',
                f"Write {marked[1]}#1 to {marked[1]}#5, or {marked[1]}L for the last one",
            )
        return f"{weekday}#{nth}"
    return None


def _numbers(item: str, spec: Spec) -> range:
    """Return the numbers of `*`, `a`, `a-b`, each with or without a step."""
    base, slash, step_text = item.partition("/")
    _refuse_foreign(item, base, spec)
    step = _step(step_text, item, spec) if slash else 1
    if base == "*":
        return range(spec.low, spec.high + 1, step)
    first_text, dash, last_text = base.partition("-")
    first = _value(first_text, item, spec)
    if dash:
        last = _value(last_text, item, spec)
        if spec is WEEKDAY and last_text == "SUN" and first > 0:
            last = SUNDAY_AS_LAST  # a week may be written to end on Sunday
    else:
        last = max(first, spec.high) if slash else first
    if first > last:
        raise _backwards(item, first, last, spec)
    return range(first, last + 1, step)


def _value(text: str, item: str, spec: Spec) -> int:
    """Return the number that a value of an item stands for."""
    if text in spec.names:
        return spec.low + spec.names.index(text)
    if not _NUMBER.fullmatch(text):
        raise _not_understood(item, spec)
    value = int(text)
    high = SUNDAY_AS_LAST if spec is WEEKDAY else spec.high
    if not spec.low <= value <= high:
        raise wrong(f'"{item}" in the {spec.name} field is out of range: {spec.low} to {high}.')
    return value


def _step(text: str, item: str, spec: Spec) -> int:
    """Return the step of an item: at least 1, and smaller than the number of values."""
    if not _NUMBER.fullmatch(text):
        raise _not_understood(item, spec)
    step = int(text)
    if step == 0:
        raise wrong(f'"{item}" in the {spec.name} field: a step is 1 or more.')
    span = spec.high - spec.low
    if step > span:
        raise wrong(
            f'"{item}" in the {spec.name} field: the step is over the field\'s span ({span}), so'
            " only the first value would ever match.",
            f"For an interval: --every {step}{spec.unit}" if spec.unit else None,
        )
    return step


def _refuse_foreign(item: str, base: str, spec: Spec) -> None:
    """Refuse what other programs write and cron does not have, each with our form of it."""
    if "?" in item:
        raise wrong(f'"?" in the {spec.name} field is no cron value.', "For any, write *")
    if _DICED.fullmatch(item):
        raise wrong(
            f'"{item}" in the {spec.name} field would stand for a value chosen by the program.',
            "Write the number you want",
        )
    if spec is DAY and base.startswith("L"):
        raise wrong(
            f'"{item}" in the {spec.name} field is not understood.',
            "L is the last day of the month and LW its last weekday; they stand alone",
        )
    if spec is WEEKDAY and base.startswith("L"):
        raise wrong(
            f'"{item}" in the {spec.name} field is not understood.',
            "For the last Friday of the month write 5L",
        )
    if spec is DAY and base.startswith("W") and _NUMBER.fullmatch(base[1:]):
        raise wrong(f'"{item}" in the {spec.name} field is not understood.', f"Write {base[1:]}W")


def _backwards(item: str, first: int, last: int, spec: Spec) -> BadInput:
    """Return the refusal of a range that runs backwards, with the two parts it may stand for."""
    if spec is WEEKDAY and last == 0:
        instead = f"{first}-7"
    else:
        head = f"{first}-{spec.high}" if first < spec.high else f"{first}"
        tail = f"{spec.low}-{last}" if last > spec.low else f"{last}"
        instead = f"{head},{tail}"
    return wrong(f'"{item}" in the {spec.name} field runs backwards.', f"Write {instead}")


def _not_understood(item: str, spec: Spec) -> BadInput:
    """Return the refusal of an item of no known form."""
    forms = "*, numbers, ranges such as 1-5, lists such as 1,15 and steps such as */5"
    if spec is DAY:
        forms += ", L, LW and 15W"
    elif spec is WEEKDAY:
        forms += ", SUN to SAT, 5#2 and 5L"
    elif spec is MONTH:
        forms += ", JAN to DEC"
    return wrong(f'"{item}" in the {spec.name} field is not understood.', f"It takes {forms}")
