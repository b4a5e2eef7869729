"""Which fire times a backfill's window has: those of the definitions that held then."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from scheduler.model import events as e
from scheduler.model.backfill_events import Stretch
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.firing import fire_times
from scheduler.model.jobs import DateRange, Exclude
from scheduler.model.schedules import Cron, Interval, Manual, Schedule
from scheduler.rules.calendar import (
    count,
    defined_at,
    definitions_of,
    is_occurrence,
    occurrences,
    skipped_by_hand,
    stretch_at,
    stretches,
)
from tests.backfill_facts import requested
from tests.facts import at, paused, registered, renamed, restored, revised, to_be_skipped

HOURLY = Cron(("0 * * * *",))
HALF_HOURLY = Cron(("*/30 * * * *",))
MARCH_2 = Exclude((DateRange(date(2026, 3, 2), date(2026, 3, 2)),), "UTC")
MINUTE = timedelta(minutes=1)


def drawn_up(*facts: tuple[str, e.AnyEvent], after: str, until: str) -> tuple[Stretch, ...]:
    events = [event for _, event in facts]
    return stretches(
        definitions_of(events), born_at=defined_at(events), after=at(after), until=at(until)
    )


def schedules(calendar: tuple[Stretch, ...]) -> list[tuple[datetime, datetime, Schedule]]:
    return [(one.after, one.until, one.schedule) for one in calendar]


# -- drawing it up


def test_each_revision_holds_until_the_next_took_effect() -> None:
    assert [
        (at("09:00"), at("12:00"), HOURLY),
        (at("12:00"), at("15:00"), HALF_HOURLY),
    ] == schedules(
        drawn_up(
            registered(HOURLY, at="08:00"),
            renamed("other"),
            paused(),
            revised(HALF_HOURLY, at="12:00"),
            after="09:00",
            until="15:00",
        )
    )


def test_before_the_job_existed_its_first_definition_holds_without_its_start() -> None:
    assert [
        (at("03:00"), at("08:00"), HOURLY),
        (at("09:59:59"), at("15:00"), HOURLY),
    ] == schedules(
        drawn_up(
            registered(HOURLY, at="08:00", start_at="10:00"),
            revised(HALF_HOURLY, at="16:00"),
            after="03:00",
            until="15:00",
        )
    )


def test_an_interval_reaches_back_on_its_grid_before_the_job_existed_only() -> None:
    grid = Interval(timedelta(minutes=7), at("08:00"))
    (before, after) = drawn_up(registered(grid, at="08:00"), after="07:45", until="08:10")
    assert isinstance(before.schedule, Interval)
    found = [
        fire
        for one in (before, after)
        for fire in fire_times(one.schedule, after=one.after, until=one.until, limit=99)
    ]
    assert [at(text) for text in ("07:46", "07:53", "08:00", "08:07")] == found
    assert grid == after.schedule


def test_an_end_holds_and_a_manual_time_has_no_fires() -> None:
    assert [(at("09:00"), at("10:00"), HOURLY), (at("12:00"), at("15:00"), HALF_HOURLY)] == (
        schedules(
            drawn_up(
                registered(HOURLY, at="08:00", end_at="10:00"),
                revised(Manual(), at="11:00"),
                revised(HALF_HOURLY, at="12:00", revision=3),
                after="09:00",
                until="15:00",
            )
        )
    )


def test_fires_that_were_to_be_skipped_are_named_less_those_taken_back() -> None:
    facts = (to_be_skipped("10:00"), to_be_skipped("11:00"), restored("10:00"))
    events = [event for _, event in (*facts, to_be_skipped("13:00"))]
    assert (at("11:00"),) == skipped_by_hand(events, at("09:00"), at("12:00"))


def test_a_job_is_defined_before_all_else() -> None:
    with pytest.raises(ImpossibleHistory, match="never defined"):
        defined_at([paused().event])


# -- reading it


def asked(*, order: str = "oldest", left_out: tuple[str, ...] = ()) -> e.BackfillRequested:
    calendar = (
        Stretch(at("03-01 12:00"), at("03-01 20:00"), Cron(("0 */4 * * *",))),
        Stretch(at("03-01 20:00"), at("03-04 00:00"), Cron(("0 */6 * * *",)), MARCH_2),
    )
    fact = requested(
        "03-01 12:00", "03-04 00:00", count=0, stretches=calendar, left_out=left_out, order=order
    )
    assert isinstance(fact.event, e.BackfillRequested)
    return fact.event


FIRES = [
    at(text)
    for text in (
        "03-01 16:00",
        "03-01 20:00",
        "03-03 00:00",
        "03-03 06:00",
        "03-03 12:00",
        "03-03 18:00",
        "03-04 00:00",
    )
]


def test_the_occurrences_are_the_fires_of_its_stretches_that_are_not_excluded() -> None:
    assert FIRES == occurrences(asked(), after=None, limit=99)
    assert FIRES[::-1] == occurrences(asked(order="newest"), after=None, limit=99)


def test_they_go_on_past_the_cursor_in_its_order() -> None:
    assert FIRES[2:4] == occurrences(asked(), after=FIRES[1], limit=2)
    assert [FIRES[1], FIRES[0]] == occurrences(asked(order="newest"), after=FIRES[2], limit=9)


def test_what_was_to_be_skipped_is_left_out() -> None:
    left_out = asked(left_out=("03-03 06:00", "03-03 07:00"))
    assert [at for at in FIRES if at != FIRES[3]] == occurrences(left_out, after=None, limit=99)
    assert 6 == count(left_out.stretches, left_out.left_out)


def test_the_count_is_that_of_the_occurrences() -> None:
    assert len(FIRES) == count(asked().stretches, ())


def test_an_instant_is_an_occurrence_or_it_is_none() -> None:
    calendar = asked().stretches
    assert all(is_occurrence(calendar, fire) for fire in FIRES)
    others = [fire + MINUTE for fire in FIRES] + [at("03-02 06:00"), at("03-01 12:00")]
    assert not any(is_occurrence(calendar, fire) for fire in others)


def test_an_occurrence_lies_in_one_stretch() -> None:
    assert asked().stretches[0] == stretch_at(asked(), at("03-01 20:00"))
    with pytest.raises(ImpossibleHistory, match="is no fire time of backfill"):
        stretch_at(asked(), at("03-01 12:00"))


@drawn(st.sampled_from(("oldest", "newest")), st.integers(1, 4))
def test_looked_at_in_parts_they_are_the_same_occurrences(order: str, limit: int) -> None:
    whole = occurrences(asked(order=order), after=None, limit=99)
    parts: list[datetime] = []
    while part := occurrences(asked(order=order), after=parts[-1] if parts else None, limit=limit):
        parts += part
    assert whole == parts
