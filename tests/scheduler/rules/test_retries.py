"""How long after a failure the next attempt begins: by the policy, and jittered in full."""

from datetime import timedelta

from scheduler.model.jobs import Retry, run_id
from scheduler.rules.runs import retry_delay
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    outcome,
    planned,
    registered,
    run,
)
from tests.spec import START, Story, given

EVERY_5 = "*/5 * * * *"


def running(*, retry: Retry) -> Story:
    """Return the story of a run whose first attempt is out."""
    return given(
        registered(EVERY_5, at="10:00", retry=retry), planned("10:05"), attempt_started("10:05")
    )


def test_a_retry_is_delayed_by_the_policy() -> None:
    retry = Retry(max_attempts=2, initial=timedelta(minutes=1), max_delay=timedelta(hours=1))
    delay = retry_delay(retry, run("10:05"), 1)
    running(retry=retry).when(outcome("10:05", "error"), now="10:06").then(
        attempt_failed("10:05", retry=at("10:06") + delay)
    )


def test_the_second_delay_is_longer_by_the_factor() -> None:
    minute = timedelta(minutes=1)
    retry = Retry(max_attempts=3, initial=minute, factor=30.0, max_delay=timedelta(hours=1))
    story = running(retry=retry)
    first = at("10:06") + retry_delay(retry, run("10:05"), 1)
    story.when(outcome("10:05", "error"), now="10:06").then(attempt_failed("10:05", retry=first))
    story.when(START, now="10:08").then(attempt_started("10:05", attempt=2))
    second = at("10:08") + retry_delay(retry, run("10:05"), 2)
    story.when(outcome("10:05", "error", attempt=2), now="10:08").then(
        attempt_failed("10:05", attempt=2, retry=second)
    )
    assert first - at("10:06") <= minute < second - at("10:08") <= 30 * minute


def test_delays_are_fully_jittered_and_follow_from_the_run() -> None:
    retry = Retry(max_attempts=2, initial=timedelta(seconds=10), factor=2.0)
    runs = [run_id(JOB, at("10:00") + timedelta(minutes=minute)) for minute in range(200)]
    delays = [retry_delay(retry, one, 1).total_seconds() for one in runs]
    assert delays == [retry_delay(retry, one, 1).total_seconds() for one in runs]
    assert 0 <= min(delays) < 1
    assert 9 < max(delays) <= 10
    assert 4 < sum(delays) / len(delays) < 6


def test_delays_grow_by_the_factor_up_to_the_longest() -> None:
    retry = Retry(initial=timedelta(seconds=10), factor=2.0, max_delay=timedelta(seconds=35))
    runs = [run_id(JOB, at("10:00") + timedelta(minutes=minute)) for minute in range(200)]
    longest = [
        max(retry_delay(retry, one, failures).total_seconds() for one in runs)
        for failures in (1, 2, 3, 1_000)
    ]
    assert [10, 20, 35, 35] == [round(seconds) for seconds in longest]
