"""Whether a definition may be a job: every rule on its fields, all problems at once.

It looks at what a definition holds, never at how it was typed (`plain`) or at other jobs and the
time of day (`rules`). `decide` asks it for every definition, wherever it came from, so what is
checked here holds for each job in a log; it is quick because schedules are judged once and
remembered.
"""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import get_args

import msgspec

from scheduler.model.callbacks import JOB, SERVICE, job_called_by, service_called_by
from scheduler.model.cron import parse
from scheduler.model.errors import BadInput, Problem
from scheduler.model.firing import next_fire
from scheduler.model.jobs import (
    CatchUp,
    Definition,
    Exclude,
    Isolation,
    OnCrash,
    Overlap,
    Retry,
)
from scheduler.model.json_values import path_key, shown, text_problem
from scheduler.model.limits import (
    CATCH_UP_FIRES_MAX,
    DEFINITION_BYTES_MAX,
    DURATION_MAX,
    EXCLUDED_RANGES_MAX,
    EXPRESSIONS_MAX,
    FAILURES_IN_ROW_MAX,
    INPUT_BYTES_MAX,
    LABEL_CHARS_MAX,
    LABELS_MAX,
    NAME_CHARS_MAX,
    QUEUE_MAX,
    RETRY_ATTEMPTS_MAX,
    RETRY_FACTOR_MAX,
    RUNS_MAX,
    SCHEDULES_JUDGED_MAX,
    TEXT_CHARS_MAX,
    YEAR_MAX,
    YEAR_MIN,
)
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.model.written import format_duration
from scheduler.model.zones import zone

SERVICE_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,127}")
ID_SHAPE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE
)
_ENCODER = msgspec.json.Encoder()
ONE_SECOND = timedelta(seconds=1)
CHOICES: dict[str, tuple[str, ...]] = {
    "catch_up": get_args(CatchUp),
    "overlap": get_args(Overlap),
    "on_crash": get_args(OnCrash),
    "isolation": get_args(Isolation),
}


def validate(definition: Definition) -> None:
    """Raise BadInput with every problem of the definition, each at its path."""
    problems = problems_of(definition)
    if problems:
        raise BadInput(*problems)


def problems_of(definition: Definition) -> list[Problem]:
    """Return every problem of the definition, none when it may be a job."""
    problems = [
        *name_problems(definition.name),
        *service_problems(definition.service),
        *schedule_problems(definition.schedule, definition.start_at, definition.end_at),
        *_policy_problems(definition),
        *exclude_problems(definition.exclude),
        *_callback_problems(definition.on_success, "$.on_success"),
        *_callback_problems(definition.on_failure, "$.on_failure"),
        *_retry_problems(definition.retry),
        *_label_problems(definition.labels),
        *_text_problems(definition),
    ]
    if not problems and (size := len(_ENCODER.encode(definition))) > DEFINITION_BYTES_MAX:
        what = f"labels and texts make it {size:,} bytes large; at most {DEFINITION_BYTES_MAX:,}."
        problems.append(Problem("$", what, "Keep the bulk elsewhere and name that"))
    return problems


def name_problems(name: str, path: str = "$.name") -> Iterator[Problem]:
    """Yield what is wrong with a job's name: 1 to 200 printable characters that are no id."""
    if not name:
        yield Problem(path, "is empty.", "Give the job a name, as in nightly-report")
    elif len(name) > NAME_CHARS_MAX:
        yield Problem(path, f"has {len(name):,} characters; at most {NAME_CHARS_MAX}.")
    elif not name.isprintable():
        strange = next(character for character in name if not character.isprintable())
        yield Problem(
            path,
            f"{shown(name)} holds the character U+{ord(strange):04X}, which cannot be printed.",
        )
    elif name != name.strip():
        yield Problem(
            path, f"{shown(name)} begins or ends with a space.", f"Write {shown(name.strip())}"
        )
    elif ID_SHAPE.fullmatch(name):
        yield Problem(path, f"{shown(name)} has the form of a job's id.", "Give it another name")


def service_problems(service: str, path: str = "$.service") -> Iterator[Problem]:
    """Yield what is wrong with a service's name."""
    if not service:
        yield Problem(path, "is empty.", "Name the service that does the work")
    elif SERVICE_NAME.fullmatch(service) is None:
        yield Problem(
            path,
            f"{shown(service)} is no name of a service.",
            "Lower-case letters, digits, _ . and -, a letter first, at most 128",
        )


