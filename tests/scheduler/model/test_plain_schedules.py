"""A schedule is read in every shape in which people and the log write it, and leaves in one."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.plain_schedules import (
    merged_schedule,
    read_schedule,
    write_schedule,
    zone_of,
)
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def read(value: object) -> Schedule:
    return read_schedule(value, "$.schedule", zone="Europe/Warsaw", now=NOW)


def refusal(value: object) -> str:
    with pytest.raises(BadInput) as refused:
        read(value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("plain", "schedule"),
    [
        ({"cron": "*/5 * * * *"}, Cron(("*/5 * * * *",), "Europe/Warsaw")),
        ({"cron": ["0 9 * * *", "0 17 * * *"]}, Cron(("0 9 * * *", "0 17 * * *"), "Europe/Warsaw")),
        ({"cron": "@daily", "timezone": "UTC"}, Cron(("@daily",), "UTC")),
        (
            {
                "cron": "0 0 9 * * *",
                "timezone": "UTC",
                "gap": "skip",
                "fold": "last",
                "seconds": True,
            },
            Cron(("0 0 9 * * *",), "UTC", "skip", "last", seconds=True),
        ),
        ({"every": "5m"}, Interval(FIVE)),
        ({"every": "5m", "anchor": "2026-07-01T14:00"}, Interval(FIVE, NOON)),
        ({"at": "2026-07-01T14:00"}, Once(NOON)),
        ({"at": "2026-07-01T12:00Z"}, Once(NOON)),
        ({"kind": "none"}, Manual()),
        (
            {"kind": "cron", "expressions": ["@daily"], "timezone": "Asia/Tokyo"},
            Cron(("@daily",), "Asia/Tokyo"),
        ),
        (
            {"kind": "interval", "every": "PT300S", "anchor": "2026-07-01T12:00:00Z"},
            Interval(FIVE, NOON),
        ),
        ({"kind": "once", "at": "2026-07-01T12:00:00Z"}, Once(NOON)),
    ],
)
def test_every_shape_is_read(plain: object, schedule: Schedule) -> None:
    assert schedule == read(plain)


def test_the_stored_shape_leaves_out_utc_and_not_the_readers_zone() -> None:
    assert Cron(("@daily",), "UTC") == read({"kind": "cron", "expressions": ["@daily"]})


def test_an_interval_that_names_no_anchor_leaves_it_to_whoever_decides() -> None:
    assert Interval(FIVE, None) == read({"every": "5m"})


@pytest.mark.parametrize(
    "schedule",
    [
        Cron(("*/5 * * * *",), "Europe/Warsaw"),
        Cron(("0 9 * * *", "0 0 1 * *"), "UTC", "skip", "last"),
        Cron(("0 0 9 * * *",), "UTC", seconds=True),
        Interval(timedelta(seconds=90), NOON),
        Interval(FIVE),
        Once(NOON),
        Manual(),
    ],
)
def test_what_is_written_is_read_as_the_same_whatever_the_readers_zone(schedule: Schedule) -> None:
    assert schedule == read(write_schedule(schedule))


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        ("*/5 * * * *", '$.schedule: got "*/5 * * * *" instead of a schedule.'),
        ({}, "$.schedule: names no time at which to fire."),
        ({"cron": None}, "$.schedule: names no time at which to fire."),
        ({"timezone": "UTC"}, "$.schedule: names no time at which to fire."),
        ({"cron": "@daily", "every": "5m"}, "$.schedule: is of one kind, but cron and every stand"),
        ({"kind": "once", "every": "5m"}, "$.schedule: is of one kind, but every and kind stand"),
        (
            {"cron": "@daily", "expressions": ["@daily"]},
            "$.schedule: names both cron and expressions.",
        ),
        ({"kind": "weekly"}, '$.schedule.kind: "weekly" is none of cron, interval, once, none.'),
        ({"kind": ["cron"]}, "$.schedule.kind: ['cron'] is none of cron, interval, once, none."),
        ({"kind": "cron"}, "$.schedule.cron: is missing."),
        ({"kind": "interval"}, "$.schedule.every: is missing."),
        ({"kind": "once"}, "$.schedule.at: is missing."),
        ({"cron": 5}, "$.schedule.cron: got 5 instead of a text."),
        ({"cron": ["@daily", 5]}, "$.schedule.cron[1]: got 5 instead of a text."),
        (
            {"expressions": "@daily"},
            '$.schedule.expressions: is a list of expressions. Write ["@daily"]',
        ),
        ({"cron": "@daily", "zone": "UTC"}, "$.schedule.zone: is not a field."),
        ({"every": 300}, '$.schedule.every: 300 has no unit. For seconds write "300s"'),
        ({"every": "5m", "gap": "skip"}, "$.schedule.gap: is not a field."),
        (
            {"cron": "@daily", "seconds": "yes"},
            '$.schedule.seconds: got "yes" instead of true or false.',
        ),
        ({"at": 5}, "$.schedule.at: got 5 instead of a text."),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_field(plain: object, told: str) -> None:
    assert refusal(plain).startswith(told)


def test_every_wrong_field_is_named_at_once() -> None:
    lines = refusal({"every": "5x", "anchor": "yesterday", "gap": "skip"}).splitlines()
    assert ["$.schedule.every", "$.schedule.anchor", "$.schedule.gap"] == [
        line.partition(":")[0] for line in lines
    ]


def test_a_zone_that_is_named_stands_above_the_readers() -> None:
    assert "Asia/Tokyo" == zone_of({"at": "x", "timezone": "Asia/Tokyo"}, "UTC", "$.tz")
    assert "UTC" == zone_of({"at": "x"}, "UTC", "$.tz")
    assert "UTC" == zone_of("nonsense", "UTC", "$.tz")
    with pytest.raises(BadInput, match=r"\$\.tz"):
        zone_of({"timezone": "Mars/Olympus"}, "UTC", "$.tz")


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        (
            Cron(("@daily",), "Asia/Tokyo", "skip"),
            {"cron": "@hourly"},
            {"cron": "@hourly", "timezone": "Asia/Tokyo", "gap": "skip"},
        ),
        (
            Cron(("@daily",), "Asia/Tokyo", "skip"),
            {"gap": None},
            {"cron": "@daily", "timezone": "Asia/Tokyo"},
        ),
        (
            Cron(("@daily",), "Asia/Tokyo"),
            {"expressions": ["@hourly"]},
            {"expressions": ["@hourly"], "timezone": "Asia/Tokyo"},
        ),
        (
            Interval(FIVE, NOON),
            {"every": "10m"},
            {"every": "10m", "anchor": "2026-07-01T12:00:00Z"},
        ),
        (Interval(FIVE, NOON), {"cron": "@daily"}, {"cron": "@daily"}),
        (Cron(("@daily",), "Asia/Tokyo"), {"every": "5m"}, {"every": "5m"}),
        (Once(NOON), {"kind": "none"}, {"kind": "none"}),
        (Once(NOON), "nonsense", "nonsense"),
    ],
)
def test_a_change_keeps_what_it_does_not_name_of_a_schedule_of_its_kind(
    before: Schedule, changes: object, after: object
) -> None:
    assert after == merged_schedule(before, changes)
