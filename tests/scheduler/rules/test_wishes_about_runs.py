"""What people ask of runs: cancel, retry, resolve."""

from typing import Literal

import pytest

from scheduler.model import commands as c
from scheduler.model.errors import Conflict, NotFound
from scheduler.rules.facts import Fact
from tests.facts import (
    attempt_failed,
    attempt_started,
    cancel_requested,
    cancelled,
    expired,
    held,
    interrupted,
    planned,
    registered,
    removed,
    reopened,
    resolved,
    run,
    run_failed,
    succeeded,
)
from tests.spec import START, Story, given

EVERY_5 = "*/5 * * * *"
CANCEL = c.CancelRun(run=run("10:05"))
RETRY = c.RetryRun(run=run("10:05"))


def after(*facts: Fact, overlap: Literal["skip", "allow"] = "skip") -> Story:
    """Return the story of a run that was planned and then lived through `facts`."""
    return given(
        registered(EVERY_5, at="10:00", overlap=overlap, on_crash="hold"), planned("10:05"), *facts
    )


FAILED = (attempt_started("10:05"), attempt_failed("10:05"), run_failed("10:05"))
HELD = (attempt_started("10:05"), interrupted("10:05"), held("10:05"))


def resolve(verdict: Literal["succeeded", "failed", "retry"]) -> c.ResolveRun:
    return c.ResolveRun(run=run("10:05"), verdict=verdict)


# -- cancel


def test_a_waiting_run_is_cancelled_at_once() -> None:
    story = after().when(CANCEL, now="10:06").then(cancelled("10:05"))
    story.when(START, now="10:06").then()


def test_a_run_between_two_attempts_is_cancelled_at_once() -> None:
    after(attempt_started("10:05"), attempt_failed("10:05", retry="10:30")).when(
        CANCEL, now="10:06"
    ).then(cancelled("10:05"))


def test_a_held_run_is_cancelled_at_once() -> None:
    after(*HELD).when(CANCEL, now="10:06").then(cancelled("10:05"))


def test_a_running_run_is_asked_to_end() -> None:
    after(attempt_started("10:05")).when(CANCEL, now="10:06").then(cancel_requested("10:05"))


def test_asking_twice_changes_nothing() -> None:
    after(attempt_started("10:05"), cancel_requested("10:05")).when(CANCEL, now="10:06").then()


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ((attempt_started("10:05"), succeeded("10:05")), "succeeded"),
        (FAILED, "failed"),
        ((expired("10:05"),), "expired"),
        ((cancelled("10:05"),), "cancelled"),
    ],
)
def test_cancelling_a_run_that_has_ended_is_refused(facts: tuple[Fact, ...], status: str) -> None:
    after(*facts).when(CANCEL, now="10:06").refused(Conflict, rf"has ended \({status}\)")


def test_cancelling_an_unknown_run_is_refused() -> None:
    given().when(CANCEL, now="10:06").refused(NotFound, "no open run")


def test_once_a_run_is_cancelled_the_next_fire_runs() -> None:
    after(cancelled("10:05")).when(START, now="10:10").then(
        planned("10:10"), attempt_started("10:10")
    )


# -- retry


@pytest.mark.parametrize("facts", [FAILED, (expired("10:05"),), (cancelled("10:05"),)])
def test_a_run_that_did_not_succeed_is_tried_again_as_the_same_run(
    facts: tuple[Fact, ...],
) -> None:
    attempt = 1 + sum(fact == attempt_started("10:05") for fact in facts)
    story = after(*facts).when(RETRY, now="10:07").then(reopened("10:05", at="10:07"))
    story.when(START, now="10:07").then(attempt_started("10:05", attempt=attempt))


def test_a_run_tried_again_has_all_its_attempts_before_it() -> None:
    story = after(*FAILED).when(RETRY, now="10:07")
    state = story.timetable.runs[run("10:05")]
    assert (0, 0, False) == (state.failures, state.crashes, state.is_cancel_requested)


def test_a_run_tried_again_does_not_expire() -> None:
    story = given(
        registered(EVERY_5, at="10:00", start_deadline="1m"),
        planned("10:05", start_by="10:06"),
        expired("10:05"),
    )
    story.when(RETRY, now="10:07").then(reopened("10:05", at="10:07"))
    story.when(START, now="10:08").then(attempt_started("10:05"))


def test_retrying_a_run_that_succeeded_is_refused() -> None:
    after(attempt_started("10:05"), succeeded("10:05")).when(RETRY, now="10:07").refused(
        Conflict, "is succeeded; only a failed, expired or cancelled run is retried"
    )


def test_retrying_an_open_run_is_refused() -> None:
    after(attempt_started("10:05")).when(RETRY, now="10:07").refused(Conflict, "is running")


def test_retrying_a_held_run_resolves_it() -> None:
    after(*HELD).when(RETRY, now="10:07").then(resolved("10:05", "retry", retry="10:07"))


def test_retrying_is_refused_while_another_run_is_open_and_overlap_is_skip() -> None:
    after(*FAILED, planned("10:10")).when(RETRY, now="10:11").refused(Conflict, "is still open")


def test_retrying_beside_an_open_run_is_fine_when_overlap_is_allow() -> None:
    after(*FAILED, planned("10:10"), overlap="allow").when(RETRY, now="10:11").then(
        reopened("10:05", at="10:11")
    )


def test_an_ended_run_of_a_removed_job_stays_as_it_is() -> None:
    after(*FAILED, removed()).when(RETRY, now="10:11").refused(Conflict, "was removed")


# -- resolve


@pytest.mark.parametrize("verdict", ["succeeded", "failed"])
def test_a_held_run_is_settled_by_a_verdict(verdict: Literal["succeeded", "failed"]) -> None:
    story = after(*HELD).when(resolve(verdict), now="10:07").then(resolved("10:05", verdict))
    assert {} == story.timetable.runs


def test_a_held_run_is_tried_again_by_a_verdict() -> None:
    story = after(*HELD).when(resolve("retry"), now="10:07")
    story.then(resolved("10:05", "retry", retry="10:07"))
    story.when(START, now="10:07").then(attempt_started("10:05", attempt=2))


def test_a_held_run_is_not_tried_again_beside_an_open_run_when_overlap_is_skip() -> None:
    after(*HELD, planned("10:10")).when(resolve("retry"), now="10:11").refused(
        Conflict, "is still open"
    )


def test_a_held_run_of_a_removed_job_may_be_tried_again() -> None:
    story = after(*HELD, removed()).when(resolve("retry"), now="10:07")
    story.then(resolved("10:05", "retry", retry="10:07"))
    story.when(START, now="10:07").then(attempt_started("10:05", attempt=2))


def test_a_run_that_is_not_held_cannot_be_resolved() -> None:
    after().when(resolve("failed"), now="10:07").refused(Conflict, "is waiting, not held")
    after(*FAILED).when(resolve("failed"), now="10:07").refused(Conflict, "is failed, not held")
