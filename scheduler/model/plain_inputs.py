"""How an input comes in from people and leaves again: text, or any other JSON value.

Three forms stand for what would be mistaken: `{"$json": value}` for a JSON value that is itself a
text or looks like one of these forms, `{"$content": {…}}` for one that the log holds already, named
by digest, and null for no input.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from scheduler.model.content import DIGEST_SHAPE, Contents, Payload, payload_of, text_of
from scheduler.model.errors import BadInput
from scheduler.model.json_values import refuse_strange, text_problem
from scheduler.model.limits import INPUT_BYTES_MAX
from scheduler.model.private import Content

AS_JSON = "$json"
AS_CONTENT = "$content"


def read_input(value: object, path: str) -> tuple[Payload, Contents]:
    """Return the payload of an input, and the content it names when it does not stand inline.

    What becomes of a private one is decided where its job is known (`private`).
    """
    if isinstance(value, Mapping) and set(value) == {AS_CONTENT}:
        return _known_content(value[AS_CONTENT], f"{path}.{AS_CONTENT}"), {}
    written, kind = _written(value, path)
    raw = written.encode()
    if len(raw) > INPUT_BYTES_MAX:
        raise BadInput.at(
            path,
            f"has {len(raw):,} bytes; at most {INPUT_BYTES_MAX:,}.",
            "Keep the bulk in a file and name that",
        )
    return payload_of(written, kind=kind)


def write_input(payload: Payload, content: Content | None = None) -> object:
    """Return the value that `read_input` reads as this payload; whole, if its bytes are there."""
    raw = None
    if payload.digest is not None and content is not None:
        raw = content(payload.digest)
    written = text_of(payload, raw)
    if written is None:
        return {AS_CONTENT: msgspec.to_builtins(payload)}
    if payload.kind == "text":
        return written
    value: object = msgspec.json.decode(written)
    is_mistakable = value is None or isinstance(value, str)
    if isinstance(value, dict) and set(value) <= {AS_JSON, AS_CONTENT} and len(value) == 1:
        is_mistakable = True
    return {AS_JSON: value} if is_mistakable else value


def _written(value: object, path: str) -> tuple[str, Literal["text", "json"]]:
    """Return the characters of an input, and whether they are JSON."""
    if isinstance(value, str):
        why = text_problem(value)
        if why is not None:
            raise BadInput.at(path, f"the text {why}")
        return value, "text"
    if isinstance(value, Mapping) and set(value) == {AS_JSON}:
        value = value[AS_JSON]
    refuse_strange(value, path)
    return msgspec.json.encode(value).decode(), "json"


def _known_content(value: object, path: str) -> Payload:
    """Return the payload that names a content of the log; whether it is there, the asker checks."""
    try:
        payload = msgspec.convert(value, Payload)
    except msgspec.ValidationError as error:
        raise BadInput.at(path, f"names no content: {error}.") from None
    is_named = payload.digest is not None and DIGEST_SHAPE.fullmatch(payload.digest) is not None
    if not is_named or payload.text is not None:
        raise BadInput.at(path, "names no content: a digest is what counts.")
    return payload
