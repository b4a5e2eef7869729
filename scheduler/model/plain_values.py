"""Single values as people write them: one reader per kind, telling what it got and wants.

A reader takes a value and the path it stands at, and returns what the model uses or raises
BadInput. It judges form alone; whether the value may stand in that field is `validation`'s.
`read_table` reads many and gathers their problems.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from scheduler.model.errors import BadInput, Problem
from scheduler.model.json_values import path_key, shown
from scheduler.model.nearness import nearest
from scheduler.model.written import parse_duration, parse_instant

Reader = Callable[[object, str], object]
ONE_SECOND = timedelta(seconds=1)


def read_table(
    value: object, path: str, readers: Mapping[str, Reader], problems: list[Problem]
) -> dict[str, object]:
    """Return the fields of a table that could be read; the others are noted in `problems`.

    A field that is null is as if it were not named.
    """
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"got {shown(value)} instead of a table of fields."))
        return {}
    found: dict[str, object] = {}
    for key, part in value.items():
        reader = readers.get(key) if isinstance(key, str) else None
        if reader is None:
            problems.append(unknown_field(key, path, readers))
        elif part is not None:
            try:
                found[key] = reader(part, f"{path}.{key}")
            except BadInput as bad:
                problems += bad.problems
    return found


def unknown_field(key: object, path: str, known: Mapping[str, Reader]) -> Problem:
    """Return the refusal of a field that nobody reads, with the one that was probably meant."""
    word = key if isinstance(key, str) else str(key)
    close = nearest(word, known)
    hint = f"Did you mean {close}?" if close else f"Known: {', '.join(known)}"
    return Problem(f"{path}.{path_key(word)}", "is not a field.", hint)


def text(value: object, path: str) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise BadInput.at(path, f"got {shown(value)} instead of a text.", "Put it in quotes")
    return value


def texts(value: object, path: str) -> tuple[str, ...]:
    """Return one text, or a list of them."""
    if isinstance(value, list | tuple):
        return tuple(text(part, f"{path}[{place}]") for place, part in enumerate(value))
    return (text(value, path),)


def flag(value: object, path: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise BadInput.at(path, f"got {shown(value)} instead of true or false.")
    return value


def whole(value: object, path: str) -> int:
    """Return a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        is_quoted = isinstance(value, str) and value.strip().isdecimal()
        hint = "Write it without quotes" if is_quoted else None
        raise BadInput.at(path, f"got {shown(value)} instead of a whole number.", hint)
    return value


def number(value: object, path: str) -> float:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput.at(path, f"got {shown(value)} instead of a number.")
    try:
        figure = float(value)
    except OverflowError:
        figure = math.inf
    if not math.isfinite(figure):
        raise BadInput.at(path, f"got {shown(value)} instead of a finite number.")
    return figure


def length(value: object, path: str) -> timedelta:
    """Return a length of time: text such as 90s, 1h30m or PT1H."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise BadInput.at(
            path, f"{shown(value)} has no unit.", f'For seconds write "{shown(value)}s"'
        )
    return parse_duration(text(value, path), path=path)


def instant_in(zone: str, now: datetime) -> Callable[[object, str], datetime]:
    """Return the reader of instants: text, in `zone` unless it says otherwise, or TOML's dates."""

    def instant(value: object, path: str) -> datetime:
        if isinstance(value, datetime) and value.tzinfo is not None:
            at = value.astimezone(UTC)
            return at.replace(microsecond=0) + (ONE_SECOND if at.microsecond else timedelta(0))
        if isinstance(value, date):  # TOML writes local dates and times without quotes
            value = value.isoformat()
        return parse_instant(text(value, path), zone=zone, now=now, path=path)

    return instant


NEXT_FIRE: Final = "next-fire"  # in place of a length


def length_or_next_fire(value: object, path: str) -> timedelta | None:
    """Return a length of time, or None for the words `next-fire`."""
    if value == NEXT_FIRE:
        return None
    try:
        return length(value, path)
    except BadInput:
        if isinstance(value, str) and nearest(value, (NEXT_FIRE,)):
            hint = f"Did you mean {NEXT_FIRE}?"
            raise BadInput.at(path, f"{shown(value)} is no length of time.", hint) from None
        raise


def labels(value: object, path: str) -> dict[str, str]:
    """Return a table of texts."""
    if not isinstance(value, Mapping):
        hint = 'As in {"team": "sales"}'
        raise BadInput.at(path, f"got {shown(value)} instead of a table of labels.", hint)
    return {
        text(key, path): part if isinstance(part, str) else text(part, f"{path}.{path_key(key)}")
        for key, part in value.items()
        if part is not None
    }
