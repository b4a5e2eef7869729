"""What happens when a run overlaps: skip, queue, allow, cancel."""

from datetime import timedelta

import pytest

from scheduler.model import commands as c
from scheduler.model.errors import Conflict
from scheduler.model.jobs import Retry, RunId
from scheduler.rules.facts import Fact
from tests.facts import (
    JOB,
    abandoned_attempt,
    attempt_failed,
    attempt_started,
    called,
    cancel_requested,
    cancelled,
    caught_up,
    held,
    interrupted,
    outcome,
    planned,
    registered,
    reopened,
    resolved,
    resumed,
    revised,
    run,
    run_failed,
    skipped,
    succeeded,
)
from tests.spec import DECIDE, START, given

EVERY_5 = "*/5 * * * *"
EVERY_1 = "* * * * *"
QUEUE = registered(EVERY_5, at="10:00", overlap="queue")
TRIED_TWICE = registered(EVERY_5, at="10:00", overlap="queue", retry=Retry(max_attempts=2))
CANCEL = registered(EVERY_5, at="10:00", overlap="cancel")
NOW = c.TriggerJob(job=JOB, run=RunId("call-1"))


# -- skip and allow


def test_under_skip_a_fire_during_an_open_run_is_skipped() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="skip"), planned("10:05"), attempt_started("10:05")
    )
    story.when(DECIDE, now="10:10").then(skipped("10:10", reason="overlap"))


def test_under_allow_a_fire_starts_beside_an_open_run() -> None:
    story = given(registered(EVERY_5, at="10:00", overlap="allow"))
    story.when(START, now="10:05")
    story.when(START, now="10:10").then(planned("10:10"), attempt_started("10:10"))


# -- queue


def test_under_queue_a_fire_waits_behind_the_open_run_and_starts_when_that_has_ended() -> None:
    story = given(QUEUE, planned("10:05"), attempt_started("10:05"))
    story.when(START, now="10:10").then(planned("10:10"))
    story.when(outcome("10:05"), now="10:11").then(succeeded("10:05"))
    story.when(START, now="10:11").then(attempt_started("10:10"))


def test_under_queue_a_fire_beyond_the_limit_is_skipped_as_queue_full() -> None:
    story = given(QUEUE, planned("10:05"), attempt_started("10:05"), planned("10:10"))
    story.when(START, now="10:15").then(skipped("10:15", reason="queue-full"))


def test_a_longer_queue_holds_as_many_as_it_says() -> None:
    story = given(
        registered(EVERY_1, at="10:00", overlap="queue", queue_limit=2, misfire_grace="5m")
    )
    story.when(START, now="10:05").then(
        planned("10:01"),
        planned("10:02"),
        planned("10:03"),
        skipped("10:05", count=2, reason="queue-full"),
        attempt_started("10:01"),
    )


def test_a_run_between_two_attempts_keeps_the_queue_waiting() -> None:
    given(
        QUEUE,
        planned("10:05"),
        attempt_started("10:05"),
        attempt_failed("10:05", retry="10:30"),
        planned("10:10"),
    ).when(START, now="10:14").then()


def test_the_newest_of_late_fires_waits_in_the_queue_too() -> None:
    given(QUEUE, planned("10:05"), attempt_started("10:05")).when(START, now="10:33").then(
        skipped("10:25", count=4, reason="coalesced"), caught_up("10:30", window="10:05")
    )


def test_a_run_by_hand_waits_in_the_queue_and_is_refused_when_it_is_full() -> None:
    story = given(QUEUE, planned("10:05"), attempt_started("10:05"))
    story.when(NOW, now="10:06").then(called("call-1", at="10:06"))
    again = c.TriggerJob(job=JOB, run=RunId("call-2"))
    story.when(again, now="10:07").refused(Conflict, "its queue is full")


@pytest.mark.parametrize(
    ("end", "again"),
    [
        ((attempt_failed("10:05"), run_failed("10:05")), reopened("10:05", at="10:11")),
        ((interrupted("10:05"), held("10:05")), resolved("10:05", "retry", retry="10:11")),
    ],
)
def test_under_queue_a_run_that_a_person_tries_again_waits_at_the_end_of_the_line(
    end: tuple[Fact, ...], again: Fact
) -> None:
    story = given(TRIED_TWICE, planned("10:05"), attempt_started("10:05"), *end)
    story.when(START, now="10:10").then(planned("10:10"), attempt_started("10:10"))
    story.when(c.RetryRun(run=run("10:05")), now="10:11").then(again)
    story.when(START, now="10:11").then()
    retry = outcome("10:10", "error", retry_after=timedelta(minutes=1))
    story.when(retry, now="10:12").then(attempt_failed("10:10", retry="10:13"))
    story.when(START, now="10:12").then()
    story.when(START, now="10:13").then(attempt_started("10:10", attempt=2))
    story.when(outcome("10:10", attempt=2), now="10:14").then(succeeded("10:10", attempt=2))
    story.when(START, now="10:14").then(attempt_started("10:05", attempt=2))


