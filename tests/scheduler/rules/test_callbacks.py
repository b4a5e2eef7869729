"""What a run's end calls: planned with the end, once, and never without being seen."""

import json
from unittest.mock import ANY

import pytest
from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.jobs import JobId, Retry, RunId
from scheduler.model.limits import CALLBACK_DEPTH_MAX
from scheduler.model.schedules import Manual
from scheduler.rules.facts import Fact
from tests.facts import (
    Kind,
    Policies,
    at,
    attempt_failed,
    attempt_started,
    defined,
    expired,
    outcome,
    planned,
    registered,
    run,
    run_failed,
    succeeded,
)
from tests.spec import DECIDE, START, Story, given

EVERY_5 = "*/5 * * * *"
OTHER = JobId("job-2")
REPORT = registered(Manual(), job=OTHER, name="report", at="10:00", start_deadline="1h")
CALLED_ID = RunId("019ca8ca-47e0-8d3c-8e3b-000000000000")


def running(*others: Fact, **policies: str) -> Story:
    """Return the story of a run whose first attempt is out."""
    mine: Policies = {"on_success": "job:report", "on_failure": "service:alert"}
    mine.update(policies)  # type: ignore[typeddict-item]  # texts of the same fields
    return given(
        REPORT,
        registered(EVERY_5, at="10:00", **mine),
        *others,
        planned("10:05"),
        attempt_started("10:05"),
    )


def last(story: Story) -> e.RunPlanned | e.ServiceCalled:
    """Return the run that the end has called."""
    event = story.facts[-1].event
    assert isinstance(event, e.RunPlanned | e.ServiceCalled)
    return event


def told(payload: Payload | None) -> object:
    assert payload is not None
    assert "json" == payload.kind
    return json.loads(payload.text or "")


# -- ends


def test_a_run_that_succeeds_runs_the_job_it_calls_back() -> None:
    story = running().when(outcome("10:05"), now="10:06")
    planned_now = last(story)
    assert isinstance(planned_now, e.RunPlanned)
    assert (OTHER, "callback", 1, run("10:05"), at("10:06"), at("11:06")) == (
        planned_now.job,
        planned_now.cause,
        planned_now.depth,
        planned_now.parent,
        planned_now.due_time,
        planned_now.start_by,
    )
    story.then(succeeded("10:05"), Fact(f"call/{planned_now.run}", planned_now))
    story.when(START, now="10:06")
    assert [planned_now.run] == [fact.event.run for fact in story.facts]  # type: ignore[union-attr]  # a start


def test_the_called_run_is_told_how_the_first_one_ended() -> None:
    result = Payload(kind="json", text='{"rows":[1,2]}')
    story = running().when(outcome("10:05", result=result), now="10:06")
    assert {
        "run": run("10:05"),
        "job": "job",
        "fire_time": "2026-03-01T10:05:00Z",
        "attempts": 1,
        "outcome": "succeeded",
        "error": None,
        "result": {"rows": [1, 2]},
    } == told(last(story).input)


def test_a_result_that_is_content_is_told_by_its_digest() -> None:
    result = Payload(kind="json", digest="d" * 64, size=5_000)
    story = running().when(outcome("10:05", result=result), now="10:06")
    answer = told(last(story).input)
    assert isinstance(answer, dict)
    assert {"digest": "d" * 64, "size": 5_000} == answer["result"]


def test_a_run_that_fails_calls_the_service_of_its_failure() -> None:
    story = running().when(outcome("10:05", "error", error="ValueError: no"), now="10:06")
    call = last(story)
    assert isinstance(call, e.ServiceCalled)
    assert ("alert", "callback", run("10:05"), 1) == (
        call.service,
        call.cause,
        call.parent,
        call.depth,
    )
    story.then(attempt_failed("10:05"), run_failed("10:05"), Fact(f"call/{call.run}", call))
    answer = told(call.input)
    assert isinstance(answer, dict)
    assert ("failed", "ValueError: no") == (answer["outcome"], answer["error"])


def test_a_failure_that_is_tried_again_calls_nobody() -> None:
    given(
        registered(EVERY_5, at="10:00", retry=Retry(max_attempts=2), on_failure="service:alert"),
        planned("10:05"),
        attempt_started("10:05"),
    ).when(outcome("10:05", "error"), now="10:06").then(
        attempt_failed("10:05", retry=ANY),
    )


