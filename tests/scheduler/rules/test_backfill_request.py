"""Asking for a backfill: what it is about is drawn up once, or it is refused."""

from datetime import timedelta
from typing import Any

import pytest

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.backfill_events import Stretch
from scheduler.model.errors import BadInput, Conflict, HorologError, NotFound
from scheduler.model.jobs import BackfillId, JobId
from scheduler.model.limits import (
    BACKFILL_CONCURRENCY_MAX,
    BACKFILL_OCCURRENCES_MAX,
    BACKFILL_PER_MINUTE_MAX,
    BACKFILL_STRETCHES_MAX,
    BACKFILLS_MAX,
)
from scheduler.model.schedules import Cron, Manual
from scheduler.rules.facts import Fact
from tests.backfill_facts import BACKFILL, backfill, backfill_cancelled, requested
from tests.facts import (
    JOB,
    at,
    exhausted,
    paused,
    planned,
    registered,
    removed,
    revised,
    skipped,
    to_be_skipped,
)
from tests.spec import given

EVERY_5 = "*/5 * * * *"
EVERY_1 = "* * * * *"
SKIPPED = (registered(EVERY_5, at="08:00"), skipped("10:00", count=24, reason="misfire"))


def test_it_holds_its_calendar_and_how_many_occurrences_it_is_about() -> None:
    given(*SKIPPED).when(backfill("08:30", "09:30"), now="10:02").then(
        requested("08:30", "09:30", count=12)
    )


def test_it_holds_what_was_asked_for() -> None:
    rest: dict[str, Any] = {
        "only": "all",
        "order": "newest",
        "concurrency": 4,
        "per_minute": 9,
        "callbacks": True,
    }
    given(*SKIPPED).when(backfill("08:30", "09:30", **rest), now="10:02").then(
        requested("08:30", "09:30", count=12, **rest)
    )


def test_it_may_reach_up_to_the_next_fire_time_that_is_not_decided() -> None:
    given(*SKIPPED).when(backfill("08:30", "10:04:59"), now="10:02").then(
        requested("08:30", "10:04:59", count=18)
    )


def test_it_may_begin_before_the_job_existed() -> None:
    story = given(*SKIPPED).when(backfill("06:00", "09:00"), now="10:02")
    (fact,) = story.facts
    assert isinstance(fact.event, e.BackfillRequested)
    assert 36 == fact.event.count


def test_the_fire_times_are_those_of_the_schedule_that_held_at_each_instant() -> None:
    story = given(*SKIPPED, revised("0 * * * *", at="10:00"))
    story.when(backfill("08:30", "09:30"), now="10:02").then(requested("08:30", "09:30", count=12))


def test_the_present_schedule_may_be_asked_for_in_place_of_those_of_then() -> None:
    story = given(*SKIPPED, revised("0 * * * *", at="10:00"))
    story.when(backfill("08:30", "09:30", schedule="current"), now="10:02").then(
        requested(
            "08:30",
            "09:30",
            count=1,
            stretches=(Stretch(at("08:30"), at("09:30"), Cron(("0 * * * *",))),),
        )
    )


def test_fires_that_somebody_had_asked_to_skip_are_left_out() -> None:
    story = given(
        registered(EVERY_5, at="08:00"),
        to_be_skipped("08:35"),
        skipped("08:30", count=6, reason="misfire"),
        skipped("08:35", reason="skip-next"),
        skipped("10:00", count=17, reason="misfire"),
    )
    story.when(backfill("08:30", "09:30"), now="10:02").then(
        requested("08:30", "09:30", count=11, left_out=("08:35",))
    )


def test_asked_twice_under_one_id_it_is_one() -> None:
    story = given(*SKIPPED, requested("08:30", "09:30", count=12))
    story.when(backfill("08:30", "09:30"), now="10:02").then()


