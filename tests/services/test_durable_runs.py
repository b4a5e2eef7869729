"""Steps through the whole house: real workers, a real executor on its thread, a log in memory."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import perf_counter_ns

import pytest

from scheduler.executor.clock import SystemClock
from scheduler.executor.handle import Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.log.contract import Meta, Request, Write
from scheduler.log.memory import MemoryLog
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import Definition, JobId, Retry, RunId
from scheduler.model.schedules import Manual
from scheduler.model.streams import SYSTEM
from services.connections.catalog import Connections
from services.context import Context
from services.invoke import Workers
from services.registry import Registry
from tests.services.making import PATIENCE_S

ME = Meta(actor="me")
JOB = JobId("job-1")
AT_ONCE = Retry(max_attempts=3, initial=timedelta(0))
ENDS = (e.RunSucceeded, e.RunFailed)


class House:
    """An executor with its workers and its log."""

    def __init__(self, registry: Registry, children_dir: Path) -> None:
        clock = SystemClock()
        self.registry = registry
        self.log = MemoryLog(clock.now_ns)
        created = e.LogCreated(identity="x", horolog="test")
        self.log.append(Request([Write(SYSTEM, 0, [created])], ME))
        self.workers = Workers(
            registry,
            slots=4,
            monotonic_ns=perf_counter_ns,
            children_dir=children_dir,
            grace=timedelta(milliseconds=50),
            connections=Connections(now=clock.now),
        )
        handle = Handle(self.log, clock, code=self.workers.code)
        self.executor = Executor(handle, self.workers, clock, Identity("host", 1, {}))
        self.executor.start()

    def ask(self, command: c.AnyCommand) -> None:
        self.executor.ask(command, meta=ME).result(PATIENCE_S)

    def define(self, service: str = "sync", **fields: object) -> None:
        given = {"name": "job", "retry": AT_ONCE, **fields}
        definition = Definition(service=service, schedule=Manual(), **given)  # type: ignore[arg-type]  # fields of a definition
        self.ask(c.DefineJob(job=JOB, definition=definition))

    def run(self, run: str = "call-1") -> list[str]:
        """Run the job, and return what the log tells of that run when it has ended."""
        self.ask(c.TriggerJob(job=JOB, run=RunId(run)))
        self.until(lambda event: isinstance(event, ENDS) and event.run == run)
        return self.told(run)

    def until(self, is_wanted: Callable[[e.AnyEvent], bool]) -> None:
        """Wait until there is such an event."""
        position = 0
        while True:
            for one in self.log.read(after=position):
                position = one.position
                if is_wanted(one.event):
                    return
            assert self.log.wait(position, PATIENCE_S), "what was waited for did not come"

    def told(self, run: str = "call-1") -> list[str]:
        events = [one.event for one in self.log.read() if isinstance(one.event, e.RunEvent)]
        return [word(event) for event in events if event.run == run]

    def close(self) -> None:
        self.executor.stop(hurry=True)
        self.workers.close()


def word(event: e.RunEvent) -> str:
    """Return an event in a word or two."""
    match event:
        case e.StepCompleted(name=name):
            return name
        case e.AttemptStarted(attempt=attempt):
            return f"attempt {attempt}"
        case e.AttemptFailed(error=error):
            return f"failed: {error}"
        case _:
            return type(event).__name__


@pytest.fixture
def house(registry: Registry, children_dir: Path) -> Iterator[House]:
    made = House(registry, children_dir)
    yield made
    made.close()


class Ends:
    """The far ends: each may be down, and counts what reached it."""

    def __init__(self) -> None:
        self.down: dict[str, int] = {}  # how many times more each refuses
        self.reached: list[str] = []

    def reach(self, name: str) -> str:
        if self.down.get(name, 0):
            self.down[name] -= 1
            raise ConnectionError(f"{name} refuses")
        self.reached.append(name)
        return f"{name} data"


STEPS = {"a": ("fetch", "store", "mail"), "b": ("fetch", "mail", "store")}


def services(registry: Registry, ends: Ends) -> None:
    """Register the article's service and its sibling, in plain and in async code."""

    def plain(order: str) -> Callable[[Context], str]:
        def sync(ctx: Context) -> str:
            told = [ctx.step(name, partial(ends.reach, name)) for name in STEPS[order]]
            return " ".join(told)

        return sync

    def awaited(order: str) -> Callable[[Context], object]:
        async def reach(name: str) -> str:
            await asyncio.sleep(0)
            return ends.reach(name)

        async def sync(ctx: Context) -> str:
            told = [await ctx.step(name, partial(reach, name)) for name in STEPS[order]]
            return " ".join(told)

        return sync

    for order in STEPS:
        registry.service(f"plain.{order}")(plain(order))
        registry.service(f"awaited.{order}")(awaited(order))


