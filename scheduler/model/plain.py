"""How a definition comes in from people and leaves again: plain values in, a `Definition` out.

The same shape serves the command line, `apply` files (TOML), the HTTP API (JSON) and exports: one
table whose fields are those of `jobs.Definition`. Lengths of time and instants are text as people
write them (`written`); instants without an offset are in the schedule's time zone, else in the
caller's. Schedules are `plain_schedules`', inputs are `plain_inputs`'. What is written here can be
read here: `read_definition(write_definition(d)) == d`.

Every wrong field is told at once: those that cannot be read together with those that may not be
(`validation`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache, lru_cache

from msgspec import NODEFAULT
from msgspec.structs import fields, replace

from scheduler.model.content import Contents, Payload
from scheduler.model.errors import BadInput, Problem
from scheduler.model.jobs import Definition, Exclude, Retry
from scheduler.model.json_values import shown
from scheduler.model.limits import READERS_KEPT_MAX
from scheduler.model.plain_dates import read_exclude, write_exclude, zone_of_fires
from scheduler.model.plain_inputs import read_input, write_input
from scheduler.model.plain_schedules import (
    merged_schedule,
    read_schedule,
    write_schedule,
    zone_of,
)
from scheduler.model.plain_values import (
    Reader,
    flag,
    instant_in,
    labels,
    length,
    length_or_next_fire,
    number,
    read_table,
    text,
    whole,
)
from scheduler.model.private import Content
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.model.streams import compact
from scheduler.model.validation import problems_of
from scheduler.model.written import format_duration

REQUIRED = {
    "name": "Give the job a name, as in nightly-report",
    "service": "Name the service that does the work",
    "schedule": 'As in {"cron": "*/5 * * * *"}, or {"kind": "none"} to run it by hand only',
}
RETRY_READERS: dict[str, Reader] = {
    "max_attempts": whole,
    "initial": length,
    "factor": number,
    "max_delay": length,
    "give_up_after": length_or_next_fire,
}
_BLANK = Definition(name="blank", service="blank", schedule=Manual())  # stands in for what is wrong


def read_definition(
    plain: object, *, now: datetime, timezone: str, path: str = "$"
) -> tuple[Definition, Contents]:
    """Return the definition that a table describes, and the content its input names.

    `timezone` is that of whoever names none; `now` is what relative instants count from. An
    interval that names no anchor keeps None, to be resolved by whoever decides. Raises: BadInput
    with every problem at once.
    """
    if not isinstance(plain, Mapping):
        raise BadInput.at(path, f"got {shown(plain)} instead of a table of fields.")
    problems = [
        Problem(f"{path}.{field}", "is missing.", hint)
        for field, hint in REQUIRED.items()
        if plain.get(field) is None
    ]
    zone = timezone
    try:
        zone = zone_of(plain.get("schedule"), timezone, f"{path}.schedule.timezone")
    except BadInput as bad:
        problems += bad.problems
        plain = {key: value for key, value in plain.items() if key != "schedule"}
    found = read_table(plain, path, _readers(zone, now), problems)
    contents: Contents = {}
    if "input" in found:
        try:
            found["input"], contents = read_input(found["input"], f"{path}.input")
        except BadInput as bad:
            problems += bad.problems
            del found["input"]
    definition = replace(_BLANK, **found)
    problems += [p._replace(path=path + p.path.removeprefix("$")) for p in problems_of(definition)]
    if problems:
        raise BadInput(*problems)
    return definition, contents


def read_changes(
    before: Definition, changes: object, *, now: datetime, timezone: str, path: str = "$"
) -> tuple[Definition, Contents]:
    """Return a definition after `changes`, a merge patch over its plain form (RFC 7396).

    A null takes a field back. A schedule of the same kind keeps what is not named of it; one of
    another kind replaces it. An input is replaced whole. Excluded days follow the zone of the
    schedule; when a new schedule names none, they stay in the zone they had.
    """
    if not isinstance(changes, Mapping):
        raise BadInput.at(path, f"got {shown(changes)} instead of a table of fields.")
    written = write_definition(before)
    merged = {**written, **{str(key): value for key, value in changes.items()}}
    if changes.get("schedule") is not None:
        merged["schedule"] = schedule = merged_schedule(before.schedule, changes["schedule"])
        names_zone = isinstance(schedule, Mapping) and schedule.get("timezone") is not None
        if before.exclude is not None and "exclude" not in changes and not names_zone:
            merged["exclude"] = write_exclude(before.exclude, known_zone=None)
    for field in ("labels", "retry"):
        named, kept = changes.get(field), written.get(field, {})
        if isinstance(named, Mapping) and isinstance(kept, dict):
            merged[field] = {**kept, **named}
    return read_definition(merged, now=now, timezone=timezone, path=path)


def write_definition(
    definition: Definition, *, content: Content | None = None, is_full: bool = False
) -> dict[str, object]:
    """Return the table that `read_definition` reads as this definition, wherever it is read.

    Fields that stand at their default are left out unless `is_full`; an input that is content is
    written whole when `content` has its bytes, else by its digest.
    """
    written = _write_fields(definition, content, is_full=is_full)
    if definition.exclude is not None:
        zone = zone_of_fires(definition.schedule)
        written["exclude"] = write_exclude(definition.exclude, known_zone=zone)
    return written


def _write_fields(
    record: Definition | Retry, content: Content | None, *, is_full: bool
) -> dict[str, object]:
    """Return the fields of a record in its own order, each as people write it."""
    written: dict[str, object] = {}
    for field, default in _defaults(type(record)).items():
        value: object = getattr(record, field)
        if is_full or value != default:
            written[field] = _write_value(value, content, is_full=is_full)
    return written


@cache
def _defaults(kind: type[Definition | Retry]) -> Mapping[str, object]:
    """Return the default of each field; {} for labels, and for what has none and is no table."""
    return {
        field.name: {} if field.default is NODEFAULT else field.default for field in fields(kind)
    }


def _write_value(value: object, content: Content | None, *, is_full: bool) -> object:
    match value:
        case timedelta():
            return format_duration(value)
        case datetime():
            return compact(value)
        case Cron() | Interval() | Once() | Manual():
            return write_schedule(value)
        case Retry():
            return _write_retry(value, is_full=is_full)
        case Payload():
            return write_input(value, content)
        case _:
            return value


@lru_cache(READERS_KEPT_MAX)
def _readers(zone: str, now: datetime) -> Mapping[str, Reader]:
    """Return how each field of a definition is read; alike for all definitions of one request."""
    instant = instant_in(zone, now)

    def schedule(value: object, path: str) -> Schedule:
        return read_schedule(value, path, zone=zone, now=now)

    def exclude(value: object, path: str) -> Exclude | None:
        return read_exclude(value, path, zone=zone)

    return {
        "name": text,
        "service": text,
        "schedule": schedule,
        "start_at": instant,
        "end_at": instant,
        "max_runs": whole,
        "jitter": length,
        "exclude": exclude,
        "input": lambda value, _: value,  # read later: whether it is private must be known
        "misfire_grace": length,
        "catch_up": text,
        "catch_up_window": length,
        "catch_up_limit": whole,
        "overlap": text,
        "queue_limit": whole,
        "cancel_grace": length,
        "timeout": length,
        "retry": _retry,
        "start_deadline": length,
        "on_crash": text,
        "pause_after_failures": whole,
        "concurrency_key": text,
        "isolation": text,
        "private": flag,
        "on_success": text,
        "on_failure": text,
        "labels": labels,
        "description": text,
        "owner": text,
        "runbook": text,
    }


def _retry(value: object, path: str) -> Retry:
    problems: list[Problem] = []
    found = read_table(value, path, RETRY_READERS, problems)
    if problems:
        raise BadInput(*problems)
    if "give_up_after" in found and found["give_up_after"] is None:
        del found["give_up_after"]
        found["until_next_fire"] = True
    return replace(Retry(), **found)


def _write_retry(retry: Retry, *, is_full: bool) -> dict[str, object]:
    written = _write_fields(retry, None, is_full=is_full)
    if written.pop("until_next_fire", False):
        written["give_up_after"] = "next-fire"
    return written
