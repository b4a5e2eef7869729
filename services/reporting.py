"""Where outcomes are told and alarms ring: the one thread that never runs a user's code.

Outcomes come from many threads at once. Told one by one, each would wake the executor; so they
queue here, and whatever has gathered while the last batch was being told goes out as the next.
Alarms ring here for the same reason that outcomes are told here: a service may hold up its own
thread, or the event loop, for as long as it likes.
"""

import heapq
import logging
import queue
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import count, groupby
from typing import NamedTuple

from scheduler.model.invocations import Outcome, Report
from scheduler.model.limits import OUTCOMES_PER_REPORT_MAX

_NANOSECONDS_PER_MICROSECOND = 1_000
_NANOSECONDS_PER_SECOND = 1_000_000_000
_MICROSECOND = timedelta(microseconds=1)

_log = logging.getLogger("horolog.services")


class _Told(NamedTuple):
    report: Report
    outcome: Outcome


class _Alarm(NamedTuple):
    at_ns: int  # by the monotonic clock
    number: int  # of two alarms at one instant the first set rings first
    ring: Callable[[], None]


class Reporting:
    """Tells outcomes in batches, and calls later what is to be called later."""

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._arrived: queue.SimpleQueue[_Told | _Alarm | None] = queue.SimpleQueue()
        self._alarms: list[
            _Alarm
        ] = []  # a heap; at most one for each attempt that is being stopped
        self._numbers = count()
        self._thread = threading.Thread(target=self._run, name="horolog-reporting", daemon=True)
        self._thread.start()

    def tell(self, report: Report, outcome: Outcome) -> None:
        """Have the outcome told, soon; any thread may call this, and none waits."""
        self._arrived.put(_Told(report, outcome))

    def after(self, delay: timedelta, ring: Callable[[], None]) -> None:
        """Have `ring` called when `delay` has passed; it must be quick."""
        delay_ns = delay // _MICROSECOND * _NANOSECONDS_PER_MICROSECOND
        at_ns = self._monotonic_ns() + delay_ns
        self._arrived.put(_Alarm(at_ns, next(self._numbers), ring))

    def close(self, wait: timedelta) -> None:
        """Tell what has arrived, then end; alarms no longer ring. Waits at most `wait`."""
        self._arrived.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(wait.total_seconds())

    def _run(self) -> None:
        while True:
            try:
                first = self._arrived.get(timeout=self._seconds_to_alarm())
            except queue.Empty:
                self._ring()
                continue
            more = min(self._arrived.qsize(), OUTCOMES_PER_REPORT_MAX - 1)
            arrived = [first, *(self._arrived.get() for _ in range(more))]
            for alarm in arrived:
                if isinstance(alarm, _Alarm):
                    heapq.heappush(self._alarms, alarm)
            self._tell([told for told in arrived if isinstance(told, _Told)])
            if None in arrived:
                return
            self._ring()

    def _tell(self, waiting: list[_Told]) -> None:
        for report, told in groupby(waiting, lambda one: one.report):
            try:
                report([one.outcome for one in told])
            except Exception:  # noqa: BLE001  # the outcomes of others must still be told
                _log.exception("outcomes could not be reported")

    def _seconds_to_alarm(self) -> float | None:
        if not self._alarms:
            return None
        return max(self._alarms[0].at_ns - self._monotonic_ns(), 0) / _NANOSECONDS_PER_SECOND

    def _ring(self) -> None:
        while self._alarms and self._alarms[0].at_ns <= self._monotonic_ns():
            alarm = heapq.heappop(self._alarms)
            try:
                alarm.ring()
            except Exception:  # noqa: BLE001  # the alarms of others must still ring
                _log.exception("an alarm of the workers failed")
