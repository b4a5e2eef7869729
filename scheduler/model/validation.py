"""Whether a definition may be a job: every rule on its fields, all problems at once.

It looks at what a definition holds, never at how it was typed (`plain`) or at other jobs and the
time of day (`rules`). `decide` asks it for every definition, wherever it came from, so what is
checked here holds for each job in a log; it is quick because schedules are judged once and
remembered. The policies' rules are `validation_policies`.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from scheduler.model.callbacks import JOB, SERVICE, job_called_by, service_called_by
from scheduler.model.cron import parse
from scheduler.model.errors import BadInput, Problem
from scheduler.model.excluded import is_excluded
from scheduler.model.firing import next_fire
from scheduler.model.jobs import Definition
from scheduler.model.json_values import path_key, shown, text_problem
from scheduler.model.limits import (
    DEFINITION_BYTES_MAX,
    DEFINITION_KEPT_BYTES_MAX,
    DEFINITIONS_JUDGED_MAX,
    DURATION_MAX,
    EXPRESSIONS_MAX,
    INPUT_BYTES_MAX,
    LABEL_CHARS_MAX,
    LABELS_MAX,
    SCHEDULES_JUDGED_MAX,
    SERVICE_CHARS_MAX,
    TEXT_CHARS_MAX,
    YEAR_MAX,
    YEAR_MIN,
)
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.model.validation_policies import (
    choice_problems,
    exclude_problems,
    policy_problems,
    retry_problems,
    word_problems,
)
from scheduler.model.zones import zone

SERVICE_NAME = re.compile(rf"[a-z][a-z0-9_.-]{{0,{SERVICE_CHARS_MAX - 1}}}")
ID_SHAPE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE
)
_ENCODER = msgspec.json.Encoder()
ONE_SECOND = timedelta(seconds=1)


def validate(definition: Definition) -> None:
    """Raise BadInput with every problem of the definition, each at its path."""
    problems = problems_of(definition)
    if problems:
        raise BadInput(*problems)


# By their ids: small definitions lately found to be sound, and their labels, which can be changed.
_sound: dict[int, tuple[Definition, dict[str, str]]] = {}


def problems_of(definition: Definition) -> list[Problem]:
    """Return every problem of the definition, none when it may be a job.

    Whoever reads a definition asks, and whoever decides about it asks again: the very same one is
    judged once, unless it is large.
    """
    known, labels = _sound.get(id(definition), (None, None))
    if known is definition and labels == definition.labels:
        return []
    problems = _judged(definition)
    if problems:
        return problems
    size = len(_ENCODER.encode(definition))
    if size > DEFINITION_BYTES_MAX:
        what = f"labels and texts make it {size:,} bytes large; at most {DEFINITION_BYTES_MAX:,}."
        return [Problem("$", what, "Keep the bulk elsewhere and name that")]
    if size <= DEFINITION_KEPT_BYTES_MAX:
        if len(_sound) >= DEFINITIONS_JUDGED_MAX:
            _sound.clear()
        _sound[id(definition)] = (definition, dict(definition.labels))
    return []


def _judged(definition: Definition) -> list[Problem]:
    problems = [
        *name_problems(definition.name),
        *service_problems(definition.service),
        *schedule_problems(definition.schedule, definition.start_at, definition.end_at),
        *policy_problems(definition),
        *exclude_problems(definition.exclude),
        *_callback_problems(definition.on_success, "$.on_success"),
        *_callback_problems(definition.on_failure, "$.on_failure"),
        *retry_problems(definition.retry),
        *_label_problems(definition.labels),
        *_text_problems(definition),
    ]
    if not problems:
        problems += _only_fire_problems(definition)
    return problems


def name_problems(name: str, path: str = "$.name") -> Iterator[Problem]:
    """Yield what is wrong with a job's name: 1 to 200 printable characters that are no id."""
    if not name:
        yield Problem(path, "is empty.", "Give the job a name, as in nightly-report")
    elif ID_SHAPE.fullmatch(name):
        yield Problem(path, f"{shown(name)} has the form of a job's id.", "Give it another name")
    else:
        yield from word_problems(name, path)


def service_problems(service: str, path: str = "$.service") -> Iterator[Problem]:
    """Yield what is wrong with a service's name."""
    if not service:
        yield Problem(path, "is empty.", "Name the service that does the work")
    elif SERVICE_NAME.fullmatch(service) is None:
        yield Problem(
            path,
            f"{shown(service)} is no name of a service.",
            f"Lower-case letters, digits, _ . and -, a letter first, at most {SERVICE_CHARS_MAX}",
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
    yield from choice_problems("$.schedule.gap", schedule.gap, ("after", "skip"))
    yield from choice_problems("$.schedule.fold", schedule.fold, ("first", "last"))


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


def _only_fire_problems(definition: Definition) -> Iterator[Problem]:
    """Yield that a one-time job is to fire on a day that is excluded."""
    schedule = definition.schedule
    if isinstance(schedule, Once) and is_excluded(definition.exclude, schedule.at):
        yield Problem("$.exclude", "leaves out the only fire time.", "Move one of the two")


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


def _label_problems(labels: dict[str, str]) -> Iterator[Problem]:
    if len(labels) > LABELS_MAX:
        yield Problem("$.labels", f"there are {len(labels)} labels; at most {LABELS_MAX}.")
    for key, value in labels.items():
        why, hint = _label_fault(key, value)
        if why is not None:
            yield Problem(f"$.labels.{path_key(key)}", why, hint)


def _label_fault(key: str, value: str) -> tuple[str | None, str | None]:
    """Return what is wrong with a label, and what to write instead."""
    if not key or not key.isprintable() or "=" in key or key != key.strip():
        return "is no label's name.", "Printable characters, without ="
    if len(key) > LABEL_CHARS_MAX or len(value) > LABEL_CHARS_MAX:
        return f"is longer than {LABEL_CHARS_MAX} characters.", None
    if value and not value.isprintable():
        return "holds a character that cannot be printed.", None
    return None, None


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
