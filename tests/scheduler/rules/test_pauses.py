"""Pause and resume, of a job and of everything, and what becomes of the fire times in between."""

from scheduler.model import commands as c
from scheduler.model.errors import NotFound
from scheduler.model.jobs import JobId
from scheduler.model.limits import FIRES_PER_DECISION_MAX
from scheduler.model.schedules import Interval, Once
from tests.facts import (
    JOB,
    at,
    attempt_started,
    caught_up,
    defined,
    exhausted,
    paused,
    planned,
    registered,
    removed,
    resumed,
    revised,
    skipped,
    span,
    succeeded,
    system_paused,
    system_resumed,
)
from tests.spec import DECIDE, START, given

EVERY_5 = "*/5 * * * *"


# -- a job


def test_a_paused_job_is_not_decided() -> None:
    story = given(registered(EVERY_5, at="10:00"))
    story.when(c.PauseJob(job=JOB), now="10:02").then(paused())
    story.when(DECIDE, now="10:30").then()


def test_pausing_decides_what_is_due_first() -> None:
    given(registered(EVERY_5, at="10:00")).when(c.PauseJob(job=JOB), now="10:05").then(
        planned("10:05"), paused()
    )


def test_pausing_after_the_last_run_leaves_the_job_exhausted() -> None:
    given(registered(EVERY_5, at="10:00", max_runs=1)).when(c.PauseJob(job=JOB), now="10:05").then(
        planned("10:05"), exhausted("max-runs"), paused()
    )


def test_what_was_planned_before_a_pause_goes_on() -> None:
    given(registered(EVERY_5, at="10:00"), planned("10:05"), paused()).when(
        START, now="10:06"
    ).then(attempt_started("10:05"))


def test_pausing_a_paused_job_changes_nothing() -> None:
    given(registered(EVERY_5, at="10:00"), paused()).when(c.PauseJob(job=JOB), now="10:30").then()


def test_resuming_a_job_that_is_not_paused_changes_nothing() -> None:
    given(registered(EVERY_5, at="10:00")).when(c.ResumeJob(job=JOB), now="10:01").then()


def test_resuming_an_unknown_job_is_refused() -> None:
    given().when(c.ResumeJob(job=JOB), now="10:01").refused(NotFound, "no job")


def test_resuming_skips_the_fires_of_the_pause() -> None:
    story = given(registered(EVERY_5, at="10:00"), paused())
    story.when(c.ResumeJob(job=JOB), now="10:30").then(
        resumed("10:30"), skipped("10:30", after="10:00", count=6, reason="paused")
    )
    story.when(DECIDE, now="10:35").then(planned("10:35", window="10:30"))


def test_resuming_with_latest_runs_the_newest_and_coalesces_the_others() -> None:
    given(registered(EVERY_5, at="10:00"), paused()).when(
        c.ResumeJob(job=JOB, missed="latest"), now="10:30"
    ).then(
        resumed("10:30", "latest"),
        skipped("10:25", after="10:00", count=5, reason="coalesced"),
        caught_up("10:30", window="10:00"),
    )


def test_resuming_with_all_runs_each_in_line() -> None:
    given(registered(EVERY_5, at="10:00"), paused()).when(
        c.ResumeJob(job=JOB, missed="all"), now="10:12"
    ).then(
        resumed("10:12", "all"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
    )


def test_resuming_with_all_reaches_beyond_the_window_and_keeps_the_limit() -> None:
    given(registered("0 * * * *", at="10:00", catch_up_limit=2), paused()).when(
        c.ResumeJob(job=JOB, missed="all"), now="03-03 10:30"
    ).then(
        resumed("03-03 10:30", "all"),
        skipped("03-03 08:00", count=46, reason="limit"),
        caught_up("03-03 09:00", in_line=True),
        caught_up("03-03 10:00", in_line=True),
    )


def test_the_end_of_a_pause_holds_even_if_nobody_was_awake() -> None:
    story = given(registered(EVERY_5, at="10:00", catch_up="all"), paused(), resumed("10:11"))
    story.when(DECIDE, now="10:23").then(
        skipped("10:10", count=2, reason="paused"),
        caught_up("10:15", in_line=True),
        caught_up("10:20", in_line=True),
    )


def test_a_long_pause_is_caught_up_in_parts_by_what_its_end_said() -> None:
    story = given(
        registered(
            Interval(span("1s"), at("10:00")), at="10:00", catch_up="none", catch_up_limit=1_000
        ),
        paused(),
    )
    story.when(c.ResumeJob(job=JOB, missed="all"), now="10:10")
    assert FIRES_PER_DECISION_MAX + 1 == len(story.facts)
    story.when(DECIDE, now="10:10")
    assert 600 - FIRES_PER_DECISION_MAX == len(story.facts)


def test_a_one_time_job_whose_time_came_during_its_pause_runs_when_resumed_so() -> None:
    given(registered(Once(at("10:05")), at="10:00"), paused()).when(
        c.ResumeJob(job=JOB, missed="latest"), now="11:00"
    ).then(resumed("11:00", "latest"), caught_up("10:05"), exhausted())


def test_a_fire_after_the_end_of_a_pause_meets_a_run_from_before_it() -> None:
    given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
        paused(),
        resumed("10:12"),
        skipped("10:10", reason="paused"),
    ).when(DECIDE, now="10:15").then(skipped("10:15", reason="overlap"))


