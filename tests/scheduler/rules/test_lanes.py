"""Who starts next: live runs, then those that catch up, then those beside; nobody starves."""

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from scheduler.model import commands as c
from scheduler.model.jobs import JobId
from scheduler.model.limits import KEY_LIMIT_DEFAULT, LIVE_STARTS_PAST_MAX
from scheduler.rules.facts import Fact
from scheduler.rules.lanes import BESIDE, CATCH_UP, LIVE, Queue, lane_of
from tests.backfill_facts import filled, requested
from tests.facts import (
    JOB,
    Policies,
    attempt_started,
    caught_up,
    defined,
    outcome,
    planned,
    registered,
    revised,
    service_called,
)
from tests.spec import Story, given

EVERY_5 = "*/5 * * * *"
OTHER = JobId("job-2")
ALLOW = registered(EVERY_5, at="10:00", overlap="allow")
KEYED = registered(EVERY_5, at="10:00", overlap="allow", concurrency_key="db")
OTHER_KEYED = registered(
    EVERY_5, at="10:00", job=OTHER, name="other", overlap="allow", concurrency_key="db"
)


def tick(slots: int, **limits: int) -> c.Tick:
    return c.Tick(slots=slots, epoch=1, key_limits=limits)


def fires(*minutes: int) -> list[str]:
    return [f"10:{minute:02}" for minute in minutes]


def starts(story: Story) -> list[str]:
    """Return the streams of the runs that the last tick started, by their time."""
    return [fact.stream.split("/")[1][11:16] for fact in story.facts if is_start(fact)]


def is_start(fact: Fact) -> bool:
    return type(fact.event).__name__ == "AttemptStarted"


# -- lanes


def test_live_runs_start_first_then_those_that_catch_up_then_backfills() -> None:
    story = given(
        ALLOW,
        requested("09:00", "10:00", count=12, concurrency=2),
        filled("09:05", now="10:20"),
        caught_up("10:05"),
        planned("10:20"),
    )
    story.when(tick(3), now="10:20")
    assert ["10:20", "10:05", "09:05"] == starts(story)


def test_within_a_lane_the_one_that_was_due_first_starts_first() -> None:
    story = given(ALLOW, planned("10:15"), planned("10:20"))
    story.when(tick(1), now="10:20").then(attempt_started("10:15"))


def test_calls_without_a_job_are_live() -> None:
    story = given(ALLOW, caught_up("10:05"), service_called("call-1", "s", at="10:08"))
    story.when(tick(1), now="10:09").then(attempt_started("call-1"))


def test_backfills_never_take_more_than_half_the_slots() -> None:
    story = given(
        ALLOW,
        requested("09:00", "10:00", count=12, concurrency=9),
        *(filled(fire, now="10:00") for fire in ("09:05", "09:10", "09:15", "09:20")),
    )
    story.when(tick(5), now="10:01")
    assert ["09:05", "09:10"] == starts(story)
    story = given(ALLOW, requested("09:00", "10:00", count=12), filled("09:05", now="10:00"))
    story.when(tick(1), now="10:01")
    assert ["09:05"] == starts(story)


def test_catching_up_takes_all_slots_while_no_live_run_waits() -> None:
    story = given(ALLOW, *map(caught_up, fires(5, 10, 15, 20)))
    story.when(tick(4), now="10:21")
    assert fires(5, 10, 15, 20) == starts(story)


def test_a_lower_lane_is_passed_by_so_many_live_starts_and_then_gets_one() -> None:
    minutes = range(5, 5 + 5 * 11, 5)
    story = given(
        registered("* * * * *", at="09:00", overlap="allow"),
        requested("08:00", "09:00", count=60, concurrency=1),
        filled("08:05", now="10:00"),
        *map(planned, fires(*minutes)),
    )
    for done in range(LIVE_STARTS_PAST_MAX):
        story.when(tick(1), now="11:00")
        (fire,) = starts(story)
        assert fires(*minutes)[done] == fire
        story.when(outcome(fire), now="11:00")
    story.when(tick(1), now="11:00")
    assert ["08:05"] == starts(story)


@pytest.mark.parametrize(
    "policies", [Policies(overlap="allow"), Policies(overlap="allow", concurrency_key="db")]
)
def test_what_is_beside_gets_its_turn_while_both_other_lanes_wait(policies: Policies) -> None:
    story = given(
        registered("* * * * *", at="08:00", **policies),
        requested("08:00", "09:00", count=60, concurrency=1),
        filled("08:05", now="10:00"),
        *(caught_up(f"09:{minute}") for minute in range(30, 50)),
        *map(planned, fires(*range(1, 31))),
    )
    order: list[str] = []
    while "08:05" not in order:
        story.when(tick(1), now="11:00")
        (fire,) = starts(story)
        order.append(fire)
        story.when(outcome(fire), now="11:00")
    assert LIVE_STARTS_PAST_MAX == order.index("08:05")
    story.when(tick(1), now="11:00")
    assert ["09:30"] == starts(story), "as many live runs have gone past it"


