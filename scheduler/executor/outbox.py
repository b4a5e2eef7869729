"""Requests on their way to the disk, and what to do when one fails, or when the log is not read.

Requests are settled in the order they were sent. When one fails, the fold holds what never
happened, and every later request fails behind it; once all are settled the log is read again, and
outcomes whose record was lost are recorded anew. A full disk is probed after a pause, again and
again, and nothing is decided before it takes something: so the fault is told for as long as it
lasts and no longer. A wish that cannot be stored (too large, a key of another) costs nobody else
anything. What the executor decided by itself and cannot store would be decided again and again:
after that, as after a fault that leaves the file in doubt, nothing is sent any more until a
restart.

When reading fails in the middle of a turn, what was sent before is sound and is settled as ever;
the rest of the turn is void, and goes the same road: a pause, the log read again. A log that cannot
be believed ends it all, as a file in doubt does.
"""

from collections.abc import Callable
from concurrent.futures import Future

from scheduler.executor.clock import Clock
from scheduler.executor.handle import Handle
from scheduler.executor.messages import Settled
from scheduler.model.errors import (
    Corrupt,
    HorologError,
    KeyReused,
    Outpaced,
    Refused,
    StaleEpoch,
    StorageFailed,
    Unreachable,
    VersionConflict,
)
from scheduler.model.invocations import Outcome
from scheduler.model.limits import IDLE_WAIT, REQUESTS_IN_FLIGHT_MAX, STORAGE_RETRY

# How reading an open log fails; a file that another program has locked is Unreachable.
READING_FAILED = (Corrupt, Unreachable, OSError, MemoryError)


class Outbox:
    """Counts what is sent and settled, and keeps outcomes until they are durable."""

    def __init__(self, handle: Handle, clock: Clock, wake: Callable[[], None]) -> None:
        """Begin with nothing in flight; `wake` is called from any thread when there is news."""
        self.is_void = False  # a request or a reading failed: the fold does not hold
        self.is_halted = False  # for good
        self.fault: str | None = None
        self._handle = handle
        self._clock = clock
        self._settled = handle.sent
        self._durable = handle.sent  # the last request before which none failed
        self._unsent: list[Outcome] = []
        # Not durable yet: what the executor decided by itself, by its requests, and its outcomes.
        self._sent: list[tuple[range, list[Outcome]]] = []
        self._retry_at_ns = 0
        self._wake = wake
        self._probe: Future[None] | None = None
        self.refusal: HorologError | None = None  # of the last probe: nobody need wait for another
        handle.on_flushed = self._note_sent

    @property
    def in_flight(self) -> int:
        """How many requests are not settled."""
        return self._handle.sent - self._settled

    @property
    def is_full(self) -> bool:
        """Whether to gather rather than to send."""
        return self.in_flight >= REQUESTS_IN_FLIGHT_MAX

    @property
    def can_decide(self) -> bool:
        """Whether the fold holds and may be decided on."""
        return not (self.is_void or self.is_halted)

    def keep(self, outcomes: list[Outcome]) -> None:
        """Keep outcomes that are gathered until the next request has made them durable."""
        self._unsent += outcomes

    def flush(self) -> None:
        """Send what was gathered, unless it is void."""
        if not self.is_void:
            self._handle.flush()

    def _note_sent(self, requests: range) -> None:
        """Note the requests that carry the outcomes kept: a wish sends them on before itself."""
        self._sent.append((requests, self._unsent))
        self._unsent = []

    def settle(self, settled: Settled) -> None:
        """Take note of a request's end."""
        self._settled += 1
        if settled.error is not None:
            self._fail(settled.error)
        elif self._durable == self._settled - 1:
            self._durable = self._settled
            while self._sent and self._sent[0][0][-1] <= self._durable:
                del self._sent[0]
            if not self.is_void:
                self.fault = None

    def fail(self, error: Exception) -> None:
        """Take note that reading failed in the middle of a turn, or while the log was read again.

        `error` is one of READING_FAILED. It passes, unless it says that the log cannot be believed.
        """
        self.is_void = True
        self._blame(as_corrupt(error))

    def spoil(self) -> None:
        """Take note that the fold holds what was never sent: it is read again, without a pause."""
        self.is_void = True

    def look(self) -> None:
        """Halt when the log says that nothing is written any more, whoever it was that failed."""
        ended = self._handle.log.ended
        if ended is not None and not self.is_halted:
            self.is_halted = True
            self.fault = str(ended)

    def _fail(self, error: BaseException) -> None:
        was_void, self.is_void = self.is_void, True
        if isinstance(error, Refused | KeyReused) and not self._was_own():
            return  # a wish could not be stored: that is between it and who asked
        if isinstance(error, Outpaced) and not isinstance(error, StaleEpoch) and was_void:
            return  # what it was decided on had failed before it
        self._blame(error)

    def _blame(self, error: BaseException) -> None:
        """Tell the fault, and pause or halt."""
        self._retry_at_ns = self._clock.monotonic_ns() + int(STORAGE_RETRY.total_seconds() * 1e9)
        self.fault = str(error)
        if isinstance(error, StorageFailed):
            self.is_halted = self.is_halted or error.in_doubt
        else:
            self.is_halted = self.is_halted or not isinstance(error, VersionConflict)

    def _was_own(self) -> bool:
        """Return whether the executor decided by itself what was settled last."""
        return any(self._settled in requests for requests, _ in self._sent)

    def retry_s(self) -> float:
        """Return how many seconds there is nothing to do but wait for the disk.

        What ends earlier (a request, a probe) wakes the executor.
        """
        is_probing = self._probe is not None and not self._probe.done()
        if self.is_halted or self.in_flight or is_probing:
            return IDLE_WAIT.total_seconds()
        return max((self._retry_at_ns - self._clock.monotonic_ns()) / 1e9, 0.0)

    def mend(self) -> list[Outcome] | None:
        """Read the log again when it takes something; return outcomes to record anew, else None."""
        if not self.is_void or self.is_halted or self.in_flight or self.retry_s() > 0:
            return None
        if self.fault is not None and not self._takes_something():
            return None
        try:
            self._handle.refold()
        except READING_FAILED as error:
            self.fail(error)
            self.refusal = as_corrupt(error)
            return None
        lost = [outcome for _, outcomes in self._sent for outcome in outcomes] + self._unsent
        self._sent, self._unsent = [], []
        self._durable = self._settled
        self.is_void = False
        self.fault = self.refusal = None
        return lost

    def _takes_something(self) -> bool:
        """Return whether a probe has succeeded; send one when there is none."""
        if self._probe is None:
            self._probe = self._handle.log.probe()
            self._probe.add_done_callback(lambda _: self._wake())
        if not self._probe.done():
            return False
        error, self._probe = self._probe.exception(), None
        if error is None:
            return True
        self._blame(error)
        self.refusal = error if isinstance(error, HorologError) else None
        return False


def as_corrupt(error: Exception) -> Corrupt:
    """Return what one of READING_FAILED means for whoever decides: it passes, or it does not."""
    if isinstance(error, Corrupt):
        return error
    told = str(error) if isinstance(error, HorologError) else f"The log cannot be read ({error!r})"
    return StorageFailed(told, in_doubt=False)
