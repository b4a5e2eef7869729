"""Handing attempts out, and watching their time."""

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.executor.dispatch import Dispatch
from scheduler.log.memory import MemoryLog
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Contents, payload_of
from scheduler.model.invocations import Invocation, Outcome
from scheduler.model.jobs import JobId
from scheduler.model.limits import END_GRACE, SALT_BYTES, STALE_ENTRIES_MAX, STOP_PATIENCE
from scheduler.rules.run_state import RunState
from tests.facts import JOB, at, attempt_started, defined, planned, registered, run
from tests.fakes import FakeInvoke, never
from tests.scheduler.executor.rig import ME, Rig
from tests.spec import given

SECOND = timedelta(seconds=1)


def unasked(_: Invocation, __: object) -> Future[None]:
    raise AssertionError("no attempt of these tests asks for anything")


class Desk:
    """A dispatch with its clock, its workers and what they reported."""

    def __init__(self) -> None:
        self.clock = ManualClock(at("10:05"))
        self.invoke = FakeInvoke(never)
        self.reported: list[Outcome] = []
        log = MemoryLog(self.clock.now_ns)
        self.dispatch = Dispatch(self.invoke, self.clock, log, self.report, unasked)

    def report(self, outcomes: Sequence[Outcome]) -> None:
        self.reported += outcomes

    def start(self, fire: str = "10:05", *, timeout: str = "10m") -> RunState:
        """Hand out the first attempt of a run, and return the run."""
        story = given(
            registered("* * * * *", at="10:00", timeout=timeout),
            planned(fire),
            attempt_started(fire),
        )
        state = story.timetable.runs[run(fire)]
        self.dispatch.start(self.dispatch.prepared([state], lambda _: "its name"))
        return state


def test_an_attempt_is_handed_out_with_the_name_its_job_has_now() -> None:
    desk = Desk()
    desk.start()
    assert ["its name"] == [call.job_name for call in desk.invoke.calls]
    assert [(run("10:05"), 1)] == list(desk.dispatch.out)


def test_an_attempt_is_off_the_list_when_its_outcome_is_in() -> None:
    desk = Desk()
    desk.start()
    desk.invoke.finish(run("10:05"))
    desk.dispatch.returned(desk.reported[0])
    assert {} == desk.dispatch.out
    desk.clock.advance(timedelta(hours=1))
    assert [] == desk.dispatch.overdue()
    assert [] == desk.invoke.stops


def test_an_attempt_is_asked_to_end_when_its_time_is_up_and_not_before() -> None:
    desk = Desk()
    desk.start(timeout="10m")
    desk.clock.advance(timedelta(minutes=10) - SECOND)
    assert ([], []) == (desk.dispatch.overdue(), desk.invoke.stops)
    desk.clock.advance(SECOND)
    assert [] == desk.dispatch.overdue()
    assert [(run("10:05"), 1, "timeout")] == desk.invoke.stops
    assert ["timeout"] == [outcome.kind for outcome in desk.reported]


def test_a_thread_that_cannot_be_stopped_is_given_up_at_its_timeout() -> None:
    desk = Desk()
    desk.invoke.is_stoppable = False
    desk.start(timeout="10m")
    desk.clock.advance(timedelta(minutes=10))
    (outcome,) = desk.dispatch.overdue()
    assert ("timeout", True, 600_000_000) == (outcome.kind, outcome.abandoned, outcome.duration_us)
    assert {} == desk.dispatch.out


def test_an_attempt_that_does_not_end_when_asked_is_given_up_after_some_patience() -> None:
    desk = Desk()
    desk.invoke.is_deaf = True
    desk.start(timeout="10m")
    desk.clock.advance(timedelta(minutes=10))
    assert [] == desk.dispatch.overdue()
    desk.clock.advance(END_GRACE + STOP_PATIENCE - SECOND)
    assert [] == desk.dispatch.overdue()
    desk.clock.advance(SECOND)
    assert [("timeout", True)] == [(one.kind, one.abandoned) for one in desk.dispatch.overdue()]


def test_patience_after_a_cancellation_is_not_cut_short_by_the_timeout() -> None:
    desk = Desk()
    desk.invoke.is_deaf = True
    state = desk.start(timeout="10m")
    desk.clock.advance(timedelta(minutes=10) - SECOND)
    assert desk.dispatch.stop(state.run, 1, "cancelled") is None
    desk.clock.advance(2 * SECOND)
    assert [] == desk.dispatch.overdue()
    desk.clock.advance(END_GRACE + STOP_PATIENCE)
    assert [("cancelled", True)] == [(one.kind, one.abandoned) for one in desk.dispatch.overdue()]


