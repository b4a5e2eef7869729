"""What becomes of the fire times in a window: misfire, catch-up, overlap, bounds, data windows."""

from scheduler.model import events as e
from scheduler.model.limits import FIRES_PER_DECISION_MAX
from scheduler.model.schedules import Interval
from tests.facts import (
    abandoned_attempt,
    at,
    attempt_failed,
    attempt_started,
    called,
    caught_up,
    held,
    interrupted,
    planned,
    registered,
    skipped,
    span,
    succeeded,
)
from tests.spec import DECIDE, given

EVERY_5 = "*/5 * * * *"
EVERY_1 = "* * * * *"


# -- on time


def test_a_fire_time_that_is_reached_becomes_a_run() -> None:
    given(registered(EVERY_5, at="10:00")).when(DECIDE, now="10:05").then(
        planned("10:05", window="10:00")
    )


def test_nothing_is_planned_before_its_fire_time() -> None:
    given(registered(EVERY_5, at="10:00")).when(DECIDE, now="10:04:59.999999").then()


def test_a_fire_time_at_the_beginning_is_not_the_jobs() -> None:
    given(registered(EVERY_5, at="10:05")).when(DECIDE, now="10:05").then()


def test_a_fire_time_is_on_time_up_to_its_grace_inclusive() -> None:
    given(registered(EVERY_5, at="10:00", misfire_grace="60s", catch_up="none")).when(
        DECIDE, now="10:06"
    ).then(planned("10:05"))


def test_a_fire_time_is_late_one_microsecond_after_its_grace() -> None:
    given(registered(EVERY_5, at="10:00", misfire_grace="60s", catch_up="none")).when(
        DECIDE, now="10:06:00.000001"
    ).then(skipped("10:05", after="10:00", reason="misfire"))


def test_without_grace_only_the_very_instant_is_on_time() -> None:
    story = given(registered(EVERY_5, at="10:00", misfire_grace="0s", catch_up="none"))
    story.when(DECIDE, now="10:05").then(planned("10:05"))
    story.when(DECIDE, now="10:10:00.5").then(skipped("10:10", reason="misfire"))


def test_fire_times_that_are_on_time_never_coalesce() -> None:
    given(registered(EVERY_1, at="10:00", misfire_grace="5m", overlap="allow")).when(
        DECIDE, now="10:03"
    ).then(planned("10:01"), planned("10:02"), planned("10:03"))


def test_what_is_decided_is_not_decided_again() -> None:
    story = given(registered(EVERY_1, at="10:00", overlap="allow", catch_up="all"))
    story.when(DECIDE, now="10:30")
    story.when(DECIDE, now="10:30").then()


def test_a_clock_that_steps_back_plans_nothing_and_loses_nothing() -> None:
    story = given(registered(EVERY_5, at="10:00", overlap="allow"))
    story.when(DECIDE, now="10:10").then(
        skipped("10:05", reason="coalesced"), planned("10:10", window="10:00")
    )
    story.when(DECIDE, now="09:00").then()
    story.when(DECIDE, now="10:10").then()
    story.when(DECIDE, now="10:15").then(planned("10:15", window="10:10"))


# -- catch-up: none


def test_without_catch_up_all_late_fires_are_one_skip_with_their_count() -> None:
    given(registered(EVERY_1, at="10:00", catch_up="none")).when(DECIDE, now="10:30:30").then(
        skipped("10:29", after="10:00", count=29, reason="misfire"), planned("10:30")
    )


def test_a_month_of_downtime_is_one_event_with_the_exact_count() -> None:
    given(registered(EVERY_1, at="10:00", catch_up="none", misfire_grace="0s")).when(
        DECIDE, now="03-31 10:00:30"
    ).then(skipped("03-31 10:00", after="10:00", count=43_200, reason="misfire"))


# -- catch-up: latest


def test_of_late_fires_latest_runs_the_newest_and_coalesces_those_before() -> None:
    given(registered(EVERY_5, at="10:00", catch_up="latest")).when(DECIDE, now="10:23").then(
        skipped("10:15", after="10:00", count=3, reason="coalesced"),
        caught_up("10:20", window="10:00"),
    )


