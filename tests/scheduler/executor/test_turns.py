"""One turn after the other: what waits for the disk, who is answered, which clock is believed."""

from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import pytest
from msgspec.structs import replace

from scheduler.log.contract import ContentState
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload, digest_of, payload_of
from scheduler.model.errors import Conflict, NotFound
from scheduler.model.invocations import Invocation, Outcome, Output, StepDone
from scheduler.model.jobs import JobId
from scheduler.model.limits import OUTPUT_KEPT
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    cancel_requested,
    cancelled,
    caught_up,
    paused,
    planned,
    registered,
    run,
    run_failed,
    skipped,
    succeeded,
)
from tests.fakes import FakeInvoke, ended, never
from tests.scheduler.executor.rig import ME, Rig, define, of_runs

EVERY_5 = "*/5 * * * *"


def test_nothing_is_called_before_its_start_is_durable() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.is_held = True
    rig.until("10:05")
    assert [] == rig.invoke.calls
    rig.log.release()
    rig.turn()
    assert [run("10:05")] == [call.run for call in rig.invoke.calls]


def test_no_answer_is_given_before_it_is_durable() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.is_held = True
    answer = rig.ask(c.PauseJob(job=JOB))
    assert not answer.done()
    rig.log.release()
    assert (paused(),) == answer.result(0).facts


# -- wishes


def test_a_refused_wish_is_told_why_and_stores_nothing() -> None:
    rig = Rig()
    before = rig.log.head()
    with pytest.raises(NotFound):
        rig.ask(c.PauseJob(job=JOB)).result(0)
    assert before == rig.log.head()


def test_a_wish_that_changes_nothing_is_answered_with_nothing() -> None:
    rig = Rig()
    assert () == rig.ask(c.ResumeSystem()).result(0).facts


def test_wishes_see_each_other_before_they_are_durable() -> None:
    rig = Rig()
    rig.log.is_held = True
    first = rig.executor.ask(define(EVERY_5), meta=ME)
    second = rig.executor.ask(define("0 * * * *", job=JobId("job-2")), meta=ME)
    rig.turn()
    with pytest.raises(Conflict, match="already a job"):
        second.result(0)
    assert not first.done()


def test_a_wish_that_nobody_waits_for_any_more_is_not_decided() -> None:
    rig = Rig()
    answer = rig.executor.ask(define(EVERY_5), meta=ME)
    assert answer.cancel()
    rig.turn()
    assert {} == rig.handle.timetable.jobs


def test_a_preview_stores_nothing() -> None:
    rig = Rig()
    preview = rig.executor.preview(define(EVERY_5))
    rig.turn()
    assert [registered(EVERY_5, at="10:00")] == preview.result(0)
    assert {} == rig.handle.timetable.jobs


def test_a_turn_without_wishes_gathers_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    gatherings: list[AbstractContextManager[None]] = []

    def gathering() -> AbstractContextManager[None]:
        gatherings.append(nullcontext())
        return gatherings[-1]

    monkeypatch.setattr(rig.log, "gathering", gathering)
    rig.turn(3)
    assert [] == gatherings
    rig.ask(c.PauseSystem())
    assert 1 == len(gatherings)


def test_something_else_is_done_between_two_turns() -> None:
    rig = Rig()

    def broken() -> object:
        raise ValueError("mine")

    good, bad = rig.executor.call(lambda: 7), rig.executor.call(broken)
    rig.turn()
    assert 7 == good.result(0)
    with pytest.raises(ValueError, match="mine"):
        bad.result(0)


def test_a_cancelled_run_is_asked_to_end() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.ask(c.CancelRun(run=run("10:05")))
    assert [(run("10:05"), 1, "cancelled")] == rig.invoke.stops
    assert [
        cancel_requested("10:05"),
        attempt_failed("10:05", kind="cancelled"),
        cancelled("10:05"),
    ] == of_runs(rig)[2:]


def test_a_run_cancelled_before_its_start_is_durable_is_never_called() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.is_held = True
    rig.until("10:05")
    rig.ask(c.CancelRun(run=run("10:05")))
    rig.log.is_held = False
    rig.log.release()
    rig.turn()
    assert [] == rig.invoke.calls
    assert cancelled("10:05") == rig.facts()[-1]


# -- clocks


def test_a_long_run_is_timed_out_by_the_monotonic_clock() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define("0 * * * *", timeout="5m")
    rig.until("11:00")
    rig.clock.step(timedelta(minutes=30))
    rig.turn()
    assert [] == rig.invoke.stops
    rig.clock.advance(timedelta(minutes=5))
    rig.turn()
    assert [(run("11:00"), 1, "timeout")] == rig.invoke.stops
    assert run_failed("11:00", "timeout") == of_runs(rig)[3]


