"""A change of a definition, as a merge patch: what is named, what stays, what is taken back."""

from datetime import timedelta

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.jobs import Definition, Retry
from scheduler.model.plain import read_changes, write_definition
from scheduler.model.schedules import Cron, Interval
from tests.scheduler.model.written_jobs import FULL, LEAST, NOON, NOW, read


def change(before: Definition, changes: object) -> Definition:
    definition, _ = read_changes(before, changes, now=NOW, timezone="UTC")
    return definition


def test_a_change_of_nothing_changes_nothing() -> None:
    assert read(FULL) == change(read(FULL), {})


def test_what_is_not_named_stays_and_null_takes_a_field_back() -> None:
    after = change(read(FULL), {"timeout": "1m", "max_runs": None, "input": None})
    assert read({**FULL, "timeout": "1m", "max_runs": None, "input": None}) == after


def test_a_change_of_a_schedules_kind_replaces_it_whole() -> None:
    assert (
        Interval(timedelta(minutes=5))
        == change(read(LEAST), {"schedule": {"every": "5m"}}).schedule
    )


def test_an_edited_interval_keeps_its_anchor_unless_it_is_named() -> None:
    before = read({**LEAST, "schedule": {"every": "5m", "anchor": "2026-07-01T12:00Z"}})
    assert (
        Interval(timedelta(minutes=9), NOON)
        == change(before, {"schedule": {"every": "9m"}}).schedule
    )


def test_an_edited_cron_keeps_its_zone_whatever_the_editors() -> None:
    after = change(read(LEAST), {"schedule": {"cron": "@hourly"}})
    assert Cron(("@hourly",), "Europe/Warsaw") == after.schedule


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        ({"cron": "@hourly"}, "Europe/Warsaw"),
        ({"cron": "@hourly", "timezone": "Asia/Tokyo"}, "Asia/Tokyo"),
        ({"timezone": "Asia/Tokyo"}, "Asia/Tokyo"),
        ({"every": "5m"}, "Europe/Warsaw"),
        ({"every": "5m", "timezone": "Asia/Tokyo"}, "Asia/Tokyo"),
        ({"kind": "cron", "cron": "@hourly"}, "Europe/Warsaw"),
        ({"kind": "none"}, "Europe/Warsaw"),
    ],
)
def test_excluded_days_follow_the_zone_of_a_new_schedule_and_never_the_editors(
    schedule: object, zone: str
) -> None:
    before = read({**LEAST, "exclude": ["2026-12-24"]})
    after = change(before, {"schedule": schedule}).exclude
    assert after is not None
    assert zone == after.timezone


def test_excluded_days_in_a_zone_of_their_own_stay_in_it() -> None:
    days = {"dates": ["2026-12-24"], "timezone": "Asia/Tokyo"}
    after = change(read({**LEAST, "exclude": days}), {"schedule": {"timezone": "UTC"}})
    assert after.exclude is not None
    assert "Asia/Tokyo" == after.exclude.timezone


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_excluded_days_are_taken_back_by_naming_none(nothing: object) -> None:
    before = read({**LEAST, "exclude": ["2026-12-24"]})
    assert change(before, {"exclude": nothing}).exclude is None


def test_giving_up_is_a_length_or_the_next_fire_and_never_both() -> None:
    before = read({**LEAST, "retry": {"give_up_after": "next-fire"}})
    assert Retry(until_next_fire=True) == before.retry
    assert {"give_up_after": "next-fire"} == write_definition(before)["retry"]
    after = change(before, {"retry": {"give_up_after": "1h"}})
    assert Retry(give_up_after=timedelta(hours=1)) == after.retry
    again = change(after, {"retry": {"give_up_after": "next-fire"}})
    assert Retry(until_next_fire=True) == again.retry
    assert Retry() == change(again, {"retry": {"give_up_after": None}}).retry


def test_labels_and_retry_are_changed_key_by_key() -> None:
    before = read({**FULL, "labels": {"a": "1", "b": "2"}})
    after = change(before, {"labels": {"a": None, "c": "3"}, "retry": {"max_attempts": 9}})
    assert {"b": "2", "c": "3"} == after.labels
    hour = timedelta(hours=1)
    assert Retry(9, timedelta(seconds=1), 1.5, timedelta(minutes=1), hour) == after.retry


def test_an_input_that_is_content_stays_that_content_when_others_change() -> None:
    before = read({**LEAST, "input": "x" * 5_000})
    after, contents = read_changes(before, {"timeout": "1m"}, now=NOW, timezone="UTC")
    assert before.input == after.input
    assert {} == contents


@pytest.mark.parametrize("changes", [None, [], "timeout=5m"])
def test_changes_that_are_no_table_are_refused(changes: object) -> None:
    with pytest.raises(BadInput):
        change(read(LEAST), changes)


def test_a_wrong_change_is_told_by_its_field() -> None:
    with pytest.raises(BadInput) as error:
        change(read(LEAST), {"labels": "x", "timeot": "5m"})
    assert ["$.labels", "$.timeot"] == [problem.path for problem in error.value.problems]
