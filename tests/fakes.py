"""Fakes of our own, small: workers that do as they are told, and a log whose disk can be held."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta

from scheduler.log.contract import (
    Appended,
    ContentState,
    Nanoseconds,
    Recorded,
    Request,
)
from scheduler.log.memory import MemoryLog
from scheduler.model.errors import HorologError
from scheduler.model.invocations import Invocation, Outcome, Report, StopReason, Wish
from scheduler.model.jobs import RunId
from scheduler.model.limits import PAGE_EVENTS_MAX
from tests.facts import Kind

Answer = Callable[[Invocation], Outcome | None]


def ended(invocation: Invocation, kind: Kind = "succeeded") -> Outcome:
    """Return an outcome of this attempt."""
    return Outcome(
        run=invocation.run,
        attempt=invocation.attempt,
        epoch=invocation.epoch,
        kind=kind,
        duration_us=5,
    )


def never(_: Invocation) -> Outcome | None:
    """Answer for a service that does not end by itself."""
    return None


class FakeInvoke:
    """Carries out attempts at once, as `answer` says; None leaves one out until `finish`."""

    def __init__(self, answer: Answer = ended) -> None:
        self.answer = answer
        self.calls: list[Invocation] = []
        self.stops: list[tuple[RunId, int, StopReason]] = []
        self.graces: list[timedelta | None] = []  # ... and how long each was given
        self.is_stoppable = True  # what is asked to end reports that it has
        self.is_deaf = False  # what is asked to end promises to, and does not
        self.closed = 0
        self.wish: Wish | None = None  # what attempts may ask with
        self._out: dict[tuple[RunId, int], tuple[Invocation, Report]] = {}

    def knows(self, service: str) -> bool:
        """Return whether a service is registered: all are."""
        return True

    def code(self, service: str) -> str | None:
        """Return a digest that follows from the name."""
        return f"code of {service}"

    def start(self, invocations: Sequence[Invocation], report: Report, wish: Wish) -> None:
        """Carry these out, or leave them out."""
        self.calls += invocations
        self.wish = wish
        outcomes: list[Outcome] = []
        for invocation in invocations:
            outcome = self.answer(invocation)
            if outcome is None:
                self._out[invocation.run, invocation.attempt] = (invocation, report)
            else:
                outcomes.append(outcome)
        if outcomes:
            report(outcomes)

    def stop(
        self, run: RunId, attempt: int, reason: StopReason, grace: timedelta | None = None
    ) -> bool:
        """Take note, and end the attempt when it can be stopped."""
        self.stops.append((run, attempt, reason))
        self.graces.append(grace)
        if not self.is_stoppable:
            return False
        if not self.is_deaf:
            self.finish(run, "stopped" if reason == "stop" else reason, attempt=attempt)
        return True

    def finish(self, run: RunId, kind: Kind = "succeeded", *, attempt: int = 1) -> None:
        """Report the end of an attempt that was left out; `returned` may follow another."""
        invocation, report = self._out[run, attempt]
        report([ended(invocation, kind)])

    def close(self) -> None:
        """Take note."""
        self.closed += 1


class KilledError(BaseException):
    """The process is gone: nothing catches this."""


class HeldLog(MemoryLog):
    """A log in memory whose commits can be held back, and fail; or whose process is killed."""

    def __init__(self, clock_ns: Nanoseconds) -> None:
        super().__init__(clock_ns)
        self.is_held = False
        self.failure: HorologError | None = None  # for every request, while it is set
        self.submitted = 0
        self.kill_at = 0  # this request is the last: written and not answered, or not even written
        self.is_written = True
        self._waiting: deque[tuple[Request, Future[Appended]]] = deque()

    def submit(self, request: Request) -> Future[Appended]:
        """Queue a request, and write it unless the disk is held."""
        self.submitted += 1
        if self.submitted == self.kill_at:
            if self.is_written:
                super().submit(request)
            raise KilledError
        future: Future[Appended] = Future()
        self._waiting.append((request, future))
        if not self.is_held:
            self.release()
        return future

    def probe(self) -> Future[None]:
        """Find out whether the disk takes anything: not while there is a failure."""
        self.submitted += 1
        future: Future[None] = Future()
        if self.failure is None:
            future.set_result(None)
        else:
            future.set_exception(self.failure)
        return future

    def release(self, most: int = 1_000_000) -> None:
        """Write what waits, at most so many requests, in order."""
        while self._waiting and most:
            most -= 1
            request, future = self._waiting.popleft()
            if self.failure is not None:
                future.set_exception(self.failure)
                continue
            written = super().submit(request)
            error = written.exception()
            if error is None:
                future.set_result(written.result())
            else:
                future.set_exception(error)

    def copied(self, until: int | None = None) -> "HeldLog":
        """Return a log with the same rows up to a position, as another process would find them."""
        other = HeldLog(self._clock_ns)
        other._keep(self.rows[:until])
        other._keys = self._keys.copy()
        other.contents = self.contents.copy()
        other.kept_until = self.kept_until.copy()
        return other


class UnreadLog(HeldLog):
    """One that can also fail to be read; what it reads itself while it writes is not counted."""

    def __init__(self, clock_ns: Nanoseconds) -> None:
        super().__init__(clock_ns)
        self.unread: Exception | None = None  # for every reading, while it is set
        self.unread_at = 0  # ... or for this one alone, counted from 1
        self.reads = 0
        self._is_writing = False

    def release(self, most: int = 1_000_000) -> None:
        """Write what waits, at most so many requests, in order."""
        self._is_writing = True
        super().release(most)
        self._is_writing = False

    def read(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        stream: str | None = None,
        limit: int = PAGE_EVENTS_MAX,
    ) -> list[Recorded]:
        """Return a page of events, if it can be read."""
        self._look()
        return super().read(after=after, until=until, stream=stream, limit=limit)

    def version(self, stream: str) -> int:
        """Return the last version of a stream, if it can be read."""
        self._look()
        return super().version(stream)

    def content(self, digest: str) -> bytes | None:
        """Return the bytes under a digest, if they can be read."""
        self._look()
        return super().content(digest)

    def content_state(self, digest: str) -> ContentState | None:
        """Return whether the bytes under a digest are there, if that can be read."""
        self._look()
        return super().content_state(digest)

    def _look(self) -> None:
        if not self._is_writing:
            self.reads += 1
            if self.unread is not None and self.unread_at in {0, self.reads}:
                raise self.unread
