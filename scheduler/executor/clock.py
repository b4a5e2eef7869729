"""The only reader of the clocks, and the only maker of ids and random bytes.

Everything else is handed an instant. Wall time decides what is due; the monotonic clock measures
durations and finds jumps of the wall clock. `ManualClock` is for tests and for what-if reckoning:
time stands still until it is moved.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from scheduler.model.limits import SALT_BYTES

# Linux counts a suspended machine's time here; elsewhere the monotonic clock has to do.
SLEEPLESS_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Tells the time and makes ids."""

    def now(self) -> datetime:
        """Return the wall time, UTC."""
        ...

    def now_ns(self) -> int:
        """Return the wall time in nanoseconds since 1970, UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that is never set."""
        ...

    def elapsed_ns(self) -> int:
        """Return nanoseconds of a clock that is never set and goes on while the machine sleeps."""
        ...

    def new_id(self) -> str:
        """Return a new UUIDv7."""
        ...

    def random_hex(self, size: int) -> str:
        """Return `size` random bytes in hex."""
        ...


def uuid7(milliseconds: int, random: bytes) -> str:
    """Return the UUIDv7 of a time and 10 random bytes (RFC 9562, 5.7)."""
    raw = bytearray(milliseconds.to_bytes(6, "big") + random[:10])
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_salt(clock: Clock) -> bytes:
    """Return bytes that nobody can guess, to stand before a private content."""
    return bytes.fromhex(clock.random_hex(SALT_BYTES))


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Return the wall time, UTC."""
        return datetime.now(UTC)

    def now_ns(self) -> int:
        """Return the wall time in nanoseconds since 1970, UTC."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that is never set."""
        return time.monotonic_ns()

    def elapsed_ns(self) -> int:
        """Return nanoseconds of a clock that is never set and goes on while the machine sleeps."""
        return time.clock_gettime_ns(SLEEPLESS_CLOCK)

    def new_id(self) -> str:
        """Return a new UUIDv7."""
        return uuid7(time.time_ns() // 1_000_000, os.urandom(10))

    def random_hex(self, size: int) -> str:
        """Return `size` random bytes in hex."""
        return os.urandom(size).hex()


class ManualClock:
    """A clock that stands still until it is moved; its ids count up from its time."""

    def __init__(self, at: datetime) -> None:
        self._now = at
        self._monotonic_ns = 0
        self._elapsed_ns = 0
        self._made = 0

    def now(self) -> datetime:
        """Return the wall time, UTC."""
        return self._now

    def now_ns(self) -> int:
        """Return the wall time in nanoseconds since 1970, UTC."""
        since = self._now - datetime(1970, 1, 1, tzinfo=UTC)
        return (since // timedelta(microseconds=1)) * 1_000

    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that is never set."""
        return self._monotonic_ns

    def elapsed_ns(self) -> int:
        """Return nanoseconds of a clock that is never set and goes on while the machine sleeps."""
        return self._elapsed_ns

    def new_id(self) -> str:
        """Return a UUIDv7 of the present time and a counter."""
        self._made += 1
        return uuid7(max(self.now_ns() // 1_000_000, 0), self._made.to_bytes(10, "big"))

    def random_hex(self, size: int) -> str:
        """Return the next of a fixed sequence, `size` bytes in hex."""
        self._made += 1
        return self._made.to_bytes(size, "big").hex()

    def advance(self, by: timedelta) -> None:
        """Let time pass: both clocks move."""
        self.sleep(by)
        self._monotonic_ns += (by // timedelta(microseconds=1)) * 1_000

    def sleep(self, by: timedelta) -> None:
        """Let the machine sleep: time passes, the monotonic clock stands still."""
        self._now += by
        self._elapsed_ns += (by // timedelta(microseconds=1)) * 1_000

    def step(self, by: timedelta) -> None:
        """Set the wall clock, as an operator or NTP would: the monotonic one does not move."""
        self._now += by

    def set(self, at: datetime) -> None:
        """Let time pass until `at`; it may not lie in the past."""
        self.advance(at - self._now)
