"""What passes between the owner and a child: one call out, one outcome back.

MessagePack and not JSON, since results are bytes already and need not be spelled out; never pickle,
which would run what it reads. A message of more than its bound is refused by its length alone,
before any of it is kept.

Children import this file: it must stay quick to import.
"""

import os
import struct

import msgspec
from msgspec import Struct

from scheduler.model.invocations import Invocation, Outcome
from services.sources import Source

_LENGTH = struct.Struct(">I")
_READ_BYTES = 64 * 1024  # what a pipe holds

_encoder = msgspec.msgpack.Encoder()


class Call(Struct, frozen=True, kw_only=True):
    """What a child is to carry out, and where it finds the service."""

    invocation: Invocation
    module: str  # to import, when there is no source
    code: str | None  # the digest the owner recorded
    source: Source | None


class TooLong(Exception):
    """The other side announced more than the bound."""


class Incoming:
    """A message as it arrives, piece by piece; what follows it is not looked at."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._arrived = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises: TooLong."""
        self._arrived += chunk
        if len(self._arrived) >= _LENGTH.size and self._length() > self._bytes_max:
            raise TooLong

    def message(self) -> bytes | None:
        """Return the message once it is whole, None before."""
        if len(self._arrived) < _LENGTH.size:
            return None
        end = _LENGTH.size + self._length()
        return bytes(self._arrived[_LENGTH.size : end]) if len(self._arrived) >= end else None

    def _length(self) -> int:
        (length,) = _LENGTH.unpack_from(self._arrived)
        return int(length)


def packed(message: Call | Outcome) -> bytes:
    """Return the bytes that say this message."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def call_of(message: bytes) -> Call:
    """Return the call that a message says."""
    return msgspec.msgpack.decode(message, type=Call)


def outcome_of(message: bytes) -> Outcome:
    """Return the outcome that a message says. Raises: msgspec.MsgspecError, when it says none."""
    return msgspec.msgpack.decode(message, type=Outcome)


def receive(descriptor: int, bytes_max: int) -> bytes | None:
    """Return the next message, waiting for it; None when the other side closes before its end."""
    incoming = Incoming(bytes_max)
    while (message := incoming.message()) is None:
        chunk = os.read(descriptor, _READ_BYTES)
        if not chunk:
            return None
        incoming.feed(chunk)
    return message


def send(descriptor: int, message: bytes) -> None:
    """Write all of it, however long it takes. Raises: OSError, when the other side is gone."""
    left = memoryview(message)
    while left:
        left = left[os.write(descriptor, left) :]
