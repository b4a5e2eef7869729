"""What passes between the owner and a child: one call out; back, what it asks, and its outcome.

MessagePack and not JSON, since results are bytes already and need not be spelled out; never pickle,
which would run what it reads. A message of more than its bound is refused by its length alone,
before any of it is kept.

Children import this file: it must stay quick to import.
"""

import os
import struct
from datetime import datetime

import msgspec
from msgspec import Struct

from scheduler.model.invocations import Invocation, Outcome, StepDone
from scheduler.model.limits import ERROR_CHARS_MAX
from services.asking import Asked, OnceAsked, as_told
from services.connections.kinds import ConnectionSettings
from services.outcomes import Fatal
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
    connections: ConnectionSettings = ConnectionSettings()  # their secrets are the child's to read
    at: datetime | None = None  # the instant of the call, for the child has no clock


class Request(Struct, frozen=True, kw_only=True, tag="request"):
    """Something that the service in the child asks for."""

    number: int  # the reply bears it, too: several threads may ask at once
    step: StepDone | None = None
    once: OnceAsked | None = None

    @property
    def asked(self) -> Asked | None:
        """Return what is asked for; None when that is nothing."""
        return self.step or self.once


class Reply(Struct, frozen=True, kw_only=True):
    """What the owner answers: it is durable, or why not."""

    number: int
    refusal: str | None = None
    is_mistake: bool = False  # of the service's own: else the attempt is no longer open


class Ending(Struct, frozen=True, kw_only=True, tag="ending"):
    """The last thing that a child says."""

    outcome: Outcome


Said = Request | Ending


class TooLong(Exception):
    """The other side announced more than the bound."""


class Incoming:
    """Messages as they arrive, piece by piece."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._arrived = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises: TooLong."""
        self._arrived += chunk
        self._end()

    def message(self) -> bytes | None:
        """Return the next message once it is whole, None before. Raises: TooLong."""
        end = self._end()
        if end is None or len(self._arrived) < end:
            return None
        message = bytes(self._arrived[_LENGTH.size : end])
        del self._arrived[:end]
        return message

    def _end(self) -> int | None:
        """Return where the next message ends, None when that is not known yet."""
        if len(self._arrived) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._arrived)
        if length > self._bytes_max:
            raise TooLong
        return _LENGTH.size + int(length)


def request(number: int, asked: Asked) -> Request:
    """Return the message that asks for this."""
    if isinstance(asked, StepDone):
        return Request(number=number, step=asked)
    return Request(number=number, once=asked)


def reply(number: int, error: BaseException | None) -> Reply:
    """Return the message that answers a request."""
    if error is None:
        return Reply(number=number)
    is_mistake = isinstance(as_told(error), Fatal)
    return Reply(number=number, refusal=str(error)[:ERROR_CHARS_MAX], is_mistake=is_mistake)


def packed(message: Call | Said | Reply) -> bytes:
    """Return the bytes that say this message."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def call_of(message: bytes) -> Call:
    """Return the call that a message says."""
    return msgspec.msgpack.decode(message, type=Call)


def said_of(message: bytes) -> Said:
    """Return what a child said. Raises: msgspec.MsgspecError, when that is nothing it may say."""
    said: Said = msgspec.msgpack.decode(message, type=Said)
    return said


def reply_of(message: bytes) -> Reply:
    """Return the reply that a message says."""
    return msgspec.msgpack.decode(message, type=Reply)


def receive(descriptor: int, incoming: Incoming) -> bytes | None:
    """Return the next message, waiting for it; None when the other side closes before its end.

    Raises: TooLong.
    """
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
