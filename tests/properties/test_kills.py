"""Killed at any append and started again, an executor does what it would have done."""

from collections import Counter
from datetime import timedelta
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scheduler.executor.clock import ManualClock
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.invocations import Invocation, Outcome
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.schedules import Interval
from scheduler.model.streams import fire_of
from tests.fakes import FakeInvoke, HeldLog, KilledError, ended
from tests.scheduler.executor.rig import ME, Rig
from tests.strategies import BEGIN_AT, definitions

OPENINGS = (e.RunPlanned, e.ServiceCalled)
ENDS = (e.RunSucceeded, e.RunFailed, e.RunExpired, e.RunCancelled)
WISHES = ("pause", "resume", "resume", "trigger", *("none",) * 6)
OFF_THE_MINUTE = timedelta(seconds=7)  # so that a moment more or less decides nothing


class Script(NamedTuple):
    """Jobs that are defined first, and what is asked at each of some times."""

    definitions: list[Definition]
    steps: list[tuple[int, str]]  # minutes since the last one, and a wish


def settled(definition: Definition) -> Definition:
    """Return the definition without what depends on the instant at which it is asked for.

    Where a crash ends the run as failed, that failure is not to bring anything else about.
    """
    schedule = definition.schedule
    if isinstance(schedule, Interval):
        schedule = Interval(schedule.every, BEGIN_AT)
    calls_alike = (definition.on_success is None) == (definition.on_failure is None)
    may_fail = calls_alike and definition.pause_after_failures is None
    on_crash = "fail" if definition.on_crash == "fail" and may_fail else "retry"
    return replace(definition, schedule=schedule, on_crash=on_crash)


def scripts() -> st.SearchStrategy[Script]:
    steps = st.tuples(st.sampled_from((1, 5, 5, 20, 60, 700)), st.sampled_from(WISHES))
    return st.builds(
        Script,
        st.lists(definitions().map(settled), min_size=1, max_size=3),
        st.lists(steps, min_size=8, max_size=20),
    )


def by_the_run(invocation: Invocation) -> Outcome:
    """Fail some runs always, the others never."""
    return ended(invocation, "error" if invocation.run[-1] in "0123" else "succeeded")


def lived(script: Script, *, kill_at: int = 0, is_written: bool = True) -> tuple[Rig, int]:
    """Return the executor at the end of the script, and how many requests the first one sent."""
    clock = ManualClock(BEGIN_AT + OFF_THE_MINUTE)
    log = HeldLog(clock.now_ns)
    rig = Rig(clock=clock, log=log, invoke=FakeInvoke(by_the_run))
    log.submitted, log.kill_at, log.is_written = 0, kill_at, is_written
    at = clock.now()
    for number in range(len(script.definitions) + len(script.steps)):
        if number >= len(script.definitions):
            at += timedelta(minutes=script.steps[number - len(script.definitions)][0])
        clock.set(at)
        try:
            take(rig, script, number)
        except KilledError:
            rig = rig.restarted(invoke=FakeInvoke(by_the_run))
            take(rig, script, number)
    return rig, log.submitted


def take(rig: Rig, script: Script, number: int) -> None:
    """Turn, ask what is asked in this step, under its own key, and turn again."""
    rig.turn_until_quiet()
    wish = wish_of(script, number)
    if wish is not None:
        rig.executor.ask(wish, meta=ME, key=f"step {number}")
    rig.turn_until_quiet()


def wish_of(script: Script, number: int) -> c.AnyCommand | None:
    job = JobId(f"job-{number % len(script.definitions)}")
    if number < len(script.definitions):
        definition = replace(script.definitions[number], name=job)
        return c.DefineJob(job=job, definition=definition, if_past="skip")
    match script.steps[number - len(script.definitions)][1]:
        case "pause":
            return c.PauseJob(job=job)
        case "resume":
            return c.ResumeJob(job=job, missed="latest")
        case "trigger":
            return c.TriggerJob(job=job, run=RunId(f"call-{number}"))
        case _:
            return None


def planned(rig: Rig) -> set[str]:
    """Return the occurrences that became runs, the calls, and what each end has called."""
    return {
        stream if event.parent is None else f"{event.parent} called"
        for stream, event in rig.facts()
        if isinstance(event, OPENINGS)
    }


@given(scripts(), st.integers(0, 10_000), st.booleans())
def test_killed_at_any_append_and_started_again_it_plans_the_same_runs_and_ends_each_once(
    script: Script,
    pick: int,
    is_written: bool,  # noqa: FBT001  # Hypothesis hands it in by name
) -> None:
    whole, sent = lived(script)
    killed, _ = lived(script, kill_at=1 + pick % max(sent, 1), is_written=is_written)
    assert planned(whole) == planned(killed)
    started = Counter(
        (event.run, event.attempt)
        for _, event in killed.facts()
        if isinstance(event, e.AttemptStarted)
    )
    assert {1} >= set(started.values())
    runs = Counter(event.run for _, event in killed.facts() if isinstance(event, OPENINGS))
    ends = Counter(event.run for _, event in killed.facts() if isinstance(event, ENDS))
    assert {1} >= set(runs.values())
    still_open = set(killed.handle.timetable.runs)
    assert {run: 1 for run in runs if run not in still_open} == ends
    parents = [event.parent for _, event in killed.facts() if isinstance(event, OPENINGS)]
    called = Counter(parent for parent in parents if parent is not None)
    assert {1} >= set(called.values())


@given(scripts(), st.integers(0, 10_000), st.booleans())
def test_killed_at_any_append_no_service_is_called_before_its_start_is_durable(
    script: Script,
    pick: int,
    is_written: bool,  # noqa: FBT001  # Hypothesis hands it in by name
) -> None:
    _, sent = lived(script)
    killed, _ = lived(script, kill_at=1 + pick % max(sent, 1), is_written=is_written)
    durable = {
        (event.run, event.attempt, event.epoch)
        for _, event in killed.facts()
        if isinstance(event, e.AttemptStarted)
    }
    called = [(call.run, call.attempt, call.epoch) for call in killed.invoke.calls]
    assert set(called) <= durable
    assert len(called) == len(set(called))
    assert all(
        fire_of(stream) or stream.startswith("call/") or stream.endswith(" called")
        for stream in planned(killed)
    )
