from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.in_code import cron, every, once
from scheduler.model.schedules import Cron, Interval, Once

WARSAW = ZoneInfo("Europe/Warsaw")


def test_cron_takes_one_expression_or_more() -> None:
    assert Cron(("0 9 * * *",)) == cron("0 9 * * *")
    assert Cron(("0 9 * * *", "0 17 * * *"), timezone="Europe/Warsaw", gap="skip") == cron(
        "0 9 * * *", "0 17 * * *", timezone="Europe/Warsaw", gap="skip"
    )


def test_every_takes_a_length_as_people_write_it_or_as_python_does() -> None:
    assert Interval(timedelta(minutes=90)) == every("1h30m") == every(timedelta(minutes=90))


def test_every_may_be_counted_from_an_anchor() -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=WARSAW)
    assert datetime(2026, 7, 1, 10, tzinfo=UTC) == every("5m", anchor=at).anchor


def test_a_length_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadInput, match=r"\$\.schedule\.every"):
        every("1M")


def test_once_is_kept_in_utc() -> None:
    schedule = once(datetime(2026, 7, 1, 12, tzinfo=WARSAW))
    assert Once(datetime(2026, 7, 1, 10, tzinfo=UTC)) == schedule
    assert UTC is schedule.at.tzinfo


def test_an_instant_that_names_no_zone_is_refused() -> None:
    naive = datetime(2026, 7, 1, 12)  # noqa: DTZ001  # the mistake under test
    with pytest.raises(BadInput, match="does not say in which time zone"):
        once(naive)
    with pytest.raises(BadInput, match=r"\$\.schedule\.anchor"):
        every("5m", anchor=naive)