@pytest.mark.parametrize(
    ("wish", "error", "saying"),
    [
        (backfill("09:30", "09:30"), BadInput, r"\$\.until.*does not lie after"),
        (backfill("09:30", "08:30"), BadInput, r"\$\.until.*does not lie after"),
        (backfill("08:30", "10:05"), BadInput, "from 2026-03-01T10:05:00Z on are not decided yet"),
        (backfill("08:31", "08:34"), BadInput, "has no fire time in this window"),
        (backfill("08:30", "09:30", concurrency=0), BadInput, r"\$\.concurrency.*got 0"),
        (backfill("08:30", "09:30", per_minute=0), BadInput, r"\$\.per_minute.*got 0"),
        (
            backfill("08:30", "09:30", concurrency=BACKFILL_CONCURRENCY_MAX + 1),
            BadInput,
            r"\$\.concurrency.*from 1 to 1,000",
        ),
        (
            backfill("08:30", "09:30", per_minute=BACKFILL_PER_MINUTE_MAX + 1),
            BadInput,
            r"\$\.per_minute.*from 1 to 60,000",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    wish: c.RequestBackfill, error: type[HorologError], saying: str
) -> None:
    given(*SKIPPED).when(wish, now="10:02").refused(error, saying)


def test_the_fires_of_a_pause_are_not_decided_yet() -> None:
    given(*SKIPPED, paused()).when(backfill("08:30", "10:30"), now="10:32").refused(
        BadInput, "decided when it is resumed"
    )


def test_the_fires_of_a_job_that_is_over_may_be_asked_for_up_to_now() -> None:
    story = given(*SKIPPED, exhausted())
    story.when(backfill("09:50", "11:00"), now="11:00").then(requested("09:50", "11:00", count=14))


def test_a_job_without_a_schedule_or_without_being_has_none() -> None:
    given(registered(Manual(), at="08:00")).when(backfill("08:30", "09:30"), now="10:02").refused(
        BadInput, "has no fire time in this window"
    )
    given(*SKIPPED, removed()).when(backfill("08:30", "09:30"), now="10:02").refused(
        NotFound, "job"
    )


def test_one_that_is_too_large_is_told_how_large_and_what_part_could_be_had() -> None:
    begun = registered(EVERY_1, at="02-01 00:00")
    story = given(begun, skipped("10:00", count=40_920, reason="misfire"))
    story.when(backfill("02-01 00:00", "10:00"), now="10:00").refused(
        BadInput,
        r"This backfill would be 40,920 runs; at most 10,000 at a time. "
        r"The first part: --until 2026-02-07T22:41:00Z",
    )
    until = at("02-01 00:00") + timedelta(minutes=BACKFILL_OCCURRENCES_MAX)
    story.when(
        c.RequestBackfill(backfill=BACKFILL, job=JOB, after=at("02-01 00:00"), until=until),
        now="10:00",
    )
    (fact,) = story.facts
    assert isinstance(fact.event, e.BackfillRequested)
    assert BACKFILL_OCCURRENCES_MAX == fact.event.count


def test_one_over_more_revisions_than_an_event_holds_is_refused() -> None:
    edits = [
        revised(f"{n % 60} * * * *", at=f"{8 + n // 60:02}:{n % 60:02}", revision=n + 2)
        for n in range(1, BACKFILL_STRETCHES_MAX + 1)
    ]
    story = given(registered(EVERY_5, at="07:00"), *edits)
    story.when(backfill("07:00", "09:20"), now="09:20").refused(BadInput, "was changed 65 times")


def test_two_over_the_same_time_are_not_had_at_once() -> None:
    other = BackfillId("backfill-2")
    story = given(*SKIPPED, requested("08:30", "09:30", count=12))
    second = c.RequestBackfill(backfill=other, job=JOB, after=at("09:00"), until=at("09:45"))
    story.when(second, now="10:02").refused(Conflict, "horolog backfill show backfill-1")
    beside = c.RequestBackfill(backfill=other, job=JOB, after=at("09:30"), until=at("09:45"))
    story.when(beside, now="10:02")
    assert 1 == len(story.facts)
    story = given(*SKIPPED, requested("08:30", "09:30", count=12), backfill_cancelled())
    story.when(second, now="10:02")
    assert 1 == len(story.facts)


def test_no_more_than_so_many_are_under_way() -> None:
    facts: list[Fact] = []
    for number in range(BACKFILLS_MAX):
        _, event = requested("08:30", "09:30", count=12)
        assert isinstance(event, e.BackfillRequested)
        key, job = BackfillId(f"b-{number}"), JobId(f"job-{number + 2}")
        made = e.BackfillRequested(
            backfill=key,
            job=job,
            after=event.after,
            until=event.until,
            stretches=event.stretches,
            count=12,
        )
        facts.append(Fact(f"backfill/{key}", made))
    given(*SKIPPED, *facts).when(backfill("08:30", "09:30"), now="10:02").refused(
        Conflict, "BACKFILLS_MAX"
    )


def test_a_job_that_is_being_changed_this_moment_is_asked_about_again() -> None:
    story = given(*SKIPPED, planned("10:05"))
    story.timetable.apply(*revised(EVERY_5, at="10:05"))  # folded, and not yet in the log
    story.when(backfill("08:30", "09:30"), now="10:06").refused(Conflict, "this very moment")
