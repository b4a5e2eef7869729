"""Watching the wall clock against one that is never set: may it be believed yet?

Time that the machine slept passes on both clocks, so it is downtime and no jump. A forward jump of
more than CLOCK_JUMP rests the deciding until it has stood for CLOCK_SETTLE: of a glitch that goes
back by then nothing is decided, and nothing recorded before it is over (the time of record never
falls). A backward jump needs no rest: every cursor lies ahead of the clock, so nothing is due.
"""

from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple

from scheduler.executor.clock import Clock
from scheduler.model.limits import CLOCK_JUMP, CLOCK_NOTED, CLOCK_SETTLE, JUMPS_KEPT_MAX

NANOSECONDS_PER_MICROSECOND = 1_000


class Jump(NamedTuple):
    """The wall clock was set."""

    by: timedelta  # forward is positive
    was: datetime  # what it would have shown


class ClockWatch:
    """Compares the clocks at each look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall = clock.now()
        self._elapsed_ns = clock.elapsed_ns()
        self._ahead = timedelta()  # by the jumps that are too fresh to decide by
        self._rest_until_ns: int | None = None
        self._untold: deque[Jump] = deque(maxlen=JUMPS_KEPT_MAX)

    @property
    def is_resting(self) -> bool:
        """Whether a forward jump is too fresh to decide by."""
        return self._rest_until_ns is not None

    def look(self) -> list[Jump]:
        """Return the jumps since the last look that are worth an event; none during a rest.

        Those of a rest are told when it is over.
        """
        wall, elapsed_ns = self._clock.now(), self._clock.elapsed_ns()
        passed_us = (elapsed_ns - self._elapsed_ns) // NANOSECONDS_PER_MICROSECOND
        was = self._wall + timedelta(microseconds=passed_us)
        self._wall, self._elapsed_ns = wall, elapsed_ns
        if self._rest_until_ns is not None and elapsed_ns >= self._rest_until_ns:
            self._end_rest()  # it has stood long enough: the time that it skipped is downtime
        by = wall - was
        if abs(by) > CLOCK_NOTED:
            self._untold.append(Jump(by, was))
            if self.is_resting or by > CLOCK_JUMP:
                self._begin_rest(by, elapsed_ns)
        if self.is_resting:
            return []
        told = list(self._untold)
        self._untold.clear()
        return told

    def _begin_rest(self, by: timedelta, elapsed_ns: int) -> None:
        """Rest, or rest anew, unless this jump took the clock back to where it was."""
        self._ahead += by
        if self._ahead > CLOCK_JUMP:
            settle_us = CLOCK_SETTLE // timedelta(microseconds=1)
            self._rest_until_ns = elapsed_ns + settle_us * NANOSECONDS_PER_MICROSECOND
        else:
            self._end_rest()

    def _end_rest(self) -> None:
        self._ahead = timedelta()
        self._rest_until_ns = None

    def rest_s(self) -> float:
        """Return how many seconds the rest still lasts."""
        if self._rest_until_ns is None:
            return 0.0
        return max((self._rest_until_ns - self._clock.elapsed_ns()) / 1e9, 0.0)
