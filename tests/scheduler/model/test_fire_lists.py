"""What is kept ready answers as what is reckoned anew."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from scheduler.model.fire_lists import FireLists
from scheduler.model.firing import (
    count_fires,
    fire_times,
    latest_fire_times,
    next_fire,
    previous_fire,
)
from scheduler.model.limits import FIRE_LIST_FIRST, FIRE_LIST_MAX
from scheduler.model.schedules import Cron


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(*expressions: str, zone: str, seconds: bool = False) -> Cron:
    return Cron(expressions, zone, seconds=seconds)


def test_next_answers_alike_whatever_was_asked_before() -> None:
    schedule = cron("*/7 * * * *", zone="Asia/Tokyo")
    start = utc("2026-06-01")
    expected = fire_times(schedule, after=start, until=utc("2026-06-08"), limit=1_000)
    forwards, at = [], start
    for _ in expected:
        at = next_fire(schedule, at) or start
        forwards.append(at)
    assert expected == forwards
    assert expected[0] == next_fire(schedule, start)  # back again
    backwards = [previous_fire(schedule, later) for later in expected[1:]]
    assert expected[:-1] == backwards
    assert len(expected) > 2 * FIRE_LIST_MAX


def test_equal_schedules_share_their_instants() -> None:
    at = utc("2026-06-01T12:34")
    first = next_fire(cron("5 * * * *", zone="Asia/Tokyo"), at)
    assert first is next_fire(cron("5 * * * *", zone="Asia/Tokyo"), at)


def test_the_fire_before_the_first_one_kept_is_found_too() -> None:
    schedule = cron("25 * * * *", zone="Asia/Tokyo")
    first = next_fire(schedule, utc("2026-06-01T12:34"))
    assert utc("2026-06-01T13:25") == first
    assert first is not None
    assert utc("2026-06-01T12:25") == previous_fire(schedule, first)


def test_the_fire_before_each_is_at_hand_when_lists_follow_each_other() -> None:
    schedule = cron("35 * * * *", zone="Asia/Tokyo")
    at = next_fire(schedule, utc("2026-06-01"))
    for _ in range(50):
        assert at is not None
        later = next_fire(schedule, at)
        assert later is not None
        assert at is previous_fire(schedule, later)  # the very instant: it was not reckoned again
        at = later


def test_windows_inside_a_kept_list_answer_as_any_other() -> None:
    schedule = cron("0 0 * * *", zone="Asia/Seoul")
    first = next_fire(schedule, utc("2026-06-01"))
    assert first is not None
    window = {"after": utc("2026-06-01"), "until": first + timedelta(hours=25)}
    both = [first, first + timedelta(days=1)]
    assert both == fire_times(schedule, **window, limit=1_000)
    assert both[:1] == fire_times(schedule, **window, limit=1)
    assert both[1:] == latest_fire_times(schedule, **window, limit=1)
    assert 2 == count_fires(schedule, **window)


def test_a_list_begins_short_and_grows_up_to_its_bound_as_it_is_used_up() -> None:
    lists, schedule, at = FireLists(), cron("* * * * *", zone="Asia/Tokyo"), utc("2026-06-01")
    held = []
    for _ in range(3 * FIRE_LIST_MAX):
        after = at
        at = lists.next_fire(schedule, after) or after
        some = islice(held_after(lists, schedule, after), FIRE_LIST_MAX + 1)
        held.append(sum(1 for _ in some))
    assert FIRE_LIST_FIRST == held[0]
    assert FIRE_LIST_MAX == max(held)


def held_after(lists: FireLists, schedule: Cron, after: datetime) -> Iterator[datetime]:
    """Yield the fires of every minute that the list at hand holds."""
    until = after + timedelta(minutes=1)
    while lists.within(schedule, after, until):
        yield until
        until += timedelta(minutes=1)


@pytest.mark.parametrize(("limit", "room"), [("FIRE_LISTS_MAX", 3), ("FIRES_KEPT_MAX", 12)])
def test_lists_are_dropped_when_there_is_no_room_and_answer_alike(
    monkeypatch: pytest.MonkeyPatch, limit: str, room: int
) -> None:
    monkeypatch.setattr(f"scheduler.model.fire_lists.{limit}", room)
    lists, at = FireLists(), utc("2026-06-01T12:34")
    schedules = [cron(f"{minute} * * * *", zone="Asia/Tokyo") for minute in range(10)]
    first = [lists.next_fire(schedule, at) for schedule in schedules]
    again = [lists.next_fire(schedule, at) for schedule in schedules]
    assert [utc("2026-06-01T13:00") + timedelta(minutes=n) for n in range(10)] == first
    assert first == again
    assert not any(one is other for one, other in zip(first, again, strict=True))  # all anew


def test_a_list_that_is_not_dropped_is_used_again() -> None:
    lists, at = FireLists(), utc("2026-06-01T12:34")
    schedule = cron("7 * * * *", zone="Asia/Tokyo")
    assert lists.next_fire(schedule, at) is lists.next_fire(schedule, at)


def test_a_schedule_that_has_no_fire_left_is_asked_again_without_harm() -> None:
    lists, end = FireLists(), utc("2262-12-31T23:30")
    schedule = cron("0 * * * *", zone="UTC")
    assert None is lists.next_fire(schedule, end)
    assert None is lists.within(schedule, end, end)
    assert None is lists.previous_fire(schedule, end)