def test_what_waits_for_its_key_takes_no_turn_from_those_of_its_lane() -> None:
    story = given(
        registered("* * * * *", at="09:00", overlap="allow"),
        OTHER_KEYED,
        *(planned(fire, cause="catch-up", job=OTHER) for fire in fires(1, 2)),
        caught_up("10:03"),
        *map(planned, fires(*range(5, 30))),
    )
    limit = 2
    for live in fires(*range(5, 5 + LIVE_STARTS_PAST_MAX)):
        story.when(tick(1, db=limit), now="11:00")
        assert [live] == starts(story)
        story.when(outcome(live), now="11:00")
        limit = 0  # the two have come up, and others of their key were faster
    story.when(tick(1, db=limit), now="11:00")
    assert ["10:03"] == starts(story)


LANES = (LIVE, CATCH_UP, BESIDE)
ONE_OF_EACH = given(
    registered("* * * * *", at="08:00", overlap="allow"),
    requested("08:00", "09:00", count=60),
    caught_up("09:30"),
    planned("10:00"),
    filled("08:05", now="10:00"),
).timetable.runs
OF_LANE = {lane_of(run): run for run in ONE_OF_EACH.values()}


@drawn(st.lists(st.tuples(st.sampled_from([*LANES, None]), st.integers(1, 30)), max_size=30))
def test_no_more_starts_of_higher_lanes_than_so_many_go_past_one_that_waits(
    steps: list[tuple[int | None, int]],
) -> None:
    queue = Queue()
    waiting, past = dict.fromkeys(LANES, 0), dict.fromkeys(LANES, 0)
    for lane in (lane for lane, times in steps for _ in range(times)):
        if lane is not None:
            queue.push(OF_LANE[lane])
            waiting[lane] += 1
            continue
        run = queue.pop(ONE_OF_EACH, lambda _: True, lambda _: True)
        assert (run is None) is not any(waiting.values())
        if run is None:
            continue
        queue.count_start(run)
        started = lane_of(run)
        waiting[started] -= 1
        past[started] = 0
        for lower in LANES[started + 1 :]:
            past[lower] = past[lower] + 1 if waiting[lower] else 0
        assert max(past.values()) <= LIVE_STARTS_PAST_MAX


def test_a_clock_that_goes_back_starts_nothing_early_and_loses_nothing() -> None:
    story = given(ALLOW, planned("10:05"), planned("10:10"))
    story.when(tick(1), now="10:10").then(attempt_started("10:05"))
    story.when(tick(2), now="10:07").then()
    story.when(tick(2), now="10:10").then(attempt_started("10:10"))


# -- keys


def test_of_one_key_one_runs_at_a_time_over_all_jobs_that_bear_it() -> None:
    story = given(KEYED, OTHER_KEYED, planned("10:05"), planned("10:06", job=OTHER))
    story.when(tick(9), now="10:06").then(attempt_started("10:05"))
    story.when(tick(9), now="10:06").then()
    story.when(outcome("10:05"), now="10:06")
    story.when(tick(9), now="10:06").then(attempt_started("10:06", job=OTHER))


def test_of_a_key_that_the_settings_do_not_name_so_many_run() -> None:
    story = given(KEYED, *map(planned, fires(5, 10, 15)))
    story.when(tick(9), now="10:15")
    assert KEY_LIMIT_DEFAULT == len(starts(story))


def test_the_settings_say_how_many_of_a_key_run() -> None:
    story = given(KEYED, *map(planned, fires(5, 10, 15)))
    story.when(tick(9, db=2), now="10:15")
    assert fires(5, 10) == starts(story)


def test_a_key_holds_up_nobody_else() -> None:
    story = given(
        KEYED, registered(EVERY_5, at="10:00", job=OTHER, name="other"), *map(planned, fires(5, 10))
    )
    story.when(tick(9), now="10:15")
    assert "10:10" not in starts(story)[:1]
    assert 2 == len(starts(story)), "the other job's newest fire starts beside the first"


def test_within_a_key_live_runs_come_first_and_a_backfill_is_not_starved() -> None:
    minutes = range(5, 5 + 5 * 11, 5)
    story = given(
        registered(EVERY_5, at="09:00", overlap="allow", concurrency_key="db"),
        requested("08:00", "09:00", count=12, concurrency=1),
        filled("08:05", now="10:00"),
        *map(planned, fires(*minutes)),
    )
    order = []
    for _ in range(LIVE_STARTS_PAST_MAX + 2):
        story.when(tick(9), now="11:00")
        (fire,) = starts(story)
        order.append(fire)
        story.when(outcome(fire), now="11:00")
    assert "08:05" in order
    assert order.index("08:05") <= LIVE_STARTS_PAST_MAX
    assert 1 <= order.index("08:05")


def test_a_key_that_an_edit_takes_away_holds_up_nothing_more() -> None:
    story = given(KEYED, planned("10:05"), planned("10:10"))
    story.when(tick(9), now="10:10").then(attempt_started("10:05"))
    story = given(
        KEYED,
        planned("10:05"),
        planned("10:10"),
        attempt_started("10:05"),
        revised(EVERY_5, at="10:10", overlap="allow"),
    )
    story.when(tick(9), now="10:10").then(attempt_started("10:10"))


def test_an_edit_frees_what_waited_for_the_key() -> None:
    story = given(KEYED, planned("10:05"), planned("10:10"))
    story.when(tick(9), now="10:10")
    laxer = defined(EVERY_5, overlap="allow")
    story.when(c.ReviseJob(job=JOB, definition=laxer), now="10:11")
    story.when(tick(9), now="10:11").then(attempt_started("10:10"))
