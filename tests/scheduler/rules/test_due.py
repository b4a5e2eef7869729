"""What time brings: expiries, starts by turn and by slot, and many jobs at once."""

from datetime import timedelta

import pytest

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import JobId
from scheduler.model.limits import DUE_JOBS_PER_APPEND
from scheduler.rules.decide import Known, decide, never_taken
from tests.facts import (
    JOB,
    abandoned_attempt,
    at,
    attempt_failed,
    attempt_started,
    called,
    cancelled,
    caught_up,
    defined,
    expired,
    outcome,
    planned,
    registered,
    revised,
    run,
    run_failed,
    skipped,
    succeeded,
)
from tests.spec import DECIDE, START, given

EVERY_5 = "*/5 * * * *"


def slots(number: int) -> c.Tick:
    return c.Tick(slots=number, epoch=1)


# -- start deadlines


def test_a_run_that_did_not_start_by_its_deadline_expires() -> None:
    story = given(
        registered(EVERY_5, at="10:00", start_deadline="2m"), planned("10:05", start_by="10:07")
    )
    story.when(slots(0), now="10:06:59").then()
    story.when(START, now="10:07").then(expired("10:05"))


def test_a_run_that_has_started_once_does_not_expire() -> None:
    given(
        registered(EVERY_5, at="10:00", start_deadline="2m"),
        planned("10:05", start_by="10:07"),
        attempt_started("10:05"),
        attempt_failed("10:05", retry="10:08"),
    ).when(START, now="10:08").then(attempt_started("10:05", attempt=2))


def test_a_run_that_expires_at_the_instant_of_a_fire_does_not_overlap_it() -> None:
    given(
        registered(EVERY_5, at="10:00", start_deadline="5m"), planned("10:05", start_by="10:10")
    ).when(DECIDE, now="10:10").then(expired("10:05"), planned("10:10", start_by="10:15"))


# -- starts


def test_a_run_is_started_under_the_epoch_and_with_the_code_of_its_service() -> None:
    story = given(registered(EVERY_5, at="10:00", service="api.sync"), planned("10:05"))
    known = Known(never_taken, {"api.sync": "digest"}.get)
    facts = decide(story.timetable, c.Tick(slots=1, epoch=7), at("10:05"), known)
    assert [attempt_started("10:05", epoch=7, code="digest")] == facts


def test_no_run_starts_before_its_due_time() -> None:
    story = given(registered(EVERY_5, at="10:00"), planned("10:05"))
    story.when(START, now="10:04:59.999999").then()
    story.when(START, now="10:05").then(attempt_started("10:05"))


def test_runs_wait_for_a_free_slot() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        planned("10:10"),
        planned("10:15"),
    )
    story.when(slots(2), now="10:16").then(attempt_started("10:05"), attempt_started("10:10"))
    story.when(slots(2), now="10:16").then()
    story.when(c.CancelRun(run=run("10:15")), now="10:16").then(cancelled("10:15"))
    story.when(slots(3), now="10:16").then()


def test_a_slot_is_free_again_when_its_run_has_ended() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"), planned("10:05"), planned("10:10")
    )
    story.when(slots(1), now="10:11").then(attempt_started("10:05"))
    story.when(outcome("10:05"), now="10:11").then(succeeded("10:05"))
    story.when(slots(1), now="10:11").then(attempt_started("10:10"))


def test_a_given_up_thread_keeps_its_slot() -> None:
    given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        attempt_started("10:05"),
        abandoned_attempt("10:05"),
        planned("10:10"),
    ).when(slots(1), now="10:11").then()


def test_fewer_slots_than_are_taken_start_nothing() -> None:
    given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        attempt_started("10:05"),
        planned("10:10"),
        attempt_started("10:10"),
        planned("10:15"),
    ).when(slots(1), now="10:16").then()


def test_live_runs_start_before_those_that_catch_up() -> None:
    given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
        planned("10:15"),
        called("call-1", at="10:16"),
    ).when(slots(3), now="10:17").then(
        attempt_started("10:15"), attempt_started("call-1"), attempt_started("10:05")
    )


def test_runs_due_at_one_instant_start_in_the_order_in_which_they_were_planned() -> None:
    jobs = [JobId(f"job-{number:02}") for number in range(20)]
    story = given(
        *(registered(EVERY_5, at="10:00", job=job, name=job) for job in jobs),
        *(planned("10:05", job=job) for job in jobs),
    )
    facts = decide(story.timetable, slots(20), at("10:05"))
    assert [run("10:05", job) for job in jobs] == [
        fact.event.run for fact in facts if isinstance(fact.event, e.AttemptStarted)
    ]


def test_runs_start_in_the_order_of_their_due_times() -> None:
    other = JobId("job-2")
    given(
        registered(EVERY_5, at="10:00"),
        registered("0 * * * *", name="other", job=other, at="09:55"),
        planned("10:05"),
        planned("10:00", job=other),
    ).when(slots(2), now="10:05").then(
        attempt_started("10:00", job=other), attempt_started("10:05")
    )


