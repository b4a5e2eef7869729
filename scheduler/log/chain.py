"""The hash chain: what makes a change of history visible.

Each event's hash is the SHA-256 of the hash before it and of every other column of its row, in the
order of the table. A column is written as one byte for its kind, four bytes for its length
(big-endian) and its bytes; a NULL is its kind alone; integers are eight bytes, signed. So no two
different rows have the same text, and nothing can move from one column into the next. The first
link follows 32 zero bytes.

The form is frozen: `tests/scheduler/log/test_chain.py` holds vectors that anyone can reckon by
hand. It makes tampering evident to one who keeps a head elsewhere; it proves nothing to one who
does not.
"""

import hashlib
import struct

from scheduler.log.codec import Columns

FIRST = bytes(32)

_INTEGER, _TEXT, _BLOB = 1, 2, 3
_NULL = b"\x00"
# position, then the kind and length of the stream
_UP_TO_STREAM = struct.Struct(">BIqBI").pack
# version, then the kind and length of the type
_UP_TO_TYPE = struct.Struct(">BIqBI").pack
# revision, recorded_at, then the kind and length of the body
_UP_TO_BODY = struct.Struct(">BIqBIqBI").pack
_SIZE = struct.Struct(">BI").pack


def link(previous: bytes, columns: Columns) -> bytes:
    """Return the hash of an event whose predecessor has the hash `previous`: 32 bytes."""
    position, stream, version, event_type, revision, recorded_ns, body, meta, key = columns
    stream_bytes, type_bytes = stream.encode(), event_type.encode()
    if key is None:
        key_text = _NULL
    else:
        key_bytes = key.encode()
        key_text = _SIZE(_TEXT, len(key_bytes)) + key_bytes
    return hashlib.sha256(
        b"".join(
            (
                previous,
                _UP_TO_STREAM(_INTEGER, 8, position, _TEXT, len(stream_bytes)),
                stream_bytes,
                _UP_TO_TYPE(_INTEGER, 8, version, _TEXT, len(type_bytes)),
                type_bytes,
                _UP_TO_BODY(_INTEGER, 8, revision, _INTEGER, 8, recorded_ns, _BLOB, len(body)),
                body,
                _NULL if meta is None else _SIZE(_BLOB, len(meta)) + meta,
                key_text,
            )
        )
    ).digest()
