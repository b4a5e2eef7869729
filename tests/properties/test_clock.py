"""Whatever the wall clock does, no fire is carried out twice, none is lost silently, and the
executor does not spin.

The executor is turned as its own loop turns it: at once after a commit, else after the wait it
reckons. A turn costs a fraction of a millisecond, so TURNS_PER_S_MAX of them are far under a tenth
of a core; a loop that waits for nothing, or for an instant that has passed, would take thousands.
"""

from collections import Counter
from datetime import timedelta

import pytest
from msgspec.structs import replace

from scheduler.executor.clock import ManualClock
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.firing import count_fires
from scheduler.model.jobs import JobId
from scheduler.model.limits import CLOCK_JUMP, CLOCK_SETTLE
from scheduler.model.schedules import Cron, Interval, Once
from tests.facts import at, defined
from tests.fakes import FakeInvoke
from tests.scheduler.executor.rig import Rig

BEGIN = at("10:00:07")
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3_600, 86_400))
YEAR = 365 * DAY
STEPS = (SECOND, 6 * SECOND, MINUTE, HOUR, HOUR + SECOND, 8 * HOUR, DAY, YEAR, 10 * YEAR)
LENGTH = timedelta(minutes=5)  # lived before each change of the clock, and after it
TURNS_PER_S_MAX = 10
TURNS_MAX = 100_000  # in one life: what does not end by then spins
JOBS = {
    "latest": defined("* * * * *"),
    "none": defined(Interval(timedelta(seconds=90)), catch_up="none"),
    "all": defined(Cron(("*/20 * * * *",), timezone="Europe/Warsaw"), catch_up="all"),
    "allow": defined("*/2 * * * *", overlap="allow"),
    "soon": defined(Once(BEGIN + 2 * DAY)),
}