@lru_cache(SCHEDULES_JUDGED_MAX)
def schedule_problems(
    schedule: Schedule, start_at: datetime | None, end_at: datetime | None
) -> tuple[Problem, ...]:
    """Return what is wrong with a schedule and its bounds, also when it never fires within them."""
    problems = [
        *_instant_problems(start_at, "$.start_at"),
        *_instant_problems(end_at, "$.end_at"),
        *_own_problems(schedule),
    ]
    if not problems:
        problems += _bounds_problems(schedule, start_at, end_at)
    return tuple(problems)


def _own_problems(schedule: Schedule) -> Iterator[Problem]:
    match schedule:
        case Once(at=at):
            yield from _instant_problems(at, "$.schedule.at")
        case Interval(every=every, anchor=anchor):
            yield from _instant_problems(anchor, "$.schedule.anchor")
            if every < ONE_SECOND:
                yield Problem("$.schedule.every", "is shorter than a second.", "Write 1s or more")
            elif every > DURATION_MAX:
                yield Problem("$.schedule.every", "is longer than a hundred years.")
            elif every.microseconds:
                yield Problem("$.schedule.every", "is no whole number of seconds.", "Round it")
        case Cron():
            yield from _cron_problems(schedule)
        case Manual():
            return


def _cron_problems(schedule: Cron) -> Iterator[Problem]:
    count = len(schedule.expressions)
    if not 1 <= count <= EXPRESSIONS_MAX:
        yield Problem(
            "$.schedule.expressions",
            f"there are {count} expressions; at least 1, at most {EXPRESSIONS_MAX}.",
        )
        return
    for place, expression in enumerate(schedule.expressions):
        try:
            parse(expression, seconds=schedule.seconds, path=f"$.schedule.expressions[{place}]")
        except BadInput as bad:
            yield from bad.problems
    try:
        zone(schedule.timezone, path="$.schedule.timezone")
    except BadInput as bad:
        yield from bad.problems
    yield from _choice_problems("$.schedule.gap", schedule.gap, ("after", "skip"))
    yield from _choice_problems("$.schedule.fold", schedule.fold, ("first", "last"))


def _instant_problems(at: datetime | None, path: str) -> Iterator[Problem]:
    if at is None:
        return
    if at.tzinfo is not UTC and at.utcoffset() != timedelta(0):
        yield Problem(path, "is not in UTC.")
    elif not YEAR_MIN <= at.year <= YEAR_MAX:
        yield Problem(path, f"lies in the year {at.year}; from {YEAR_MIN} to {YEAR_MAX}.")
    elif at.microsecond:
        yield Problem(path, "is no whole second.")


def _bounds_problems(
    schedule: Schedule, start_at: datetime | None, end_at: datetime | None
) -> Iterator[Problem]:
    """Yield what keeps the schedule from a first fire time within its bounds."""
    if start_at is None and end_at is None:
        return
    if start_at is not None and end_at is not None and end_at < start_at:
        yield Problem("$.end_at", "lies before start_at.", "Exchange them, or move one")
        return
    if isinstance(schedule, Manual):
        return
    if isinstance(schedule, Interval) and schedule.anchor is None:
        return  # not resolved yet; its anchor will be start_at or later
    after = datetime(YEAR_MIN, 1, 1, tzinfo=UTC) if start_at is None else start_at
    first = next_fire(schedule, after - ONE_SECOND)
    if first is None or (end_at is not None and first > end_at):
        yield Problem(
            "$.schedule" if end_at is None else "$.end_at",
            "never fires within start_at and end_at.",
            "Move them, or take one away",
        )


def _policy_problems(definition: Definition) -> Iterator[Problem]:
    for field, choices in CHOICES.items():
        yield from _choice_problems(f"$.{field}", getattr(definition, field), choices)
    yield from _count_problems("$.max_runs", definition.max_runs, RUNS_MAX)
    yield from _count_problems("$.catch_up_limit", definition.catch_up_limit, CATCH_UP_FIRES_MAX)
    yield from _length_problems("$.misfire_grace", definition.misfire_grace, least=timedelta(0))
    yield from _length_problems("$.timeout", definition.timeout)
    yield from _length_problems("$.catch_up_window", definition.catch_up_window)
    yield from _length_problems("$.start_deadline", definition.start_deadline)
    yield from _length_problems("$.jitter", definition.jitter, least=timedelta(0))
    yield from _length_problems("$.cancel_grace", definition.cancel_grace, least=timedelta(0))
    yield from _count_problems("$.queue_limit", definition.queue_limit, QUEUE_MAX)
    failures = definition.pause_after_failures
    yield from _count_problems("$.pause_after_failures", failures, FAILURES_IN_ROW_MAX)
    if definition.concurrency_key is not None:
        yield from name_problems(definition.concurrency_key, "$.concurrency_key")
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
        later.first <= days.last for days, later in pairwise(ranges)
    ):
        problems.append(Problem("$.exclude", "is not in order, or its ranges overlap."))
    if any(not YEAR_MIN <= day.year <= YEAR_MAX for one in ranges for day in (one.first, one.last)):
        what = f"names a day outside the years {YEAR_MIN} to {YEAR_MAX}."
        problems.append(Problem("$.exclude", what))
    try:
        zone(exclude.timezone, path="$.exclude.timezone")
    except BadInput as bad:
        problems += bad.problems
    return tuple(problems)


