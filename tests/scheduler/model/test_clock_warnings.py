"""What is said beforehand about a clock change that touches a schedule."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.model.clock_warnings import clock_change_warnings
from scheduler.model.schedules import Cron, Interval, Manual, Schedule

WARSAW = "Europe/Warsaw"
FORWARD = "on 2026-03-29 the clock goes forward at 02:00: "
BACK = "on 2026-10-25 the clock goes back at 03:00: "


def warnings(schedule: Schedule, year: int = 2026) -> list[str]:
    start = datetime(year, 1, 1, tzinfo=UTC)
    return clock_change_warnings(schedule, after=start, until=start + timedelta(days=365))


def test_a_fixed_time_is_told_where_it_goes() -> None:
    assert [
        FORWARD + "02:30 does not occur; it fires at 03:00",
        BACK + "02:30 occurs twice; it fires at the first",
    ] == warnings(Cron(("30 2 * * *",), WARSAW))


def test_the_choices_for_gap_and_fold_are_told() -> None:
    assert [
        FORWARD + "02:30 does not occur; it does not fire",
        BACK + "02:30 occurs twice; it fires at the last",
    ] == warnings(Cron(("30 2 * * *",), WARSAW, gap="skip", fold="last"))


def test_several_times_in_a_gap_are_told_to_fire_once() -> None:
    assert FORWARD + "02:00 and 02:30 do not occur; it fires once, at 03:00" in warnings(
        Cron(("0,30 2,3 * * *",), WARSAW)
    )


def test_what_follows_real_time_is_told_to_drop_and_to_double() -> None:
    assert [
        FORWARD + "02:00 to 02:50 (6 times) do not occur; it does not fire",
        BACK + "02:00 to 02:50 (6 times) occur twice; it fires both times",
    ] == warnings(Cron(("*/10 2 * * *",), WARSAW))


def test_each_rule_has_its_own_sentence() -> None:
    found = warnings(Cron(("30 2 * * *", "*/30 2 * * *"), WARSAW))
    assert [
        FORWARD + "02:30 does not occur; it fires at 03:00",
        FORWARD + "02:00 and 02:30 do not occur; it does not fire",
    ] == found[:2]


def test_seconds_are_told_where_there_are_any() -> None:
    assert FORWARD + "02:30 and 02:30:20 do not occur; it fires once, at 03:00" in warnings(
        Cron(("0,20 30 2 * * *",), WARSAW, seconds=True)
    )


@pytest.mark.parametrize("expression", ["* * * * *", "*/5 * * * *", "15 * * * 0", "30 9 * * *"])
def test_nothing_is_said_when_nothing_is_disturbed(expression: str) -> None:
    assert [] == warnings(Cron((expression,), WARSAW))


def test_an_hourly_schedule_is_disturbed_by_a_change_of_half_an_hour() -> None:
    assert [
        "on 2026-10-04 the clock goes forward at 02:00: 02:00 does not occur; it does not fire",
    ] == warnings(Cron(("0 * * * *",), "Australia/Lord_Howe"))
    assert [] == warnings(Cron(("* * * * *",), "Australia/Lord_Howe"))


def test_a_lost_day_is_told_not_to_be_made_up_for() -> None:
    lost = "on 2011-12-30 the clock goes forward at 00:00: "
    assert lost + "09:00 does not occur; it does not fire" in warnings(
        Cron(("0 9 * * *",), "Pacific/Apia"), 2011
    )
    assert lost + "09:00 to 09:45 (4 times) do not occur; it does not fire" in warnings(
        Cron(("*/15 9 30 * *",), "Pacific/Apia"), 2011
    )
    assert [] == warnings(Cron(("* * * * *",), "Pacific/Apia"), 2011)


def test_only_changes_inside_the_window_are_told() -> None:
    schedule = Cron(("30 2 * * *",), WARSAW)
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert 1 == len(clock_change_warnings(schedule, after=change - second, until=change))
    assert [] == clock_change_warnings(schedule, after=change, until=change + second)


def test_dates_on_which_nothing_fires_are_not_told() -> None:
    assert [] == warnings(Cron(("30 2 1 * *",), WARSAW))


def test_other_kinds_of_schedule_are_not_touched_by_a_clock_change() -> None:
    assert [] == warnings(Interval(timedelta(hours=1), datetime(2026, 1, 1, tzinfo=UTC)))
    assert [] == warnings(Manual())
