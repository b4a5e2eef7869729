"""Editing a job: what is due first, from when the new definition holds, what it leaves alone."""

from typing import Literal

from scheduler.model import commands as c
from scheduler.model.errors import BadInput, Conflict, NotFound
from scheduler.model.jobs import Definition
from scheduler.model.schedules import Interval, Once
from tests.facts import (
    JOB,
    at,
    cancelled,
    defined,
    exhausted,
    planned,
    registered,
    renamed,
    revised,
    skipped,
    span,
    succeeded,
)
from tests.spec import DECIDE, given

EVERY_5 = "*/5 * * * *"
IfPast = Literal["refuse", "run", "skip"]


def revise(
    definition: Definition, *, if_past: IfPast = "refuse", if_version: int | None = None
) -> c.ReviseJob:
    return c.ReviseJob(job=JOB, definition=definition, if_past=if_past, if_version=if_version)


def test_an_edit_takes_effect_now_and_replays_nothing() -> None:
    story = given(registered("0 * * * *", at="10:00"))
    story.when(revise(defined(EVERY_5)), now="10:12").then(revised(EVERY_5, at="10:12"))
    story.when(DECIDE, now="10:15").then(planned("10:15", revision=2))


def test_an_edit_that_changes_nothing_changes_nothing() -> None:
    given(registered(EVERY_5, at="10:00")).when(revise(defined(EVERY_5)), now="10:30").then()


def test_an_edit_decides_what_is_due_first_by_the_old_schedule_and_the_new_catch_up() -> None:
    given(registered(EVERY_5, at="10:00", catch_up="all")).when(
        revise(defined("0 * * * *", catch_up="none")), now="10:18"
    ).then(
        skipped("10:15", count=3, reason="misfire"),
        revised("0 * * * *", catch_up="none", at="10:18"),
    )


def test_runs_decided_by_an_edit_belong_to_the_old_revision() -> None:
    given(registered(EVERY_5, at="10:00")).when(revise(defined("0 * * * *")), now="10:05").then(
        planned("10:05", revision=1), revised("0 * * * *", at="10:05")
    )


def test_an_edit_takes_effect_at_the_cursor_when_the_clock_is_behind_it() -> None:
    given(registered(EVERY_5, at="10:00"), planned("10:05")).when(
        revise(defined("0 * * * *")), now="09:00"
    ).then(revised("0 * * * *", at="10:05"))


def test_an_edit_keeps_the_anchor_unless_it_names_one() -> None:
    given(registered(Interval(span("5m"), at("10:00")), at="10:00")).when(
        revise(defined(Interval(span("10m")))), now="10:02"
    ).then(revised(Interval(span("10m"), at("10:00")), at="10:02"))


def test_an_edit_to_an_interval_fires_one_interval_later() -> None:
    story = given(registered("0 * * * *", at="10:00"))
    story.when(revise(defined(Interval(span("5m")))), now="10:02:00.5").then(
        revised(Interval(span("5m"), at("10:07:01")), at="10:02:00.5")
    )
    story.when(DECIDE, now="10:02:01").then()


def test_an_edit_to_an_interval_leaves_no_fire_time_of_the_old_schedule_undecided() -> None:
    story = given(registered(EVERY_5, at="10:00"))
    story.when(revise(defined(Interval(span("5m")))), now="10:04:59.5").then(
        revised(Interval(span("5m"), at("10:10")), at="10:04:59.5")
    )


def test_an_edit_keeps_the_name() -> None:
    given(registered(EVERY_5, at="10:00")).when(
        revise(defined("0 * * * *", name="other")), now="10:01"
    ).then(revised("0 * * * *", at="10:01"))


def test_an_edit_of_a_job_that_moved_on_is_refused() -> None:
    given(registered(EVERY_5, at="10:00"), renamed("other")).when(
        revise(defined("0 * * * *"), if_version=1), now="10:01"
    ).refused(Conflict, "other changed since you looked: it is at version 2, not 1")


def test_an_edit_of_policies_alone_leaves_a_one_time_job_over() -> None:
    given(
        registered(Once(at("10:05")), at="10:00"), planned("10:05"), exhausted(), succeeded("10:05")
    ).when(revise(defined(Once(at("10:05")), description="new")), now="11:00").then(
        revised(Once(at("10:05")), description="new", at="11:00", exhausted=True)
    )


def test_an_edit_of_policies_calls_off_a_one_time_job_that_is_late() -> None:
    given(registered(Once(at("10:05")), at="10:00")).when(
        revise(defined(Once(at("10:05")), catch_up="none")), now="11:00"
    ).then(
        skipped("10:05", reason="misfire"),
        revised(Once(at("10:05")), catch_up="none", at="11:00", exhausted=True),
    )


def test_an_edit_to_a_time_that_is_past_is_refused() -> None:
    given(registered(EVERY_5, at="10:00")).when(
        revise(defined(Once(at("09:00")))), now="10:01"
    ).refused(BadInput, "is 1 hour past")


def test_an_edit_to_a_time_before_the_cursor_is_past_even_when_the_clock_is_behind() -> None:
    given(registered(EVERY_5, at="10:00"), planned("10:05")).when(
        revise(defined(Once(at("10:02")))), now="09:00"
    ).refused(BadInput, "is 3 minutes past")


def test_an_edit_gives_a_one_time_job_a_new_time() -> None:
    story = given(
        registered(Once(at("10:05")), at="10:00"), planned("10:05"), exhausted(), succeeded("10:05")
    )
    story.when(revise(defined(Once(at("12:00")))), now="11:00").then(
        revised(Once(at("12:00")), at="11:00")
    )
    story.when(DECIDE, now="12:00").then(planned("12:00", revision=2), exhausted())


def test_an_edit_that_allows_more_runs_revives_a_job() -> None:
    story = given(
        registered(EVERY_5, at="10:00", max_runs=1),
        planned("10:05"),
        exhausted("max-runs"),
        succeeded("10:05"),
    )
    story.when(revise(defined(EVERY_5, max_runs=2)), now="10:07").then(
        revised(EVERY_5, max_runs=2, at="10:07")
    )
    story.when(DECIDE, now="10:10").then(planned("10:10", revision=2), exhausted("max-runs"))


def test_max_runs_counts_over_all_revisions() -> None:
    given(
        registered(EVERY_5, at="10:00"), planned("10:05"), planned("10:10"), cancelled("10:05")
    ).when(revise(defined(EVERY_5, max_runs=2)), now="10:11").then(
        revised(EVERY_5, max_runs=2, at="10:11", exhausted=True)
    )


def test_an_edit_of_an_unknown_job_is_refused() -> None:
    given().when(revise(defined(EVERY_5)), now="10:00").refused(NotFound, "no job 'job-1'")


def test_a_run_keeps_the_definition_it_was_planned_under() -> None:
    story = given(registered(EVERY_5, at="10:00", service="old"), planned("10:05"))
    story.when(revise(defined(EVERY_5, service="new")), now="10:06")
    assert ["old"] == [run.definition.service for run in story.timetable.runs.values()]