class Life:
    """An executor that lives on a manual clock as it would on the machine's."""

    def __init__(self) -> None:
        self.rig = Rig(clock=ManualClock(BEGIN), invoke=FakeInvoke())
        for name, definition in JOBS.items():
            wish = c.DefineJob(job=JobId(name), definition=replace(definition, name=name))
            assert self.rig.ask(wish).result(0).facts
        self.turns = 0

    def passes(self, length: timedelta = LENGTH) -> None:
        """Let time pass, turning whenever the loop would."""
        clock, executor = self.rig.clock, self.rig.executor
        end_ns = clock.elapsed_ns() + length // timedelta(microseconds=1) * 1_000
        while (left_ns := end_ns - clock.elapsed_ns()) > 0:
            position = self.rig.log.head().position
            executor.turn()
            self.turns += 1
            assert self.turns < TURNS_MAX, "it spins"
            if self.rig.log.head().position == position:  # else the commit wakes it at once
                wait_ns = min(int(executor._wait_s() * 1e9), left_ns)  # noqa: SLF001  # how its loop waits
                clock.advance(timedelta(microseconds=-(-wait_ns // 1_000)))

    def is_quiet(self, length: timedelta = LENGTH) -> None:
        """Let time pass; fail when it took too many turns for what there was to do."""
        turns, position = self.turns, self.rig.log.head().position
        self.passes(length)
        written = self.rig.log.head().position - position
        assert self.turns - turns <= TURNS_PER_S_MAX * length / SECOND + written

    def never_twice(self) -> None:
        """Fail when any occurrence was planned, or any attempt carried out, more than once."""
        fires = Counter(
            (event.job, event.fire_time) for event in self.planned() if event.fire_time is not None
        )
        assert {1} >= set(fires.values())
        calls = Counter((call.run, call.attempt) for call in self.rig.invoke.calls)
        assert {1} >= set(calls.values())

    def complete(self) -> None:
        """Fail unless each fire time up to each job's cursor has a run, or is counted in a skip."""
        decided = Counter(event.job for event in self.planned())
        for fact in self.rig.facts(e.FiresSkipped):
            assert isinstance(fact.event, e.FiresSkipped)
            decided[fact.event.job] += fact.event.count
        defined_at = {
            fact.event.job: fact.event
            for fact in self.rig.facts(e.JobDefined)
            if isinstance(fact.event, e.JobDefined)
        }
        for name, state in self.rig.handle.timetable.jobs.items():
            event = defined_at[name]
            schedule = event.definition.schedule
            due = count_fires(schedule, after=event.cursor, until=state.cursor)
            assert (name, due) == (name, decided[name])

    def planned(self) -> list[e.RunPlanned]:
        facts = self.rig.facts(e.RunPlanned)
        return [fact.event for fact in facts if isinstance(fact.event, e.RunPlanned)]

    def fires(self) -> int:
        return len(self.rig.invoke.calls)


def test_a_quiet_clock_takes_about_a_turn_a_second() -> None:
    life = Life()
    life.is_quiet(HOUR)
    assert 60 + 39 + 3 + 30 == life.fires()
    life.never_twice()
    life.complete()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_clock_set_forward_skips_with_a_reason_and_repeats_nothing(step: timedelta) -> None:
    life = Life()
    life.passes()
    life.rig.clock.step(step)
    before = life.fires()
    if step > CLOCK_JUMP:
        life.is_quiet(CLOCK_SETTLE - SECOND)
        assert before == life.fires()
    life.is_quiet()
    assert before < life.fires()
    life.never_twice()
    life.complete()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_clock_set_back_fires_nothing_again_until_it_has_caught_up(step: timedelta) -> None:
    life = Life()
    life.passes()
    life.rig.clock.step(-step)
    before = life.fires()
    life.is_quiet(min(step, LENGTH) - SECOND)
    assert before == life.fires()
    life.never_twice()
    life.complete()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_clock_that_is_set_back_and_right_again_loses_nothing(step: timedelta) -> None:
    life = Life()
    life.passes()
    life.rig.clock.step(-step)
    life.passes()
    life.rig.clock.step(step)
    life.is_quiet(2 * LENGTH)
    life.never_twice()
    life.complete()
    assert {"latest", "none", "all", "allow"} <= {
        call.job for call in life.rig.invoke.calls if call.due_time > BEGIN + 2 * LENGTH
    }


@pytest.mark.parametrize("step", [step for step in STEPS if step > CLOCK_JUMP], ids=str)
def test_a_glitch_forward_that_goes_back_within_the_rest_decides_nothing(step: timedelta) -> None:
    life = Life()
    life.passes()
    before = life.fires()
    life.rig.clock.step(step)
    life.is_quiet(CLOCK_SETTLE - SECOND)
    life.rig.clock.step(-step)
    life.is_quiet()
    assert before + 1 <= life.fires()
    assert [] == [
        fact
        for fact in life.rig.facts(e.FiresSkipped)
        if isinstance(fact.event, e.FiresSkipped) and fact.event.until > BEGIN + 2 * LENGTH
    ]
    life.never_twice()
    life.complete()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_an_accepted_clock_goes_on_and_runs_nothing_twice(step: timedelta) -> None:
    life = Life()
    life.passes()
    life.rig.clock.step(-step)
    life.passes(SECOND)
    before = life.fires()
    life.rig.ask(c.AcceptClock()).result(0)
    life.is_quiet(2 * LENGTH)
    assert before < life.fires()
    life.never_twice()


def test_a_night_asleep_is_downtime_decided_by_the_policies() -> None:
    life = Life()
    life.passes()
    before = life.fires()
    life.rig.clock.sleep(8 * HOUR)
    life.is_quiet(MINUTE)
    woken = Counter[str](call.job for call in life.rig.invoke.calls[before:])
    assert 24 == woken["all"]
    assert {"latest", "allow", "all"} == set(woken) - {"none"}
    assert {1, 2} >= {woken["latest"], woken["allow"]}
    assert [] == life.rig.facts(e.ClockJumped)
    life.never_twice()
    life.complete()


def test_a_clock_that_never_stands_still_does_not_make_the_executor_spin() -> None:
    life = Life()
    life.passes()
    for number in range(100):
        life.rig.clock.step((-1) ** number * (HOUR + number * MINUTE))
        life.is_quiet(6 * SECOND)
    life.is_quiet(2 * HOUR)
    life.never_twice()
    life.complete()
