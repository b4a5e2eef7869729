"""Defining, editing, renaming, removing a job, and running it now."""

from typing import Literal

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Conflict, NotFound
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.schedules import Interval, Manual, Once
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    called,
    cancelled,
    defined,
    exhausted,
    expired,
    held,
    interrupted,
    paused,
    planned,
    registered,
    removed,
    renamed,
    reopened,
    revised,
    span,
    succeeded,
)
from tests.spec import DECIDE, given

EVERY_5 = "*/5 * * * *"
IfPast = Literal["refuse", "run", "skip"]


def define(
    definition: Definition,
    *,
    job: JobId = JOB,
    if_past: IfPast = "refuse",
    replace: bool = False,
) -> c.DefineJob:
    return c.DefineJob(job=job, definition=definition, if_past=if_past, replace=replace)


# -- define


def test_a_job_is_decided_from_its_definition_on() -> None:
    given().when(define(defined(EVERY_5)), now="10:05").then(registered(EVERY_5, at="10:05"))


def test_a_job_that_stands_so_already_changes_nothing() -> None:
    given(registered(EVERY_5, at="10:00")).when(
        define(defined(EVERY_5), job=JobId("job-2")), now="10:03"
    ).then()


def test_an_interval_that_stands_so_already_keeps_its_anchor_and_changes_nothing() -> None:
    given(registered(Interval(span("5m"), at("10:00")), at="10:00")).when(
        define(defined(Interval(span("5m")))), now="10:03"
    ).then()


def test_another_definition_under_a_taken_name_is_refused() -> None:
    given(registered(EVERY_5, at="10:00")).when(
        define(defined("0 * * * *"), job=JobId("job-2")), now="10:03"
    ).refused(Conflict, "already a job 'job'")


def test_another_definition_under_a_taken_name_is_an_edit_when_it_may_replace() -> None:
    given(registered(EVERY_5, at="10:00")).when(
        define(defined("0 * * * *"), job=JobId("job-2"), replace=True), now="10:03"
    ).then(revised("0 * * * *", at="10:03"))


def test_the_name_of_a_removed_job_is_free() -> None:
    given(registered(EVERY_5, at="10:00"), removed()).when(
        define(defined("0 * * * *"), job=JobId("job-2")), now="10:03"
    ).then(registered("0 * * * *", job=JobId("job-2"), at="10:03"))


def test_the_former_name_of_a_renamed_job_is_free() -> None:
    given(registered(EVERY_5, at="10:00"), renamed("other")).when(
        define(defined("0 * * * *"), job=JobId("job-2")), now="10:03"
    ).then(registered("0 * * * *", job=JobId("job-2"), at="10:03"))


def test_an_interval_without_anchor_fires_one_interval_after_its_creation() -> None:
    story = given().when(define(defined(Interval(span("5m")))), now="10:00:00.25")
    story.then(registered(Interval(span("5m"), at("10:00:01")), at="10:00:01"))
    story.when(DECIDE, now="10:00:01").then()
    story.when(DECIDE, now="10:05:01").then(planned("10:05:01", window="10:00:01"))


def test_an_interval_with_a_start_fires_first_at_its_start() -> None:
    story = given().when(define(defined(Interval(span("5m")), start_at="10:30")), now="10:00")
    story.then(registered(Interval(span("5m"), at("10:30")), start_at="10:30", at="10:00"))
    story.when(DECIDE, now="10:30").then(planned("10:30"))


def test_a_time_that_is_past_is_refused_with_how_long_ago() -> None:
    given().when(define(defined(Once(at("03-02 09:00")))), now="03-05 10:00").refused(
        BadInput, r"\$\.schedule\.at: 2026-03-02T09:00:00Z is 3 days past\. .*--if-past skip"
    )


def test_a_time_that_is_past_runs_at_once_when_asked() -> None:
    story = given().when(define(defined(Once(at("09:00"))), if_past="run"), now="10:00:00.5")
    story.then(registered(Once(at("10:00:01")), at="10:00:00.5"))
    story.when(DECIDE, now="10:00:01").then(planned("10:00:01"), exhausted())


def test_a_time_that_is_past_is_only_recorded_when_asked() -> None:
    story = given().when(define(defined(Once(at("09:00"))), if_past="skip"), now="10:00")
    story.then(registered(Once(at("09:00")), at="08:59:59", exhausted=True))
    story.when(DECIDE, now="10:00").then()


def test_a_job_with_no_fire_time_left_is_refused() -> None:
    given().when(define(defined(EVERY_5, end_at="09:00")), now="10:00").refused(
        BadInput, r"\$\.end_at: no fire time is left"
    )


def test_a_job_that_is_not_valid_is_refused_with_every_field() -> None:
    given().when(define(defined("* * * *", name="", max_runs=0)), now="10:00").refused(
        BadInput, r"(?s)\$\.name.*\$\.schedule\.expressions\[0\].*\$\.max_runs"
    )


def test_a_job_that_runs_only_by_hand_is_never_due() -> None:
    story = given().when(define(defined(Manual())), now="10:00")
    story.then(registered(Manual(), at="10:00"))
    story.when(DECIDE, now="12:00").then()


# -- rename


def test_a_job_gets_another_name() -> None:
    given(registered(EVERY_5, at="10:00")).when(
        c.RenameJob(job=JOB, name="other"), now="10:01"
    ).then(renamed("other"))


def test_the_name_it_has_changes_nothing() -> None:
    given(registered(EVERY_5, at="10:00")).when(
        c.RenameJob(job=JOB, name="job"), now="10:01"
    ).then()


