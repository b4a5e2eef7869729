"""Payloads: inputs, results, tracebacks and output, inline when small, else named by digest.

An event keeps what a person needs to recognise a content (digest, size, the first characters); the
bytes stand in the log's content table and are written in the transaction of the event that names
them.
"""

import hashlib
from typing import Literal

from msgspec import Struct

from scheduler.model.limits import HEAD_CHARS, INLINE_BYTES_MAX

Contents = dict[str, bytes]  # hex digest -> bytes, handed to the append that names them


class Payload(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A text or JSON value: inline in `text`, or elsewhere under `digest`."""

    kind: Literal["text", "json"] = "text"
    text: str | None = None  # the whole, when it is small
    digest: str | None = None  # SHA-256 in hex, when it is content
    size: int = 0  # bytes, when it is content
    head: str = ""  # the first characters, when it is content


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of `content` in hex."""
    return hashlib.sha256(content).hexdigest()


def payload_of(
    text: str,
    *,
    kind: Literal["text", "json"] = "text",
    inline_bytes_max: int = INLINE_BYTES_MAX,
) -> tuple[Payload, Contents]:
    """Return the payload of `text` and the content it names: none when it stands inline."""
    encoded = text.encode()
    if len(encoded) <= inline_bytes_max:
        return Payload(kind=kind, text=text), {}
    digest = digest_of(encoded)
    named = Payload(kind=kind, digest=digest, size=len(encoded), head=text[:HEAD_CHARS])
    return named, {digest: encoded}