def test_a_single_late_fire_runs_without_a_skip() -> None:
    given(registered(EVERY_5, at="10:00")).when(DECIDE, now="10:08").then(
        caught_up("10:05", window="10:00")
    )


def test_with_latest_no_late_fire_runs_when_the_newest_is_on_time() -> None:
    given(registered(EVERY_5, at="10:00")).when(DECIDE, now="10:20:30").then(
        skipped("10:15", count=3, reason="coalesced"), planned("10:20", window="10:00")
    )


def test_with_latest_late_fires_beyond_the_window_are_told_apart() -> None:
    given(registered(EVERY_5, at="10:00", catch_up_window="10m")).when(DECIDE, now="10:28").then(
        skipped("10:15", after="10:00", count=3, reason="window"),
        skipped("10:20", after="10:15", count=1, reason="coalesced"),
        caught_up("10:25", window="10:15"),
    )


def test_with_latest_nothing_runs_when_all_late_fires_lie_beyond_the_window() -> None:
    given(registered("0 * * * *", at="10:00", catch_up_window="5m")).when(DECIDE, now="11:30").then(
        skipped("11:00", reason="window")
    )


# -- catch-up: all


def test_with_all_each_late_fire_runs_in_line_oldest_first() -> None:
    given(registered(EVERY_5, at="10:00", catch_up="all")).when(DECIDE, now="10:18").then(
        caught_up("10:05", in_line=True, window="10:00"),
        caught_up("10:10", in_line=True, window="10:05"),
        caught_up("10:15", in_line=True, window="10:10"),
    )


def test_with_all_the_window_is_inclusive() -> None:
    given(registered(EVERY_5, at="10:00", catch_up="all", catch_up_window="20m")).when(
        DECIDE, now="10:30"
    ).then(
        skipped("10:05", reason="window"),
        caught_up("10:10", in_line=True),
        caught_up("10:15", in_line=True),
        caught_up("10:20", in_line=True),
        caught_up("10:25", in_line=True),
        planned("10:30"),
    )


def test_with_all_the_window_is_a_day_unless_said_otherwise() -> None:
    given(registered("0 */12 * * *", at="10:00", catch_up="all")).when(
        DECIDE, now="03-03 12:00"
    ).then(
        skipped("03-02 00:00", after="10:00", count=2, reason="window"),
        caught_up("03-02 12:00", in_line=True),
        caught_up("03-03 00:00", in_line=True),
        planned("03-03 12:00"),
    )


def test_with_all_only_the_newest_up_to_the_limit_run() -> None:
    given(registered(EVERY_5, at="10:00", catch_up="all", catch_up_limit=2)).when(
        DECIDE, now="10:28"
    ).then(
        skipped("10:15", after="10:00", count=3, reason="limit"),
        caught_up("10:20", in_line=True),
        caught_up("10:25", in_line=True),
    )


def test_window_comes_before_limit() -> None:
    given(
        registered(EVERY_5, at="10:00", catch_up="all", catch_up_limit=1, catch_up_window="15m")
    ).when(DECIDE, now="10:28").then(
        skipped("10:10", count=2, reason="window"),
        skipped("10:20", count=2, reason="limit"),
        caught_up("10:25", in_line=True),
    )


def test_fires_that_are_on_time_do_not_count_towards_the_limit() -> None:
    given(
        registered(EVERY_1, at="10:00", catch_up="all", catch_up_limit=1, misfire_grace="2m")
    ).when(DECIDE, now="10:05").then(
        skipped("10:01", reason="limit"),
        caught_up("10:02", in_line=True),
        planned("10:03"),
        planned("10:04"),
        planned("10:05"),
    )


def test_with_all_a_fire_that_comes_while_the_line_is_open_waits_in_it() -> None:
    given(
        registered(EVERY_5, at="10:00", catch_up="all"),
        caught_up("10:05", in_line=True),
        attempt_started("10:05"),
    ).when(DECIDE, now="10:10").then(planned("10:10"))