def test_the_name_of_another_job_is_refused() -> None:
    given(
        registered(EVERY_5, at="10:00"),
        registered(EVERY_5, name="other", job=JobId("job-2"), at="10:00"),
    ).when(c.RenameJob(job=JOB, name="other"), now="10:01").refused(
        Conflict, "already a job 'other'"
    )


def test_a_name_that_cannot_be_printed_is_refused() -> None:
    given(registered(EVERY_5, at="10:00")).when(
        c.RenameJob(job=JOB, name="a\nb"), now="10:01"
    ).refused(BadInput, r"\$\.name")


# -- remove


def test_removing_decides_what_is_due_and_cancels_what_has_not_started() -> None:
    given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        attempt_started("10:05"),
        planned("10:10"),
    ).when(c.RemoveJob(job=JOB), now="10:15").then(
        planned("10:15"), cancelled("10:15"), cancelled("10:10"), removed()
    )


def test_a_started_run_of_a_removed_job_goes_on_with_its_retries() -> None:
    story = given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
        attempt_failed("10:05", retry="10:07"),
    ).when(c.RemoveJob(job=JOB), now="10:06")
    story.then(removed())
    story.when(c.Tick(slots=1, epoch=1), now="10:07").then(attempt_started("10:05", attempt=2))


def test_a_run_reopened_before_its_first_attempt_is_cancelled_with_its_job() -> None:
    given(
        registered(EVERY_5, at="10:00", start_deadline="1m"),
        planned("10:05", start_by="10:06"),
        expired("10:05"),
        reopened("10:05", at="10:07"),
    ).when(c.RemoveJob(job=JOB), now="10:07:30").then(cancelled("10:05"), removed())


def test_a_held_run_of_a_removed_job_can_be_resolved() -> None:
    story = given(
        registered(EVERY_5, at="10:00", on_crash="hold"),
        planned("10:05"),
        attempt_started("10:05"),
        interrupted("10:05"),
        held("10:05"),
    )
    story.when(c.RemoveJob(job=JOB), now="10:06").then(removed())
    story.when(c.ResolveRun(run=next(iter(story.timetable.runs)), verdict="failed"), now="10:07")
    assert 1 == len(story.facts)


def test_a_removed_job_leaves_the_fold_with_its_last_run() -> None:
    story = given(registered(EVERY_5, at="10:00"), planned("10:05"), attempt_started("10:05"))
    story.when(c.RemoveJob(job=JOB), now="10:06")
    assert [JOB] == list(story.timetable.jobs)
    given_on = given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
        removed(),
        succeeded("10:05"),
    )
    assert {} == given_on.timetable.jobs
    assert {"system": 1} == given_on.timetable.versions


def test_a_removed_job_cannot_be_asked_for_anything() -> None:
    story = given(
        registered(EVERY_5, at="10:00"), planned("10:05"), attempt_started("10:05"), removed()
    )
    for command in (
        c.ReviseJob(job=JOB, definition=defined("0 * * * *")),
        c.RenameJob(job=JOB, name="other"),
        c.PauseJob(job=JOB),
        c.ResumeJob(job=JOB),
        c.RemoveJob(job=JOB),
        c.TriggerJob(job=JOB, run=RunId("call-1")),
    ):
        story.when(command, now="10:06").refused(NotFound, "no job 'job-1'")


# -- run now


def test_a_job_is_run_now_with_an_input_of_its_own() -> None:
    story = given(registered(EVERY_5, at="10:00", input=Payload(text="usual")))
    own = Payload(text="other")
    story.when(c.TriggerJob(job=JOB, run=RunId("call-1"), input=own), now="10:01")
    assert [own] == [
        fact.event.input for fact in story.facts if isinstance(fact.event, e.RunPlanned)
    ]
    assert [own] == [run.input for run in story.timetable.runs.values()]


def test_running_now_leaves_cursor_and_counters_alone() -> None:
    story = given(registered(EVERY_5, at="10:00", max_runs=1, overlap="allow"))
    before = story.timetable.jobs[JOB]
    story.when(c.TriggerJob(job=JOB, run=RunId("call-1")), now="10:01").then(
        called("call-1", at="10:01")
    )
    assert before == story.timetable.jobs[JOB]


def test_running_now_is_refused_when_overlap_forbids_it() -> None:
    given(registered(EVERY_5, at="10:00"), planned("10:05")).when(
        c.TriggerJob(job=JOB, run=RunId("call-1")), now="10:06"
    ).refused(Conflict, "is still open, and its overlap policy is skip")


def test_running_now_beside_an_open_run_is_fine_when_overlap_is_allow() -> None:
    given(registered(EVERY_5, at="10:00", overlap="allow"), planned("10:05")).when(
        c.TriggerJob(job=JOB, run=RunId("call-1")), now="10:06"
    ).then(called("call-1", at="10:06"))


def test_running_now_has_the_start_deadline() -> None:
    given(registered(EVERY_5, at="10:00", start_deadline="2m")).when(
        c.TriggerJob(job=JOB, run=RunId("call-1")), now="10:06"
    ).then(called("call-1", at="10:06", start_by="10:08"))


def test_a_paused_or_exhausted_job_can_be_run_now() -> None:
    given(registered(Once(at("10:05")), at="10:00", exhausted=True), paused()).when(
        c.TriggerJob(job=JOB, run=RunId("call-1")), now="10:06"
    ).then(called("call-1", at="10:06"))
