"""Services with `isolation = "process"`: one child for each attempt, gone when it has ended.

A process of its own is what makes a plain function killable, and what keeps a crash, a leak or a
hung library from its neighbours. Each `carry_out` has a thread to itself (`threads`) and waits on
it; what other threads may do meanwhile is ask the child to end, or end it. How a child is started
and heard is `process`'s; what it does there is `child`'s.
"""

import signal
import threading
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Literal

from msgspec import MsgspecError
from msgspec.structs import replace

from scheduler.model.invocations import Outcome
from scheduler.model.limits import ANSWER_BYTES_MAX, REQUESTS_MAX
from services import wire
from services.attempts import Attempt, Attempts
from services.connections.catalog import Connections
from services.locks import child_lock, lock_path, sweep
from services.output import Lines
from services.process import Child


class Children:
    """Carries out attempts in processes of their own, and ends those processes."""

    def __init__(
        self, attempts: Attempts, folder: Path, *, grace: timedelta, connections: Connections
    ) -> None:
        self._attempts = attempts
        self._connections = connections
        self._folder = folder
        self._grace_s = grace.total_seconds()
        self._alive: dict[Attempt, Child] = {}
        self._lock = threading.Lock()
        self._closed = False
        sweep(folder)

    def carry_out(self, attempt: Attempt) -> None:
        """Start a child for the attempt, hear it out, and tell its end."""
        if self._attempts.begin(attempt) is None:
            return
        # The child reads the secrets itself; what it may print of them is only known from here.
        self._connections.read_secrets()
        lines = Lines(secrets=self._connections.secrets)
        try:
            outcome = self._outcome(attempt, lines)
        except Exception as error:  # noqa: BLE001  # an attempt is always told
            outcome = _without_answer(attempt, "error", f"no process could be started: {error}")
        self._connections.read_secrets()  # again: one may have been changed meanwhile
        elapsed_us = self._attempts.elapsed_us(attempt)
        self._attempts.end(attempt, replace(outcome, duration_us=elapsed_us, output=lines.output()))

    def terminate(self, attempt: Attempt) -> None:
        """Ask the attempt's child to end; one that has not started yet is ended when it has."""
        self._signal(attempt, signal.SIGTERM)

    def kill(self, attempt: Attempt) -> None:
        """End the attempt's child and all of its group, if it still lives."""
        self._signal(attempt, signal.SIGKILL)

    def close(self) -> None:
        """End all children."""
        with self._lock:
            self._closed = True
            for child in self._alive.values():
                child.signal(signal.SIGKILL)

    def _signal(self, attempt: Attempt, number: signal.Signals) -> None:
        with self._lock:
            child = self._alive.get(attempt)
            if child is not None:
                child.signal(number)

    def _outcome(self, attempt: Attempt, lines: Lines) -> Outcome:
        """Return how the attempt ended. Raises: OSError, when the system gives no process."""
        run, number = attempt.key
        try:
            with child_lock(self._folder, run, number) as lock:
                child = Child(f"{run}-{number}", lock)
            try:
                return self._heard(attempt, child, lines)
            finally:
                child.close()
        finally:
            lock_path(self._folder, run, number).unlink(missing_ok=True)

    def _heard(self, attempt: Attempt, child: Child, lines: Lines) -> Outcome:
        with self._lock:
            self._alive[attempt] = child
            is_unwanted = self._closed or attempt.reason is not None
        if is_unwanted:
            child.signal(signal.SIGKILL)
        outcome = None
        problem = ""
        try:
            child.tell(wire.packed(_call(attempt, self._connections)))
            outcome = _ending(attempt, child, lines)
        except wire.TooLong:
            problem = f"the process sent back more than {ANSWER_BYTES_MAX:,} bytes"
            child.signal(signal.SIGKILL)
        except MsgspecError:
            problem = "the process sent back what is no outcome"
            child.signal(signal.SIGKILL)
        except _TooMany:
            problem = f"the process asked for more than {REQUESTS_MAX:,} things (REQUESTS_MAX)"
            child.signal(signal.SIGKILL)
        finally:
            status = child.ended(self._grace_s, lines)
            with self._lock:
                del self._alive[attempt]
        if outcome is not None:
            return _as_own(attempt, outcome)
        return _without_answer(attempt, "crash", problem or _how_it_died(status))


class _TooMany(Exception):
    """A child asked for more than any run may."""


def _ending(attempt: Attempt, child: Child, lines: Lines) -> Outcome | None:
    """Return how the child says its call ended; pass on what the service asks for until then.

    Raises: wire.TooLong, MsgspecError, _TooMany.
    """
    for count, message in enumerate(child.said(lines), start=1):
        said = wire.said_of(message)
        if isinstance(said, wire.Ending):
            return said.outcome
        if count > REQUESTS_MAX:
            raise _TooMany
        _pass_on(attempt, child, said)
    return None


def _pass_on(attempt: Attempt, child: Child, request: wire.Request) -> None:
    """Ask the executor for what the service asked, and have the child told when that is durable."""
    asked = request.asked
    if asked is None:
        return

    def tell(answer: "Future[None]") -> None:
        child.reply(wire.packed(wire.reply(request.number, answer.exception())))

    attempt.ask(asked).add_done_callback(tell)


def _call(attempt: Attempt, connections: Connections) -> wire.Call:
    service = attempt.service
    return wire.Call(
        invocation=attempt.invocation,
        module=service.module,
        code=service.code,
        source=service.source,
        connections=connections.settings,
        at=None if connections.now is None else connections.now(),
    )


def _as_own(attempt: Attempt, outcome: Outcome) -> Outcome:
    """Return the child's outcome under the attempt's name: a child cannot speak for another."""
    invocation = attempt.invocation
    return replace(outcome, run=invocation.run, attempt=invocation.attempt, epoch=invocation.epoch)


def _without_answer(attempt: Attempt, kind: Literal["error", "crash"], error: str) -> Outcome:
    invocation = attempt.invocation
    return Outcome(
        run=invocation.run,
        attempt=invocation.attempt,
        epoch=invocation.epoch,
        kind=kind,
        error=error,
    )


def _how_it_died(status: int) -> str:
    if status >= 0:
        return f"the process ended with exit status {status} before the service had returned"
    try:
        name = f" ({signal.Signals(-status).name})"
    except ValueError:  # a real-time signal has no name here
        name = ""
    return f"the process was killed by signal {-status}{name}"
