"""`horolog.testing`: try a service, or a job's whole life, with no clock, no disk and no network.

`run` calls one service once. `Rehearsal` is a whole Horolog on a clock that is moved by hand and a
log in memory, on one thread: rules, retries, skips and steps are the real ones, so what it shows is
what will happen.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from projections.projector import Projector
from projections.read_jobs import misses
from projections.read_runs import runs
from projections.rows import MissRow, RunRow
from scheduler.executor.clock import ManualClock
from scheduler.executor.derived import ViewsFile
from scheduler.executor.handle import Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.log.contract import Meta, Request, Write
from scheduler.log.memory import MemoryLog
from scheduler.model import commands as c
from scheduler.model.errors import Conflict, NotFound
from scheduler.model.events import LogCreated
from scheduler.model.invocations import Invocation, Outcome, Report, Wish
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.plain import read_definition
from scheduler.model.plain_inputs import read_input
from scheduler.model.schedules import Schedule
from scheduler.model.streams import SYSTEM
from services.asking import Asked, owners_answer
from services.connections.secrets import Secrets
from services.context import Context
from services.endings import raised, returned
from services.outcomes import Fatal
from services.permissions import Permissions
from services.registry import DEFAULT, Registry, Service
from tools.in_python import written

__all__ = ["ManualClock", "Rehearsal", "run"]

ME = Meta(actor="rehearsal")
TICK_GAP = timedelta(milliseconds=6)  # the executor gathers for 5 ms between two small ticks
QUIET_TURNS_MAX = 10_000  # of one instant; beyond, a service keeps the executor busy for ever
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Fakes:
    """Connections of a test's own, by name, in place of the settings'."""

    def __init__(self, connections: Mapping[str, object]) -> None:
        self.secrets = Secrets()
        self.permissions = Permissions()
        self._connections = connections

    def named(self, kind: Literal["rest", "redis", "smtp", "sql"]) -> Any:  # noqa: ANN401, ARG002  # whatever their kind
        """Return the connections, whatever their kind."""
        return self._connections


def run(
    service: str,
    *,
    fire_time: datetime | None = None,
    window_start: datetime | None = None,
    input: object = None,  # the field's own name
    connections: Mapping[str, object] | None = None,
    registry: Registry = DEFAULT,
) -> Any:  # noqa: ANN401  # whatever the service returns
    """Call a service once and return what it returns; whatever it raises is raised.

    `connections` stand in for the settings', by name; steps are carried out and kept nowhere.
    Raises: NotFound, when no such service is registered.
    """
    found = registry.get(service)
    if found is None:
        raise NotFound("service", service, registry.unknown(service))
    given, contents = (None, {}) if input is None else read_input(input, "$.input")
    text = None
    if given is not None:
        text = given.text if given.digest is None else contents[given.digest].decode()
    invocation = Invocation(
        run=RunId("rehearsal"),
        attempt=1,
        epoch=1,
        job=JobId("rehearsal"),
        job_name="rehearsal",
        service=service,
        cause="schedule" if fire_time is not None else "trigger",
        isolation="thread",
        timeout=timedelta(hours=1),
        due_time=fire_time or NOON,
        fire_time=fire_time,
        window_start=window_start,
        input_text=text,
        input_kind="text" if given is None else given.kind,
    )
    context = Context(invocation, reach=Fakes(connections or {}))
    value = _called(found, context)
    if (problem := context.unfinished()) is not None:
        raise Fatal(problem)
    return value


def _called(service: Service, context: Context) -> Any:  # noqa: ANN401  # whatever it returns
    return asyncio.run(service.call_async(context)) if service.is_async else service.call(context)


class _Inline:
    """Carries out services on the caller's thread, between two turns."""

    def __init__(self, registry: Registry, connections: Mapping[str, object]) -> None:
        self.waiting: list[tuple[Invocation, Report, Wish]] = []
        self._registry = registry
        self._fakes = Fakes(connections)

    def knows(self, service: str) -> bool:
        """Return whether a service of this name is registered."""
        return service in self._registry

    def code(self, service: str) -> str | None:
        """Return the digest of the service's source."""
        known = self._registry.get(service)
        return None if known is None else known.code

    def start(self, invocations: Sequence[Invocation], report: Report, wish: Wish) -> None:
        """Note these; `work` carries them out."""
        self.waiting += [(invocation, report, wish) for invocation in invocations]

    def stop(self, *_: object) -> bool:
        """Answer that nothing is running: what was started has ended by now."""
        return False

    def close(self) -> None:
        """Do nothing: there are no workers."""

    def work(self, executor: Executor) -> None:
        """Carry out what was started."""
        waiting, self.waiting = self.waiting, []
        for invocation, report, wish in waiting:
            report([self._outcome(invocation, wish, executor)])

    def _why_unknown(self, service: str) -> str | None:
        return None if service in self._registry else self._registry.unknown(service)

    def _outcome(self, invocation: Invocation, wish: Wish, executor: Executor) -> Outcome:
        service = self._registry.get(invocation.service)
        if service is None:
            return Outcome(
                run=invocation.run,
                attempt=invocation.attempt,
                epoch=invocation.epoch,
                kind="no-service",
                error=self._registry.unknown(invocation.service),
            )
        answer = owners_answer(wish, self._why_unknown, executor.handle.clock.now)

        def ask(asked: Asked) -> "Future[None]":
            durable = answer(invocation, asked)
            while not durable.done():
                executor.turn()
            return durable

        context = Context(invocation, reach=self._fakes, ask=ask)
        try:
            value = _called(service, context)
        except BaseException as error:  # noqa: BLE001  # whatever a service raises is its outcome
            return raised(invocation, error, context, 0)
        return returned(invocation, value, context, 0)


