"""Whether a job's policies may be as they are: `validation`'s rules on bounds, lengths and choices.

Each yields what is wrong at the path of its field. Policies that are sound alone may stand against
one another; that is judged here too. What a policy does is the rules' matter.
"""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import get_args

from scheduler.model.errors import BadInput, Problem
from scheduler.model.jobs import CatchUp, Definition, Exclude, Isolation, OnCrash, Overlap, Retry
from scheduler.model.json_values import shown
from scheduler.model.limits import (
    CATCH_UP_FIRES_MAX,
    DURATION_MAX,
    EXCLUDED_RANGES_MAX,
    FAILURES_IN_ROW_MAX,
    NAME_CHARS_MAX,
    QUEUE_MAX,
    RETRY_ATTEMPTS_MAX,
    RETRY_FACTOR_MAX,
    RUNS_MAX,
    SCHEDULES_JUDGED_MAX,
    YEAR_MAX,
    YEAR_MIN,
)
from scheduler.model.written import format_duration
from scheduler.model.zones import zone

NOTHING = timedelta(0)
NO_RETRY = Retry()
CHOICES: dict[str, tuple[str, ...]] = {
    "catch_up": get_args(CatchUp),
    "overlap": get_args(Overlap),
    "on_crash": get_args(OnCrash),
    "isolation": get_args(Isolation),
}


def policy_problems(definition: Definition) -> Iterator[Problem]:
    """Yield what is wrong with the policies that stand in the definition itself."""
    for field, choices in CHOICES.items():
        chosen = getattr(definition, field)
        if chosen not in choices:
            yield from choice_problems(f"$.{field}", chosen, choices)
    yield from count_problems("$.max_runs", definition.max_runs, RUNS_MAX)
    yield from count_problems("$.catch_up_limit", definition.catch_up_limit, CATCH_UP_FIRES_MAX)
    yield from length_problems("$.misfire_grace", definition.misfire_grace, least=NOTHING)
    yield from length_problems("$.timeout", definition.timeout)
    yield from length_problems("$.catch_up_window", definition.catch_up_window)
    yield from length_problems("$.start_deadline", definition.start_deadline)
    yield from length_problems("$.jitter", definition.jitter, least=NOTHING)
    yield from length_problems("$.cancel_grace", definition.cancel_grace, least=NOTHING)
    yield from count_problems("$.queue_limit", definition.queue_limit, QUEUE_MAX)
    failures = definition.pause_after_failures
    yield from count_problems("$.pause_after_failures", failures, FAILURES_IN_ROW_MAX)
    if definition.concurrency_key is not None:
        yield from key_problems(definition.concurrency_key, "$.concurrency_key")
    if definition.overlap == "cancel" and definition.catch_up == "all":
        yield Problem(
            "$.overlap",
            "cancel would end each run that catch_up = all has just planned.",
            "Choose queue, skip or allow, or catch_up = latest",
        )


@lru_cache(SCHEDULES_JUDGED_MAX)
def exclude_problems(exclude: Exclude | None) -> tuple[Problem, ...]:
    """Return what is wrong with the days a job is excluded on."""
    if exclude is None:
        return ()
    problems: list[Problem] = []
    ranges = exclude.dates
    if not 1 <= len(ranges) <= EXCLUDED_RANGES_MAX:
        what = f"there are {len(ranges):,} ranges of days; from 1 to {EXCLUDED_RANGES_MAX:,}."
        problems.append(Problem("$.exclude", what))
    if any(days.last < days.first for days in ranges) or any(
        is_touching(earlier.last, later.first) for earlier, later in pairwise(ranges)
    ):
        problems.append(Problem("$.exclude", "is not in order, or ranges of it touch."))
    if any(not YEAR_MIN <= day.year <= YEAR_MAX for one in ranges for day in (one.first, one.last)):
        what = f"names a day outside the years {YEAR_MIN} to {YEAR_MAX}."
        problems.append(Problem("$.exclude", what))
    try:
        zone(exclude.timezone, path="$.exclude.timezone")
    except BadInput as bad:
        problems += bad.problems
    return tuple(problems)


def is_touching(last: date, first: date) -> bool:
    """Return whether no day lies between the end of one range and the beginning of a later one."""
    return first.toordinal() - last.toordinal() <= 1


def key_problems(key: str, path: str) -> Iterator[Problem]:
    """Yield what is wrong with a concurrency key: 1 to 200 printable characters."""
    if not key:
        yield Problem(path, "is empty.", "Name what is shared, as in the-database")
    else:
        yield from word_problems(key, path)


def word_problems(word: str, path: str) -> Iterator[Problem]:
    """Yield what is wrong with a name that people chose: too long, or not to be seen whole."""
    if len(word) > NAME_CHARS_MAX:
        yield Problem(path, f"has {len(word):,} characters; at most {NAME_CHARS_MAX}.")
    elif not word.isprintable():
        strange = next(character for character in word if not character.isprintable())
        yield Problem(
            path,
            f"{shown(word)} holds the character U+{ord(strange):04X}, which cannot be printed.",
        )
    elif word != word.strip():
        yield Problem(
            path, f"{shown(word)} begins or ends with a space.", f"Write {shown(word.strip())}"
        )


def retry_problems(retry: Retry) -> Iterator[Problem]:
    """Yield what is wrong with when a failed attempt is tried again."""
    if retry == NO_RETRY:
        return
    yield from count_problems("$.retry.max_attempts", retry.max_attempts, RETRY_ATTEMPTS_MAX)
    yield from length_problems("$.retry.initial", retry.initial, least=NOTHING)
    yield from length_problems("$.retry.max_delay", retry.max_delay, least=NOTHING)
    yield from length_problems("$.retry.give_up_after", retry.give_up_after)
    if retry.until_next_fire and retry.give_up_after is not None:
        yield Problem("$.retry.give_up_after", "is both a length and next-fire.", "Say one")
    if not math.isfinite(retry.factor) or not 1 <= retry.factor <= RETRY_FACTOR_MAX:
        yield Problem(
            "$.retry.factor",
            f"{retry.factor} is no factor from 1 to {RETRY_FACTOR_MAX:,.0f}.",
            "2 doubles the delay each time, 1 keeps it",
        )
    if retry.max_delay < retry.initial:
        yield Problem(
            "$.retry.max_delay",
            f"{format_duration(retry.max_delay)} is shorter than the first delay,"
            f" {format_duration(retry.initial)}.",
            f"Write {format_duration(retry.initial)} or more",
        )


def choice_problems(path: str, value: str, choices: tuple[str, ...]) -> Iterator[Problem]:
    """Yield that a word is none of those that may stand here."""
    if value not in choices:
        yield Problem(path, f"{shown(value)} is none of {', '.join(choices)}.")


def count_problems(path: str, value: int | None, most: int) -> Iterator[Problem]:
    """Yield that a number is not from 1 to the most there may be."""
    if value is not None and not 1 <= value <= most:
        yield Problem(path, f"got {shown(value)}; from 1 to {most:,}.")


def length_problems(
    path: str, length: timedelta | None, *, least: timedelta | None = None
) -> Iterator[Problem]:
    """Yield that a length is none, or too long; zero is one only where it is the `least`."""
    if length is None:
        return
    if length < NOTHING or (length == NOTHING and least is None):
        yield Problem(path, "is no length of time." if length else "is zero.", "As in 30s or 5m")
    elif length > DURATION_MAX:
        yield Problem(path, "is longer than a hundred years.")
