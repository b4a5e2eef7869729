"""JSON as we take it from outside: strictly, since what is let in is hashed and kept for ever.

Refused are NaN and Infinity, a key that stands twice in an object (parsers differ in which one
wins), NUL and lone surrogates (neither survives every store), numbers beyond a double, and nesting
past `JSON_DEPTH_MAX`. Reading what we wrote ourselves needs none of this; that is `log.codec`'s.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time

from scheduler.model.errors import BadInput, Problem
from scheduler.model.limits import JSON_DEPTH_MAX, JSON_NUMBER_CHARS_MAX

_SHOWN_CHARS = 60


class _KeyStandsTwice(ValueError):
    """An object names the same key twice."""


class _NoNumber(ValueError):
    """NaN, Infinity, or more digits than anyone means."""


def read_json(raw: bytes, path: str = "$") -> object:
    """Return the value of a JSON text in UTF-8.

    Raises: BadInput at `path` or below, when it is not JSON or holds what we refuse.
    """
    try:
        value: object = json.loads(
            raw.decode(),
            object_pairs_hook=_without_doubles,
            parse_constant=_no_constant,
            parse_int=_bounded_int,
        )
    except UnicodeDecodeError as error:
        raise BadInput.at(path, f"byte {error.start} is not UTF-8.") from None
    except RecursionError:
        raise BadInput.at(path, _too_deep()) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadInput.at(path, f"this is not JSON: {error.msg} ({where}).") from None
    except (_KeyStandsTwice, _NoNumber) as error:
        raise BadInput.at(path, f"{error}.") from None
    refuse_strange(value, path)
    return value


def refuse_strange(value: object, path: str = "$") -> None:
    """Raise BadInput for every part of a value that JSON, or we, cannot keep."""
    if _is_plain(value, 1):
        return
    problems = list(_strange_parts(value, path, 1))
    if problems:
        raise BadInput(*problems)


def text_problem(text: str) -> str | None:
    """Return why a text cannot be kept, or None: it holds NUL or half a surrogate pair."""
    if "\0" in text:
        return "holds a NUL character."
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "is not valid Unicode: it holds half of a surrogate pair."
    return None


def shown(value: object) -> str:
    """Return what was typed as it can stand in a message: in quotes, short and printable."""
    text = value if isinstance(value, str) else str(value)
    safe = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[: _SHOWN_CHARS + 1])
    short = safe if len(safe) <= _SHOWN_CHARS else f"{safe[:_SHOWN_CHARS]}…"
    return f'"{short}"' if isinstance(value, str) else short


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _KeyStandsTwice(f"the key {shown(key)} stands twice in one object")
        seen.add(key)
    return found


def _no_constant(name: str) -> object:
    raise _NoNumber(f"{name} is no number in JSON")


def _bounded_int(digits: str) -> int:
    if len(digits) > JSON_NUMBER_CHARS_MAX:
        raise _NoNumber(f"a number has {len(digits)} digits; at most {JSON_NUMBER_CHARS_MAX}")
    return int(digits)


def _too_deep() -> str:
    return f"this is nested more than {JSON_DEPTH_MAX} deep."


def _is_plain(value: object, depth: int) -> bool:
    """Return whether nothing is strange about a value; False says only: look closely.

    Nearly all that comes in is plain, and this is a fifth of the work of looking closely.
    """
    if isinstance(value, str):
        return text_problem(value) is None
    if isinstance(value, dict):
        if depth > JSON_DEPTH_MAX:
            return False
        for key, part in value.items():
            if not (_is_plain(key, depth) and _is_plain(part, depth + 1)):
                return False
        return True
    if isinstance(value, list):
        return depth <= JSON_DEPTH_MAX and all(_is_plain(part, depth + 1) for part in value)
    return value is None or isinstance(value, int)


def _strange_parts(value: object, path: str, depth: int) -> Iterator[Problem]:
    """Yield what is wrong with a value; `depth` bounds the recursion."""
    if isinstance(value, str):
        why = text_problem(value)
        if why is not None:
            yield Problem(path, f"the text {why}")
    elif value is None or isinstance(value, int | datetime | date | time):
        return
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield Problem(path, f"{value} is no number that can be kept.")
    elif depth > JSON_DEPTH_MAX:
        yield Problem(path, _too_deep())
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _strange_parts(key, f"{path}.{path_key(key)}", depth + 1)
            yield from _strange_parts(part, f"{path}.{path_key(key)}", depth + 1)
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from _strange_parts(part, f"{path}[{place}]", depth + 1)
    else:
        yield Problem(path, f"a {type(value).__name__} is no JSON value.")


def path_key(key: object) -> str:
    """Return a key as a path names it: as it is when it is a plain word, else in quotes."""
    return key if isinstance(key, str) and key.isidentifier() else shown(key)
