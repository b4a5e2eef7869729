"""The forms an input can be read in; the text itself is always there.

JSON when it was given as JSON, or when the text is a JSON object or array; else `key=value` lines;
else nothing but text. A lone number or word stays text: `5` was typed as an argument, not as JSON.
"""

from typing import Any, Literal

from scheduler.model.errors import BadInput
from scheduler.model.json_values import read_json
from services.outcomes import Fatal


def parsed(text: str | None, kind: Literal["text", "json"]) -> Any:  # noqa: ANN401  # bytes arrive
    """Return the input as JSON, or as a dict of its key=value lines, or None when it is neither.

    Raises: Fatal, when it was given as JSON and is not.
    """
    if text is None:
        return None
    if kind == "json":
        return as_json(text)
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return read_json(text.encode(), "$.input")
        except BadInput:
            return None
    return as_pairs(text)


def as_json(text: str | None) -> Any:  # noqa: ANN401  # bytes arrive
    """Return the input as JSON.

    Raises: Fatal, when there is none or it is not JSON: another attempt gets the same.
    """
    if text is None:
        raise Fatal("this run has no input; the service wants JSON")
    try:
        return read_json(text.encode("utf-8", "surrogatepass"), "$.input")
    except BadInput as error:
        raise Fatal(f"the input is not the JSON this service wants. {error}") from None


def as_pairs(text: str) -> dict[str, str] | None:
    """Return the `key=value` lines of a text, or None when a line is none or a key stands twice.

    Blank lines and the space around keys and values do not count; a value may hold further `=`.
    """
    pairs: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals or not key or " " in key or key in pairs:
            return None
        pairs[key] = value.strip()
    return pairs or None
