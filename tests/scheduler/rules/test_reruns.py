"""A rerun is another run of an occurrence or call, in its stream, beside the schedule."""

from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import Conflict, NotFound
from scheduler.model.jobs import RunId, derived_id, run_id
from scheduler.model.limits import RERUNS_MAX
from scheduler.model.streams import call_stream
from scheduler.rules.facts import Fact
from tests.backfill_facts import filled, of_run
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    called,
    held,
    planned,
    registered,
    removed,
    revised,
    run,
    run_failed,
    service_called,
    skipped,
    step_completed,
    succeeded,
)
from tests.spec import DECIDE, START, given

EVERY_5 = registered("*/5 * * * *", at="10:00")
DONE = (planned("10:05"), attempt_started("10:05"), succeeded("10:05"))
AGAIN = c.ReplayRun(run=run("10:05"))


def test_an_ended_run_is_run_again_in_its_stream_with_its_window() -> None:
    story = given(EVERY_5, planned("10:05", window="10:00"), *DONE[1:])
    story.when(AGAIN, now="11:00").then(
        filled("10:05", now="11:00", number=2, window="10:00", cause="rerun")
    )


def test_it_keeps_its_input_and_follows_the_job_as_it_is_now() -> None:
    given_input = Payload(kind="text", text="then")
    stream, event = planned("10:05", window="10:00")
    story = given(
        EVERY_5,
        Fact(stream, replace(event, input=given_input)),
        *DONE[1:],
        revised("*/5 * * * *", at="10:20", service="other"),
    )
    story.when(AGAIN, now="11:00")
    (fact,) = story.facts
    assert isinstance(fact.event, e.RunPlanned)
    assert (given_input, 2) == (fact.event.input, fact.event.revision)
    (again,) = story.timetable.runs.values()
    assert "other" == again.definition.service


def test_it_starts_with_no_finished_steps() -> None:
    story = given(
        EVERY_5,
        planned("10:05"),
        attempt_started("10:05"),
        step_completed("10:05", "fetch"),
        attempt_failed("10:05"),
        run_failed("10:05"),
    )
    story.when(AGAIN, now="11:00")
    (again,) = story.timetable.runs.values()
    assert {} == again.steps


def test_a_live_run_neither_blocks_it_nor_is_blocked_by_it() -> None:
    story = given(EVERY_5, *DONE, planned("10:10"), attempt_started("10:10"))
    story.when(AGAIN, now="10:11")
    story.when(START, now="10:11").then(
        of_run("10:05", e.AttemptStarted, number=2, attempt=1, epoch=1)
    )
    story = given(EVERY_5, *DONE, filled("10:05", now="10:06", number=2, cause="rerun"))
    story.when(DECIDE, now="10:10").then(planned("10:10"))


def test_its_cursor_and_counters_are_not_the_jobs() -> None:
    story = given(registered("*/5 * * * *", at="10:00", max_runs=2), *DONE)
    story.when(AGAIN, now="10:07")
    job = story.timetable.jobs[JOB]
    assert (at("10:05"), 1) == (job.cursor, job.planned)


def test_a_third_run_follows_the_second() -> None:
    second = run_id(JOB, at("10:05"), 2)
    story = given(
        EVERY_5,
        *DONE,
        filled("10:05", now="10:06", number=2, cause="rerun"),
        of_run("10:05", e.AttemptStarted, number=2, attempt=1, epoch=1),
        of_run("10:05", e.RunSucceeded, number=2, attempt=1, duration_us=1),
    )
    story.when(c.ReplayRun(run=second), now="11:00")
    (fact,) = story.facts
    assert isinstance(fact.event, e.RunPlanned)
    assert (3, second) == (fact.event.number, fact.event.of)


def test_what_has_not_ended_is_not_run_again() -> None:
    given(EVERY_5, *DONE[:2]).when(AGAIN, now="10:06").refused(Conflict, "has not ended")
    given(EVERY_5, *DONE[:2], held("10:05")).when(AGAIN, now="10:06").refused(
        Conflict, r"has not ended \(held\)"
    )
    given(EVERY_5).when(AGAIN, now="10:06").refused(NotFound, "run")


def test_the_runs_of_a_removed_job_stay_as_they_are() -> None:
    given(EVERY_5, *DONE, removed()).when(AGAIN, now="11:00").refused(Conflict, "was removed")


def test_there_are_no_more_than_so_many_runs_of_one_occurrence() -> None:
    story = given(EVERY_5, *DONE)
    (state, version) = vars(story)["_ended"][run("10:05")]
    vars(story)["_ended"][run("10:05")] = (replace(state, number=RERUNS_MAX), version)
    story.when(AGAIN, now="11:00").refused(Conflict, "RERUNS_MAX")


def test_a_run_by_hand_is_run_again_in_the_stream_of_its_call() -> None:
    story = given(
        EVERY_5, called("call-1", at="10:01"), attempt_started("call-1"), succeeded("call-1")
    )
    story.when(c.ReplayRun(run=RunId("call-1")), now="11:00")
    ((stream, event),) = story.facts
    assert isinstance(event, e.RunPlanned)
    assert call_stream(RunId("call-1")) == stream
    assert ("rerun", 2, "call-1", None) == (event.cause, event.number, event.of, event.fire_time)
    assert derived_id(at("10:01"), f"{stream}/2") == event.run


def test_a_call_without_a_job_is_called_again() -> None:
    story = given(
        service_called("call-1", "s", at="10:01", input=Payload(kind="text", text="x")),
        attempt_started("call-1"),
        succeeded("call-1"),
    )
    story.when(c.ReplayRun(run=RunId("call-1")), now="11:00")
    ((_, event),) = story.facts
    assert isinstance(event, e.ServiceCalled)
    assert ("rerun", 2, "call-1") == (event.cause, event.number, event.of)
    assert event.input == Payload(kind="text", text="x")


def test_removing_the_job_cancels_one_that_has_not_started() -> None:
    story = given(EVERY_5, *DONE, filled("10:05", now="10:06", number=2, cause="rerun"))
    story.when(c.RemoveJob(job=JOB), now="10:07").then(
        of_run("10:05", e.RunCancelled, number=2), removed()
    )


def test_a_failed_rerun_is_no_failure_of_the_schedule() -> None:
    story = given(
        registered("*/5 * * * *", at="10:00", pause_after_failures=1),
        *DONE,
        filled("10:05", now="10:06", number=2, cause="rerun"),
        of_run("10:05", e.AttemptStarted, number=2, attempt=1, epoch=1),
        of_run("10:05", e.AttemptFailed, number=2, attempt=1, kind="error", error="x"),
        of_run("10:05", e.RunFailed, number=2, kind="error", error="x"),
    )
    story.when(DECIDE, now="10:10").then(planned("10:10"))


def test_a_skipped_occurrence_has_no_run_to_repeat() -> None:
    given(EVERY_5, skipped("10:05", reason="overlap")).when(AGAIN, now="10:11").refused(
        NotFound, "run"
    )
