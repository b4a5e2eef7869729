"""When a run is tried no further: `give_up_after`, a length or the next fire time."""

from datetime import timedelta

import msgspec
import pytest

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import FailureKind, Retry
from scheduler.model.schedules import Once
from scheduler.rules.decide import decide
from scheduler.rules.facts import Fact
from scheduler.rules.run_state import RunState
from scheduler.rules.timetable import Timetable
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    expired,
    interrupted,
    late_outcome,
    outcome,
    paused,
    planned,
    registered,
    reopened,
    run,
    run_failed,
)
from tests.spec import DECIDE, START, given

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


# -- a retry that is kept waiting


def waiting(*, kind: FailureKind = "error") -> tuple[Fact, ...]:
    """Return a run that waits for its second attempt, which may begin up to 10:07:10."""
    return (
        job(give_up=SECOND_MINUTE),
        planned("10:05", window="10:00"),
        attempt_started("10:05"),
        attempt_failed("10:05", kind=kind, retry="10:06", give_up="10:07:10", error="no"),
    )


@pytest.mark.parametrize("kind", ["error", "timeout", "crash"])
def test_a_retry_that_found_no_slot_in_time_is_not_made(kind: FailureKind) -> None:
    story = given(*waiting(kind=kind))
    story.when(DECIDE, now="10:07:09").then()
    assert at("10:07:10") == story.timetable.next_wake()
    story.when(START, now="10:07:10").then(run_failed("10:05", kind))


def test_it_ends_with_the_last_failure_and_the_words_for_giving_up() -> None:
    story = given(*waiting(kind="crash")).when(START, now="10:07:55")
    (ended,) = (fact.event for fact in story.facts if isinstance(fact.event, e.RunFailed))
    assert ("crash", "no (tried no further: give_up_after)") == (ended.kind, ended.error)


def test_it_is_not_made_after_a_restart_either() -> None:
    before = given(*waiting()).timetable
    left = before.runs[run("10:05")]
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(left), type=RunState)
    after = Timetable()
    jobs, runs = [(before.jobs[JOB], 1, 0, 0)], [(kept, before.versions[left.stream])]
    after.restore(before.position, (before.system, 1), jobs, runs, [])
    assert [run_failed("10:05")] == decide(after, START, at("10:07:10"))


def test_a_thread_that_returned_too_late_is_followed_by_no_attempt() -> None:
    story = given(
        job(give_up=SECOND_MINUTE),
        planned("10:05"),
        attempt_started("10:05"),
        attempt_failed(
            "10:05",
            kind="timeout",
            retry="10:06",
            give_up="10:07:10",
            abandoned=True,
            error="no",
        ),
    )
    story.when(START, now="10:07:30").then()
    story.when(outcome("10:05", "returned"), now="10:07:40").then(late_outcome("10:05", "returned"))
    story.when(START, now="10:07:40").then(run_failed("10:05", "timeout"))


def test_a_lost_attempt_is_repeated_however_long_it_waits_for_that() -> None:
    story = given(
        *waiting(),
        attempt_started("10:05", attempt=2),
        interrupted("10:05", attempt=2, retry="10:07"),
    )
    story.when(START, now="10:07:30").then(attempt_started("10:05", attempt=3))


def test_a_run_on_its_own_gives_up_likewise() -> None:
    story = given(*waiting())
    story.when(c.StartRun(run=run("10:05"), epoch=1), now="10:07:10").then(run_failed("10:05"))


def test_giving_up_counts_as_a_failure_in_a_row() -> None:
    retry = Retry(max_attempts=9, give_up_after=SECOND_MINUTE)
    watched = registered(EVERY_5, at="10:00", retry=retry, pause_after_failures=1)
    given(watched, *waiting()[1:]).when(DECIDE, now="10:08").then(
        run_failed("10:05"), paused(failures=1)
    )


def test_a_tick_ends_no_more_runs_at_once_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.rules.due.DUE_JOBS_PER_APPEND", 2)
    fires = ("10:05", "10:10", "10:15")
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        *(planned(fire, start_by="10:16") for fire in fires),
    )
    assert 2 == len(decide(story.timetable, DECIDE, at("10:16")))
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        *(planned(fire, start_by="10:16") for fire in fires),
    )
    story.when(START, now="10:16").then(*(expired(fire) for fire in fires))
