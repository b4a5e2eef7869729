"""How runs end, are tried again, held and settled."""

from datetime import timedelta

import pytest

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload, digest_of
from scheduler.model.invocations import Output
from scheduler.model.jobs import OnCrash, Retry
from scheduler.model.limits import CRASHES_MAX
from scheduler.rules.facts import Fact
from scheduler.rules.run_state import RunState
from tests.facts import (
    Kind,
    abandoned_attempt,
    attempt_failed,
    attempt_started,
    cancel_requested,
    cancelled,
    held,
    interrupted,
    late_outcome,
    outcome,
    planned,
    registered,
    run,
    run_failed,
    stream,
    succeeded,
    told,
)
from tests.spec import DECIDE, START, Story, given

EVERY_5 = "*/5 * * * *"
ONCE = Retry()
STEADY = Retry(max_attempts=3, initial=timedelta(0))  # no delay, so that times are plain


def running(*, retry: Retry = ONCE, on_crash: OnCrash = "retry") -> Story:
    """Return the story of a run whose first attempt is out."""
    return given(
        registered(EVERY_5, at="10:00", retry=retry, on_crash=on_crash),
        planned("10:05"),
        attempt_started("10:05"),
    )


def the_run(story: Story) -> RunState:
    return story.timetable.runs[run("10:05")]


# -- outcomes


def test_an_attempt_that_succeeds_ends_its_run() -> None:
    result = Payload(kind="json", text="1")
    story = running().when(outcome("10:05", duration_us=7, result=result), now="10:06")
    event = e.RunSucceeded(run=run("10:05"), attempt=1, duration_us=7, result=result)
    story.then(Fact(stream("10:05"), event))
    assert {} == story.timetable.runs


def test_output_is_kept_before_the_outcome_that_brought_it() -> None:
    story = running().when(
        outcome("10:05", output=Output("line one\nline two", lines=2)), now="10:06"
    )
    logged = e.AttemptLogged(
        run=run("10:05"),
        attempt=1,
        digest=digest_of(b"line one\nline two"),
        size=17,
        head="line one\nline two",
        lines=2,
    )
    story.then(Fact(stream("10:05"), logged), succeeded("10:05"))


def test_the_event_of_a_private_jobs_output_shows_nothing_of_it() -> None:
    story = given(
        registered(EVERY_5, at="10:00", private=True), planned("10:05"), attempt_started("10:05")
    ).when(outcome("10:05", output=Output("order of Jan", lines=1)), now="10:06")
    logged = e.AttemptLogged(
        run=run("10:05"),
        attempt=1,
        digest=digest_of(b"order of Jan"),
        size=12,
        head="",
        lines=1,
    )
    story.then(Fact(stream("10:05"), logged), succeeded("10:05"))


def test_outcomes_told_together_are_recorded_in_one_answer() -> None:
    given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        planned("10:10"),
        attempt_started("10:05"),
        attempt_started("10:10"),
    ).when(c.RecordOutcomes(outcomes=(told("10:10"), told("10:05", "error"))), now="10:11").then(
        succeeded("10:10"), attempt_failed("10:05"), run_failed("10:05")
    )


def test_a_second_outcome_of_one_attempt_is_not_recorded_even_beside_the_first() -> None:
    running().when(
        c.RecordOutcomes(outcomes=(told("10:05"), told("10:05", "timeout", abandoned=True))),
        now="10:06",
    ).then(succeeded("10:05"))


def test_a_second_outcome_beside_a_failure_that_is_retried_is_ignored_by_an_event() -> None:
    running(retry=STEADY).when(
        c.RecordOutcomes(outcomes=(told("10:05", "error"), told("10:05"))), now="10:06"
    ).then(attempt_failed("10:05", retry="10:06"), late_outcome("10:05", "succeeded"))


@pytest.mark.parametrize(("attempt", "epoch"), [(2, 1), (1, 2), (0, 1)])
def test_an_outcome_counts_only_for_the_attempt_that_is_open(attempt: int, epoch: int) -> None:
    running().when(outcome("10:05", attempt=attempt, epoch=epoch), now="10:06").then(
        late_outcome("10:05", "succeeded", attempt=attempt, epoch=epoch)
    )


def test_an_outcome_for_a_run_that_has_ended_changes_nothing() -> None:
    story = running().when(outcome("10:05"), now="10:06")
    story.when(outcome("10:05", "error"), now="10:07").then()


def test_an_outcome_between_two_attempts_is_ignored_by_an_event() -> None:
    story = running(retry=STEADY).when(outcome("10:05", "error"), now="10:06")
    story.when(outcome("10:05"), now="10:06").then(late_outcome("10:05", "succeeded"))
    assert "retrying" == the_run(story).status


# -- failures and retries


@pytest.mark.parametrize("kind", ["error", "timeout", "no-service"])
def test_without_retries_a_failed_attempt_ends_its_run(kind: Kind) -> None:
    running().when(outcome("10:05", kind, error="why"), now="10:06").then(
        attempt_failed("10:05", kind=kind),  # type: ignore[arg-type]  # each is a failure too
        run_failed("10:05", kind),  # type: ignore[arg-type]  # each is a failure too
    )


