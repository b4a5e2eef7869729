"""What a job's policies may be: each bound met and passed, and what stands against one another."""

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from scheduler.model.jobs import DateRange, Definition, Exclude, Retry
from scheduler.model.limits import (
    DURATION_MAX,
    EXCLUDED_RANGES_MAX,
    FAILURES_IN_ROW_MAX,
    QUEUE_MAX,
)
from scheduler.model.schedules import Cron
from scheduler.model.validation import problems_of
from scheduler.model.validation_policies import is_touching, key_problems

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NOTHING = timedelta(0)
FIRST = date(1970, 1, 1)
SOUND = Definition(name="report", service="api.sync", schedule=Cron(("0 9 * * *",), "UTC"))


def told(definition: Definition) -> list[str]:
    return [f"{problem.path}: {problem.message}" for problem in problems_of(definition)]


def days(*numbers: int, length: int = 0) -> Exclude:
    """Return these days of the calendar, each the first of a range."""
    ranges = [DateRange(FIRST + n * DAY, FIRST + (n + length) * DAY) for n in numbers]
    return Exclude(tuple(ranges), "UTC")


@pytest.mark.parametrize(
    "definition",
    [
        replace(SOUND, jitter=NOTHING),
        replace(SOUND, jitter=DURATION_MAX),
        replace(SOUND, overlap="queue", queue_limit=QUEUE_MAX),
        replace(SOUND, overlap="cancel", cancel_grace=NOTHING),
        replace(SOUND, overlap="cancel", catch_up="latest"),
        replace(SOUND, overlap="queue", catch_up="all"),
        replace(SOUND, pause_after_failures=1),
        replace(SOUND, pause_after_failures=FAILURES_IN_ROW_MAX),
        replace(SOUND, concurrency_key="日次 the database"),
        replace(SOUND, concurrency_key="k" * 200),
        replace(SOUND, concurrency_key="0193f6a2-7c1e-7abc-8def-0123456789ab"),
        replace(SOUND, exclude=days(*range(0, 2 * EXCLUDED_RANGES_MAX, 2))),
        replace(SOUND, exclude=Exclude((DateRange(FIRST, date(2262, 12, 31)),), "Asia/Tokyo")),
        replace(SOUND, retry=Retry(give_up_after=timedelta(microseconds=1))),
        replace(SOUND, retry=Retry(until_next_fire=True)),
    ],
    ids=str,
)
def test_what_lies_within_the_bounds_is_sound(definition: Definition) -> None:
    assert [] == told(definition)


@pytest.mark.parametrize(
    ("definition", "line"),
    [
        (replace(SOUND, jitter=-DAY), "$.jitter: is no length of time."),
        (replace(SOUND, jitter=DURATION_MAX + DAY), "$.jitter: is longer than a hundred years."),
        (replace(SOUND, queue_limit=0), "$.queue_limit: got 0; from 1 to 1,000."),
        (replace(SOUND, queue_limit=QUEUE_MAX + 1), "$.queue_limit: got 1001; from 1 to 1,000."),
        (replace(SOUND, cancel_grace=-DAY), "$.cancel_grace: is no length of time."),
        (
            replace(SOUND, pause_after_failures=0),
            "$.pause_after_failures: got 0; from 1 to 1,000.",
        ),
        (
            replace(SOUND, pause_after_failures=FAILURES_IN_ROW_MAX + 1),
            "$.pause_after_failures: got 1001; from 1 to 1,000.",
        ),
        (replace(SOUND, concurrency_key=""), "$.concurrency_key: is empty."),
        (
            replace(SOUND, concurrency_key="k" * 201),
            "$.concurrency_key: has 201 characters; at most 200.",
        ),
        (
            replace(SOUND, concurrency_key="a\nb"),
            '$.concurrency_key: "a\\u000ab" holds the character U+000A, which cannot be printed.',
        ),
        (
            replace(SOUND, concurrency_key=" db"),
            '$.concurrency_key: " db" begins or ends with a space.',
        ),
        (
            replace(SOUND, overlap="cancel", catch_up="all"),
            "$.overlap: cancel would end each run that catch_up = all has just planned.",
        ),
        (replace(SOUND, retry=Retry(give_up_after=NOTHING)), "$.retry.give_up_after: is zero."),
        (
            replace(SOUND, retry=Retry(give_up_after=-DAY)),
            "$.retry.give_up_after: is no length of time.",
        ),
        (
            replace(SOUND, retry=Retry(give_up_after=DAY, until_next_fire=True)),
            "$.retry.give_up_after: is both a length and next-fire.",
        ),
        (
            replace(SOUND, exclude=days()),
            "$.exclude: there are 0 ranges of days; from 1 to 1,000.",
        ),
        (
            replace(SOUND, exclude=days(*range(0, 2 * EXCLUDED_RANGES_MAX + 2, 2))),
            "$.exclude: there are 1,001 ranges of days; from 1 to 1,000.",
        ),
        (replace(SOUND, exclude=days(9, 3)), "$.exclude: is not in order, or ranges of it touch."),
        (replace(SOUND, exclude=days(3, 4)), "$.exclude: is not in order, or ranges of it touch."),
        (
            replace(SOUND, exclude=days(3, length=-1)),
            "$.exclude: is not in order, or ranges of it touch.",
        ),
        (replace(SOUND, exclude=days(-1)), "$.exclude: names a day outside the years 1970 to 2262"),
        (
            replace(SOUND, exclude=Exclude((DateRange(FIRST, date.max),), "UTC")),
            "$.exclude: names a day outside the years 1970 to 2262.",
        ),
        (
            replace(SOUND, exclude=replace(days(3), timezone="Mars/Olympus")),
            '$.exclude.timezone: there is no time zone "Mars',
        ),
    ],
)
def test_a_policy_out_of_bounds_is_refused_alone(definition: Definition, line: str) -> None:
    found = told(definition)
    assert 1 == len(found)
    assert found[0].startswith(line)


def test_all_that_is_wrong_with_excluded_days_is_told_at_once() -> None:
    exclude = Exclude((DateRange(date.max, date.min), DateRange(FIRST, FIRST)), "posixrules")
    paths = [line.partition(":")[0] for line in told(replace(SOUND, exclude=exclude))]
    assert ["$.exclude", "$.exclude", "$.exclude.timezone"] == paths


def test_the_most_excluded_days_fit_in_one_event_and_are_judged_once() -> None:
    exclude = days(*range(0, 2 * EXCLUDED_RANGES_MAX, 2))
    assert [] == told(replace(SOUND, exclude=exclude, labels={"a": "x" * 200}))


@pytest.mark.parametrize(
    ("last", "first", "touching"),
    [(3, 3, True), (3, 4, True), (3, 5, False), (5, 3, True)],
)
def test_ranges_touch_when_no_day_lies_between(last: int, first: int, *, touching: bool) -> None:
    assert touching == is_touching(FIRST + last * DAY, FIRST + first * DAY)


def test_a_key_is_told_where_it_stands() -> None:
    assert ["concurrency.db"] == [p.path for p in key_problems("", "concurrency.db")]
