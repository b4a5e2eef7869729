"""Excluded days and fire times skipped on request come before catch-up and overlap."""

from datetime import date

from scheduler.model.jobs import DateRange, Exclude
from tests.facts import (
    attempt_started,
    caught_up,
    exhausted,
    paused,
    planned,
    registered,
    resumed,
    skipped,
    to_be_skipped,
)
from tests.spec import DECIDE, given

EVERY_6H = "0 */6 * * *"
EVERY_5 = "*/5 * * * *"
MARCH_2 = Exclude((DateRange(date(2026, 3, 2), date(2026, 3, 2)),), "UTC")
MARCH_2_AND_4 = Exclude(
    (DateRange(date(2026, 3, 2), date(2026, 3, 2)), DateRange(date(2026, 3, 4), date(2026, 3, 4))),
    "UTC",
)


# -- excluded days


def test_a_fire_on_an_excluded_day_is_skipped_as_excluded() -> None:
    story = given(registered(EVERY_6H, at="18:00", exclude=MARCH_2))
    story.when(DECIDE, now="03-02 00:00").then(
        skipped("03-02 00:00", after="18:00", reason="excluded")
    )
    story.when(DECIDE, now="03-03 00:00").then(
        skipped("03-02 18:00", count=3, reason="excluded"), planned("03-03 00:00")
    )


def test_days_are_excluded_in_the_zone_that_stands_with_them() -> None:
    tokyo = Exclude(MARCH_2.dates, "Asia/Tokyo")
    given(registered(EVERY_6H, at="12:00", exclude=tokyo)).when(DECIDE, now="18:00").then(
        skipped("18:00", reason="excluded")
    )


def test_the_newest_late_fire_is_the_newest_that_is_not_excluded() -> None:
    given(registered(EVERY_6H, at="06:00", exclude=MARCH_2)).when(DECIDE, now="03-02 20:00").then(
        skipped("12:00", reason="coalesced"),
        caught_up("18:00", window="06:00"),
        skipped("03-02 18:00", count=4, reason="excluded"),
    )


def test_late_fires_on_both_sides_of_an_excluded_day_are_coalesced_and_it_is_told_apart() -> None:
    given(registered(EVERY_6H, at="12:00", exclude=MARCH_2)).when(DECIDE, now="03-03 08:00").then(
        skipped("18:00", reason="coalesced"),
        skipped("03-02 18:00", count=4, reason="excluded"),
        skipped("03-03 00:00", reason="coalesced"),
        caught_up("03-03 06:00", window="12:00"),
    )


def test_catching_up_all_leaves_excluded_days_out_also_beyond_its_window() -> None:
    given(registered(EVERY_6H, at="06:00", exclude=MARCH_2, catch_up="all")).when(
        DECIDE, now="03-03 01:00"
    ).then(
        skipped("18:00", count=2, reason="window"),
        skipped("03-02 00:00", reason="excluded"),
        skipped("03-02 18:00", count=3, reason="excluded"),
        caught_up("03-03 00:00", in_line=True),
    )


def test_the_limit_of_catching_up_all_counts_fires_that_run() -> None:
    given(
        registered(
            EVERY_6H,
            at="06:00",
            exclude=MARCH_2,
            catch_up="all",
            catch_up_limit=2,
            catch_up_window="9d",
        )
    ).when(DECIDE, now="03-03 01:00").then(
        skipped("12:00", reason="limit"),
        caught_up("18:00", in_line=True),
        skipped("03-02 18:00", count=4, reason="excluded"),
        caught_up("03-03 00:00", in_line=True),
    )


def test_the_misfires_of_a_long_absence_are_told_day_by_day_of_its_calendar() -> None:
    given(registered(EVERY_6H, at="12:00", exclude=MARCH_2_AND_4, catch_up="none")).when(
        DECIDE, now="03-05 01:00"
    ).then(
        skipped("18:00", reason="misfire"),
        skipped("03-02 18:00", count=4, reason="excluded"),
        skipped("03-03 18:00", count=4, reason="misfire"),
        skipped("03-04 18:00", count=4, reason="excluded"),
        skipped("03-05 00:00", reason="misfire"),
    )


def test_an_excluded_fire_is_not_skipped_for_a_run_that_is_open() -> None:
    given(
        registered(EVERY_6H, at="12:00", exclude=MARCH_2),
        planned("18:00"),
        attempt_started("18:00"),
    ).when(DECIDE, now="03-02 00:00").then(skipped("03-02 00:00", reason="excluded"))


def test_what_a_pause_passed_over_on_an_excluded_day_was_excluded() -> None:
    given(registered(EVERY_6H, at="12:00", exclude=MARCH_2), paused(), resumed("03-03 01:00")).when(
        DECIDE, now="03-03 01:00"
    ).then(
        skipped("18:00", reason="paused"),
        skipped("03-02 18:00", count=4, reason="excluded"),
        skipped("03-03 00:00", reason="paused"),
    )


def test_a_job_whose_last_fires_are_excluded_ends_with_them() -> None:
    given(registered(EVERY_6H, at="18:00", exclude=MARCH_2, end_at="03-02 18:00")).when(
        DECIDE, now="03-02 18:00"
    ).then(skipped("03-02 18:00", count=4, reason="excluded"), exhausted())


# -- skipped on request


def test_a_fire_that_somebody_asked_to_skip_is_passed_over_and_the_next_is_not() -> None:
    story = given(registered(EVERY_5, at="10:00"), to_be_skipped("10:05"))
    story.when(DECIDE, now="10:05").then(skipped("10:05", after="10:00", reason="skip-next"))
    assert () == story.timetable.jobs[story.facts[0].event.job].skipping  # type: ignore[union-attr]  # it is a skip
    story.when(DECIDE, now="10:10").then(planned("10:10"))


def test_of_several_on_time_only_the_named_one_is_passed_over() -> None:
    given(
        registered(EVERY_5, at="10:00", overlap="allow", misfire_grace="1h"),
        to_be_skipped("10:10"),
    ).when(DECIDE, now="10:15").then(
        planned("10:05"), skipped("10:10", reason="skip-next"), planned("10:15")
    )


def test_a_late_fire_that_was_to_be_skipped_is_not_the_newest_that_runs() -> None:
    given(registered(EVERY_5, at="10:00"), to_be_skipped("10:15")).when(DECIDE, now="10:19").then(
        skipped("10:05", reason="coalesced"),
        caught_up("10:10", window="10:00"),
        skipped("10:15", reason="skip-next"),
    )


def test_a_fire_to_be_skipped_on_an_excluded_day_is_excluded() -> None:
    given(registered(EVERY_6H, at="18:00", exclude=MARCH_2), to_be_skipped("03-02 00:00")).when(
        DECIDE, now="03-02 00:00"
    ).then(skipped("03-02 00:00", reason="excluded"))
