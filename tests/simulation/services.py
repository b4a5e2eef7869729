"""Services that take virtual time: each attempt's length, end and manners follow from the seed."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, NamedTuple

from msgspec.structs import replace

from scheduler.executor.clock import ManualClock
from scheduler.model.invocations import Invocation, Outcome, Report, StopReason, Wish
from scheduler.model.jobs import RunId
from scheduler.model.limits import END_GRACE, STOP_PATIENCE
from tests.facts import Kind

Key = tuple[RunId, int]  # run and attempt
Manners = Literal["obeys", "is slow to obey", "is deaf", "is a thread"]
LENGTHS_S = (0, 0, 0, 1, 1, 20, 45, 90, 400, 1_300, 5_000)
KINDS: tuple[Kind, ...] = (*("succeeded",) * 7, "error", "error", "error", "crash", "no-service")
MANNERS: tuple[Manners, ...] = ("obeys", "is slow to obey", "is deaf", "is a thread")
SLOW_NS = 3_000_000_000  # to tidy up in, within END_GRACE


class Out(NamedTuple):
    """An attempt that is being carried out."""

    invocation: Invocation
    report: Report
    ends_ns: int  # by the clock that is never set
    outcome: Outcome  # how it ends when nobody interferes
    manners: Manners
    begun_ns: int
    asked: StopReason | None = None  # to end
    given_up_ns: int = 0  # when the executor no longer waits for that


class Services:
    """Carries out attempts in one process; with the process all that is out is lost."""

    def __init__(self, clock: ManualClock, seed: str, told: dict[Key, Outcome]) -> None:
        self.out: dict[Key, Out] = {}
        self.called: list[Invocation] = []
        self._clock = clock
        self._seed = seed
        self._told = told

    def knows(self, service: str) -> bool:
        """Return whether a service is registered: all are."""
        return True

    def code(self, service: str) -> str | None:
        """Return no digest: there is no code."""
        return None

    def start(self, invocations: Sequence[Invocation], report: Report, wish: Wish) -> None:
        """Begin these."""
        now_ns = self._clock.monotonic_ns()
        for one in invocations:
            key = (one.run, one.attempt)
            assert key not in self.out, f"{key} is carried out already"
            self.called.append(one)
            chance = hashlib.sha256(f"{self._seed}/{one.run}/{one.attempt}".encode()).digest()
            length_ns = LENGTHS_S[chance[0] % len(LENGTHS_S)] * 1_000_000_000 + chance[1] * 1_000
            outcome = Outcome(
                run=one.run,
                attempt=one.attempt,
                epoch=one.epoch,
                kind=KINDS[chance[2] % len(KINDS)],
                error="as the seed has it",
                fatal=chance[3] % 8 == 0,
                retry_after=timedelta(seconds=90) if chance[4] % 8 == 0 else None,
            )
            manners = MANNERS[chance[5] % len(MANNERS)]
            self.out[key] = Out(one, report, now_ns + length_ns, outcome, manners, now_ns)
        self.end()

    def next_ns(self) -> int | None:
        """Return when the next attempt ends by itself."""
        return min((out.ends_ns for out in self.out.values()), default=None)

    def end(self) -> None:
        """Report the attempts whose time has come."""
        now_ns = self._clock.monotonic_ns()
        for key in [key for key, out in self.out.items() if out.ends_ns <= now_ns]:
            self._report(key)

    def stop(
        self, run: RunId, attempt: int, reason: StopReason, grace: timedelta | None = None
    ) -> bool:
        """Ask one to end; some do at once, some take their time, some promise and do not."""
        key = (run, attempt)
        out = self.out[key]
        now_ns = self._clock.monotonic_ns()
        if reason == "timeout":
            timeout_ns = out.invocation.timeout // timedelta(microseconds=1) * 1_000
            assert now_ns - out.begun_ns >= timeout_ns, f"{key} was stopped before its timeout"
        patience = (END_GRACE if grace is None else grace) + STOP_PATIENCE
        given_up_ns = now_ns + patience // timedelta(microseconds=1) * 1_000
        out = out._replace(asked=reason, given_up_ns=given_up_ns)
        if out.manners == "obeys" or (out.manners == "is slow to obey" and reason == "stop"):
            out = out._replace(ends_ns=now_ns)
        elif out.manners == "is slow to obey":
            out = out._replace(ends_ns=min(out.ends_ns, now_ns + SLOW_NS))
        self.out[key] = out
        self.end()
        return out.manners != "is a thread"

    def close(self) -> None:
        """Do nothing: there are no workers."""

    def _report(self, key: Key) -> None:
        out = self.out.pop(key)
        outcome = out.outcome
        if out.asked is not None and self._is_given_up(out):
            outcome = replace(outcome, kind="returned")
        elif out.asked is not None and outcome.kind != "succeeded":
            kind: Kind = "stopped" if out.asked == "stop" else out.asked
            outcome = replace(outcome, kind=kind, fatal=False, retry_after=None)
        took_us = (self._clock.monotonic_ns() - out.begun_ns) // 1_000
        outcome = replace(outcome, duration_us=took_us)
        self._told.setdefault(key, outcome)
        out.report([outcome])

    def _is_given_up(self, out: Out) -> bool:
        """Return whether the executor no longer waits for this attempt, which still runs."""
        if out.manners == "is a thread":
            return out.asked == "timeout"
        return self._clock.monotonic_ns() >= out.given_up_ns
