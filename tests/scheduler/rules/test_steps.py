"""Finished steps: kept for the open attempt alone, handed to all that follow."""

import pytest

from scheduler.model import commands as c
from scheduler.model.content import Payload
from scheduler.model.errors import Conflict
from scheduler.model.jobs import OnCrash, Retry
from scheduler.model.limits import STEPS_MAX
from scheduler.rules.facts import Fact
from tests.facts import (
    abandoned_attempt,
    attempt_failed,
    attempt_started,
    cancel_requested,
    held,
    interrupted,
    outcome,
    planned,
    registered,
    reopened,
    run,
    run_failed,
    step_completed,
)
from tests.spec import START, Story, given

EVERY_5 = "*/5 * * * *"


def running(*rest: Fact, on_crash: OnCrash = "retry", attempts: int = 3) -> Story:
    """Return the story of a run whose first attempt is out."""
    return given(
        registered(EVERY_5, at="10:00", on_crash=on_crash, retry=Retry(max_attempts=attempts)),
        planned("10:05"),
        attempt_started("10:05"),
        *rest,
    )


def step(name: str, *, attempt: int = 1, epoch: int = 1, result: str | None = "1") -> c.RecordStep:
    payload = None if result is None else Payload(kind="json", text=result)
    return c.RecordStep(run=run("10:05"), attempt=attempt, epoch=epoch, name=name, result=payload)


def steps(story: Story) -> dict[str, str | None]:
    kept = story.timetable.runs[run("10:05")].steps
    return {name: None if result is None else result.text for name, result in kept.items()}


def test_a_step_of_the_open_attempt_is_kept_with_its_result() -> None:
    story = running().when(step("fetch", result='"text"'), now="10:06")
    story.then(step_completed("10:05", "fetch", result='"text"'))
    assert {"fetch": '"text"'} == steps(story)


def test_a_step_whose_value_could_not_be_kept_is_done_all_the_same() -> None:
    story = running().when(step("fetch", result=None), now="10:06")
    story.then(step_completed("10:05", "fetch", result=None))
    assert {"fetch": None} == steps(story)


@pytest.mark.parametrize(("attempt", "epoch"), [(2, 1), (1, 2), (0, 1)])
def test_a_step_of_another_attempt_or_epoch_is_refused(attempt: int, epoch: int) -> None:
    running().when(step("fetch", attempt=attempt, epoch=epoch), now="10:06").refused(
        Conflict, f"attempt {attempt} of run {run('10:05')} is no longer open"
    )


@pytest.mark.parametrize(
    "end",
    [
        attempt_failed("10:05", retry="10:07"),
        abandoned_attempt("10:05"),
        interrupted("10:05", retry="10:06"),
        run_failed("10:05"),
        held("10:05"),
    ],
    ids=lambda fact: type(fact.event).__name__,
)
def test_a_step_told_after_the_attempt_has_ended_is_refused(end: Fact) -> None:
    running(end).when(step("fetch"), now="10:06").refused(Conflict, "no longer open")


def test_a_step_of_an_attempt_that_is_asked_to_end_still_counts() -> None:
    running(cancel_requested("10:05")).when(step("fetch"), now="10:06").then(
        step_completed("10:05", "fetch")
    )


def test_a_step_is_done_once() -> None:
    running(step_completed("10:05", "fetch")).when(step("fetch"), now="10:06").refused(
        Conflict, "step 'fetch' of run .* is done already"
    )


def test_the_next_attempt_begins_with_what_is_done() -> None:
    story = running(step_completed("10:05", "fetch"), attempt_failed("10:05", retry="10:07"))
    story.when(START, now="10:07").then(attempt_started("10:05", attempt=2))
    story.when(step("store", attempt=2, result="2"), now="10:08")
    assert {"fetch": "1", "store": "2"} == steps(story)


def test_a_run_lost_to_a_crash_goes_on_with_what_is_done() -> None:
    story = running(step_completed("10:05", "fetch"))
    story.when(c.SettleRun(run=run("10:05"), alive=False), now="10:06")
    story.when(START, now="10:06").then(attempt_started("10:05", attempt=2))
    assert {"fetch": "1"} == steps(story)


def test_a_run_that_a_person_retries_goes_on_with_what_is_done() -> None:
    story = running(
        step_completed("10:05", "fetch"),
        attempt_failed("10:05"),
        run_failed("10:05"),
        reopened("10:05", at="10:07"),
    )
    assert {"fetch": "1"} == steps(story)


def test_another_run_of_the_job_begins_with_nothing() -> None:
    story = running(step_completed("10:05", "fetch"))
    story.when(outcome("10:05"), now="10:06")
    story.when(START, now="10:10")
    assert {} == story.timetable.runs[run("10:10")].steps


def test_a_run_has_so_many_steps_and_no_more() -> None:
    done = [step_completed("10:05", f"step {number}") for number in range(STEPS_MAX)]
    running(*done).when(step("one more"), now="10:06").refused(
        Conflict, r"has 1,000 steps already \(STEPS_MAX\)"
    )


def test_a_step_leaves_attempt_due_time_and_status_as_they_are() -> None:
    story = running()
    before = story.timetable.runs[run("10:05")]
    story.when(step("fetch"), now="10:06")
    after = story.timetable.runs[run("10:05")]
    assert (before.status, before.attempt, before.start_at, before.line) == (
        after.status,
        after.attempt,
        after.start_at,
        after.line,
    )
    assert {} == before.steps  # a snapshot may be encoding it