def test_a_thread_that_is_cancelled_goes_on_until_its_timeout() -> None:
    desk = Desk()
    desk.invoke.is_stoppable = False
    state = desk.start(timeout="10m")
    assert desk.dispatch.stop(state.run, 1, "cancelled") is None
    assert [(state.run, 1)] == list(desk.dispatch.out)
    desk.clock.advance(timedelta(minutes=10))
    assert [("timeout", True)] == [(one.kind, one.abandoned) for one in desk.dispatch.overdue()]


def test_a_thread_that_outlives_the_stop_is_given_up_as_stopped() -> None:
    desk = Desk()
    desk.invoke.is_stoppable = False
    state = desk.start()
    outcome = desk.dispatch.stop(state.run, 1, "stop")
    assert outcome is not None
    assert ("stopped", False) == (outcome.kind, outcome.abandoned)


def test_an_attempt_is_asked_once() -> None:
    desk = Desk()
    desk.invoke.is_deaf = True
    state = desk.start()
    desk.dispatch.stop(state.run, 1, "cancelled")
    desk.dispatch.stop(state.run, 1, "stop")
    assert [(state.run, 1, "cancelled")] == desk.invoke.stops


def test_what_is_not_out_is_not_asked() -> None:
    desk = Desk()
    assert desk.dispatch.stop(run("10:05"), 1, "cancelled") is None
    assert [] == desk.invoke.stops


def test_the_next_deadline_is_that_of_an_attempt_still_out() -> None:
    desk = Desk()
    desk.start("10:05", timeout="5m")
    desk.start("10:06", timeout="10m")
    assert 300_000_000_000 == desk.dispatch.next_deadline_ns()
    desk.invoke.finish(run("10:05"))
    desk.dispatch.returned(desk.reported[0])
    assert 600_000_000_000 == desk.dispatch.next_deadline_ns()


def test_deadlines_of_attempts_that_are_back_do_not_pile_up_behind_a_long_one() -> None:
    desk = Desk()
    desk.start("10:06", timeout="1m")
    story = given(registered("* * * * *", at="10:00"), planned("10:05"), attempt_started("10:05"))
    state = story.timetable.runs[run("10:05")]
    for _ in range(3 * STALE_ENTRIES_MAX):
        desk.dispatch.start(desk.dispatch.prepared([state], lambda _: "job"))
        desk.dispatch.returned(Outcome(run=state.run, attempt=1, epoch=1, kind="succeeded"))
    assert 2 * STALE_ENTRIES_MAX > len(vars(desk.dispatch)["_deadlines"])


@pytest.mark.parametrize("text", ["short", "long" * 1_000])
def test_an_input_is_handed_over_whole_wherever_it_is_kept(text: str) -> None:
    rig = Rig()
    payload, contents = payload_of(text)
    wish = c.DefineJob(job=JOB, definition=defined("* * * * *", input=payload))
    rig.handle.ask(wish, meta=ME, contents=contents)
    rig.until("10:01")
    assert [(text, "text")] == [(call.input_text, call.input_kind) for call in rig.invoke.calls]


def private(text: str) -> tuple[c.DefineJob, Contents]:
    """Return the wish for a private job that fires every minute, and its content."""
    payload, contents = payload_of(text, salt=b"0123456789abcdef")
    definition = defined("* * * * *", input=payload, private=True)
    return c.DefineJob(job=JOB, definition=definition), contents


def test_a_private_input_is_handed_over_without_its_salt() -> None:
    rig = Rig()
    wish, contents = private("hush")
    rig.handle.ask(wish, meta=ME, contents=contents)
    rig.until("10:01")
    assert ["hush"] == [call.input_text for call in rig.invoke.calls]


def test_each_attempt_of_a_private_job_gets_a_secret_of_its_own_and_no_other_gets_any() -> None:
    rig = Rig()
    wish, contents = private("hush")
    rig.handle.ask(wish, meta=ME, contents=contents)
    rig.define("* * * * *", job=JobId("job-2"), name="open")
    rig.until("10:01")
    rig.until("10:02")
    salts = [call.salt for call in rig.invoke.calls if call.job == JOB]
    assert [SALT_BYTES, SALT_BYTES] == list(map(len, salts))
    assert salts[0] != salts[1]
    assert {b""} == {call.salt for call in rig.invoke.calls if call.job != JOB}


def test_a_run_whose_input_was_erased_fails_and_is_not_called_with_nothing() -> None:
    rig = Rig()
    wish, _ = private("hush")
    rig.handle.ask(wish, meta=ME)  # and its content is not there
    rig.until("10:01")
    assert [] == rig.invoke.calls
    (failed,) = (fact.event for fact in rig.facts(e.AttemptFailed))
    assert "the run's input was erased from the log" == getattr(failed, "error", None)
    assert 1 == len(rig.facts(e.RunFailed))