class Rehearsal:
    """A whole Horolog on a clock that is moved by hand and a log in memory."""

    def __init__(
        self,
        at: datetime = NOON,
        *,
        connections: Mapping[str, object] | None = None,
        registry: Registry = DEFAULT,
        slots: int = 32,
    ) -> None:
        """Begin at an instant, with services of this program and connections of the test."""
        self.clock = ManualClock(at)
        self.log = MemoryLog(self.clock.now_ns)
        created = LogCreated(identity="rehearsal", horolog="rehearsal")
        self.log.append(Request([Write(SYSTEM, 0, [created])], ME))
        self._views = ViewsFile.in_memory(identity="rehearsal")
        self._projector = Projector(self.log, self._views)
        self._inline = _Inline(registry, connections or {})
        self.executor = Executor(
            Handle(self.log, self.clock),
            self._inline,
            self.clock,
            Identity("rehearsal", 0, {}),
            slots=slots,
        )
        self.executor.take_up()

    def add(self, name: str, service: str, schedule: Schedule, **policies: object) -> JobId:
        """Define a job; `policies` are its other fields, as in `Horolog.add`."""
        plain = written(Definition(name=name, service=service, schedule=schedule), policies)
        definition, contents = read_definition(plain, now=self.clock.now(), timezone="UTC")
        job = JobId(self.clock.new_id())
        self.ask(c.DefineJob(job=job, definition=definition), contents)
        return job

    def ask(self, command: c.AnyCommand, contents: dict[str, bytes] | None = None) -> None:
        """Have a command carried out now. Raises: Refused."""
        answer = self.executor.ask(command, meta=ME, contents=contents)
        self.settle()
        answer.result()

    def run_until(self, at: datetime) -> None:
        """Let time pass until `at`, stopping at each instant that brings something."""
        self.settle()
        while (wake := self.executor.handle.timetable.next_wake()) is not None and wake <= at:
            self.clock.set(max(wake, self.clock.now() + TICK_GAP))
            self.settle()
        if at > self.clock.now():
            self.clock.set(at)
            self.settle()

    def settle(self) -> None:
        """Do all that is due now, services included."""
        for _ in range(QUIET_TURNS_MAX):
            position = self.log.head().position
            self.executor.turn()
            self._inline.work(self.executor)
            self.executor.turn()
            self.clock.advance(TICK_GAP)
            self.executor.turn()
            if self.log.head().position == position and not self._inline.waiting:
                return
        raise Conflict(f"at {self.clock.now()} there is no end to what is due")

    @property
    def runs(self) -> list[RunRow]:
        """The runs so far, oldest first."""
        self._projector.catch_up()
        with self._views.reading() as connection:
            return runs(connection)[::-1]

    @property
    def skips(self) -> list[MissRow]:
        """The windows of fire times that did not become runs, oldest first."""
        self._projector.catch_up()
        with self._views.reading() as connection:
            return sorted(misses(connection), key=lambda miss: miss.position)
