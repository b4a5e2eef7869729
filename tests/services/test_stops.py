from datetime import timedelta

import pytest

from scheduler.model.content import Payload
from scheduler.model.invocations import Outcome, Output, StopReason
from services.stops import come_back, given_up, stopped
from tests.services.making import invocation

CALL = invocation(run="run-3", attempt=2, epoch=9)
TOLD = {
    "timeout": ("timeout", "timed out after 1h"),
    "cancelled": ("cancelled", "cancelled on request"),
    "stop": ("stopped", "ended by the stop of Horolog"),
}
REASONS: list[StopReason] = ["timeout", "cancelled", "stop"]


@pytest.mark.parametrize("reason", REASONS)
def test_an_attempt_that_had_not_begun_ends_for_the_reason_it_was_asked(reason: StopReason) -> None:
    outcome = stopped(CALL, reason)
    assert ("run-3", 2, 9) == (outcome.run, outcome.attempt, outcome.epoch)
    assert TOLD[reason] == (outcome.kind, outcome.error)


@pytest.mark.parametrize("reason", REASONS)
def test_an_error_after_a_stop_is_told_as_the_stop_and_keeps_its_traceback(
    reason: StopReason,
) -> None:
    error = Outcome(
        run=CALL.run,
        attempt=2,
        epoch=9,
        kind="error",
        error="CancelledError",
        detail=Payload(text="Traceback ..."),
        fatal=True,
        retry_after=timedelta(1),
    )
    outcome = stopped(CALL, reason, error)
    assert TOLD[reason] == (outcome.kind, outcome.error)
    assert (error.detail, False, None) == (outcome.detail, outcome.fatal, outcome.retry_after)


@pytest.mark.parametrize("reason", REASONS)
def test_one_that_succeeds_all_the_same_has_succeeded(reason: StopReason) -> None:
    success = Outcome(run=CALL.run, attempt=2, epoch=9, kind="succeeded", result=Payload(text="1"))
    assert success == stopped(CALL, reason, success)


def test_one_that_is_given_up_is_told_as_abandoned() -> None:
    outcome = given_up(CALL, "timeout", 77)
    assert ("timeout", True, 77) == (outcome.kind, outcome.abandoned, outcome.duration_us)
    assert "timed out after 1h; it does not heed its cancellation and still runs" == outcome.error


def test_one_that_comes_back_brings_its_lines_but_no_result() -> None:
    late = Outcome(
        run=CALL.run,
        attempt=2,
        epoch=9,
        kind="succeeded",
        result=Payload(kind="json", digest="d"),
        contents={"d": b"1"},
        output=Output("late\n", 1),
    )
    outcome = come_back(late)
    assert ("returned", None, {}) == (outcome.kind, outcome.result, outcome.contents)
    assert late.output == outcome.output