def _callback_problems(callback: str | None, path: str) -> Iterator[Problem]:
    """Yield what is wrong with the name of a callback; whether it is anybody's is not asked."""
    if callback is None:
        return
    job, service = job_called_by(callback), service_called_by(callback)
    if job is not None:
        yield from name_problems(job, path)
    elif service is not None:
        yield from service_problems(service, path)
    else:
        yield Problem(
            path,
            f"{shown(callback)} names neither a job nor a service.",
            f"Write {shown(JOB + callback)} or {shown(SERVICE + callback)}",
        )


def _retry_problems(retry: Retry) -> Iterator[Problem]:
    yield from _count_problems("$.retry.max_attempts", retry.max_attempts, RETRY_ATTEMPTS_MAX)
    yield from _length_problems("$.retry.initial", retry.initial, least=timedelta(0))
    yield from _length_problems("$.retry.max_delay", retry.max_delay, least=timedelta(0))
    yield from _length_problems("$.retry.give_up_after", retry.give_up_after)
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


def _label_problems(labels: dict[str, str]) -> Iterator[Problem]:
    if len(labels) > LABELS_MAX:
        yield Problem("$.labels", f"there are {len(labels)} labels; at most {LABELS_MAX}.")
    for key, value in labels.items():
        path = f"$.labels.{path_key(key)}"
        if not key or not key.isprintable() or "=" in key or key != key.strip():
            yield Problem(path, "is no label's name.", "Printable characters, without =")
        elif len(key) > LABEL_CHARS_MAX or len(value) > LABEL_CHARS_MAX:
            yield Problem(path, f"is longer than {LABEL_CHARS_MAX} characters.")
        elif value and not value.isprintable():
            yield Problem(path, "holds a character that cannot be printed.")


def _text_problems(definition: Definition) -> Iterator[Problem]:
    for field in ("description", "owner", "runbook"):
        text: str = getattr(definition, field)
        if not text:
            continue
        why = text_problem(text)
        if why is not None:
            yield Problem(f"$.{field}", why)
        elif len(text) > TEXT_CHARS_MAX:
            yield Problem(
                f"$.{field}", f"has {len(text):,} characters; at most {TEXT_CHARS_MAX:,}."
            )
        elif not text.translate(_LINE_BREAKS).isprintable():
            yield Problem(f"$.{field}", "holds a control character.")
    payload = definition.input
    if payload is not None:
        size = payload.size if payload.text is None else len(payload.text.encode(errors="replace"))
        if size > INPUT_BYTES_MAX:
            yield Problem("$.input", f"has {size:,} bytes; at most {INPUT_BYTES_MAX:,}.")
        why = text_problem(payload.text or "")
        if why is not None:
            yield Problem("$.input", why)


_LINE_BREAKS = str.maketrans("\t\n\r", "   ")  # the control characters that a text may hold


def _choice_problems(path: str, value: str, choices: tuple[str, ...]) -> Iterator[Problem]:
    if value not in choices:
        yield Problem(path, f"{shown(value)} is none of {', '.join(choices)}.")


def _count_problems(path: str, value: int | None, most: int) -> Iterator[Problem]:
    if value is not None and not 1 <= value <= most:
        yield Problem(path, f"got {shown(value)}; from 1 to {most:,}.")


def _length_problems(
    path: str, length: timedelta | None, *, least: timedelta | None = None
) -> Iterator[Problem]:
    if length is None:
        return
    if length < timedelta(0) or (length == timedelta(0) and least is None):
        yield Problem(path, "is no length of time." if length else "is zero.", "As in 30s or 5m")
    elif length > DURATION_MAX:
        yield Problem(path, "is longer than a hundred years.")
