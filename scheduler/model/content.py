"""Payloads: inputs, results, tracebacks and output, inline when small, else named by digest.

An event keeps what a person needs to recognise a content (digest, size, the first characters); the
bytes stand in the log's content table and are written in the transaction of the event that names
them.

What is private is content at any size, behind random bytes (its salt), and shows nothing of itself:
events stay for ever, and once the bytes are erased the digest alone must not let anyone confirm a
guess at them.
"""

import hashlib
import re
from typing import Literal

from msgspec import Struct

from scheduler.model.limits import HEAD_CHARS, INLINE_BYTES_MAX, SALT_BYTES

Contents = dict[str, bytes]  # hex digest -> bytes, handed to the append that names them

DIGEST_SHAPE = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Payload(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A text or JSON value: inline in `text`, or elsewhere under `digest`."""

    kind: Literal["text", "json"] = "text"
    text: str | None = None  # the whole, when it is small
    digest: str | None = None  # SHA-256 in hex, when it is content
    size: int = 0  # bytes of the text, when it is content
    head: str = ""  # the first characters, when it is content and not private
    salted: bool = False  # private: the content begins with SALT_BYTES that are no text


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of `content` in hex."""
    return hashlib.sha256(content).hexdigest()


def salt_of(seed: bytes, what: str) -> bytes:
    """Return the salt of one of the contents that share a secret seed; none without a seed.

    One salt tells nothing of another: each content can be erased for itself.
    """
    return hashlib.sha256(seed + what.encode()).digest()[:SALT_BYTES] if seed else b""


def payload_of(
    text: str,
    *,
    kind: Literal["text", "json"] = "text",
    inline_bytes_max: int = INLINE_BYTES_MAX,
    salt: bytes = b"",
) -> tuple[Payload, Contents]:
    """Return the payload of `text` and the content it names: none when it stands inline.

    With a salt, SALT_BYTES that nobody can guess, it is private.
    """
    encoded = text.encode()
    if salt:
        salted = salt + encoded
        digest = digest_of(salted)
        return Payload(kind=kind, digest=digest, size=len(encoded), salted=True), {digest: salted}
    if len(encoded) <= inline_bytes_max:
        return Payload(kind=kind, text=text), {}
    digest = digest_of(encoded)
    named = Payload(kind=kind, digest=digest, size=len(encoded), head=text[:HEAD_CHARS])
    return named, {digest: encoded}


def text_of(payload: Payload, content: bytes | None) -> str | None:
    """Return the text of a payload, None when it is content and its bytes are gone.

    `content` is what stands under its digest. Bytes that are no UTF-8 are shown as such.
    """
    if payload.digest is None:
        return payload.text
    if content is None:
        return None
    return content[SALT_BYTES if payload.salted else 0 :].decode("utf-8", "replace")