def test_a_run_that_expires_calls_the_service_of_its_failure() -> None:
    story = given(
        registered(EVERY_5, at="10:00", start_deadline="1m", on_failure="service:alert"),
        planned("10:05", start_by="10:06"),
    ).when(DECIDE, now="10:07")
    assert expired("10:05") == story.facts[0]
    call = story.facts[1].event
    assert isinstance(call, e.ServiceCalled)
    answer = told(call.input)
    assert isinstance(answer, dict)
    assert ("expired", 0) == (answer["outcome"], answer["attempts"])


def test_a_run_lost_to_a_crash_that_ends_it_calls_the_service_of_its_failure() -> None:
    story = running(on_crash="fail").when(c.SettleRun(run=run("10:05"), alive=False), now="10:06")
    assert ["AttemptInterrupted", "RunFailed", "ServiceCalled"] == [
        type(fact.event).__name__ for fact in story.facts
    ]


@pytest.mark.parametrize("kind", ["cancelled", "stopped"])
def test_a_run_that_a_person_ends_or_a_stop_interrupts_calls_nobody(kind: Kind) -> None:
    story = running()
    if kind == "cancelled":
        story.when(c.CancelRun(run=run("10:05")), now="10:05:30")
    story.when(outcome("10:05", kind), now="10:06")
    assert not [f for f in story.facts if isinstance(f.event, e.RunPlanned | e.ServiceCalled)]


def test_a_job_without_callbacks_calls_nobody() -> None:
    given(registered(EVERY_5, at="10:00"), planned("10:05"), attempt_started("10:05")).when(
        outcome("10:05"), now="10:06"
    ).then(succeeded("10:05"))


def test_a_late_outcome_calls_nobody_again() -> None:
    story = running().when(outcome("10:05", "error", fatal=True), now="10:06")
    story.when(outcome("10:05"), now="10:07").then()


def test_a_run_that_is_tried_again_by_a_person_calls_again_under_another_id() -> None:
    story = running().when(outcome("10:05", "error"), now="10:06")
    first = last(story).run
    story.when(c.RetryRun(run=run("10:05")), now="10:07")
    story.when(START, now="10:07")
    story.when(outcome("10:05", "error", attempt=2), now="10:08")
    assert first != last(story).run
    assert 2 == told_attempts(story)


def told_attempts(story: Story) -> object:
    answer = told(last(story).input)
    assert isinstance(answer, dict)
    return answer["attempts"]


def test_whoever_records_an_end_plans_the_same_call() -> None:
    ends = [running().when(outcome("10:05"), now=now) for now in ("10:06", "10:09")]
    assert last(ends[0]).run == last(ends[1]).run


# -- the job that is called


def test_a_job_that_is_busy_is_waited_for() -> None:
    story = running()
    story.when(c.TriggerJob(job=OTHER, run=RunId("call-1")), now="10:05")
    story.when(START, now="10:05").then(attempt_started("call-1"))
    story.when(outcome("10:05"), now="10:06")
    waiting = last(story).run
    story.when(START, now="10:06").then()
    story.when(outcome("call-1"), now="10:07").then(succeeded("call-1"))
    story.when(START, now="10:07")
    assert [waiting] == [fact.event.run for fact in story.facts]  # type: ignore[union-attr]  # a start


def test_a_job_that_is_gone_leaves_a_call_that_has_failed_and_says_so() -> None:
    story = running()
    story.when(c.RemoveJob(job=OTHER), now="10:05:30")
    story.when(outcome("10:05"), now="10:06")
    call, failed = story.facts[1].event, story.facts[2].event
    assert isinstance(call, e.ServiceCalled)
    assert "job:report" == call.service
    assert (
        e.RunFailed(
            run=call.run, kind="no-service", error="there is no job 'report' to be called back"
        )
        == failed
    )
    assert {} == story.timetable.runs


def test_the_cursor_and_the_counter_of_the_called_job_stay() -> None:
    story = running().when(outcome("10:05"), now="10:06")
    job = story.timetable.jobs[OTHER]
    assert (at("10:00"), 0) == (job.cursor, job.planned)


def test_a_callback_beyond_the_deepest_fails_at_once_and_is_seen() -> None:
    deep = replace_depth(planned("10:05"), CALLBACK_DEPTH_MAX)
    story = given(
        REPORT, registered(EVERY_5, at="10:00", on_success="job:report"), deep,
        attempt_started("10:05"),
    ).when(outcome("10:05"), now="10:06")  # fmt: skip
    assert ["RunSucceeded", "ServiceCalled", "RunFailed"] == [
        type(fact.event).__name__ for fact in story.facts
    ]
    assert "callback 11 in a row; at most 10" in str(story.facts[-1].event)