def test_under_queue_a_run_that_is_tried_again_waits_behind_those_that_catch_up() -> None:
    story = given(
        QUEUE,
        planned("10:05"),
        attempt_started("10:05"),
        interrupted("10:05"),
        held("10:05"),
        caught_up("10:10", in_line=True),
        attempt_started("10:10"),
    )
    story.when(c.RetryRun(run=run("10:05")), now="10:11")
    story.when(outcome("10:10"), now="10:12").then(succeeded("10:10"))
    story.when(START, now="10:12").then(attempt_started("10:05", attempt=2))


def test_runs_that_began_beside_one_another_are_tried_again_in_line_after_an_edit() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        attempt_started("10:05"),
        planned("10:10"),
        attempt_started("10:10"),
        revised(EVERY_5, at="10:11", overlap="queue"),
        interrupted("10:10", retry="10:11"),
    )
    story.when(START, now="10:11").then()
    story.when(outcome("10:05"), now="10:12").then(succeeded("10:05"))
    story.when(START, now="10:12").then(attempt_started("10:10", attempt=2))


# -- cancel


def test_under_cancel_a_run_that_has_not_started_is_ended_at_once_for_the_next() -> None:
    given(CANCEL, planned("10:05")).when(DECIDE, now="10:10").then(
        cancelled("10:05", by="10:10"), planned("10:10")
    )


def test_under_cancel_a_running_one_is_asked_to_end_and_the_next_waits_for_it() -> None:
    story = given(CANCEL, planned("10:05"), attempt_started("10:05"))
    story.when(START, now="10:10").then(cancel_requested("10:05", by="10:10"), planned("10:10"))
    story.when(outcome("10:05", "cancelled"), now="10:11").then(
        attempt_failed("10:05", kind="cancelled"), cancelled("10:05", by="10:10")
    )
    story.when(START, now="10:11").then(attempt_started("10:10"))


def test_under_cancel_only_the_newest_of_those_that_wait_is_left() -> None:
    story = given(CANCEL, planned("10:05"), attempt_started("10:05"))
    story.when(START, now="10:10")
    story.when(START, now="10:15").then(cancelled("10:10", by="10:15"), planned("10:15"))


def test_under_cancel_a_run_between_two_attempts_is_ended_at_once() -> None:
    given(
        CANCEL,
        planned("10:05"),
        attempt_started("10:05"),
        attempt_failed("10:05", retry="10:30"),
    ).when(START, now="10:10").then(
        cancelled("10:05", by="10:10"), planned("10:10"), attempt_started("10:10")
    )


def test_under_cancel_a_thread_that_goes_on_is_waited_for() -> None:
    story = given(CANCEL, planned("10:05"), attempt_started("10:05"), abandoned_attempt("10:05"))
    story.when(START, now="10:10").then(cancel_requested("10:05", by="10:10"), planned("10:10"))


def test_one_that_succeeds_although_it_was_asked_to_end_has_succeeded() -> None:
    story = given(CANCEL, planned("10:05"), attempt_started("10:05"))
    story.when(START, now="10:10")
    story.when(outcome("10:05"), now="10:11").then(succeeded("10:05"))


def test_several_fires_on_time_cancel_one_another_but_for_the_last() -> None:
    given(registered(EVERY_1, at="10:00", overlap="cancel", misfire_grace="5m")).when(
        DECIDE, now="10:03"
    ).then(
        planned("10:01"),
        cancelled("10:01", by="10:02"),
        planned("10:02"),
        cancelled("10:02", by="10:03"),
        planned("10:03"),
    )


def test_under_cancel_a_run_by_hand_takes_the_place_of_the_open_one() -> None:
    given(CANCEL, planned("10:05"), attempt_started("10:05")).when(NOW, now="10:06").then(
        cancel_requested("10:05", by="call-1"), called("call-1", at="10:06")
    )


def test_a_failed_run_is_not_tried_again_where_it_would_end_another() -> None:
    given(
        CANCEL,
        planned("10:05"),
        attempt_started("10:05"),
        attempt_failed("10:05"),
        run_failed("10:05"),
        planned("10:10"),
        attempt_started("10:10"),
    ).when(c.RetryRun(run=run("10:05")), now="10:11").refused(Conflict, "overlap is cancel")


def test_fires_behind_a_line_that_catches_up_wait_in_it_and_cancel_nothing() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="cancel"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
    )
    story.when(DECIDE, now="10:15").then(planned("10:15"))


def test_the_end_of_a_pause_may_catch_up_all_under_cancel() -> None:
    story = given(registered(EVERY_5, at="10:00", overlap="cancel"))
    story.when(c.PauseJob(job=JOB), now="10:01")
    story.when(c.ResumeJob(job=JOB, missed="all"), now="10:11").then(
        resumed("10:11", "all"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
    )
