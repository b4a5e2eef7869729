"""When a run is tried no further: `give_up_after`, a length or the next fire time."""

from datetime import timedelta

from scheduler.model import commands as c
from scheduler.model.jobs import Retry
from scheduler.model.schedules import Once
from scheduler.rules.facts import Fact
from tests.facts import (
    at,
    attempt_failed,
    attempt_started,
    interrupted,
    outcome,
    planned,
    registered,
    reopened,
    run,
    run_failed,
)
from tests.spec import given

EVERY_5 = "*/5 * * * *"
SECOND_MINUTE = timedelta(minutes=2)
HALF_A_MINUTE = timedelta(seconds=30)


def job(*, give_up: timedelta | None = None, until_next: bool = False) -> Fact:
    retry = Retry(max_attempts=9, give_up_after=give_up, until_next_fire=until_next)
    return registered(EVERY_5, at="10:00", retry=retry)


def test_the_first_failure_says_when_no_further_attempt_begins() -> None:
    story = given(job(give_up=SECOND_MINUTE), planned("10:05"), attempt_started("10:05"))
    took = outcome("10:05", "error", duration_us=10_000_000, retry_after=HALF_A_MINUTE)
    story.when(took, now="10:05:20").then(
        attempt_failed("10:05", retry="10:05:50", give_up="10:07:10")
    )


def test_a_retry_that_would_begin_then_or_later_is_not_made() -> None:
    begun = (
        job(give_up=SECOND_MINUTE),
        planned("10:05"),
        attempt_started("10:05"),
        attempt_failed("10:05", retry="10:06", give_up="10:07:10"),
        attempt_started("10:05", attempt=2),
    )
    late = outcome("10:05", "error", attempt=2, error="no", retry_after=HALF_A_MINUTE)
    story = given(*begun).when(late, now="10:06:40")
    story.then(attempt_failed("10:05", attempt=2), run_failed("10:05"))
    assert "no (tried no further: give_up_after)" == story.facts[-1].event.error  # type: ignore[union-attr]  # it is a failure
    given(*begun).when(late, now="10:06:39").then(
        attempt_failed("10:05", attempt=2, retry="10:07:09")
    )


def test_the_next_fire_time_may_be_where_it_ends() -> None:
    story = given(job(until_next=True), planned("10:05"), attempt_started("10:05"))
    story.when(outcome("10:05", "error", retry_after=SECOND_MINUTE), now="10:07:59").then(
        attempt_failed("10:05", retry="10:09:59", give_up="10:10")
    )
    story = given(job(until_next=True), planned("10:05"), attempt_started("10:05"))
    story.when(outcome("10:05", "error", retry_after=SECOND_MINUTE), now="10:08").then(
        attempt_failed("10:05", give_up="10:10"), run_failed("10:05")
    )


def test_a_run_that_began_late_has_until_the_fire_time_after_its_beginning() -> None:
    story = given(job(until_next=True), planned("10:05"), attempt_started("10:05"))
    story.when(outcome("10:05", "error", retry_after=HALF_A_MINUTE), now="10:12").then(
        attempt_failed("10:05", retry="10:12:30", give_up="10:15")
    )


def test_a_job_without_a_next_fire_time_goes_on() -> None:
    retry = Retry(max_attempts=9, until_next_fire=True)
    once = registered(Once(at("10:05")), at="10:00", retry=retry)
    given(once, planned("10:05"), attempt_started("10:05")).when(
        outcome("10:05", "error", retry_after=SECOND_MINUTE), now="10:30"
    ).then(attempt_failed("10:05", retry="10:32"))


def test_an_attempt_lost_to_a_crash_is_repeated_whatever_the_time() -> None:
    story = given(
        job(give_up=SECOND_MINUTE),
        planned("10:05"),
        attempt_started("10:05"),
        attempt_failed("10:05", retry="10:06", give_up="10:07:10"),
        attempt_started("10:05", attempt=2),
    )
    story.when(c.SettleRun(run=run("10:05")), now="10:30").then(
        interrupted("10:05", attempt=2, retry="10:30")
    )


def test_a_run_that_a_person_tries_again_has_the_whole_time_again() -> None:
    story = given(
        job(give_up=SECOND_MINUTE),
        planned("10:05"),
        attempt_started("10:05"),
        attempt_failed("10:05", give_up="10:07:10"),
        run_failed("10:05"),
        reopened("10:05", at="11:00"),
        attempt_started("10:05", attempt=2),
    )
    story.when(
        outcome("10:05", "error", attempt=2, retry_after=HALF_A_MINUTE), now="11:00:05"
    ).then(attempt_failed("10:05", attempt=2, retry="11:00:35", give_up="11:02:05"))
