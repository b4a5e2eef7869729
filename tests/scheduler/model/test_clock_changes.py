"""What fires on the days when the clock changes; each rule once, as Debian cron has it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from scheduler.model.firing import count_fires, fire_times
from scheduler.model.limits import CLOCK_JUMP_MADE_UP_MAX
from scheduler.model.schedules import Cron

WARSAW = "Europe/Warsaw"  # forward 2026-03-29 02:00 to 03:00, back 2026-10-25 03:00 to 02:00


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(*expressions: str, zone: str = WARSAW, seconds: bool = False) -> Cron:
    return Cron(expressions, zone, seconds=seconds)


def fires(schedule: Cron, after: str, until: str) -> list[str]:
    """Return the fire times in the window, in UTC, as short as they can be written."""
    found = fire_times(schedule, after=utc(after), until=utc(until), limit=1_000)
    return [f"{at:%Y-%m-%dT%H:%M:%S}".removesuffix(":00") for at in found]


# -- fixed times at a clock change


def test_a_fixed_time_in_a_gap_fires_at_the_first_instant_after_it() -> None:
    assert ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"] == fires(
        cron("30 2 * * *"), "2026-03-28T00:00", "2026-03-30T12:00"
    )


def test_several_fixed_times_in_a_gap_fire_once() -> None:
    assert ["2026-03-29T01:00"] == fires(
        cron("0,15,30,45 2 * * *"), "2026-03-29T00:00", "2026-03-29T12:00"
    )


def test_a_made_up_fire_and_one_due_at_that_instant_are_one() -> None:
    assert ["2026-03-29T01:00"] == fires(
        cron("30 2 * * *", "0 3 * * *"), "2026-03-29T00:00", "2026-03-29T12:00"
    )


def test_a_fixed_time_in_a_gap_is_dropped_when_gap_is_skip() -> None:
    skips = Cron(("30 2 * * *",), WARSAW, gap="skip")
    assert ["2026-03-28T01:30", "2026-03-30T00:30"] == fires(
        skips, "2026-03-28T00:00", "2026-03-30T12:00"
    )


def test_a_fixed_time_that_occurs_twice_fires_on_its_first_pass() -> None:
    assert ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"] == fires(
        cron("30 2 * * *"), "2026-10-24T00:00", "2026-10-26T12:00"
    )


def test_a_fixed_time_that_occurs_twice_fires_on_its_last_pass_when_fold_is_last() -> None:
    last = Cron(("30 2 * * *",), WARSAW, fold="last")
    assert ["2026-10-24T00:30", "2026-10-25T01:30", "2026-10-26T01:30"] == fires(
        last, "2026-10-24T00:00", "2026-10-26T12:00"
    )


def test_the_ends_of_gap_and_fold_are_not_part_of_them() -> None:
    both = cron("59 1 * * *", "0 3 * * *")
    assert ["2026-03-29T00:59", "2026-03-29T01:00"] == fires(
        both, "2026-03-29T00:00", "2026-03-29T12:00"
    )
    assert ["2026-10-24T23:59", "2026-10-25T02:00"] == fires(
        both, "2026-10-24T12:00", "2026-10-25T12:00"
    )


def test_a_gap_at_midnight_is_made_up_for_on_the_same_date() -> None:
    assert ["2018-11-04T03:00"] == fires(
        cron("0 0 4 11 *", zone="America/Sao_Paulo"), "2018-11-03T00:00", "2018-11-06T00:00"
    )


def test_a_fold_at_midnight_fires_the_evening_once() -> None:
    # On 18 February 2018 at 00:00 the clock went back to 23:00 of the 17th.
    evening = cron("30 23 * * *", zone="America/Sao_Paulo")
    assert ["2018-02-18T01:30", "2018-02-19T02:30"] == fires(
        evening, "2018-02-17T12:00", "2018-02-19T12:00"
    )


def test_a_star_in_the_second_of_a_fixed_time_fires_its_minute_once() -> None:
    found = fires(cron("*/30 30 2 * * *", seconds=True), "2026-10-25T00:00", "2026-10-25T12:00")
    assert ["2026-10-25T00:30", "2026-10-25T00:30:30"] == found
    assert ["2026-03-29T01:00"] == fires(
        cron("*/30 30 2 * * *", seconds=True), "2026-03-29T00:00", "2026-03-29T12:00"
    )


def test_a_gap_of_three_hours_is_made_up_for_and_a_lost_day_is_not() -> None:
    casey = ZoneInfo("Antarctica/Casey")
    before, after = (datetime(2009, 10, day, tzinfo=casey).utcoffset() for day in (17, 19))
    assert before is not None
    assert after == before + CLOCK_JUMP_MADE_UP_MAX
    assert ["2009-10-17T18:00"] == fires(
        cron("0 3 18 10 *", zone="Antarctica/Casey"), "2009-10-16T00:00", "2009-10-19T00:00"
    )
    assert ["2011-12-29T19:00", "2011-12-30T19:00"] == fires(
        cron("0 9 * * *", zone="Pacific/Apia"), "2011-12-29T12:00", "2011-12-31T12:00"
    )


# -- a star in minute or hour follows real time


def test_with_a_star_nothing_fires_in_a_gap() -> None:
    assert ["2026-03-29T00:30", "2026-03-29T01:30"] == fires(
        cron("30 * * * *"), "2026-03-29T00:00", "2026-03-29T02:00"
    )
    assert [] == fires(cron("*/30 2 * * *"), "2026-03-29T00:00", "2026-03-29T12:00")


def test_with_a_star_both_passes_of_a_fold_fire() -> None:
    assert ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"] == fires(
        cron("30 * * * *"), "2026-10-25T00:00", "2026-10-25T03:00"
    )


def test_gap_and_fold_settings_do_not_touch_what_follows_real_time() -> None:
    plain = cron("*/10 * * * *")
    other = Cron(("*/10 * * * *",), WARSAW, gap="skip", fold="last")
    for day in ("2026-03-29", "2026-10-25"):
        window = (f"{day}T00:00", f"{day}T04:00")
        assert fires(plain, *window) == fires(other, *window)


def test_every_minute_is_every_minute_of_real_time_across_clock_changes() -> None:
    always = cron("* * * * *", zone="Australia/Lord_Howe")
    assert 525_600 == count_fires(always, after=utc("2026-01-01"), until=utc("2027-01-01"))


def test_each_expression_keeps_its_own_rule() -> None:
    both = cron("30 2 * * *", "30 * * * *")
    assert ["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"] == fires(
        both, "2026-03-29T00:00", "2026-03-29T02:00"
    )
    assert ["2026-10-25T00:30", "2026-10-25T01:30"] == fires(
        both, "2026-10-25T00:00", "2026-10-25T02:00"
    )
