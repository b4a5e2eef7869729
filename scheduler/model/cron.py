"""Cron expressions: the strict parser of what people write, and the days that match.

The rule is ours; croniter is an engine inside this one file. It is asked a single question, "which
days of such a month match this one item?", in a form that we have normalised (plain lists of
numbers, one mark at a time, no month, no time of day, no zone), on naive midnights. So none of its
known faults can come through: equal ranges, OR and AND of the two day fields, clock changes, `R`.
Months repeat: only their length and the weekday of their first day matter, which makes 28 kinds.
A rule is therefore asked for at most 28 times, whatever the number of years; and whether it ever
fires is found out, not guessed: 28 years hold every kind of every month.
"""

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from msgspec import Struct

from scheduler.model.cron_fields import (
    DAY,
    HERE,
    HOUR,
    MINUTE,
    MONTH,
    MONTH_NAMES,
    SECOND,
    WEEKDAY,
    Field,
    read_field,
    wrong,
)
from scheduler.model.errors import BadInput
from scheduler.model.limits import (
    DAY_RULES_MAX,
    EXPRESSION_CHARS_MAX,
    EXPRESSIONS_PARSED_MAX,
)

ALIASES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = 5
FIELDS_WITH_SECONDS = 6
WORDS_TYPED_MAX = 7  # more of them were not typed: the shell put file names for *
MONTH_KINDS = 28  # four lengths, seven first weekdays
MONTH_DAYS_MAX: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_ALL_WEEKDAYS: Final = tuple(range(7))
_EVERY_KIND_YEARS: Final = range(2000, 2028)  # the calendar repeats after 28 years
_SEPARATOR: Final = re.compile(r"[ \t]+")


class CronFields(Struct, frozen=True, gc=False, kw_only=True):
    """One expression, understood: which local times of which days it names."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Field
    months: tuple[int, ...]
    weekdays: Field  # 0 is Sunday
    minute_has_star: bool
    hour_has_star: bool
    days_or_weekdays: bool  # neither field begins with *: one of them is enough

    @property
    def is_wildcard(self) -> bool:
        """Whether it follows real time over a clock change: a `*` in minute or hour."""
        return self.minute_has_star or self.hour_has_star

    @property
    def is_every_day(self) -> bool:
        """Whether no date of the year is left out."""
        any_day = len(self.days.numbers) == MONTH_DAYS_MAX[0]
        any_weekday = self.weekdays.numbers == _ALL_WEEKDAYS
        one_is_enough = self.days_or_weekdays and (any_day or any_weekday)
        return len(self.months) == len(MONTH_NAMES) and (one_is_enough or (any_day and any_weekday))


def parse(expression: str, *, seconds: bool = False, path: str = HERE) -> CronFields:
    """Return what `expression` names: 5 fields, or 6 with the second first, or an @alias.

    Raises: BadInput at `path`, also for an expression that no date ever matches.
    """
    try:
        return _parsed(expression, seconds)
    except BadInput as bad:
        raise BadInput(*(problem._replace(path=path) for problem in bad.problems)) from None


def matching_days(fields: CronFields, year: int, month: int) -> tuple[int, ...]:
    """Return the days of the month that `fields` name, ascending."""
    if month not in fields.months:
        return ()
    return _days_of_kind(
        fields.days,
        fields.weekdays,
        fields.days_or_weekdays,
        _length(year, month),
        date(year, month, 1).isoweekday() % 7,
    )


@lru_cache(EXPRESSIONS_PARSED_MAX)
def _parsed(expression: str, seconds: bool) -> CronFields:  # noqa: FBT001  # a cache key
    texts = _field_texts(expression, seconds=seconds)
    second, minute, hour, day, month, weekday = texts
    fields = CronFields(
        seconds=read_field(second, SECOND).numbers,
        minutes=read_field(minute, MINUTE).numbers,
        hours=read_field(hour, HOUR).numbers,
        days=read_field(day, DAY),
        months=read_field(month, MONTH).numbers,
        weekdays=read_field(weekday, WEEKDAY),
        minute_has_star="*" in minute,
        hour_has_star="*" in hour,
        days_or_weekdays=not day.startswith("*") and not weekday.startswith("*"),
    )
    if not _ever_fires(fields):
        raise _never_fires(expression, fields, texts if seconds else texts[1:])
    return fields


def _field_texts(expression: str, *, seconds: bool) -> list[str]:
    """Return the six fields, the second first; refuse what is no list of fields."""
    typed = expression.strip(" \t")
    texts = _SEPARATOR.split(typed)
    wanted = FIELDS_WITH_SECONDS if seconds else FIELDS
    if len(texts) > WORDS_TYPED_MAX:
        raise wrong(
            f"got {len(texts)} words instead of {wanted}. The shell seems to have turned * into"
            " file names; put the expression in quotes:",
            "--cron '*/5 * * * *'",
        )
    if len(expression) > EXPRESSION_CHARS_MAX:
        raise wrong(
            f"the expression has {len(expression)} characters; at most {EXPRESSION_CHARS_MAX}."
        )
    for character in typed:
        if character != "\t" and not " " <= character <= "~":
            raise wrong(f"the character U+{ord(character):04X} has no meaning in cron.")
    if not typed:
        raise wrong("the expression is empty.", "Every 5 minutes is */5 * * * *")
    if typed.startswith("@"):
        return ["0", *_alias(typed).split()]
    if len(texts) != wanted:
        raise _wrong_count(typed, len(texts), seconds=seconds)
    return texts if seconds else ["0", *texts]


def _alias(typed: str) -> str:
    """Return the five fields of an @alias."""
    alias = ALIASES.get(typed.lower())
    if alias is not None:
        return alias
    if typed.lower() == "@reboot":
        raise wrong(
            "@reboot is no time: a schedule does not depend on when a machine starts.",
            "Use a schedule, or run the job by hand when the machine is up",
        )
    if typed.lower().startswith("@every"):
        raise wrong(
            f'"{typed}" is an interval, not cron.', "For that there is --every, as in --every 5m"
        )
    raise wrong(f'"{typed}" is not known.', f"There are {', '.join(sorted(ALIASES))}")


def _wrong_count(typed: str, count: int, *, seconds: bool) -> BadInput:
    """Return the refusal of an expression with too few or too many fields."""
    if seconds:
        wanted = "6 (second minute hour day month weekday)"
        hint = f"Put the second first: 0 {typed}" if count == FIELDS else None
    else:
        wanted = "5 (minute hour day month weekday)"
        hint = {
            FIELDS_WITH_SECONDS: "If the first one is the second, set seconds = true",
            FIELDS_WITH_SECONDS + 1: "There is no field for years",
        }.get(count)
    return wrong(f"got {count} field{'s' if count > 1 else ''} instead of {wanted}.", hint)


@lru_cache(DAY_RULES_MAX)
def _days_of_kind(
    days: Field,
    weekdays: Field,
    days_or_weekdays: bool,  # noqa: FBT001  # a cache key
    length: int,
    first_weekday: int,
) -> tuple[int, ...]:
    """Return the matching days of a month of `length` days that begins on `first_weekday`."""
    by_day = _asked_for(_day_questions(days, length), length, first_weekday)
    by_weekday = _asked_for(_weekday_questions(weekdays), length, first_weekday)
    return tuple(sorted(by_day | by_weekday if days_or_weekdays else by_day & by_weekday))


def _day_questions(days: Field, length: int) -> list[str]:
    """Return croniter's form of each item of the day-of-month field, for a month of `length`."""
    numbers = [number for number in days.numbers if number <= length]
    if len(numbers) == length:
        return ["* * *"]
    questions = [f"{','.join(map(str, numbers))} * *"] if numbers else []
    for mark in days.marks:
        if mark == "L":
            questions.append(f"{length} * *")
        elif mark == "LW":
            questions.append(f"{length}W * *")
        elif int(mark[:-1]) <= length:  # the 31st has no nearest weekday in April: there is none
            questions.append(f"{mark} * *")
    return questions


