"""The policy line: what every job has, and what someone set, in words."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from scheduler.model.jobs import DateRange, Definition, Exclude, Retry
from scheduler.model.schedules import Cron, Interval, Manual
from tests.tools.cli.desk import NOON, Desk
from tools.cli.policy_words import policy_line

PLAIN = Definition(name="orders", service="a.ok", schedule=Manual())
DAY = timedelta(days=1)
EVE = date(2026, 12, 24)


def days(count: int) -> Exclude:
    starts = [EVE + 10 * n * DAY for n in range(count)]
    return Exclude(tuple(DateRange(at, at + 2 * DAY) for at in starts), "Asia/Tokyo")


def test_a_job_of_which_nothing_was_said_has_five_policies() -> None:
    assert (
        "if late: the newest missed fire runs once · if still running: skip · timeout 1 h · "
        "1 attempt · after a crash: run again"
    ) == policy_line(PLAIN)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (replace(PLAIN, overlap="allow"), "if still running: run beside it"),
        (
            replace(PLAIN, overlap="queue", queue_limit=2_000),
            "if still running: wait in line, 2,000 at most",
        ),
        (
            replace(PLAIN, overlap="cancel", cancel_grace=timedelta(seconds=90)),
            (
                "if still running: end it within 1 min 30 s, or wait for a plain function, "
                "and take its place"
            ),
        ),
        (
            replace(PLAIN, overlap="cancel", isolation="process"),
            "if still running: end it within 5 s and take its place",
        ),
        (
            replace(PLAIN, retry=Retry(max_attempts=5, give_up_after=timedelta(hours=2))),
            "5 attempts, none later than 2 h after the first",
        ),
        (
            replace(PLAIN, retry=Retry(max_attempts=5, until_next_fire=True)),
            "5 attempts, none after the next fire",
        ),
        (replace(PLAIN, jitter=timedelta(seconds=20)), "each start delayed by up to 20 s"),
        (
            replace(PLAIN, jitter=7 * DAY, schedule=Interval(timedelta(seconds=1), NOON)),
            "each start delayed by less than 1 s",
        ),
        (
            replace(PLAIN, jitter=7 * DAY, schedule=Cron(("* * * * *",), "UTC")),
            "each start delayed by up to 7 d, but ahead of the next fire",
        ),
        (replace(PLAIN, exclude=days(1)), "never on 2026-12-24..2026-12-26 (Asia/Tokyo)"),
        (
            replace(PLAIN, exclude=days(5)),
            (
                "never on 2026-12-24..2026-12-26, 2027-01-03..2027-01-05, 2027-01-13..2027-01-15 "
                "and 2 more (Asia/Tokyo)"
            ),
        ),
        (replace(PLAIN, pause_after_failures=1), "paused after 1 failure"),
        (replace(PLAIN, pause_after_failures=3), "paused after 3 failures in a row"),
        (replace(PLAIN, concurrency_key="the db"), "takes turns with all of key the db"),
    ],
)
def test_a_policy_that_someone_set_is_told_in_words(definition: Definition, words: str) -> None:
    told = policy_line(definition).split(" · ")
    assert words in told
    assert len(told) in {5, 6}


def test_every_choice_of_a_policy_has_words() -> None:
    for field, choices in (
        ("catch_up", ("none", "latest", "all")),
        ("overlap", ("skip", "queue", "allow", "cancel")),
        ("on_crash", ("retry", "fail", "hold")),
    ):
        lines = {policy_line(replace(PLAIN, **{field: choice})) for choice in choices}
        assert len(choices) == len(lines)


def test_what_cancel_cannot_end_is_told_when_it_is_chosen(desk: Desk) -> None:
    words = ("job", "add", "--manual", "--overlap", "cancel")
    assert "A plain function on a thread cannot be ended" in desk.done(*words, "a", "a.ok").err
    printed = desk.done(*words, "b", "a.ok", "--isolation", "process")
    assert "cannot be ended" not in printed.err