def test_after_a_forward_glitch_that_goes_back_nothing_was_decided_or_written() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.until("10:02")
    before = rig.log.head()
    rig.clock.step(timedelta(days=30))
    rig.turn()
    assert rig.executor.status().is_resting
    with pytest.raises(Conflict, match="the clock was set forward"):
        rig.ask(c.PauseJob(job=JOB)).result(0)
    rig.clock.advance(timedelta(seconds=30))
    rig.turn()
    assert before == rig.log.head()
    rig.clock.step(-timedelta(days=30))
    rig.turn()
    assert [30 * 86_400, -30 * 86_400] == [
        event.by_s for _, event in rig.facts() if isinstance(event, e.ClockJumped)
    ]
    rig.until("10:05")
    assert ["10:05:00"] == rig.times(e.RunPlanned)
    assert not rig.executor.status().is_resting


def test_a_forward_jump_that_stands_is_downtime() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.clock.step(timedelta(hours=3))
    rig.turn()
    assert [] == of_runs(rig)
    rig.clock.advance(timedelta(seconds=61))
    rig.turn()
    assert [
        skipped("12:55", count=35, reason="coalesced"),
        caught_up("13:00", window="10:00"),
    ] == rig.facts()[-4:-2]


def test_an_outcome_that_comes_during_a_rest_is_recorded_after_it() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.clock.step(timedelta(hours=2))
    rig.turn()
    rig.invoke.finish(run("10:05"))
    rig.turn()
    assert succeeded("10:05") not in rig.facts()
    rig.clock.step(-timedelta(hours=2))
    rig.turn()
    assert succeeded("10:05") in rig.facts()


def test_sleep_of_the_machine_is_downtime_at_once() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.clock.sleep(timedelta(hours=3))
    rig.turn()
    assert [e.RunPlanned] == [type(fact.event) for fact in rig.facts(e.RunPlanned)]
    assert [] == rig.facts(e.ClockJumped)


def test_a_clock_set_back_fires_nothing_again_and_says_how_far_it_is_behind() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.until("10:05")
    done = len(of_runs(rig))
    rig.clock.step(-timedelta(hours=1))
    rig.turn()
    assert done == len(of_runs(rig))
    assert timedelta(minutes=59) < rig.executor.status().ahead <= timedelta(hours=1)
    rig.clock.advance(timedelta(minutes=50))
    rig.turn()
    assert done == len(of_runs(rig))
    rig.clock.advance(timedelta(minutes=15))
    rig.turn()
    assert planned("10:10") in of_runs(rig)


def test_a_clock_that_is_accepted_fires_anew_but_nothing_twice() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.until("10:10")
    rig.clock.step(-timedelta(minutes=20))
    rig.ask(c.AcceptClock()).result(0)
    assert timedelta() == rig.executor.status().ahead
    for minute in (55, 60, 65, 70, 75):
        rig.clock.set(at("09:00") + timedelta(minutes=minute))
        rig.turn()
    fires = [event.fire_time for _, event in rig.facts() if isinstance(event, e.RunPlanned)]
    assert [at(text) for text in ("10:05", "10:10", "09:55", "10:00", "10:15")] == fires


# -- what running attempts ask for


def step_of(rig: Rig, name: str) -> Future[None]:
    """Have the first attempt that was called ask for a step to be kept."""
    assert rig.invoke.wish is not None
    result = Payload(kind="json", text="1")
    return rig.invoke.wish(rig.invoke.calls[0], StepDone(name=name, result=result))


def test_a_step_is_durable_before_its_attempt_goes_on() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.log.is_held = True
    done = step_of(rig, "fetch")
    rig.turn()
    assert not done.done()
    rig.log.release()
    assert done.result(0) is None
    assert ["fetch"] == [
        event.name for _, event in rig.facts() if isinstance(event, e.StepCompleted)
    ]


def test_a_later_attempt_is_told_the_steps_that_are_done() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    step_of(rig, "fetch")
    rig.turn()
    again = rig.restarted()
    again.turn()
    assert [{"fetch": "1"}] == [call.steps for call in again.invoke.calls]


def test_a_step_waits_while_the_clock_is_in_doubt() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.clock.step(timedelta(hours=2))
    done = step_of(rig, "fetch")
    rig.turn()
    assert not done.done()
    rig.clock.step(-timedelta(hours=2))
    rig.turn()
    assert done.result(0) is None


def test_a_step_of_an_attempt_that_is_no_longer_open_is_refused() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.invoke.finish(run("10:05"))
    rig.turn()
    done = step_of(rig, "fetch")
    rig.turn()
    with pytest.raises(Conflict, match="no longer open"):
        done.result(0)


def test_a_step_is_kept_during_the_grace_of_a_stop() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    done = step_of(rig, "fetch")
    rig.executor.stop(hurry=True)
    assert done.result(0) is None


def test_output_is_kept_for_a_while_and_a_result_for_good() -> None:
    result, contents = payload_of("r" * 5_000)

    def answer(invocation: Invocation) -> Outcome:
        return replace(
            ended(invocation), result=result, contents=contents, output=Output("one line", 1)
        )

    rig = Rig(invoke=FakeInvoke(answer))
    rig.define(EVERY_5)
    rig.until("10:05")
    output = rig.log.content_state(digest_of(b"one line"))
    assert output is not None
    assert output.kept_until is not None
    assert OUTPUT_KEPT == output.kept_until.replace(second=0, microsecond=0) - at("10:05")
    assert ContentState(5_000) == rig.log.content_state(result.digest or "")
