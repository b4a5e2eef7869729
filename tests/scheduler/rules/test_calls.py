"""A service that is called once, with no job behind it: a run like any other."""

from datetime import timedelta

from scheduler.model import commands as c
from scheduler.model.content import Payload
from scheduler.model.jobs import RunId
from scheduler.rules.run_state import NO_JOB
from tests.facts import (
    attempt_failed,
    attempt_started,
    cancelled,
    held,
    interrupted,
    outcome,
    reopened,
    run_failed,
    service_called,
    succeeded,
)
from tests.spec import START, Story, given

CALL = RunId("call-1")


def calling(call: str = "call-1") -> c.CallService:
    return c.CallService(
        run=RunId(call), service="api.sync", input=Payload(text="x"), timeout=timedelta(minutes=5)
    )


def running() -> Story:
    return given(service_called("call-1", "api.sync", at="10:00"), attempt_started("call-1"))


def test_a_call_is_recorded_and_started_at_once() -> None:
    story = given().when(calling(), now="10:00")
    story.then(
        service_called(
            "call-1",
            "api.sync",
            at="10:00",
            input=Payload(text="x"),
            timeout=timedelta(minutes=5),
        )
    )
    story.when(START, now="10:00").then(attempt_started("call-1"))
    run = story.timetable.runs[CALL]
    assert (NO_JOB, "api.sync", timedelta(minutes=5), Payload(text="x")) == (
        run.job,
        run.definition.service,
        run.definition.timeout,
        run.input,
    )


def test_calls_do_not_wait_for_one_another() -> None:
    story = given().when(calling(), now="10:00")
    story.when(START, now="10:00")
    story.when(calling("call-2"), now="10:01")
    story.when(START, now="10:01").then(attempt_started("call-2"))


def test_a_call_that_succeeds_is_over_and_forgotten() -> None:
    story = running().when(outcome("call-1"), now="10:01")
    story.then(succeeded("call-1"))
    assert ({}, {}) == (story.timetable.runs, story.timetable.open_of)


def test_a_call_that_fails_is_tried_once() -> None:
    running().when(outcome("call-1", "error"), now="10:01").then(
        attempt_failed("call-1"), run_failed("call-1")
    )


def test_a_call_lost_to_a_crash_is_carried_out_again() -> None:
    story = running().when(c.SettleRun(run=CALL, alive=False), now="10:01")
    story.then(interrupted("call-1", retry="10:01"))
    story.when(START, now="10:01").then(attempt_started("call-1", attempt=2))


def test_a_call_whose_child_outlived_its_owner_is_held() -> None:
    running().when(c.SettleRun(run=CALL, alive=True), now="10:01").then(
        interrupted("call-1"), held("call-1")
    )


def test_a_call_that_waits_is_cancelled_at_once() -> None:
    given(service_called("call-1", "api.sync", at="10:00")).when(
        c.CancelRun(run=CALL), now="10:00"
    ).then(cancelled("call-1"))


def test_a_call_that_has_failed_may_be_tried_again() -> None:
    story = running().when(outcome("call-1", "error"), now="10:01")
    story.when(c.RetryRun(run=CALL), now="10:02").then(reopened("call-1", at="10:02"))
    story.when(START, now="10:02").then(attempt_started("call-1", attempt=2))


def test_a_call_takes_nothing_from_the_jobs() -> None:
    story = running()
    assert {} == story.timetable.jobs
    story.when(START, now="10:30").then()
