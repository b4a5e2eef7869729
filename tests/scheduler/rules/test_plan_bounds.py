"""Within which bounds fire times are decided, when a run must start, and what it covers."""

from scheduler.model.schedules import Interval, Once
from tests.facts import (
    at,
    attempt_started,
    called,
    cancelled,
    caught_up,
    exhausted,
    planned,
    registered,
    revised,
    skipped,
    span,
)
from tests.spec import DECIDE, given

EVERY_5 = "*/5 * * * *"
EVERY_1 = "* * * * *"


# -- bounds


def test_with_the_last_run_of_max_runs_the_job_is_exhausted() -> None:
    story = given(registered(EVERY_5, at="10:00", max_runs=2, overlap="allow"))
    story.when(DECIDE, now="10:05").then(planned("10:05"))
    story.when(DECIDE, now="10:10").then(planned("10:10"), exhausted("max-runs"))
    story.when(DECIDE, now="10:15").then()


def test_max_runs_counts_runs_whatever_becomes_of_them_and_no_skips() -> None:
    given(
        registered(EVERY_5, at="10:00", max_runs=2),
        planned("10:05"),
        skipped("10:10", reason="overlap"),
        cancelled("10:05"),
    ).when(DECIDE, now="10:15").then(planned("10:15"), exhausted("max-runs"))


def test_max_runs_counts_catch_up_and_leaves_the_newer_fires_alone() -> None:
    given(registered(EVERY_5, at="10:00", max_runs=2, catch_up="all")).when(
        DECIDE, now="10:28"
    ).then(
        caught_up("10:05", in_line=True), caught_up("10:10", in_line=True), exhausted("max-runs")
    )


def test_max_runs_does_not_count_calls() -> None:
    given(
        registered(EVERY_5, at="10:00", max_runs=1, overlap="allow"), called("call-1", at="10:01")
    ).when(DECIDE, now="10:05").then(planned("10:05"), exhausted("max-runs"))


def test_start_at_is_the_first_fire_time_when_it_is_one() -> None:
    story = given(registered(EVERY_5, at="10:00", start_at="10:30"))
    story.when(DECIDE, now="10:29:59").then()
    story.when(DECIDE, now="10:30").then(planned("10:30"))


def test_fire_times_before_start_at_are_neither_run_nor_skipped() -> None:
    given(registered(EVERY_5, at="10:00", start_at="10:30")).when(DECIDE, now="10:38").then(
        skipped("10:30", after="10:00", reason="coalesced"), caught_up("10:35")
    )


def test_end_at_is_the_last_fire_time_and_ends_the_job() -> None:
    story = given(registered(EVERY_5, at="10:00", end_at="10:10", overlap="allow"))
    story.when(DECIDE, now="10:05").then(planned("10:05"))
    story.when(DECIDE, now="10:10").then(planned("10:10"), exhausted())


def test_late_fires_up_to_end_at_are_caught_up_after_it() -> None:
    given(registered(EVERY_5, at="10:00", end_at="10:12")).when(DECIDE, now="12:00").then(
        skipped("10:05", reason="coalesced"), caught_up("10:10"), exhausted()
    )


def test_a_job_that_fires_once_is_exhausted_by_its_run() -> None:
    given(registered(Once(at("10:05")), at="10:00")).when(DECIDE, now="10:05").then(
        planned("10:05", window=None), exhausted()
    )


def test_a_job_that_fires_once_and_missed_it_says_so_and_is_exhausted() -> None:
    given(registered(Once(at("10:05")), at="10:00", catch_up="none")).when(
        DECIDE, now="11:00"
    ).then(skipped("10:05", reason="misfire"), exhausted())


def test_an_interval_fires_at_its_anchor_plus_whole_intervals() -> None:
    story = given(registered(Interval(span("90s"), at("10:00")), at="10:00"))
    story.when(DECIDE, now="10:01:29").then()
    story.when(DECIDE, now="10:01:30").then(planned("10:01:30", window="10:00"))


# -- start deadlines


def test_a_start_deadline_counts_from_the_due_time_when_that_is_later() -> None:
    given(registered(EVERY_5, at="10:00", start_deadline="2m")).when(DECIDE, now="10:05").then(
        planned("10:05", start_by="10:07")
    )


def test_a_start_deadline_counts_from_planning_when_that_is_later() -> None:
    given(registered(EVERY_5, at="10:00", start_deadline="2m")).when(DECIDE, now="10:05:30").then(
        planned("10:05", start_by="10:07:30")
    )


# -- data windows


def test_a_run_covers_the_time_since_the_previous_fire_time() -> None:
    given(registered("0 0,6 * * *", at="10:00")).when(DECIDE, now="03-02 00:00").then(
        planned("03-02 00:00", window="06:00")
    )


def test_a_run_after_a_skip_for_overlap_covers_the_time_since_the_skipped_fire() -> None:
    given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        skipped("10:10", reason="overlap"),
        cancelled("10:05"),
    ).when(DECIDE, now="10:15").then(planned("10:15", window="10:10"))


def test_a_run_that_stands_for_coalesced_fires_covers_the_time_since_the_last_run() -> None:
    given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        skipped("10:10", reason="overlap"),
        cancelled("10:05"),
    ).when(DECIDE, now="10:33").then(
        skipped("10:25", count=3, reason="coalesced"), caught_up("10:30", window="10:05")
    )


def test_a_first_run_that_stands_for_coalesced_fires_covers_the_first_of_them() -> None:
    given(registered(EVERY_5, at="10:02")).when(DECIDE, now="10:18").then(
        skipped("10:10", count=2, reason="coalesced"), caught_up("10:15", window="10:00")
    )


def test_coalesced_fires_whose_newest_met_overlap_are_covered_by_the_next_run() -> None:
    story = given(registered(EVERY_5, at="10:00"), planned("10:05"), attempt_started("10:05"))
    story.when(DECIDE, now="10:18").then(
        skipped("10:10", reason="coalesced"), skipped("10:15", reason="overlap")
    )
    given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        skipped("10:10", reason="coalesced"),
        skipped("10:15", reason="overlap"),
        cancelled("10:05"),
    ).when(DECIDE, now="10:20").then(planned("10:20", window="10:05"))


def test_after_an_edit_the_first_run_covers_the_time_since_its_own_previous_fire_time() -> None:
    given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        cancelled("10:05"),
        revised("0 * * * *", at="10:07"),
    ).when(DECIDE, now="11:00").then(planned("11:00", revision=2, window="10:00"))


def test_an_interval_run_covers_one_interval() -> None:
    given(
        registered(Interval(span("10m"), at("10:00")), at="10:00"),
        planned("10:10"),
        cancelled("10:10"),
        revised(Interval(span("1h"), at("10:00")), at="10:12"),
    ).when(DECIDE, now="11:00").then(planned("11:00", revision=2, window="10:00"))