def _weekday_questions(weekdays: Field) -> list[str]:
    """Return croniter's form of each item of the day-of-week field."""
    if weekdays.numbers == _ALL_WEEKDAYS:
        return ["* * *"]
    questions = [f"* * {','.join(map(str, weekdays.numbers))}"] if weekdays.numbers else []
    questions += [f"* * {f'L{mark[0]}' if mark[1] == 'L' else mark}" for mark in weekdays.marks]
    return questions


def _asked_for(questions: list[str], length: int, first_weekday: int) -> frozenset[int]:
    """Return the days that match one of the questions, by croniter on a month of that kind."""
    if "* * *" in questions:
        return frozenset(range(1, length + 1))
    from croniter import croniter  # noqa: PLC0415  # 0.15 s that a plain daily schedule does not need

    found: set[int] = set()
    midnight = _month_of_kind(length, first_weekday)
    end = midnight + timedelta(days=length)
    for question in questions:
        engine = croniter(f"0 0 {question}", midnight - timedelta(minutes=1))
        day: datetime = engine.get_next(datetime)
        while day < end:  # at most 31 steps
            found.add(day.day)
            day = engine.get_next(datetime)
    return frozenset(found)


@lru_cache(MONTH_KINDS)
def _month_of_kind(length: int, first_weekday: int) -> datetime:
    """Return the first midnight, of no zone, of some month of that length and first weekday."""
    return next(
        datetime.combine(first, time.min)
        for year in _EVERY_KIND_YEARS
        for month in range(1, 13)
        if (first := date(year, month, 1)).isoweekday() % 7 == first_weekday
        and _length(year, month) == length
    )


def _length(year: int, month: int) -> int:
    """Return the number of days of a month."""
    return (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days


def _ever_fires(fields: CronFields) -> bool:
    """Whether any date matches; each kind of each month is looked at, at most 336 months."""
    return any(
        matching_days(fields, year, month) for year in _EVERY_KIND_YEARS for month in fields.months
    )


def _never_fires(expression: str, fields: CronFields, texts: list[str]) -> BadInput:
    """Return the refusal of an expression that no date matches, with the reason."""
    months = [MONTH_NAMES[month - 1] for month in fields.months]
    longest = max(MONTH_DAYS_MAX[month - 1] for month in fields.months)
    days = [*fields.days.numbers, *(int(m[:-1]) for m in fields.days.marks if m[0].isdigit())]
    if days and min(days) > longest:
        have = "has" if len(months) == 1 else "have"
        ordinals = " or ".join("31st" if day == 31 else f"{day}th" for day in sorted(days))  # noqa: PLR2004  # 30th, 31st
        times = " ".join(texts[:-3])
        return wrong(
            f'"{expression}" never fires: {_and(months)} {have} no {ordinals}.',
            f"For the last day of the month write L: {times} L * *",
        )
    return wrong(
        f'"{expression}" never fires: no date matches both the day of month "{texts[-3]}" and the'
        f' day of week "{texts[-1]}".',
        "To fire when either matches, begin neither field with *",
    )


def _and(words: list[str]) -> str:
    """Return the words as a sentence lists them."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
