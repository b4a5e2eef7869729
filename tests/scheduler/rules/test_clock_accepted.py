"""A slower clock was accepted: runs ahead stay, skips ahead are void."""

from scheduler.model import commands as c
from scheduler.model.jobs import JobId
from scheduler.model.limits import FIRES_PER_DECISION_MAX
from scheduler.model.schedules import Interval, Once
from tests.facts import (
    JOB,
    at,
    caught_up,
    clock_accepted,
    exhausted,
    paused,
    planned,
    registered,
    resumed,
    skipped,
    span,
    system_paused,
    system_resumed,
)
from tests.spec import DECIDE, given

EVERY_5 = "*/5 * * * *"


def test_a_fire_ahead_that_has_a_run_keeps_it_and_is_passed_over() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        planned("10:10"),
        clock_accepted("10:01"),
    )
    story.when(DECIDE, now="10:05").then()
    story.when(DECIDE, now="10:10").then()
    story.when(DECIDE, now="10:15").then(planned("10:15", window="10:10"))


def test_skips_ahead_are_void() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        skipped("10:20", count=3, reason="overlap"),
        clock_accepted("10:01"),
    )
    story.when(DECIDE, now="10:05").then()
    story.when(DECIDE, now="10:10").then(planned("10:10", window="10:05"))


def test_late_fires_ahead_that_have_runs_are_not_counted_as_skipped() -> None:
    given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        skipped("10:10", reason="overlap"),
        planned("10:15"),
        clock_accepted("10:01"),
    ).when(DECIDE, now="10:23").then(
        skipped("10:15", after="10:01", count=1, reason="coalesced"), caught_up("10:20")
    )


def test_an_end_that_skips_ahead_had_brought_is_void_too() -> None:
    story = given(
        registered(Once(at("12:00")), at="10:00", catch_up="none"),
        skipped("12:00", reason="misfire"),
        exhausted(),
        clock_accepted("11:00"),
    )
    story.when(DECIDE, now="12:00").then(planned("12:00"), exhausted())


def test_a_one_time_job_that_ran_ahead_does_not_run_again_and_ends_anew() -> None:
    story = given(
        registered(Once(at("12:00")), at="10:00"),
        planned("12:00"),
        exhausted(),
        clock_accepted("11:00"),
    )
    story.when(DECIDE, now="12:00").then(exhausted())
    story.when(DECIDE, now="12:01").then()


def test_accepting_the_clock_sets_every_cursor_ahead_of_it_to_now() -> None:
    other = JobId("job-2")
    story = given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        registered(EVERY_5, name="other", job=other, at="09:00"),
    )
    story.when(c.AcceptClock(), now="09:30").then(clock_accepted("09:30"))
    assert at("09:30") == story.timetable.jobs[JOB].cursor
    assert at("09:00") == story.timetable.jobs[other].cursor


def test_accepting_a_clock_that_no_job_is_ahead_of_changes_nothing() -> None:
    given(registered(EVERY_5, at="10:00")).when(c.AcceptClock(), now="10:01").then()


def test_the_end_of_a_pause_does_not_reach_beyond_the_accepted_clock() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        paused(),
        resumed("12:00"),
        skipped("12:00", count=24, reason="paused"),
        clock_accepted("11:00"),
    )
    story.when(DECIDE, now="11:05").then(planned("11:05"))


def test_the_end_of_the_pause_of_everything_does_not_reach_beyond_the_accepted_clock() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        system_paused(),
        system_resumed("12:00"),
        skipped("12:00", count=24, reason="paused"),
        clock_accepted("11:00"),
    )
    story.when(DECIDE, now="11:05").then(planned("11:05"))


def test_max_runs_counts_the_runs_ahead() -> None:
    story = given(
        registered(EVERY_5, at="10:00", max_runs=2, overlap="allow"),
        planned("10:05"),
        planned("10:10"),
        exhausted("max-runs"),
        clock_accepted("10:01"),
    )
    story.when(DECIDE, now="10:20").then()


def test_fires_beyond_those_ahead_are_found_however_many_have_runs() -> None:
    every_second = Interval(span("1s"), at("10:00"))
    ahead = [
        planned((at("10:00") + span(f"{second}s")).strftime("%H:%M:%S"))
        for second in range(1, FIRES_PER_DECISION_MAX + 2)
    ]
    story = given(
        registered(every_second, at="10:00", overlap="allow", misfire_grace="1h"),
        *ahead,
        clock_accepted("10:00"),
    )
    last = len(ahead) + 1
    begin = (at("10:00") + span(f"{last}s")).strftime("%H:%M:%S")
    story.when(DECIDE, now=begin).then(planned(begin))
