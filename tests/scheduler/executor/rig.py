"""An executor on a manual clock, a log in memory and workers that are fakes; turned by hand."""

from concurrent.futures import Future
from datetime import timedelta
from typing import Unpack

from scheduler.executor.clock import ManualClock
from scheduler.executor.handle import Answer, Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.log.contract import Meta, Recorded, Request, Write
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import JobId, RunId
from scheduler.model.schedules import Schedule
from scheduler.model.streams import SYSTEM
from scheduler.rules.facts import Fact
from tests.facts import JOB, Policies, at, defined
from tests.fakes import FakeInvoke, HeldLog

ME = Meta(actor="me")
BEGIN = "10:00"
MOMENT = timedelta(milliseconds=10)  # longer than the gap between two ticks


class Rig:
    """All parts of an executor; `restarted` gives those of the next one on the same log."""

    def __init__(
        self,
        *,
        log: HeldLog | None = None,
        clock: ManualClock | None = None,
        invoke: FakeInvoke | None = None,
        slots: int = 32,
        take_up: bool = True,
        only: RunId | None = None,
        key_limits: dict[str, int] | None = None,
    ) -> None:
        self.clock = clock or ManualClock(at(BEGIN))
        self.log = log or HeldLog(self.clock.now_ns)
        if not self.log.rows:
            created = e.LogCreated(identity="x", horolog="test")
            self.log.append(Request([Write(SYSTEM, 0, [created])], Meta(actor="test")))
        self.invoke = invoke or FakeInvoke()
        self.handle = Handle(self.log, self.clock, code=self.invoke.code)
        self.executor = Executor(
            self.handle,
            self.invoke,
            self.clock,
            Identity("host", 1, {}),
            slots=slots,
            only=only,
            key_limits=key_limits,
        )
        if take_up:
            self.executor.take_up()

    def restarted(self, *, invoke: FakeInvoke | None = None) -> "Rig":
        """Return the rig of another process, after this one was killed."""
        return Rig(log=self.log.copied(), clock=self.clock, invoke=invoke)

    def ask(self, command: c.AnyCommand, *, key: str | None = None) -> Future[Answer]:
        """Hand in a wish and turn until it is answered, if it can be."""
        answer = self.executor.ask(command, meta=ME, key=key)
        self.turn()
        return answer

    def define(
        self, schedule: str | Schedule, *, job: JobId = JOB, **policies: Unpack[Policies]
    ) -> None:
        """Define a job; the log must be at hand."""
        wish = c.DefineJob(job=job, definition=defined(schedule, **policies))
        assert self.ask(wish).result(0).facts

    def turn(self, times: int = 6) -> None:
        """Turn a few times, a moment apart, so that all that is due is done."""
        for _ in range(times):
            self.executor.turn()
            self.clock.advance(MOMENT)

    def turn_until_quiet(self) -> None:
        """Turn until nothing more is written."""
        position = -1
        while position < self.log.head().position:
            position = self.log.head().position
            self.turn(3)

    def until(self, text: str) -> None:
        """Let time pass until an instant, and turn."""
        self.clock.set(at(text))
        self.turn()

    def recorded(self) -> list[Recorded]:
        """Return all that the log holds."""
        return self.log.read()

    def facts(self, kind: type[e.Event] = e.Event, *, after: int = 0) -> list[Fact]:
        """Return the events of a kind in the log, each with its stream."""
        found = self.log.read(after=after)
        return [Fact(one.stream, one.event) for one in found if isinstance(one.event, kind)]

    def times(self, kind: type[e.Event]) -> list[str]:
        """Return when events of a kind were recorded."""
        found = [one for one in self.log.read() if isinstance(one.event, kind)]
        return [f"{one.recorded_at:%H:%M:%S}" for one in found]


def define(schedule: str | Schedule, *, job: JobId = JOB) -> c.DefineJob:
    """Return the wish to define a job with nothing but a schedule."""
    return c.DefineJob(job=job, definition=defined(schedule))


def of_runs(rig: Rig, *, after: int = 0) -> list[Fact]:
    """Return what the log holds about runs."""
    return [fact for fact in rig.facts(after=after) if isinstance(fact.event, e.RunEvent)]
