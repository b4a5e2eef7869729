"""What a restarted executor owes: a wish for each attempt that an older epoch left open."""

from scheduler.model import commands as c
from scheduler.rules.resume import resume
from tests.facts import (
    abandoned_attempt,
    attempt_failed,
    attempt_started,
    called,
    held,
    interrupted,
    planned,
    registered,
    run,
    succeeded,
    system_started,
)
from tests.spec import given

EVERY_5 = "*/5 * * * *"


def test_attempts_that_an_older_epoch_left_open_are_settled() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        attempt_started("10:05"),
        planned("10:10"),
        attempt_started("10:10"),
        abandoned_attempt("10:10"),
        system_started(2),
    )
    assert [c.SettleRun(run=run("10:05")), c.SettleRun(run=run("10:10"))] == resume(
        story.timetable, epoch=2, alive=set()
    )


def test_a_run_whose_child_lives_on_is_told_apart() -> None:
    story = given(registered(EVERY_5, at="10:00"), planned("10:05"), attempt_started("10:05"))
    assert [c.SettleRun(run=run("10:05"), alive=True)] == resume(
        story.timetable, epoch=2, alive={run("10:05")}
    )


def test_attempts_of_this_epoch_are_left_alone() -> None:
    story = given(
        registered(EVERY_5, at="10:00"), planned("10:05"), attempt_started("10:05", epoch=2)
    )
    assert [] == resume(story.timetable, epoch=2, alive=set())


def test_what_waits_is_retried_or_held_goes_on_by_itself() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        planned("10:10"),
        attempt_started("10:10"),
        attempt_failed("10:10", retry="11:00"),
        planned("10:15"),
        attempt_started("10:15"),
        interrupted("10:15"),
        held("10:15"),
        called("call-1", at="10:16"),
        attempt_started("call-1"),
        succeeded("call-1"),
    )
    assert [] == resume(story.timetable, epoch=2, alive=set())
