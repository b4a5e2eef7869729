"""Killed at any append, a run goes on at the step it stood at: a finished one is not done again."""

from collections import Counter
from concurrent.futures import Future
from datetime import timedelta
from typing import NamedTuple

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import Conflict
from scheduler.model.invocations import Invocation, OnceWished, StepDone
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.schedules import Once
from tests.facts import at, defined
from tests.fakes import FakeInvoke, HeldLog, KilledError, never
from tests.scheduler.executor.rig import ME, Rig

NAMES = ("fetch", "store", "mail", "schedule:1")
LATER = OnceWished(
    job=JobId("job-later"),
    definition=Definition(name="later", service="later", schedule=Once(at("11:00"))),
)
JOB = JobId("job-1")


class Effect(NamedTuple):
    """Something that a step did in the world outside."""

    run: RunId
    step: str
    position: int  # of the log when it was done


class World:
    """Where the services of every process of this log have their effects."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.attempts: dict[tuple[RunId, int, int], Attempt] = {}

    def go_on(self, rig: Rig) -> None:
        """Let each attempt that is out do what it can do now."""
        for call in rig.invoke.calls:
            key = (call.run, call.attempt, call.epoch)
            attempt = self.attempts.setdefault(key, Attempt(call))
            attempt.go_on(rig, self.effects)


class Attempt:
    """A service that does its steps one after the other, as `services.steps` would."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.left = [name for name in NAMES if name not in invocation.steps]
        self.waits_for: list[Future[None]] = []
        self.has_ended = False

    def go_on(self, rig: Rig, effects: list[Effect]) -> None:
        run, number = self.invocation.run, self.invocation.attempt
        if self.has_ended or not all(answer.done() for answer in self.waits_for):
            return
        if any(answer.exception() for answer in self.waits_for):
            self.has_ended = True
            rig.invoke.finish(run, "error", attempt=number)
            return
        if not self.left:
            self.has_ended = True
            rig.invoke.finish(run, attempt=number)
            return
        name = self.left.pop(0)
        effects.append(Effect(run, name, rig.log.head().position))
        assert rig.invoke.wish is not None
        once = [rig.invoke.wish(self.invocation, LATER)] if name == "schedule:1" else []
        done = StepDone(name=name, result=Payload(kind="json", text="1"))
        self.waits_for = [*once, rig.invoke.wish(self.invocation, done)]


def lived(*, kill_at: int = 0, is_written: bool = True) -> tuple[Rig, World, int]:
    """Return the executor when all is done, the world, and how many requests were sent."""
    clock, world = ManualClock(at("10:04:59")), World()
    log = HeldLog(clock.now_ns)
    rig = Rig(clock=clock, log=log, invoke=FakeInvoke(never))
    definition = defined("*/5 * * * *", max_runs=2)
    rig.executor.ask(c.DefineJob(job=JOB, definition=definition), meta=ME, key="define")
    rig.turn()
    log.submitted, log.kill_at, log.is_written = 0, kill_at, is_written
    for _ in range(40):
        try:
            rig.turn()
            world.go_on(rig)
            rig.turn()
        except KilledError:
            rig = rig.restarted(invoke=FakeInvoke(never))
        clock.advance(timedelta(seconds=20))
    return rig, world, log.submitted


def completed(rig: Rig) -> dict[tuple[RunId, str], int]:
    """Return where each finished step stands in the log."""
    steps = [one for one in rig.recorded() if isinstance(one.event, e.StepCompleted)]
    found = {(one.event.run, one.event.name): one.position for one in steps}  # type: ignore[union-attr]  # filtered above
    assert len(found) == len(steps), "a step was completed twice"
    return found


SENT = lived()[2]


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("kill_at", range(1, SENT + 1))
def test_a_step_whose_event_is_durable_is_never_done_again(
    kill_at: int,
    is_written: bool,  # noqa: FBT001  # pytest hands it in by name
) -> None:
    rig, world, _ = lived(kill_at=kill_at, is_written=is_written)
    ends = [event.run for _, event in rig.facts() if isinstance(event, e.RunSucceeded)]
    runs = [event.run for _, event in rig.facts() if isinstance(event, e.RunPlanned)]
    assert Counter(runs) == Counter(ends)
    assert 2 == len(runs)
    done = completed(rig)
    assert {(run, name) for run in runs for name in NAMES} == set(done)
    late = [effect for effect in world.effects if effect.position >= done[effect[:2]]]
    assert [] == late
    repeated = Counter(effect[:2] for effect in world.effects) - Counter(done.keys())
    assert repeated.total() <= 1  # the step that was under way when the process was killed


@pytest.mark.parametrize("kill_at", range(1, SENT + 1))
def test_a_job_that_a_run_makes_is_made_once(kill_at: int) -> None:
    rig, _, _ = lived(kill_at=kill_at)
    made = [event.job for _, event in rig.facts() if isinstance(event, e.JobDefined)]
    assert sorted([JOB, LATER.job]) == sorted(made)


def test_a_lost_attempt_cannot_finish_a_step_of_the_next_one() -> None:
    clock = ManualClock(at("10:04:59"))
    rig = Rig(clock=clock, log=HeldLog(clock.now_ns), invoke=FakeInvoke(never))
    rig.define("*/5 * * * *")
    rig.until("10:05")
    [old] = rig.invoke.calls
    again = rig.restarted(invoke=FakeInvoke(never))
    again.turn()
    assert again.invoke.wish is not None
    late = again.invoke.wish(old, StepDone(name="fetch", result=None))
    again.turn()
    assert isinstance(late.exception(0), Conflict)