def test_an_edit_during_a_pause_skips_what_had_come_before_it() -> None:
    story = given(registered(EVERY_5, at="10:00"), paused())
    story.when(c.ReviseJob(job=JOB, definition=defined("0 * * * *")), now="10:12").then(
        skipped("10:10", count=2, reason="paused"), revised("0 * * * *", at="10:12")
    )
    story.when(c.ResumeJob(job=JOB, missed="all"), now="11:30").then(
        resumed("11:30", "all"), caught_up("11:00", in_line=True, revision=2)
    )


def test_removing_a_paused_job_skips_what_had_come_before() -> None:
    given(registered(EVERY_5, at="10:00"), paused()).when(c.RemoveJob(job=JOB), now="10:12").then(
        skipped("10:10", count=2, reason="paused"), removed()
    )


# -- everything


def test_while_everything_is_paused_no_job_is_decided() -> None:
    story = given(registered(EVERY_5, at="10:00"))
    story.when(c.PauseSystem(), now="10:01").then(system_paused())
    story.when(DECIDE, now="10:30").then()


def test_what_was_planned_before_everything_was_paused_goes_on() -> None:
    given(registered(EVERY_5, at="10:00"), planned("10:05"), system_paused()).when(
        START, now="10:06"
    ).then(attempt_started("10:05"))


def test_pausing_and_resuming_everything_twice_changes_nothing() -> None:
    given(system_paused()).when(c.PauseSystem(), now="10:01").then()
    given().when(c.ResumeSystem(), now="10:01").then()


def test_when_everything_is_resumed_each_job_is_decided_as_was_said() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        registered("*/10 * * * *", name="other", job=JobId("job-2"), at="10:00"),
        system_paused(),
    )
    story.when(c.ResumeSystem(missed="skip"), now="10:12").then(system_resumed("10:12"))
    story.when(DECIDE, now="10:15").then(
        skipped("10:10", count=2, reason="paused"),
        planned("10:15"),
        skipped("10:10", reason="paused", job=JobId("job-2")),
    )


def test_a_job_paused_on_its_own_stays_so_when_everything_is_resumed() -> None:
    story = given(registered(EVERY_5, at="10:00"), paused(), system_paused())
    story.when(c.ResumeSystem(missed="all"), now="10:12").then(system_resumed("10:12", "all"))
    story.when(DECIDE, now="10:12").then()
    story.when(c.ResumeJob(job=JOB), now="10:20").then(
        resumed("10:20"), skipped("10:20", after="10:00", count=4, reason="paused")
    )


def test_a_job_resumed_while_everything_is_paused_waits_and_keeps_what_was_said() -> None:
    story = given(registered(EVERY_5, at="10:00"), paused(), system_paused())
    story.when(c.ResumeJob(job=JOB, missed="latest"), now="10:12").then(resumed("10:12", "latest"))
    story.when(DECIDE, now="10:20").then()
    story.when(c.ResumeSystem(missed="skip"), now="10:20").then(system_resumed("10:20"))
    story.when(DECIDE, now="10:20").then(
        skipped("10:05", reason="coalesced"),
        caught_up("10:10"),
        skipped("10:20", count=2, reason="paused"),
    )


def test_an_edit_right_after_everything_was_resumed_treats_its_fires_as_was_said() -> None:
    given(
        registered(EVERY_5, at="10:00", catch_up="all"), system_paused(), system_resumed("10:12")
    ).when(c.ReviseJob(job=JOB, definition=defined("0 * * * *", catch_up="all")), now="10:12").then(
        skipped("10:10", count=2, reason="paused"),
        revised("0 * * * *", catch_up="all", at="10:12"),
    )


def test_an_edit_while_everything_is_paused_skips_what_had_come_before_it() -> None:
    given(registered(EVERY_5, at="10:00"), system_paused()).when(
        c.ReviseJob(job=JOB, definition=defined("0 * * * *")), now="10:12"
    ).then(skipped("10:10", count=2, reason="paused"), revised("0 * * * *", at="10:12"))


def test_a_pause_that_was_decided_does_not_touch_later_downtime() -> None:
    given(
        registered(EVERY_5, at="10:00"),
        system_paused(),
        system_resumed("10:07"),
        skipped("10:05", reason="paused"),
        planned("10:10"),
        attempt_started("10:10"),
        succeeded("10:10"),
    ).when(DECIDE, now="10:23").then(
        skipped("10:15", reason="coalesced"), caught_up("10:20", window="10:10")
    )
