"""A job whose runs fail so many times in a row is paused, in the commit of the last failure."""

from scheduler.model import commands as c
from scheduler.model.jobs import Retry
from scheduler.rules.facts import Fact
from tests.facts import (
    JOB,
    attempt_failed,
    attempt_started,
    called,
    cancelled,
    expired,
    outcome,
    paused,
    planned,
    registered,
    reopened,
    resumed,
    run,
    run_failed,
    succeeded,
    told,
)
from tests.spec import DECIDE, START, given

EVERY_5 = "*/5 * * * *"
TWICE = registered(EVERY_5, at="10:00", overlap="allow", pause_after_failures=2)


def failed(name: str) -> tuple[Fact, ...]:
    return planned(name), attempt_started(name), attempt_failed(name), run_failed(name)


def begun(*names: str) -> list[Fact]:
    return [fact for name in names for fact in (planned(name), attempt_started(name))]


def test_the_last_of_so_many_failures_in_a_row_pauses_the_job_and_says_so() -> None:
    story = given(TWICE, *begun("10:05", "10:10"))
    story.when(outcome("10:05", "error"), now="10:11").then(
        attempt_failed("10:05"), run_failed("10:05")
    )
    story.when(outcome("10:10", "error"), now="10:11").then(
        attempt_failed("10:10"), run_failed("10:10"), paused(failures=2)
    )
    story.when(DECIDE, now="10:15").then()


def test_two_that_fail_in_one_breath_are_counted_both() -> None:
    story = given(TWICE, *begun("10:05", "10:10", "10:15"))
    wish = c.RecordOutcomes(
        outcomes=tuple(told(name, "error") for name in ("10:05", "10:10", "10:15"))
    )
    story.when(wish, now="10:16").then(
        attempt_failed("10:05"),
        run_failed("10:05"),
        attempt_failed("10:10"),
        run_failed("10:10"),
        paused(failures=2),
        attempt_failed("10:15"),
        run_failed("10:15"),
    )


def test_a_success_between_them_begins_the_count_anew() -> None:
    story = given(TWICE, *failed("10:05"), *begun("10:10", "10:15"))
    story.when(outcome("10:10"), now="10:16").then(succeeded("10:10"))
    story.when(outcome("10:15", "error"), now="10:16").then(
        attempt_failed("10:15"), run_failed("10:15")
    )


def test_a_resume_begins_the_count_anew() -> None:
    given(TWICE, *failed("10:05"), paused(), resumed("10:06"), *begun("10:10")).when(
        outcome("10:10", "error"), now="10:11"
    ).then(attempt_failed("10:10"), run_failed("10:10"))


def test_attempts_that_are_tried_again_do_not_count() -> None:
    retried = Retry(max_attempts=2)
    story = given(
        registered(EVERY_5, at="10:00", pause_after_failures=1, retry=retried),
        planned("10:05"),
        attempt_started("10:05"),
    )
    story.when(outcome("10:05", "error"), now="10:06")
    assert [attempt_failed("10:05", retry=story.facts[0].event.retry_at)] == story.facts  # type: ignore[union-attr]  # it is a failure


def test_a_run_that_is_tried_again_and_fails_again_counts_once() -> None:
    story = given(TWICE, *failed("10:05"))
    story.when(c.RetryRun(run=run("10:05")), now="10:06").then(reopened("10:05", at="10:06"))
    assert {} == story.timetable.failures
    story.when(START, now="10:06").then(attempt_started("10:05", attempt=2))
    story.when(outcome("10:05", "error", attempt=2), now="10:07").then(
        attempt_failed("10:05", attempt=2), run_failed("10:05")
    )
    assert {JOB: 1} == story.timetable.failures


def test_a_cancelled_run_that_is_tried_again_takes_nothing_from_the_count() -> None:
    story = given(TWICE, *failed("10:05"), planned("10:10"), cancelled("10:10"))
    story.when(c.RetryRun(run=run("10:10")), now="10:11")
    assert {JOB: 1} == story.timetable.failures


def test_a_run_by_hand_counts_and_an_expired_one_too() -> None:
    given(TWICE, *failed("10:05"), called("call-1", at="10:06"), attempt_started("call-1")).when(
        outcome("call-1", "error"), now="10:07"
    ).then(attempt_failed("call-1"), run_failed("call-1"), paused(failures=2))
    given(TWICE, *failed("10:05"), planned("10:10", start_by="10:11")).when(
        DECIDE, now="10:11"
    ).then(expired("10:10"), paused(failures=2))


def test_a_cancelled_run_neither_counts_nor_begins_anew() -> None:
    story = given(TWICE, *failed("10:05"), planned("10:10"), *begun("10:15"))
    story.when(c.CancelRun(run=run("10:10")), now="10:16")
    story.when(outcome("10:15", "error"), now="10:16").then(
        attempt_failed("10:15"), run_failed("10:15"), paused(failures=2)
    )


def test_a_lower_bound_that_an_edit_brings_holds_from_the_next_failure_on() -> None:
    given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        *failed("10:05"),
        *failed("10:10"),
        *begun("10:15"),
    ).when(outcome("10:15", "error"), now="10:16").then(
        attempt_failed("10:15"), run_failed("10:15")
    )


def test_the_count_survives_in_what_a_snapshot_keeps() -> None:
    assert {JOB: 2} == given(TWICE, *failed("10:05"), *failed("10:10")).timetable.failures
