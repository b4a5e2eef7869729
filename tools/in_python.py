"""A definition as it is said in Python, brought into the one form that `plain` reads and checks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from scheduler.model.jobs import Definition
from scheduler.model.plain import write_definition
from scheduler.model.written import format_duration


def written(shape: Definition, policies: Mapping[str, object]) -> dict[str, object]:
    """Return the plain form of a definition with these policies, to be read as any other is."""
    return {**write_definition(shape), **changed(policies)}


def changed(policies: Mapping[str, object]) -> dict[str, object]:
    """Return policies as they would be written in a file."""
    return {key: _plain(one) for key, one in policies.items()}


def _plain(value: object) -> object:
    """Return a value of Python's own as it would be written in a file."""
    match value:
        case timedelta():
            return format_duration(value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case msgspec.Struct():
            return {key: _plain(one) for key, one in msgspec.structs.asdict(value).items()}
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case _:
            return value