@pytest.mark.parametrize("kind", ["plain", "awaited"])
def test_all_steps_of_a_run_are_done_in_their_order(house: House, kind: str) -> None:
    ends = Ends()
    services(house.registry, ends)
    house.define(f"{kind}.a")
    assert ["RunPlanned", "attempt 1", "fetch", "store", "mail", "RunSucceeded"] == house.run()
    assert ["fetch", "store", "mail"] == ends.reached


@pytest.mark.parametrize("kind", ["plain", "awaited"])
def test_when_the_mail_server_refuses_the_retry_fetches_and_stores_nothing_again(
    house: House, kind: str
) -> None:
    ends = Ends()
    ends.down = {"mail": 1}
    services(house.registry, ends)
    house.define(f"{kind}.a")
    assert [
        *("RunPlanned", "attempt 1", "fetch", "store"),
        *(
            'failed: step "mail": ConnectionError: mail refuses',
            "attempt 2",
            "mail",
            "RunSucceeded",
        ),
    ] == house.run()
    assert ["fetch", "store", "mail"] == ends.reached


@pytest.mark.parametrize("kind", ["plain", "awaited"])
def test_when_redis_is_down_after_the_mail_only_the_storing_is_repeated(
    house: House, kind: str
) -> None:
    ends = Ends()
    ends.down = {"store": 2}
    services(house.registry, ends)
    house.define(f"{kind}.b")
    told = house.run()
    assert ["attempt 1", "fetch", "mail"] == told[1:4]
    assert ["attempt 3", "store", "RunSucceeded"] == told[-3:]
    assert ["fetch", "mail", "store"] == ends.reached


def test_a_run_that_fails_and_is_retried_by_a_person_goes_on_where_it_stood(house: House) -> None:
    ends = Ends()
    ends.down = {"mail": 1}
    services(house.registry, ends)
    house.define("plain.a", retry=Retry())
    assert "RunFailed" == house.run()[-1]
    house.executor.ask(c.RetryRun(run=RunId("call-1")), meta=ME, stream="call/call-1").result(
        PATIENCE_S
    )
    house.until(lambda event: isinstance(event, e.RunSucceeded))
    assert ["fetch", "store", "mail"] == ends.reached


def test_another_run_does_every_step_anew(house: House) -> None:
    ends = Ends()
    services(house.registry, ends)
    house.define("plain.a")
    house.run("call-1")
    house.run("call-2")
    assert 2 * ["fetch", "store", "mail"] == ends.reached


def test_a_result_that_is_no_json_fails_the_run_for_good_and_the_step_stays_done(
    house: House,
) -> None:
    house.registry.service("sync")(lambda ctx: ctx.step("fetch", object))
    house.define()
    told = house.run()
    assert ["attempt 1", "fetch"] == told[1:3]
    assert "is done and will not be repeated, but its result is lost" in told[3]
    assert "RunFailed" == told[4]


def test_a_step_that_nobody_awaited_fails_the_run_for_good(house: House) -> None:
    async def sync(ctx: Context) -> None:
        ctx.step("fetch", lambda: 1)

    house.registry.service("sync")(sync)
    house.define()
    told = house.run()
    assert 'failed: step "fetch" was not awaited, so nothing of it was done' in told[2]
    assert ["RunFailed"] == told[3:]