def test_a_failed_attempt_is_tried_again_up_to_max_attempts() -> None:
    story = running(retry=STEADY)
    story.when(outcome("10:05", "error"), now="10:06").then(attempt_failed("10:05", retry="10:06"))
    story.when(START, now="10:06").then(attempt_started("10:05", attempt=2))
    story.when(outcome("10:05", "error", attempt=2), now="10:07").then(
        attempt_failed("10:05", attempt=2, retry="10:07")
    )
    story.when(START, now="10:07").then(attempt_started("10:05", attempt=3))
    story.when(outcome("10:05", "error", attempt=3), now="10:08").then(
        attempt_failed("10:05", attempt=3), run_failed("10:05")
    )


def test_a_retry_waits_for_its_time() -> None:
    story = running(retry=Retry(max_attempts=2))
    story.when(outcome("10:05", "error", retry_after=timedelta(minutes=2)), now="10:06").then(
        attempt_failed("10:05", retry="10:08")
    )
    story.when(START, now="10:07:59.999999").then()
    story.when(START, now="10:08").then(attempt_started("10:05", attempt=2))


def test_retry_after_grants_no_further_attempt() -> None:
    running().when(outcome("10:05", "error", retry_after=timedelta(minutes=2)), now="10:06").then(
        attempt_failed("10:05"), run_failed("10:05")
    )


def test_a_fatal_error_is_not_tried_again() -> None:
    running(retry=STEADY).when(outcome("10:05", "error", fatal=True), now="10:06").then(
        attempt_failed("10:05"), run_failed("10:05")
    )


# -- time-outs on a thread, which cannot be stopped


def test_a_thread_that_was_given_up_keeps_its_run_and_slot_until_it_returns() -> None:
    story = running().when(outcome("10:05", "timeout", abandoned=True), now="11:05")
    story.then(abandoned_attempt("10:05"))
    assert "abandoned" == the_run(story).status
    assert [run("10:05")] == list(story.timetable.occupied)
    story.when(outcome("10:05", "returned"), now="11:30").then(
        late_outcome("10:05", "returned"), run_failed("10:05", "timeout")
    )
    assert {} == story.timetable.occupied


def test_no_retry_starts_before_a_given_up_thread_returns() -> None:
    story = running(retry=STEADY).when(outcome("10:05", "timeout", abandoned=True), now="11:05")
    story.then(abandoned_attempt("10:05", retry="11:05"))
    story.when(c.Tick(slots=9, epoch=1), now="11:06")
    assert [] == [fact for fact in story.facts if isinstance(fact.event, e.AttemptStarted)]
    story.when(outcome("10:05", "returned"), now="11:30").then(late_outcome("10:05", "returned"))
    story.when(c.Tick(slots=9, epoch=1), now="11:30")
    assert attempt_started("10:05", attempt=2) == story.facts[0]


def test_an_outcome_of_another_attempt_does_not_end_the_wait_for_a_thread() -> None:
    story = running(retry=STEADY).when(outcome("10:05", "timeout", abandoned=True), now="11:05")
    story.when(outcome("10:05", "returned", attempt=7), now="11:06").then(
        late_outcome("10:05", "returned", attempt=7)
    )
    assert "abandoned" == the_run(story).status


def test_with_hold_a_run_that_timed_out_is_held() -> None:
    running(retry=STEADY, on_crash="hold").when(outcome("10:05", "timeout"), now="11:05").then(
        attempt_failed("10:05", kind="timeout"), held("10:05")
    )


def test_with_hold_a_run_whose_thread_returns_late_is_held_then() -> None:
    story = running(on_crash="hold").when(outcome("10:05", "timeout", abandoned=True), now="11:05")
    story.then(abandoned_attempt("10:05"))
    story.when(outcome("10:05", "returned"), now="11:30").then(
        late_outcome("10:05", "returned"), held("10:05")
    )


def test_with_hold_an_error_of_the_service_is_tried_again() -> None:
    running(retry=STEADY, on_crash="hold").when(outcome("10:05", "error"), now="10:06").then(
        attempt_failed("10:05", retry="10:06")
    )


def test_with_hold_the_last_error_of_the_service_fails_the_run() -> None:
    running(on_crash="hold").when(outcome("10:05", "error"), now="10:06").then(
        attempt_failed("10:05"), run_failed("10:05")
    )


# -- crashes


def settle(*, alive: bool = False) -> c.SettleRun:
    return c.SettleRun(run=run("10:05"), alive=alive)


def test_after_a_crash_the_run_is_tried_again_at_once() -> None:
    story = running(on_crash="retry")
    story.when(settle(), now="10:06").then(interrupted("10:05", retry="10:06"))
    story.when(c.Tick(slots=1, epoch=2), now="10:06").then(
        attempt_started("10:05", attempt=2, epoch=2)
    )


