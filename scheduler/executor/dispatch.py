"""From a committed start to a reported outcome: calls services and watches their time.

It is told what is durable and calls nothing before. Each attempt it hands out is on its list until
its outcome is in; one that is asked to end and does not is given up as abandoned after a grace, so
an outcome always comes.
"""

from collections.abc import Callable
from datetime import timedelta
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from scheduler.executor.clock import Clock, new_salt
from scheduler.log.contract import Log
from scheduler.model.content import Payload, text_of
from scheduler.model.invocations import Invocation, Invoke, Outcome, Report, StopReason, Wish
from scheduler.model.jobs import RunId
from scheduler.model.limits import END_GRACE, STALE_ENTRIES_MAX, STOP_PATIENCE
from scheduler.rules.run_state import RunState

Attempt = tuple[RunId, int]


class Out(NamedTuple):
    """An attempt that was handed out."""

    epoch: int
    begun_ns: int
    due_ns: int  # when it is asked to end, or, once it was, given up
    stopping: StopReason | None = None


class Dispatch:
    """The attempts that are out, and when each must be back."""

    def __init__(self, invoke: Invoke, clock: Clock, log: Log, report: Report, wish: Wish) -> None:
        self.invoke = invoke
        self.out: dict[Attempt, Out] = {}
        self._clock = clock
        self._log = log
        self._report = report
        self._wish = wish
        self._deadlines: list[tuple[int, Attempt]] = []

    def prepared(
        self, runs: list[RunState], name_of: Callable[[RunState], str]
    ) -> list[tuple[RunState, Invocation]]:
        """Return these runs, each with what its attempt is told; all of it is read from the log."""
        return [(run, self._invocation(run, name_of(run))) for run in runs]

    def start(self, prepared: list[tuple[RunState, Invocation]]) -> None:
        """Hand these attempts out; their starts are durable."""
        begun_ns = self._clock.monotonic_ns()
        invocations: list[Invocation] = []
        lost: list[Outcome] = []
        for run, invocation in prepared:
            attempt = (run.run, run.attempt)
            due_ns = begun_ns + nanoseconds(run.definition.timeout)
            self._expect(attempt, Out(run.epoch, begun_ns, due_ns))
            if invocation.input_text is None and run.input is not None:
                lost.append(without_input(run))
            else:
                invocations.append(invocation)
        if lost:
            self._report(lost)
        self.invoke.start(invocations, self._report, self._wish)

    def _invocation(self, run: RunState, name: str) -> Invocation:
        definition = run.definition
        given = run.input
        return Invocation(
            run=run.run,
            attempt=run.attempt,
            epoch=run.epoch,
            job=run.job,
            job_name=name,
            service=definition.service,
            cause=run.cause,
            isolation=definition.isolation,
            timeout=definition.timeout,
            due_time=run.due_time,
            fire_time=run.fire_time,
            window_start=run.window_start,
            input_text=self._text_of(given),
            input_kind="text" if given is None else given.kind,
            steps={step: self._text_of(result) for step, result in run.steps.items()},
            salt=new_salt(self._clock) if definition.private else b"",
        )

    def _text_of(self, payload: Payload | None) -> str | None:
        """Return what a payload stands for; None when there is none, or its bytes were erased."""
        if payload is None or payload.digest is None:
            return None if payload is None else payload.text
        return text_of(payload, self._log.content(payload.digest))

    def returned(self, outcome: Outcome) -> None:
        """Take an attempt off the list: its outcome is in."""
        if outcome.kind != "returned":
            self.out.pop((outcome.run, outcome.attempt), None)

    def stop(
        self, run: RunId, attempt: int, reason: StopReason, grace: timedelta | None = None
    ) -> Outcome | None:
        """Ask an attempt to end; return its outcome at once when it cannot be stopped.

        `grace`: from asking it until it is made to; END_GRACE when not said.
        """
        key = (run, attempt)
        out = self.out.get(key)
        if out is None or out.stopping is not None:
            return None
        if self.invoke.stop(run, attempt, reason, grace):
            patience = (END_GRACE if grace is None else grace) + STOP_PATIENCE
            due_ns = self._clock.monotonic_ns() + nanoseconds(patience)
            self._expect(key, out._replace(due_ns=due_ns, stopping=reason))
            return None
        if reason == "cancelled":  # it may still succeed, and then it has; its timeout stands
            return None
        return self._given_up(key, reason)

    def _expect(self, key: Attempt, out: Out) -> None:
        """Note when an attempt must be back, dropping stale entries when they are too many."""
        self.out[key] = out
        heappush(self._deadlines, (out.due_ns, key))
        if len(self._deadlines) > 2 * len(self.out) + STALE_ENTRIES_MAX:
            self._deadlines = [(one.due_ns, other) for other, one in self.out.items()]
            heapify(self._deadlines)

    def overdue(self) -> list[Outcome]:
        """Ask the attempts whose time is up to end; return those that had to be given up."""
        given_up: list[Outcome] = []
        now_ns = self._clock.monotonic_ns()
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            due_ns, key = heappop(self._deadlines)
            out = self.out.get(key)
            if out is None or out.due_ns != due_ns:
                continue
            outcome = (
                self.stop(*key, "timeout")
                if out.stopping is None
                else self._given_up(key, out.stopping)
            )
            if outcome is not None:
                given_up.append(outcome)
        return given_up

    def next_deadline_ns(self) -> int | None:
        """Return when the next attempt's time is up, by the monotonic clock."""
        while self._deadlines and self._deadlines[0][1] not in self.out:
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _given_up(self, key: Attempt, reason: StopReason) -> Outcome | None:
        out = self.out.pop(key, None)
        if out is None:
            return None
        took_us = (self._clock.monotonic_ns() - out.begun_ns) // 1_000
        return Outcome(
            run=key[0],
            attempt=key[1],
            epoch=out.epoch,
            kind="stopped" if reason == "stop" else reason,
            duration_us=took_us,
            error=f"did not end when asked to ({reason}) and still runs",
            abandoned=reason != "stop",
        )


def nanoseconds(length: timedelta) -> int:
    """Return a length in nanoseconds."""
    return length // timedelta(microseconds=1) * 1_000


def without_input(run: RunState) -> Outcome:
    """Return the end of an attempt whose input was erased: nothing does not stand in for it."""
    return Outcome(
        run=run.run,
        attempt=run.attempt,
        epoch=run.epoch,
        kind="error",
        error="the run's input was erased from the log",
        fatal=True,
    )