def replace_depth(fact: Fact, depth: int) -> Fact:
    assert isinstance(fact.event, e.RunPlanned)
    return Fact(fact.stream, replace(fact.event, depth=depth, window_start=None))


# -- definitions


def define(name: str, **callbacks: str) -> c.DefineJob:
    """Return the wish for a job that is run by callbacks only."""
    return c.DefineJob(job=JobId(name), definition=defined(Manual(), name=name, **callbacks))  # type: ignore[arg-type]  # fields of Policies


def chain(length: int) -> Story:
    """Return the story of jobs j0 to j<length>, each of which calls the one before it."""
    story = given()
    story.when(define("j0"), now="10:00")
    for number in range(1, length + 1):
        story.when(define(f"j{number}", on_success=f"job:j{number - 1}"), now="10:00")
        assert 1 == len(story.facts)
    return story


def test_a_job_that_calls_one_which_is_not_there_is_refused() -> None:
    given().when(define("a", on_failure="job:b"), now="10:00").refused(
        BadInput, r"\$\.on_failure: there is no job 'b'\. Define it first"
    )


def test_a_job_that_calls_itself_is_refused() -> None:
    given().when(define("a", on_success="job:a"), now="10:00").refused(
        BadInput, r"\$\.on_success: leads back to 'a': the chain would never end"
    )


def test_a_circle_over_several_jobs_is_refused() -> None:
    story = chain(3)
    revised = c.ReviseJob(
        job=JobId("j0"), definition=defined(Manual(), name="j0", on_failure="job:j3")
    )
    story.when(revised, now="10:01").refused(BadInput, "leads back to 'j0'")


def test_a_chain_of_ten_is_taken_and_one_of_eleven_is_refused() -> None:
    story = chain(CALLBACK_DEPTH_MAX)
    story.when(define("j11", on_success="job:j10"), now="10:01").refused(
        BadInput, "makes a chain of 11 callbacks or more; at most 10"
    )


def test_a_chain_that_grows_too_long_at_its_far_end_is_refused_too() -> None:
    story = chain(CALLBACK_DEPTH_MAX)
    revised = c.ReviseJob(
        job=JobId("j0"), definition=defined(Manual(), name="j0", on_success="service:alert")
    )
    story.when(revised, now="10:01").refused(BadInput, "makes a chain of 11 callbacks or more")


def test_a_chain_is_as_long_as_its_longest_way() -> None:
    story = chain(9)
    story.when(define("short"), now="10:01")
    story.when(define("a", on_success="job:short", on_failure="job:j9"), now="10:01")
    assert 1 == len(story.facts)
    story.when(define("b", on_success="job:a"), now="10:01").refused(BadInput, "on_success")


def test_a_job_that_others_call_is_not_renamed() -> None:
    story = chain(2)
    story.when(c.RenameJob(job=JobId("j1"), name="k"), now="10:01").refused(
        Conflict, "j1 is called back by j2; change that first"
    )
    story.when(c.RenameJob(job=JobId("j2"), name="k"), now="10:01")
    assert 1 == len(story.facts)


def test_a_job_is_not_renamed_into_a_circle() -> None:
    story = chain(1)
    story.when(c.RemoveJob(job=JobId("j0")), now="10:01")
    story.when(define("k"), now="10:01")
    revised = c.ReviseJob(
        job=JobId("k"), definition=defined(Manual(), name="k", on_success="job:j1")
    )
    story.when(revised, now="10:01")
    assert 1 == len(story.facts)
    story.when(c.RenameJob(job=JobId("k"), name="j0"), now="10:02").refused(
        BadInput, "leads back to 'j0'"
    )


def test_a_job_whose_callee_is_gone_may_be_removed_paused_and_run() -> None:
    story = chain(1)
    story.when(c.RemoveJob(job=JobId("j0")), now="10:01")
    story.when(c.PauseJob(job=JobId("j1")), now="10:01")
    story.when(c.TriggerJob(job=JobId("j1"), run=RunId("call-1")), now="10:01")
    story.when(c.RemoveJob(job=JobId("j1")), now="10:01")
    assert story.facts
