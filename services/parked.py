"""Attempts whose service is not there and may be about to come: a file of theirs is still loading.

Without this, a restart would fail every fire whose file takes a second to import. Nothing waits
here for ever: whoever loads says when nothing more is to come.
"""

import threading
from typing import NamedTuple

from scheduler.model.invocations import Invocation, Report, Wish
from scheduler.model.limits import ATTEMPTS_PARKED_MAX


class Arrival(NamedTuple):
    """An attempt as it was handed in."""

    invocation: Invocation
    report: Report
    wish: Wish


class Parked:
    """Those that wait, from any thread."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int], Arrival] = {}
        self._is_open = False
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether more services may be about to come."""
        return self._is_open

    def take_in(self, arrival: Arrival) -> bool:
        """Keep an attempt until its service may have come; False when nothing more is to come."""
        with self._lock:
            if not self._is_open or len(self._waiting) >= ATTEMPTS_PARKED_MAX:
                return False
            invocation = arrival.invocation
            self._waiting[invocation.run, invocation.attempt] = arrival
            return True

    def take_out(self, run: str, attempt: int) -> Arrival | None:
        """Return one that waits no longer, None when it does not wait here."""
        with self._lock:
            return self._waiting.pop((run, attempt), None)

    def all_out(self, *, is_open: bool) -> list[Arrival]:
        """Return them all; those that come from now on are kept if this is open."""
        with self._lock:
            waiting = list(self._waiting.values())
            self._waiting.clear()
            self._is_open = is_open
            return waiting
