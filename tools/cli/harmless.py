"""Text that is safe to print: what could steer a terminal or hide other text is shown as an escape.

A job's name, an error's message and a service's output come from others; nothing of them reaches a
terminal but through here. Letters of every script stay as they are.
"""

import re

import msgspec

# C0 and C1 controls, DEL, and what reorders or hides text: bidirectional marks, line separators.
HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def safe(text: str, *, keep: str = "") -> str:
    """Return `text` with harmful characters shown as escapes, but for those in `keep`."""
    return HARMFUL.sub(lambda found: found[0] if found[0] in keep else escape(found[0]), text)


def escape(character: str) -> str:
    """Return a character as it is written in Python and JSON."""
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    if short is not None:
        return short
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004  # one byte


def json_text(value: object, *, indent: bool = False) -> str:
    """Return a value as JSON that is safe to print: what could harm a terminal is escaped."""
    encoded = msgspec.json.encode(value)
    if indent:
        encoded = msgspec.json.format(encoded, indent=2)
    keep = "\n" if indent else ""
    return HARMFUL.sub(
        lambda found: found[0] if found[0] in keep else f"\\u{ord(found[0]):04x}", encoded.decode()
    )