def test_once_the_line_is_through_fires_meet_overlap_again() -> None:
    given(
        registered(EVERY_5, at="10:00", catch_up="all"),
        caught_up("10:05", in_line=True),
        planned("10:10"),
        attempt_started("10:05"),
        succeeded("10:05"),
        attempt_started("10:10"),
    ).when(DECIDE, now="10:15").then(skipped("10:15", reason="overlap"))


def test_with_all_late_fires_wait_behind_an_open_run_and_are_not_skipped() -> None:
    given(
        registered(EVERY_5, at="10:00", catch_up="all"),
        planned("10:05"),
        attempt_started("10:05"),
    ).when(DECIDE, now="10:18").then(
        caught_up("10:10", in_line=True), caught_up("10:15", in_line=True)
    )


def test_a_flood_is_decided_in_bounded_parts_and_nothing_of_it_is_lost() -> None:
    story = given(
        registered(Interval(span("1s"), at("10:00")), at="10:00", catch_up="all", overlap="allow")
    )
    limit = 1_000
    story.when(DECIDE, now="11:00")
    runs = [fact.event for fact in story.facts if isinstance(fact.event, e.RunPlanned)]
    skips = [fact.event for fact in story.facts if isinstance(fact.event, e.FiresSkipped)]
    assert limit > FIRES_PER_DECISION_MAX
    assert limit + 61 == len(runs)
    assert [3_600 - limit - 61] == [skip.count for skip in skips]
    assert at("11:00") == story.timetable.jobs[runs[0].job].cursor


# -- overlap


def test_a_fire_time_during_an_open_run_is_skipped_when_overlap_is_skip() -> None:
    given(
        registered(EVERY_5, overlap="skip", at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
    ).when(DECIDE, now="10:10").then(skipped("10:10", after="10:05", reason="overlap"))


def test_a_fire_time_during_an_open_run_becomes_a_run_when_overlap_is_allow() -> None:
    given(
        registered(EVERY_5, overlap="allow", at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
    ).when(DECIDE, now="10:10").then(planned("10:10"))


def test_a_run_that_has_ended_does_not_overlap() -> None:
    given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
        succeeded("10:05"),
    ).when(DECIDE, now="10:10").then(planned("10:10"))


def test_a_run_that_waits_for_a_slot_is_open() -> None:
    given(registered(EVERY_5, at="10:00"), planned("10:05")).when(DECIDE, now="10:10").then(
        skipped("10:10", reason="overlap")
    )


def test_a_run_between_two_attempts_is_open() -> None:
    given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
        attempt_failed("10:05", retry="10:20"),
    ).when(DECIDE, now="10:10").then(skipped("10:10", reason="overlap"))


def test_a_run_whose_thread_was_given_up_is_open() -> None:
    given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
        abandoned_attempt("10:05"),
    ).when(DECIDE, now="10:10").then(skipped("10:10", reason="overlap"))


def test_a_held_run_is_not_open() -> None:
    given(
        registered(EVERY_5, at="10:00", on_crash="hold"),
        planned("10:05"),
        attempt_started("10:05"),
        interrupted("10:05"),
        held("10:05"),
    ).when(DECIDE, now="10:10").then(planned("10:10"))


def test_a_run_asked_for_by_hand_overlaps_too() -> None:
    given(registered(EVERY_5, at="10:00"), called("call-1", at="10:03")).when(
        DECIDE, now="10:05"
    ).then(skipped("10:05", reason="overlap"))


def test_the_newest_late_fire_meets_overlap_under_latest() -> None:
    given(registered(EVERY_5, at="10:00"), planned("10:05"), attempt_started("10:05")).when(
        DECIDE, now="10:18"
    ).then(skipped("10:10", reason="coalesced"), skipped("10:15", reason="overlap"))


def test_of_several_fires_on_time_the_first_runs_and_the_others_meet_overlap() -> None:
    given(registered(EVERY_1, at="10:00", misfire_grace="5m")).when(DECIDE, now="10:04").then(
        planned("10:01"), skipped("10:04", after="10:01", count=3, reason="overlap")
    )
