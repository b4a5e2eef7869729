"""What events mean for one job and one run, and what cannot follow at all."""

import pytest

from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import Definition
from scheduler.rules.facts import Fact
from scheduler.rules.job_state import JobState, evolve_job
from scheduler.rules.run_state import RunState, evolve_run
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    called,
    cancel_requested,
    cancelled,
    exhausted,
    expired,
    held,
    interrupted,
    late_outcome,
    paused,
    planned,
    registered,
    removed,
    renamed,
    reopened,
    resolved,
    resumed,
    revised,
    run,
    run_failed,
    skipped,
    succeeded,
)
from tests.spec import given

EVERY_5 = "*/5 * * * *"


def job_after(*facts: Fact) -> JobState:
    return given(registered(EVERY_5, at="10:00"), *facts).timetable.jobs[JOB]


def run_after(*facts: Fact) -> RunState:
    """Return a run after what happened to it, also when that has ended it."""
    state = given(registered(EVERY_5, at="10:00"), planned("10:05")).timetable.runs[run("10:05")]
    for _, event in facts:
        assert isinstance(event, e.RunEvent)
        state = evolve_run(state, event)
    return state


# -- a job


def test_a_run_moves_the_cursor_and_counts() -> None:
    job = job_after(planned("10:05"))
    assert (at("10:05"), 1, at("10:05")) == (job.cursor, job.planned, job.last_run_fire)


def test_a_fire_time_that_was_planned_is_believed_whatever_the_schedule_says() -> None:
    """Zone data and the reading of cron may change; what was decided by the old stays decided."""
    job = job_after(planned("10:07"))
    assert (at("10:07"), 1, at("10:07")) == (job.cursor, job.planned, job.last_run_fire)


def test_a_call_moves_nothing() -> None:
    assert job_after() == job_after(called("call-1", at="10:03"))


def test_a_skip_moves_the_cursor_and_does_not_count() -> None:
    job = job_after(skipped("10:15", count=3, reason="overlap"))
    assert (at("10:15"), 0, None) == (job.cursor, job.planned, job.last_run_fire)


def test_coalesced_fires_are_remembered_until_the_next_run() -> None:
    skip = skipped("10:15", count=3, reason="coalesced")
    assert at("10:00") == job_after(skip).coalesced_after
    assert at("10:00") == job_after(skip, skipped("10:20", reason="overlap")).coalesced_after
    assert job_after(skip, planned("10:20")).coalesced_after is None


def test_an_edit_moves_the_cursor_and_counts_the_revision_up() -> None:
    job = job_after(planned("10:05"), cancelled("10:05"), revised("0 * * * *", at="10:07"))
    assert (2, at("10:07"), 1) == (job.revision, job.cursor, job.planned)


def test_a_pause_ends_with_what_is_to_be_decided() -> None:
    assert job_after(paused()).paused
    job = job_after(paused(), resumed("10:30", "all"))
    assert (False, (at("10:30"), "all")) == (job.paused, job.resumption)


def test_a_name_changes_and_nothing_else() -> None:
    before, after = job_after(), job_after(renamed("other"))
    assert isinstance(after.definition, Definition)
    assert "other" == after.definition.name
    assert (before.revision, before.cursor) == (after.revision, after.cursor)


def test_an_end_and_a_removal_are_remembered() -> None:
    assert job_after(exhausted()).exhausted
    assert evolve_job(job_after(), removed().event).removed


def test_a_job_begins_with_its_definition() -> None:
    with pytest.raises(ImpossibleHistory, match="never defined"):
        evolve_job(None, paused().event)
    with pytest.raises(ImpossibleHistory, match="does not concern a job"):
        evolve_job(job_after(), registered(EVERY_5, at="10:00").event)
    with pytest.raises(ImpossibleHistory, match="does not concern a job"):
        evolve_job(job_after(), cancelled("10:05").event)


def test_the_fold_refuses_a_skip_that_does_not_begin_where_the_last_decision_ended() -> None:
    with pytest.raises(ImpossibleHistory, match="while decided up to"):
        job_after(skipped("10:10", after="10:05", reason="overlap"))


def test_the_fold_refuses_a_run_of_a_fire_time_that_was_decided() -> None:
    with pytest.raises(ImpossibleHistory, match="was decided before"):
        job_after(skipped("10:10", reason="overlap"), planned("10:05"))


# -- a run


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ((), "waiting"),
        ((attempt_started("10:05"),), "running"),
        ((attempt_started("10:05"), succeeded("10:05")), "succeeded"),
        ((attempt_started("10:05"), attempt_failed("10:05", retry="10:07")), "retrying"),
        ((attempt_started("10:05"), attempt_failed("10:05", abandoned=True)), "abandoned"),
        ((attempt_started("10:05"), attempt_failed("10:05"), run_failed("10:05")), "failed"),
        ((attempt_started("10:05"), interrupted("10:05", retry="10:07")), "retrying"),
        ((attempt_started("10:05"), interrupted("10:05"), held("10:05")), "held"),
        ((attempt_started("10:05"), cancel_requested("10:05")), "running"),
        ((cancelled("10:05"),), "cancelled"),
        ((expired("10:05"),), "expired"),
        ((held("10:05"), resolved("10:05", "succeeded")), "succeeded"),
        ((held("10:05"), resolved("10:05", "failed")), "failed"),
        ((held("10:05"), resolved("10:05", "retry", retry="10:09")), "retrying"),
        ((expired("10:05"), reopened("10:05", at="10:09")), "retrying"),
    ],
)
def test_each_event_leaves_the_run_in_its_status(facts: tuple[Fact, ...], status: str) -> None:
    state = run_after(*facts)
    assert status == state.status
    assert (status in {"waiting", "running", "retrying", "abandoned"}) == state.is_open


def test_a_retry_sets_the_time_of_the_next_attempt() -> None:
    assert at("10:05") == run_after().start_at
    state = run_after(attempt_started("10:05"), attempt_failed("10:05", retry="10:07"))
    assert at("10:07") == state.start_at


def test_failures_and_crashes_are_counted_apart_and_stops_not_at_all() -> None:
    state = run_after(
        attempt_failed("10:05", retry="10:07"),
        attempt_failed("10:05", kind="crash", retry="10:07"),
        interrupted("10:05", "crash", retry="10:07"),
        interrupted("10:05", "stop", retry="10:07"),
    )
    assert (1, 2) == (state.failures, state.crashes)


def test_only_the_outcome_of_its_own_attempt_ends_the_wait_for_a_thread() -> None:
    abandoned = (attempt_started("10:05"), attempt_failed("10:05", abandoned=True))
    assert "abandoned" == run_after(*abandoned, late_outcome("10:05", "x", attempt=2)).status
    assert "abandoned" == run_after(*abandoned, late_outcome("10:05", "x", epoch=2)).status
    assert "retrying" == run_after(*abandoned, late_outcome("10:05", "x")).status


def test_a_late_outcome_changes_nothing_else() -> None:
    started = run_after(attempt_started("10:05"))
    assert started == run_after(attempt_started("10:05"), late_outcome("10:05", "x", attempt=7))


def test_a_run_is_planned_once() -> None:
    with pytest.raises(ImpossibleHistory, match="planned twice"):
        run_after(planned("10:05"))
    with pytest.raises(ImpossibleHistory, match="planned twice"):
        given(registered(EVERY_5, at="10:00"), planned("10:05"), planned("10:05"))
