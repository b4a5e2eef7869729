"""A schedule in words, for previews and lists: correct first, pretty second.

It reads the numbers a cron expression stands for, not the text typed, so `*/5`, `0-59/5` and
`0,5,...,55` are all "every 5 minutes". What it cannot say prettily it says fully. What a clock
change does to a schedule is told by `clock_warnings`.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from scheduler.model.cron import CronFields, parse
from scheduler.model.cron_fields import MONTH_NAMES, WEEKDAY_NAMES, Field
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.model.written import UNITS, format_duration, format_instant

UNIT_NAMES: Final = {"w": "week", "d": "day", "h": "hour", "m": "minute", "s": "second"}
TIMES_LISTED_MAX = 6  # more times of day are told by their fields
STEPS_MIN = 4  # so many numbers at even distances are told by their step
RUN_MIN = 3  # so many numbers in a row are told as "1 to 3"

_SIXTY: Final = tuple(range(60))
_HOURS: Final = tuple(range(24))
_DAYS: Final = 31
_WEEKDAYS: Final = 7
_MONTHS: Final = 12


def sentence(schedule: Schedule, *, zone: str = "UTC") -> str:
    """Return a schedule in words; single instants are shown by the clock of `zone`."""
    match schedule:
        case Once(at=at):
            return f"once at {format_instant(at, zone)}"
        case Interval(every=every, anchor=anchor):
            start = f" from {format_instant(anchor, zone)}" if anchor else ""
            return f"{_every(every)}{start}"
        case Cron():
            parts = [parse(text, seconds=schedule.seconds) for text in schedule.expressions]
            words = "; and ".join(_in_words(fields) for fields in parts)
            return f"{words}, {schedule.timezone}{_at_clock_changes(schedule)}"
        case Manual():
            return "only by hand or by a callback"


def _at_clock_changes(schedule: Cron) -> str:
    """Return what of the rules for clock changes someone chose; nothing for the usual ones."""
    gap = "; not when the clock skips it" if schedule.gap == "skip" else ""
    fold = "; when it occurs twice, the second time" if schedule.fold == "last" else ""
    return gap + fold


def _every(length: timedelta) -> str:
    """Return the beat of an interval: `every hour`, `every 5 minutes`, `every 61s`."""
    for unit, name in UNIT_NAMES.items():
        count, rest = divmod(length, UNITS[unit])
        if count and not rest:
            return f"every {name}" if count == 1 else f"every {count} {name}s"
    return f"every {format_duration(length)}"


def _in_words(fields: CronFields) -> str:
    """Return one expression in words."""
    dates = _dates(fields)
    times = _times(fields)
    if not dates and times.startswith("at ") and "every" not in times:
        dates = "every day"
    return f"{times} {dates}".strip()


def _times(fields: CronFields) -> str:
    """Return the times of day."""
    seconds, minutes, hours = fields.seconds, fields.minutes, fields.hours
    if len(seconds) * len(minutes) * len(hours) <= TIMES_LISTED_MAX:
        clock = [
            f"{hour:02d}:{minute:02d}" + ("" if seconds == (0,) else f":{second:02d}")
            for hour in hours
            for minute in minutes
            for second in seconds
        ]
        return f"at {_and(clock)}"
    if seconds == (0,):
        return _minutes_and_hours(minutes, hours)
    beat = _beat(seconds, 60, "second") or f"at {_named('second', seconds)}"
    if minutes == _SIXTY and hours == _HOURS:
        return beat if beat.startswith("every") else f"{beat} of every minute"
    of_minutes = "every minute" if minutes == _SIXTY else _named("minute", minutes)
    return f"{beat} of {of_minutes} {_of_hours(hours)}"


def _minutes_and_hours(minutes: tuple[int, ...], hours: tuple[int, ...]) -> str:
    """Return times on whole minutes."""
    in_a_row = hours == tuple(range(hours[0], hours[-1] + 1))
    if minutes == (0,):
        beat = "every hour" if in_a_row else _beat(hours, 24, "hour")
    else:
        beat = _beat(minutes, 60, "minute") if in_a_row else None
    if beat is None:
        return f"at {_named('minute', minutes)} {_of_hours(hours)}"
    if hours == _HOURS:
        return beat
    return f"{beat} from {hours[0]:02d}:{minutes[0]:02d} to {hours[-1]:02d}:{minutes[-1]:02d}"


def _beat(numbers: tuple[int, ...], span: int, name: str) -> str | None:
    """Return `every 5 minutes` when the numbers go round their span evenly, from 0."""
    if numbers[0] != 0 or span % len(numbers):
        return None
    step = span // len(numbers)
    if numbers != tuple(range(0, span, step)) or step == span:
        return None
    return f"every {name}" if step == 1 else f"every {step} {name}s"


def _of_hours(hours: tuple[int, ...]) -> str:
    """Return the hours in which something happens."""
    if hours == _HOURS:
        return "of every hour"
    if len(hours) > 1 and hours == tuple(range(hours[0], hours[-1] + 1)):
        return f"from {hours[0]:02d}:00 to {hours[-1]:02d}:59"
    return f"in {_named('hour', hours)}"


def _dates(fields: CronFields) -> str:
    """Return the days and months, or nothing when every day matches."""
    months = "" if len(fields.months) == _MONTHS else _months(fields.months)
    any_day = len(fields.days.numbers) == _DAYS
    any_weekday = len(fields.weekdays.numbers) == _WEEKDAYS
    if (any_day and any_weekday) or (fields.days_or_weekdays and (any_day or any_weekday)):
        return f"every day {months}" if months else ""
    if any_weekday:
        return f"on {_days(fields.days)} of {months.removeprefix('in ') or 'the month'}"
    if any_day:
        return f"on {_weekdays(fields.weekdays)} {months}".strip()
    if fields.days_or_weekdays:
        days = f"on {_days(fields.days)} of the month, and also on {_weekdays(fields.weekdays)}"
    else:
        condition = _weekdays(fields.weekdays, joined="or")
        days = f"on {_days(fields.days)} of the month if it is {condition}"
    return f"{days}, {months}" if months else days


def _days(days: Field) -> str:
    """Return the days of the month."""
    named: list[str] = []
    if days.numbers:
        named.append(f"the {_listed(days.numbers, _ordinal)}")
    for mark in days.marks:
        if mark == "L":
            named.append("the last day")
        elif mark == "LW":
            named.append("the last weekday")
        else:
            named.append(f"the weekday nearest the {_ordinal(int(mark[:-1]))}")
    return _and(named)


def _weekdays(weekdays: Field, *, joined: str = "and") -> str:
    """Return the days of the week, Monday first."""
    order = [number for number in (1, 2, 3, 4, 5, 6, 0) if number in weekdays.numbers]
    from_monday = [(number - 1) % _WEEKDAYS for number in order]
    named = [
        _span([WEEKDAY_NAMES[(number + 1) % _WEEKDAYS] for number in run], joined=joined)
        for run in _runs(from_monday)
    ]
    for mark in weekdays.marks:
        name = WEEKDAY_NAMES[int(mark[0])]
        which = "last" if mark[1] == "L" else _ordinal(int(mark[2]))
        named.append(f"the {which} {name} of the month")
    return _and(named, joined=joined)


def _months(months: tuple[int, ...]) -> str:
    """Return the months."""
    return "in " + _and(
        [_span([MONTH_NAMES[number - 1] for number in run]) for run in _runs(months)]
    )


def _named(name: str, numbers: tuple[int, ...]) -> str:
    """Return `minute 5`, `minutes 1, 5 and 9`, `minutes 0 to 56 in steps of 7`."""
    if len(numbers) == 1:
        return f"{name} {numbers[0]}"
    return f"{name}s {_listed(numbers, str)}"


def _listed(numbers: tuple[int, ...], told: Callable[[int], str]) -> str:
    """Return numbers as `1, 5 and 9`, runs as `1 to 5`, even steps as `0 to 56 in steps of 7`."""
    step = numbers[1] - numbers[0] if len(numbers) >= STEPS_MIN else 1
    if step > 1 and numbers == tuple(range(numbers[0], numbers[-1] + 1, step)):
        return f"{told(numbers[0])} to {told(numbers[-1])} in steps of {step}"
    return _and([_span([told(number) for number in run]) for run in _runs(numbers)])


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Return ascending numbers cut into runs without a hole; two in a row stay apart."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [
        part
        for run in runs
        for part in ([run] if len(run) >= RUN_MIN else [[number] for number in run])
    ]


def _span(words: list[str], *, joined: str = "and") -> str:
    """Return `Monday to Friday` for three and more, else the words joined."""
    return f"{words[0]} to {words[-1]}" if len(words) >= RUN_MIN else _and(words, joined=joined)


def _ordinal(number: int) -> str:
    """Return `1st`, `22nd`, `13th`."""
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number in {11, 12, 13} else suffix}"


def _and(words: list[str], *, joined: str = "and") -> str:
    """Return words as a sentence lists them."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joined} {words[-1]}"
