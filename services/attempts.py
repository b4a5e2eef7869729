"""The attempts under way: each is told as ended exactly once, and once more if it was given up.

Here, and nowhere else, meet the things that may happen to an attempt at the same moment on several
threads: it begins, it ends, it is asked to end, it is given up. An attempt stands in one of three
places (waiting, running, given up), and taking it out of a place decides: `dict.pop` is atomic, so
one of two takers gets it, and acts. To move it, it is put into the new place first, so it is never
in none. There is no lock, since every call of a service would pass it twice (see `threads`).
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future

from scheduler.model.invocations import Invocation, Outcome, Report, StopReason
from services.asking import Answer, Asked
from services.context import Context, Reach
from services.registry import Service
from services.stops import come_back, given_up, stopped

Key = tuple[str, int]  # run and number of the attempt
Tell = Callable[[Report, Outcome], None]
NANOSECONDS_PER_MICROSECOND = 1_000


class Attempt:
    """One attempt, from the moment it was asked for to its end."""

    __slots__ = (
        "_answer",
        "begun_ns",
        "context",
        "interrupt",
        "invocation",
        "key",
        "reason",
        "report",
        "service",
    )

    def __init__(
        self,
        invocation: Invocation,
        service: Service,
        report: Report,
        answer: Answer,
        interrupt: Callable[["Attempt"], None] | None = None,
    ) -> None:
        self.invocation = invocation
        self.key: Key = (invocation.run, invocation.attempt)
        self.service = service
        self.report = report
        self.interrupt = interrupt  # makes it end; None: nothing can
        self.context: Context | None = None  # from its beginning on
        self.begun_ns = 0
        self.reason: StopReason | None = None  # why it was asked to end; the first reason stands
        self._answer = answer

    def ask(self, asked: Asked) -> "Future[None]":
        """Ask the executor for something; the future ends when it is durable, or is refused."""
        return self._answer(self.invocation, asked)


class Attempts:
    """Those that were asked for and have not ended."""

    def __init__(
        self, tell: Tell, monotonic_ns: Callable[[], int], reach: Reach | None = None
    ) -> None:
        self._tell = tell
        self._reach = reach
        self._monotonic_ns = monotonic_ns
        self._waiting: dict[Key, Attempt] = {}
        self._running: dict[Key, Attempt] = {}
        self._given_up: dict[Key, Attempt] = {}  # told as ended, and still running

    def open(self, attempts: Iterable[Attempt]) -> None:
        """Take in attempts that are about to be carried out."""
        self._waiting.update((attempt.key, attempt) for attempt in attempts)

    def begin(self, attempt: Attempt) -> Context | None:
        """Return the context to call the service with, or None when the end came first."""
        key = attempt.key
        attempt.context = context = Context(attempt.invocation, None, self._reach, attempt.ask)
        attempt.begun_ns = self._monotonic_ns()
        self._running[key] = attempt
        if self._waiting.pop(key, None) is None:
            self._running.pop(key, None)
            return None
        return context

    def elapsed_us(self, attempt: Attempt) -> int:
        """Return how long the attempt has been running, in microseconds."""
        return (self._monotonic_ns() - attempt.begun_ns) // NANOSECONDS_PER_MICROSECOND

    def end(self, attempt: Attempt, outcome: Outcome) -> None:
        """Tell that the attempt has ended, `outcome` being how it told so itself."""
        if self._running.pop(attempt.key, None) is not None:
            if attempt.reason is not None:
                outcome = stopped(attempt.invocation, attempt.reason, outcome)
        elif self._given_up.pop(attempt.key, None) is not None:
            outcome = come_back(outcome)
        else:
            return  # closed meanwhile
        if attempt.context is not None:
            attempt.context.close()
        self._tell(attempt.report, outcome)

    def stop(self, run: str, number: int, reason: StopReason) -> tuple[bool, Attempt | None]:
        """Ask an attempt to end. Return whether its end will be told, and whom to interrupt now.

        One that waits ends here. One that cannot be interrupted is only shown the wish; asked for a
        timeout, it is given up: whoever asked tells so, and here only its return is told.
        """
        key = (run, number)
        attempt = self._waiting.pop(key, None)
        if attempt is not None:
            self._tell(attempt.report, stopped(attempt.invocation, reason))
            return True, None
        attempt = self._running.get(key)
        if attempt is None:
            return key not in self._given_up, None  # else told already, or about to be
        is_first = attempt.reason is None
        attempt.reason = attempt.reason or reason
        if attempt.context is not None:
            attempt.context.cancelled = True
        if attempt.interrupt is not None:
            return True, attempt if is_first else None
        if reason == "timeout":
            return not self._move_to_given_up(attempt), None
        return False, None

    def give_up(self, attempt: Attempt) -> None:
        """Tell the attempt as ended although it still runs, unless it has ended meanwhile."""
        if attempt.reason is not None and self._move_to_given_up(attempt):
            elapsed_us = self.elapsed_us(attempt)
            self._tell(attempt.report, given_up(attempt.invocation, attempt.reason, elapsed_us))

    def close(self) -> None:
        """Forget them all: nothing is told from now on."""
        self._waiting.clear()
        self._running.clear()
        self._given_up.clear()

    def _move_to_given_up(self, attempt: Attempt) -> bool:
        """Return whether it was still running; only one thread ever moves one attempt."""
        if attempt.key not in self._running:
            return False
        self._given_up[attempt.key] = attempt
        if self._running.pop(attempt.key, None) is None:
            self._given_up.pop(attempt.key, None)
            return False
        if attempt.context is not None:
            attempt.context.close()
        return True
