"""Records specimens of each event, so that what is written today is decoded for ever.

    python -m tools.dev.record_golden

They are made from the types themselves: every field is filled, and every alternative of a field (a
literal, a kind of schedule) stands in one of them. `tests/golden/events.jsonl` holds type, revision
and body, and lines are only added to it. When an event changes, its revision is raised, an upcaster
is written, and this is run again. A specimen that no longer fits its revision is a fault here and
in `tests/scheduler/log/test_golden.py`: an older Horolog would call it damage.
"""

import sys
from collections import defaultdict
from pathlib import Path

import msgspec
from msgspec import Struct, inspect

from scheduler.log.codec import Codec
from scheduler.model.events import EVENT_TYPES, REVISIONS, AnyEvent

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "events.jsonl"

Bodies = dict[tuple[str, int], list[str]]  # (type, revision) -> bodies, JSON byte for byte

_PLAIN: dict[type[inspect.Type], object] = {
    inspect.BoolType: True,
    inspect.IntType: 7,
    inspect.FloatType: 2.5,
    inspect.DateTimeType: "2026-03-01T10:05:00.123456Z",
    inspect.DateType: "2026-12-24",
    inspect.TimeDeltaType: "PT90.5S",
}


class Specimen(Struct, frozen=True, forbid_unknown_fields=True):
    """One event as a release wrote it."""

    type: str
    revision: int
    body: str


def specimens(kind: type[AnyEvent]) -> list[AnyEvent]:
    """Return events of this type, the same each time, in which every alternative occurs."""
    shape = inspect.type_info(kind)
    return [
        msgspec.convert(_filled("", shape, variant), kind) for variant in range(_variants(shape))
    ]


def _alternatives(union: inspect.UnionType) -> list[inspect.Type]:
    return [each for each in union.types if not isinstance(each, inspect.NoneType)]


def _variants(shape: inspect.Type) -> int:
    """Return how many specimens it takes to show every alternative."""
    match shape:
        case inspect.StructType(fields=fields):
            return max((_variants(field.type) for field in fields), default=1)
        case inspect.UnionType():
            inner = [_variants(each) for each in _alternatives(shape)]
            return max(len(inner), *inner)
        case inspect.LiteralType(values=values):
            return len(values)
        case _:
            return 1


def _filled(name: str, shape: inspect.Type, variant: int) -> object:
    """Return a value as JSON would have it; a text says the name of its field."""
    match shape:
        case inspect.StructType(tag_field=tag_field, tag=tag, fields=fields):
            filled = {each.encode_name: _filled(each.name, each.type, variant) for each in fields}
            return filled if tag_field is None else {tag_field: tag, **filled}
        case inspect.UnionType():
            alternatives = _alternatives(shape)
            return _filled(name, alternatives[variant % len(alternatives)], variant)
        case inspect.LiteralType(values=values):
            return values[variant % len(values)]
        case inspect.DictType(value_type=value):
            return {"key": _filled(name, value, variant)}
        case inspect.ListType(item_type=part) | inspect.VarTupleType(item_type=part):
            return [_filled(name, part, variant)]
        case inspect.StrType():
            return f"{name} é 世"
        case _:
            return _PLAIN[type(shape)]


def today() -> Bodies:
    """Return the specimens of all events as they are written today."""
    codec = Codec()
    return {
        (name, REVISIONS[name]): [codec.encode(each).body.decode() for each in specimens(kind)]
        for name, kind in EVENT_TYPES.items()
    }


def recorded() -> Bodies:
    """Return the specimens recorded so far."""
    found: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for line in GOLDEN.read_bytes().splitlines() if GOLDEN.exists() else ():
        each = msgspec.json.decode(line, type=Specimen)
        found[each.type, each.revision].append(each.body)
    return dict(found)


def main() -> int:
    """Add the specimens that are missing; return 1 when some have changed under their revision."""
    old, new = recorded(), today()
    changed = [name for name, bodies in new.items() if old.get(name, bodies) != bodies]
    for event_type, revision in changed:
        print(f"{event_type} is no longer what revision {revision} was: raise it, add an upcaster")
    if changed:
        return 1
    missing = [
        Specimen(event_type, revision, body)
        for (event_type, revision), bodies in new.items()
        if (event_type, revision) not in old
        for body in bodies
    ]
    with GOLDEN.open("ab") as file:
        file.writelines(msgspec.json.encode(each) + b"\n" for each in missing)
    print(f"{len(missing)} recorded, {sum(map(len, old.values()))} stood already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
