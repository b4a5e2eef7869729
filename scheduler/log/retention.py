"""What becomes of content whose time is over: its bytes go, in steps that hold up no commit.

Output is kept for a time, and up to a size in all. Erased content has its time over at once: it is
marked in the commit of its event and cannot be read from there on. The bytes of both go later, by
small transactions between the others; what a crash leaves behind is found by the next look.

A clock set forward by mistake must not take the output of a month with it, so what is over at one
look must have been over by the clock of the look before, a minute ago. The size of all output is
reckoned upwards from one count, so it is counted again only when it seems to be too large.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Generic, NamedTuple, Protocol, TypeVar

from scheduler.log.codec import instant
from scheduler.log.contract import ContentState, Retention
from scheduler.model.limits import (
    CHECKPOINT_IDLE,
    PURGE_BYTES,
    PURGE_EVERY,
    PURGE_PAUSE,
    PURGE_ROWS_MAX,
)

ERASED_NS = 0  # `kept_until` of erased content: over before anything was stored
NEVER_NS = 2**63 - 1

Key = TypeVar("Key")


class Shelf(Protocol[Key]):
    """Where an engine keeps the content that does not stay for good, and that still has bytes."""

    def past(self, until_ns: int, limit: int) -> Sequence[tuple[Key, int]]:
        """Return key and size of what is kept until then at most, the soonest over first."""
        ...

    def output_bytes(self) -> int:
        """Return the size of all of it."""
        ...

    def remove(self, keys: Sequence[Key]) -> None:
        """Remove the bytes of these; their digests stay."""
        ...


class Step(NamedTuple, Generic[Key]):
    """What is to be removed together; nothing, when a look has come to its end."""

    keys: tuple[Key, ...] = ()
    size: int = 0  # bytes
    is_output: bool = True  # none of it was erased


class Upkeep(Generic[Key]):
    """When to look for content whose time is over, and what goes next."""

    def __init__(self, retention: Retention, now_ns: int) -> None:
        """Begin now; the first look is for what was erased, as soon as there is leisure."""
        self._kept_ns = nanoseconds(retention.output)
        self._bytes_max = retention.output_bytes
        self._seen_ns: int | None = None  # the clock at the end of the last look
        self._next_ns = now_ns + nanoseconds(CHECKPOINT_IDLE)
        self._stored_bytes: int | None = None  # of output, or more; None: not counted yet

    def kept_until_ns(self, now_ns: int) -> int:
        """Return until when output is kept that is stored now."""
        return now_ns + self._kept_ns

    def stored(self, size: int) -> None:
        """Take note of output that was stored, some of it perhaps not for the first time."""
        if self._stored_bytes is not None:
            self._stored_bytes += size

    def is_due(self, now_ns: int) -> bool:
        """Return whether it is time for a step; also when the clock was set back."""
        return not 0 < self._next_ns - now_ns <= nanoseconds(PURGE_EVERY)

    def wait_s(self, now_ns: int) -> float:
        """Return how many seconds there are to the next step."""
        return 0.0 if self.is_due(now_ns) else (self._next_ns - now_ns) / 1e9

    def step(self, shelf: Shelf[Key], now_ns: int) -> Step[Key]:
        """Return what goes now: what was erased, else what is past, else what is too much."""
        erased = within(shelf.past(ERASED_NS, PURGE_ROWS_MAX), PURGE_BYTES)
        if erased.keys or self._seen_ns is None:
            return erased._replace(is_output=False)
        past_ns = min(now_ns, self._seen_ns)
        past = within(shelf.past(past_ns, PURGE_ROWS_MAX), PURGE_BYTES)
        if past.keys:
            return past
        if self._stored_bytes is None or self._stored_bytes > self._bytes_max:
            self._stored_bytes = shelf.output_bytes()
        excess = self._stored_bytes - self._bytes_max
        if excess <= 0:
            return Step()
        return within(shelf.past(NEVER_NS, PURGE_ROWS_MAX), min(excess, PURGE_BYTES))

    def done(self, step: Step[Key], now_ns: int) -> None:
        """Take note that a step was carried out, and when the next is due."""
        if not step.keys:
            self._seen_ns = now_ns
            self._next_ns = now_ns + nanoseconds(PURGE_EVERY)
            return
        self._next_ns = now_ns + nanoseconds(PURGE_PAUSE)
        if step.is_output and self._stored_bytes is not None:
            self._stored_bytes -= step.size

    def put_off(self, now_ns: int) -> None:
        """Take note that a step could not be carried out; it is tried again later."""
        self._next_ns = now_ns + nanoseconds(PURGE_EVERY)


def state_of(size: int | None, kept_until_ns: int | None) -> ContentState:
    """Return what a reader is told of a content, from its size and from until when it is kept."""
    if kept_until_ns == ERASED_NS:
        return ContentState(None, is_erased=True)
    return ContentState(size, None if kept_until_ns is None else instant(kept_until_ns))


def within(found: Sequence[tuple[Key, int]], enough: int) -> Step[Key]:
    """Return the first of these, up to the one with which they have `enough` bytes."""
    keys: list[Key] = []
    total = 0
    for key, size in found:
        if total >= enough:
            break
        keys.append(key)
        total += size
    return Step(tuple(keys), total)


def nanoseconds(length: timedelta) -> int:
    """Return a length in nanoseconds."""
    return length // timedelta(microseconds=1) * 1_000
