"""How a schedule comes in from people and leaves again.

    {"cron": "*/5 * * * *" or a list, "timezone": …, "gap": …, "fold": …, "seconds": …}
    {"every": "5m", "anchor": …}      {"at": "2026-11-20T09:00"}      {"kind": "none"}

or the stored shape with its `kind`. The last two may name a time zone too: it is the one their
instants are read in. An interval that names no anchor keeps None: only whoever decides knows
whether an older one is to be kept.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from scheduler.model.errors import BadInput, Problem
from scheduler.model.json_values import shown
from scheduler.model.plain_values import (
    Reader,
    flag,
    instant_in,
    length,
    read_table,
    text,
    texts,
)
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.model.streams import compact
from scheduler.model.written import format_duration
from scheduler.model.zones import zone as known_zone

KIND_OF = {"cron": "cron", "expressions": "cron", "every": "interval", "at": "once"}
KINDS = ("cron", "interval", "once", "none")
FORMS = (
    'One of {"cron": "*/5 * * * *"}, {"every": "5m"}, {"at": "2026-11-20T09:00"}, {"kind": "none"}'
)


def read_schedule(value: object, path: str, *, zone: str, now: datetime) -> Schedule:
    """Return the schedule that a table describes; `zone` is that of whoever names none."""
    if not isinstance(value, Mapping):
        raise BadInput.at(path, f"got {shown(value)} instead of a schedule.", FORMS)
    kind = _kind(value, path)
    problems: list[Problem] = []
    instant = instant_in(zone, now)
    readers: dict[str, Reader] = {"kind": text, **_readers(kind, instant)}
    found = read_table(value, path, readers, problems)
    if problems:
        raise BadInput(*problems)
    return _made(kind, found, path, zone=zone)


def zone_of(value: object, default: str, path: str) -> str:
    """Return the zone that a schedule's table names, else `default`.

    Raises: BadInput, when it names one that is not known.
    """
    named = value.get("timezone") if isinstance(value, Mapping) else None
    return default if named is None else known_zone(text(named, path), path=path).key


def write_schedule(schedule: Schedule) -> dict[str, object]:
    """Return the table that `read_schedule` reads as this schedule, wherever it is read."""
    match schedule:
        case Cron(expressions=expressions, timezone=timezone):
            only = expressions[0] if len(expressions) == 1 else list(expressions)
            written: dict[str, object] = {"cron": only, "timezone": timezone}
            if schedule.gap != "after":
                written["gap"] = schedule.gap
            if schedule.fold != "first":
                written["fold"] = schedule.fold
            if schedule.seconds:
                written["seconds"] = True
            return written
        case Interval(every=every, anchor=anchor):
            start = {} if anchor is None else {"anchor": compact(anchor)}
            return {"every": format_duration(every), **start}
        case Once(at=at):
            return {"at": compact(at)}
        case Manual():
            return {"kind": "none"}


def merged_schedule(before: Schedule, changes: object) -> object:
    """Return the table of a schedule after `changes`: of the same kind, what is not named stays."""
    if not isinstance(changes, Mapping):
        return changes
    plain = write_schedule(before)
    kinds = {KIND_OF[key] for key in changes if key in KIND_OF}
    if "kind" in changes or kinds - {KIND_OF[key] for key in plain if key in KIND_OF}:
        return changes
    if "expressions" in changes:
        plain.pop("cron", None)
    merged = {**plain, **changes}
    return {key: part for key, part in merged.items() if part is not None}


def _kind(value: Mapping[object, object], path: str) -> str:
    """Return which kind of schedule a table describes; its keys must agree on it."""
    named = [key for key in KIND_OF if value.get(key) is not None]
    if "cron" in named and "expressions" in named:
        raise BadInput.at(path, "names both cron and expressions.", "They are the same: write one")
    kinds = {KIND_OF[key] for key in named}
    said = value.get("kind")
    if said is not None:
        if said not in KINDS:
            raise BadInput.at(f"{path}.kind", f"{shown(said)} is none of {', '.join(KINDS)}.")
        kinds.add(str(said))
    if not kinds:
        raise BadInput.at(path, "names no time at which to fire.", FORMS)
    if len(kinds) > 1:
        words = " and ".join([*named, *(["kind"] if said is not None else [])])
        raise BadInput.at(path, f"is of one kind, but {words} stand side by side.", FORMS)
    return kinds.pop()


def _readers(kind: str, instant: Reader) -> dict[str, Reader]:
    match kind:
        case "cron":
            return {
                "cron": texts,
                "expressions": _expressions,
                "timezone": text,
                "gap": text,
                "fold": text,
                "seconds": flag,
            }
        case "interval":
            return {"every": length, "anchor": instant, "timezone": text}
        case "once":
            return {"at": instant, "timezone": text}
        case _:
            return {}


def _expressions(value: object, path: str) -> tuple[str, ...]:
    if isinstance(value, str):
        raise BadInput.at(path, "is a list of expressions.", f"Write [{shown(value)}]")
    return texts(value, path)


def _made(kind: str, found: Mapping[str, object], path: str, *, zone: str) -> Schedule:
    """Return the schedule of a kind from its fields; the reader of each has seen to its type."""
    match kind, found:
        case "cron", {"cron": tuple(expressions)}:
            return _cron(expressions, found, zone)
        case "cron", {"expressions": tuple(expressions)}:
            return _cron(expressions, found, "UTC")  # the stored shape leaves out its defaults
        case "interval", {"every": timedelta() as every}:
            anchor = found.get("anchor")
            return Interval(every, anchor if isinstance(anchor, datetime) else None)
        case "once", {"at": datetime() as at}:
            return Once(at)
        case "none", _:
            return Manual()
        case _:
            missing = {"cron": "cron", "interval": "every", "once": "at"}[kind]
            raise BadInput.at(f"{path}.{missing}", "is missing.", FORMS)


def _cron(expressions: tuple[str, ...], found: Mapping[str, object], zone: str) -> Cron:
    given = {key: found[key] for key in ("timezone", "gap", "fold", "seconds") if key in found}
    return replace(Cron(expressions, zone), **given)