# -- turns


def test_runs_in_line_start_one_after_the_other() -> None:
    story = given(
        registered(EVERY_5, at="10:00", catch_up="all"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
        planned("10:15"),
    )
    story.when(START, now="10:16").then(attempt_started("10:05"))
    story.when(outcome("10:05"), now="10:16").then(succeeded("10:05"))
    story.when(START, now="10:16").then(attempt_started("10:10"))
    story.when(outcome("10:10", "error"), now="10:17").then(
        attempt_failed("10:10"), run_failed("10:10")
    )
    story.when(START, now="10:17").then(attempt_started("10:15"))


def test_the_line_waits_while_its_first_run_is_between_two_attempts() -> None:
    given(
        registered(EVERY_5, at="10:00", catch_up="all"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
        attempt_started("10:05"),
        attempt_failed("10:05", retry="10:30"),
    ).when(START, now="10:14").then()


def test_the_next_in_line_starts_when_the_one_before_it_is_cancelled() -> None:
    story = given(
        registered(EVERY_5, at="10:00", catch_up="all"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
    )
    story.when(slots(0), now="10:14").then()
    story.when(c.CancelRun(run=run("10:05")), now="10:14")
    story.when(START, now="10:14").then(attempt_started("10:10"))


def test_a_run_in_line_that_is_cancelled_leaves_the_others_their_turn() -> None:
    story = given(
        registered(EVERY_5, at="10:00", catch_up="all"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
        caught_up("10:15", in_line=True),
    )
    story.when(START, now="10:16").then(attempt_started("10:05"))
    story.when(c.CancelRun(run=run("10:10")), now="10:16")
    story.when(outcome("10:05"), now="10:16")
    story.when(START, now="10:16").then(attempt_started("10:15"))


def test_with_allow_the_runs_of_a_line_start_at_once() -> None:
    given(
        registered(EVERY_5, at="10:00", catch_up="all", overlap="allow"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
    ).when(START, now="10:11").then(attempt_started("10:05"), attempt_started("10:10"))


def test_an_edit_to_allow_lets_the_line_go() -> None:
    story = given(
        registered(EVERY_5, at="10:00", catch_up="all"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
    )
    story.when(START, now="10:11").then(attempt_started("10:05"))
    wish = c.ReviseJob(job=JOB, definition=defined(EVERY_5, catch_up="all", overlap="allow"))
    story.when(wish, now="10:12").then(
        revised(EVERY_5, catch_up="all", overlap="allow", at="10:12")
    )
    story.when(START, now="10:12").then(attempt_started("10:10"))


def test_an_edit_to_skip_makes_waiting_runs_take_turns() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        planned("10:10"),
        planned("10:15"),
    )
    story.when(slots(1), now="10:16").then(attempt_started("10:05"))
    story.when(c.ReviseJob(job=JOB, definition=defined(EVERY_5)), now="10:16")
    story.when(slots(9), now="10:16").then()
    story.when(outcome("10:05"), now="10:16")
    story.when(slots(9), now="10:16").then(attempt_started("10:10"))


# -- many


def test_each_of_many_jobs_due_at_one_instant_is_decided_once() -> None:
    jobs = [JobId(f"job-{number}") for number in range(2 * DUE_JOBS_PER_APPEND + 1)]
    story = given(*(registered(EVERY_5, name=job, job=job, at="10:00") for job in jobs))
    first = decide(story.timetable, DECIDE, at("10:05"))
    assert DUE_JOBS_PER_APPEND == len(first)
    story = given(*(registered(EVERY_5, name=job, job=job, at="10:00") for job in jobs))
    story.when(DECIDE, now="10:05")
    planned_for = [fact.event.job for fact in story.facts if isinstance(fact.event, e.RunPlanned)]
    assert sorted(jobs) == sorted(planned_for)


def test_no_more_jobs_are_decided_at_once_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.rules.due.DUE_JOBS_PER_APPEND", 3)
    jobs = [JobId(f"job-{number}") for number in range(7)]
    story = given(*(registered(EVERY_5, name=job, job=job, at="10:00") for job in jobs))
    assert 3 == len(decide(story.timetable, DECIDE, at("10:05")))


def test_a_job_with_a_flood_does_not_keep_the_others_waiting_for_ever() -> None:
    other = JobId("job-2")
    story = given(
        registered("* * * * *", at="10:00", catch_up="all", overlap="allow"),
        registered("0 * * * *", name="other", job=other, at="10:00"),
    )
    now = at("03-02 11:00") + timedelta(seconds=30)
    story.when(DECIDE, now=now.strftime("%m-%d %H:%M:%S"))
    assert planned("03-02 11:00", job=other) in story.facts
    assert skipped("03-02 10:00", count=24, reason="coalesced", job=other) in story.facts