def test_with_fail_a_crash_ends_the_run() -> None:
    running(retry=STEADY, on_crash="fail").when(settle(), now="10:06").then(
        interrupted("10:05"), run_failed("10:05", "crash")
    )


def test_with_hold_a_crash_holds_the_run() -> None:
    story = running(retry=STEADY, on_crash="hold").when(settle(), now="10:06")
    story.then(interrupted("10:05"), held("10:05"))
    story.when(START, now="10:30")
    assert attempt_started("10:05", attempt=2) not in story.facts


def test_a_run_whose_child_still_lives_is_held_whatever_its_policy_says() -> None:
    running().when(settle(alive=True), now="10:06").then(interrupted("10:05"), held("10:05"))


def test_the_third_attempt_lost_to_a_crash_ends_the_run_as_a_crash_loop() -> None:
    story = running()
    for attempt in range(1, CRASHES_MAX):
        story.when(settle(), now="10:06").then(interrupted("10:05", attempt=attempt, retry="10:06"))
        story.when(START, now="10:06")
    story.when(settle(), now="10:06").then(
        interrupted("10:05", attempt=CRASHES_MAX), run_failed("10:05", "crash-loop")
    )


def test_a_crash_of_the_child_counts_like_a_crash_of_the_whole() -> None:
    story = running(retry=Retry(initial=timedelta(0)))
    story.when(settle(), now="10:06")
    story.when(START, now="10:06")
    story.when(outcome("10:05", "crash", attempt=2), now="10:06").then(
        attempt_failed("10:05", attempt=2, kind="crash", retry="10:06")
    )
    story.when(START, now="10:06")
    story.when(outcome("10:05", "crash", attempt=3), now="10:06").then(
        attempt_failed("10:05", attempt=3, kind="crash"), run_failed("10:05", "crash-loop")
    )


def test_crashes_do_not_use_up_the_attempts_of_the_policy() -> None:
    story = running(retry=Retry(max_attempts=2, initial=timedelta(0)))
    story.when(settle(), now="10:06")
    story.when(START, now="10:06")
    story.when(outcome("10:05", "error", attempt=2), now="10:06").then(
        attempt_failed("10:05", attempt=2, retry="10:06")
    )


def test_an_attempt_ended_by_a_stop_is_tried_again_and_not_counted() -> None:
    story = running()
    for attempt in range(1, 6):
        story.when(outcome("10:05", "stopped", attempt=attempt), now="10:06").then(
            interrupted("10:05", "stop", attempt=attempt, retry="10:06")
        )
        story.when(START, now="10:06").then(attempt_started("10:05", attempt=attempt + 1))


def test_with_hold_an_attempt_ended_by_a_stop_holds_the_run() -> None:
    running(on_crash="hold").when(outcome("10:05", "stopped"), now="10:06").then(
        interrupted("10:05", "stop"), held("10:05")
    )


def test_a_thread_that_died_with_its_executor_has_returned() -> None:
    story = running(retry=STEADY).when(outcome("10:05", "timeout", abandoned=True), now="11:05")
    story.when(settle(), now="11:06").then(late_outcome("10:05", "lost with its executor"))
    assert "retrying" == the_run(story).status


def test_what_is_not_running_needs_no_settling() -> None:
    given(registered(EVERY_5, at="10:00"), planned("10:05")).when(settle(), now="10:06").then()
    given(registered(EVERY_5, at="10:00")).when(settle(), now="10:06").then()


# -- order with fire times


def test_a_run_that_ends_at_the_instant_of_a_fire_does_not_overlap_it() -> None:
    story = running().when(outcome("10:05"), now="10:10").then(succeeded("10:05"))
    story.when(DECIDE, now="10:10").then(planned("10:10"))


# -- cancel, as it meets what is going on


def test_a_cancelled_run_whose_attempt_fails_is_cancelled_and_not_retried() -> None:
    story = running(retry=STEADY).when(c.CancelRun(run=run("10:05")), now="10:06")
    story.then(cancel_requested("10:05"))
    story.when(outcome("10:05", "cancelled"), now="10:06").then(
        attempt_failed("10:05", kind="cancelled"), cancelled("10:05")
    )


def test_a_cancelled_run_that_succeeds_anyway_has_succeeded() -> None:
    story = running().when(c.CancelRun(run=run("10:05")), now="10:06")
    story.when(outcome("10:05"), now="10:07").then(succeeded("10:05"))


def test_a_cancelled_run_lost_to_a_crash_is_cancelled() -> None:
    story = running().when(c.CancelRun(run=run("10:05")), now="10:06")
    story.when(settle(), now="10:07").then(interrupted("10:05"), cancelled("10:05"))


def test_a_cancelled_run_whose_thread_returns_is_cancelled() -> None:
    story = running(retry=STEADY).when(outcome("10:05", "timeout", abandoned=True), now="11:05")
    story.when(c.CancelRun(run=run("10:05")), now="11:06").then(cancel_requested("10:05"))
    story.when(outcome("10:05", "returned"), now="11:07").then(
        late_outcome("10:05", "returned"), cancelled("10:05")
    )