def test_a_plain_function_that_timed_out_begins_no_further_step(house: House) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    reached: list[str] = []

    def sync(ctx: Context) -> None:
        begun.set()
        go_on.wait(PATIENCE_S)
        try:
            ctx.step("fetch", lambda: reached.append("fetch"))
        finally:
            ended.set()

    house.registry.service("sync")(sync)
    house.define(timeout=timedelta(milliseconds=20), retry=Retry())
    house.ask(c.TriggerJob(job=JOB, run=RunId("call-1")))
    assert begun.wait(PATIENCE_S)
    house.until(lambda event: isinstance(event, e.AttemptFailed) and event.abandoned)
    go_on.set()
    assert ended.wait(PATIENCE_S)
    house.until(lambda event: isinstance(event, e.RunFailed))
    assert [] == reached


def test_a_service_that_catches_errors_does_not_outlive_its_attempt(house: House) -> None:
    begun, go_on = threading.Event(), threading.Event()
    went_on: list[str] = []

    def sync(ctx: Context) -> None:
        begun.set()
        go_on.wait(PATIENCE_S)
        try:
            ctx.step("fetch", lambda: None)
        except Exception:  # noqa: BLE001  # as careless services do
            went_on.append("caught")
        went_on.append("went on")

    house.registry.service("sync")(sync)
    house.define(timeout=timedelta(milliseconds=20), retry=Retry())
    house.ask(c.TriggerJob(job=JOB, run=RunId("call-1")))
    assert begun.wait(PATIENCE_S)
    house.until(lambda event: isinstance(event, e.AttemptFailed) and event.abandoned)
    go_on.set()
    house.until(lambda event: isinstance(event, e.RunFailed))
    assert [] == went_on


# -- jobs from inside


def test_a_job_from_inside_fires_once_although_the_run_is_tried_again(house: House) -> None:
    reminded = threading.Event()
    tries: list[str] = []

    def sync(ctx: Context) -> None:
        tries.append(ctx.schedule.once("remind", after=0, input={"run": ctx.run}))
        if ctx.attempt == 1:
            raise ConnectionError("not yet")

    house.registry.service("sync")(sync)
    house.registry.service("remind")(lambda ctx: reminded.set())
    house.define()
    assert ["attempt 1", "schedule:1"] == house.run()[1:3]
    assert reminded.wait(PATIENCE_S)
    assert 2 == len(tries)
    assert 1 == len(set(tries))
    defined = [one for one in house.log.read() if isinstance(one.event, e.JobDefined)]
    assert ["me", "service:sync"] == [one.meta.actor for one in defined if one.meta]


def test_a_job_of_an_unknown_service_is_the_services_mistake(house: House) -> None:
    house.registry.service("sync")(lambda ctx: ctx.schedule.once("no.such", after=0))
    house.define()
    told = house.run()
    assert '$.service: no service "no.such". Known: sync' in told[2]
    assert ["RunFailed"] == told[3:]


# -- callbacks


def test_what_an_end_calls_is_told_how_it_ended(house: House) -> None:
    told: list[object] = []
    heard = threading.Event()

    def alert(ctx: Context) -> None:
        told.append((ctx.data["outcome"], ctx.data["error"], ctx.cause))
        heard.set()

    def sync(ctx: Context) -> None:
        raise ValueError("no")

    house.registry.service("alert")(alert)
    house.registry.service("sync")(sync)
    house.define(retry=Retry(), on_failure="service:alert")
    house.run()
    assert heard.wait(PATIENCE_S)
    assert [("failed", "ValueError: no", "callback")] == told


# -- in processes of their own

DIES_ONCE = """
import os, signal
from horolog import service


@service("dies.once")
def dies_once(ctx):
    ctx.step("fetch", lambda: os.getpid())
    if ctx.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    ctx.step("mail", lambda: None)
"""


def test_a_child_that_is_killed_between_two_steps_repeats_none(
    house: House, a_file: Callable[[str], None]
) -> None:
    a_file(DIES_ONCE)
    house.define("dies.once", isolation="process")
    told = house.run()
    assert ["attempt 1", "fetch"] == told[1:3]
    assert "killed by signal 9" in told[3]
    assert ["attempt 2", "mail", "RunSucceeded"] == told[4:]


def test_a_job_of_a_service_that_may_still_be_loading_is_made(house: House) -> None:
    house.workers.use(house.registry, is_complete=False)
    house.registry.service("sync")(lambda ctx: ctx.schedule.once("comes.later", after=3_600))
    house.define()
    assert ["attempt 1", "schedule:1", "RunSucceeded"] == house.run()[1:]
