"""Waiting for another process, by looking; the one place where tests sleep.

A deadline is generous: it only ends a test that would never end, and measures nothing.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from scheduler.executor.clock import SystemClock

Found = TypeVar("Found")
LOOK_S = 0.01
PATIENCE_S = 45.0

_clock = SystemClock()


def until(look: Callable[[], Found | None], what: str, *, seconds: float = PATIENCE_S) -> Found:
    """Return what `look` finds, as soon as it finds anything."""
    deadline_ns = _clock.monotonic_ns() + int(seconds * 1e9)
    while True:
        found = look()
        if found:
            return found
        if _clock.monotonic_ns() > deadline_ns:
            raise AssertionError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(LOOK_S)


def let_pass(seconds: float) -> None:
    """Let time go by, so that a process comes to some random place."""
    time.sleep(seconds)
