"""A schedule in words: what each form says, and that it never says less than what fires."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.model.sentence import sentence

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def words(expression: str, *, seconds: bool = False) -> str:
    said = sentence(Cron((expression,), "Europe/Warsaw", seconds=seconds))
    return said.removesuffix(", Europe/Warsaw")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("0-59/5 * * * *", "every 5 minutes"),
        ("0,15,30,45 * * * *", "every 15 minutes"),
        ("0 * * * *", "every hour"),
        ("15 * * * *", "at minute 15 of every hour"),
        ("*/7 * * * *", "at minutes 0 to 56 in steps of 7 of every hour"),
        ("5,35 * * * *", "at minutes 5 and 35 of every hour"),
        ("1,2,3,5,8 * * * *", "at minutes 1 to 3, 5 and 8 of every hour"),
        ("0 0 * * *", "at 00:00 every day"),
        ("30 9,17 * * *", "at 09:30 and 17:30 every day"),
        ("0 */2 * * *", "every 2 hours from 00:00 to 22:00"),
        ("0 9-17 * * *", "every hour from 09:00 to 17:00"),
        ("*/10 9-17 * * *", "every 10 minutes from 09:00 to 17:50"),
        ("* 3 * * *", "every minute from 03:00 to 03:59"),
        ("5-25 6,18 * * *", "at minutes 5 to 25 in hours 6 and 18 every day"),
        ("23 0-20/2 * * *", "at minute 23 in hours 0 to 20 in steps of 2 every day"),
        ("17 1-8 * * *", "at minute 17 from 01:00 to 08:59 every day"),
    ],
)
def test_times_of_day(expression: str, said: str) -> None:
    assert said == words(expression)


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ("* * 1-5", "on Monday to Friday"),
        ("* * 0", "on Sunday"),
        ("* * 6,0", "on Saturday and Sunday"),
        ("* * 1,3,5", "on Monday, Wednesday and Friday"),
        ("* * 5#2", "on the 2nd Friday of the month"),
        ("* * 1L", "on the last Monday of the month"),
        ("* * 1,5L", "on Monday and the last Friday of the month"),
        ("1 * *", "on the 1st of the month"),
        ("1,15 * *", "on the 1st and 15th of the month"),
        ("2,22,23 * *", "on the 2nd, 22nd and 23rd of the month"),
        ("11-13 * *", "on the 11th to 13th of the month"),
        ("*/2 * *", "on the 1st to 31st in steps of 2 of the month"),
        ("L * *", "on the last day of the month"),
        ("LW * *", "on the last weekday of the month"),
        ("1,15W * *", "on the 1st and the weekday nearest the 15th of the month"),
        ("1 1 *", "on the 1st of January"),
        ("L 1,4,7,10 *", "on the last day of January, April, July and October"),
        ("* 6-8 *", "every day in June to August"),
        ("* 12 5", "on Friday in December"),
        ("13 * 5", "on the 13th of the month, and also on Friday"),
        ("13 2 5", "on the 13th of the month, and also on Friday, in February"),
        ("*/2 * 1,3", "on the 1st to 31st in steps of 2 of the month if it is Monday or Wednesday"),
        ("1-31 * 1", "every day"),
        ("13 * 0-6", "every day"),
        ("1-31 2 1", "every day in February"),
        ("* 2-12 *", "every day in February to December"),
    ],
)
def test_dates(dates: str, said: str) -> None:
    assert f"at 09:00 {said}" == words(f"0 9 {dates}")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("* * * * * *", "every second"),
        ("*/10 * * * * *", "every 10 seconds"),
        ("0 */5 * * * *", "every 5 minutes"),
        ("5 0 9 * * *", "at 09:00:05 every day"),
        ("1,2 * * * * *", "at seconds 1 and 2 of every minute"),
        ("*/10 9 9-10 * * *", "every 10 seconds of minute 9 from 09:00 to 10:59"),
        ("7 */20 * * * 1", "at second 7 of minutes 0, 20 and 40 of every hour on Monday"),
    ],
)
def test_seconds(expression: str, said: str) -> None:
    assert said == words(expression, seconds=True)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (Once(AT), "once at 2026-03-01 09:00:00 UTC"),
        (Interval(timedelta(minutes=5), AT), "every 5 minutes from 2026-03-01 09:00:00 UTC"),
        (Interval(timedelta(hours=1), AT), "every hour from 2026-03-01 09:00:00 UTC"),
        (Interval(timedelta(weeks=2), AT), "every 2 weeks from 2026-03-01 09:00:00 UTC"),
        (Interval(timedelta(minutes=90), AT), "every 90 minutes from 2026-03-01 09:00:00 UTC"),
        (Interval(timedelta(seconds=1)), "every second"),
        (Manual(), "only by hand or by a callback"),
        (Cron(("0 9 * * 1", "0 12 * * 0")), "at 09:00 on Monday; and at 12:00 on Sunday, UTC"),
    ],
)
def test_every_kind_of_schedule_has_its_words(schedule: Schedule, said: str) -> None:
    assert said == sentence(schedule)


def test_single_instants_are_shown_by_the_clock_that_is_asked_for() -> None:
    assert "once at 2026-03-01 18:00:00 JST" == sentence(Once(AT), zone="Asia/Tokyo")


def test_schedules_that_fire_alike_are_told_alike() -> None:
    assert words("0 0 * * 0") == words("0 0 * * SUN") == words("0 0 * * 7") == words("@weekly")


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (Cron(("30 2 * * *",), "UTC"), ""),
        (Cron(("30 2 * * *",), "UTC", gap="skip"), "; not when the clock skips it"),
        (Cron(("30 2 * * *",), "UTC", fold="last"), "; when it occurs twice, the second time"),
        (
            Cron(("30 2 * * *",), "UTC", gap="skip", fold="last"),
            "; not when the clock skips it; when it occurs twice, the second time",
        ),
    ],
)
def test_what_was_chosen_for_clock_changes_is_said(schedule: Cron, said: str) -> None:
    assert f"at 02:30 every day, UTC{said}" == sentence(schedule)
