"""The fold of the whole: what is looked up in it, what leaves it, when it wakes."""

from datetime import timedelta

import pytest

from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import JobId
from scheduler.model.limits import STALE_ENTRIES_MAX
from scheduler.model.schedules import Manual
from scheduler.model.streams import SYSTEM
from scheduler.rules.facts import Fact
from scheduler.rules.run_state import evolve_run
from scheduler.rules.timetable import Timetable
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    called,
    cancelled,
    exhausted,
    held,
    interrupted,
    paused,
    planned,
    registered,
    removed,
    renamed,
    reopened,
    resumed,
    run,
    run_failed,
    skipped,
    stream,
    succeeded,
    system_paused,
    system_resumed,
)
from tests.spec import given

EVERY_5 = "*/5 * * * *"


def test_each_event_moves_the_fold_by_one_position() -> None:
    assert (
        4
        == given(
            registered(EVERY_5, at="10:00"), planned("10:05"), cancelled("10:05")
        ).timetable.position
    )


def test_versions_of_streams_count_their_events() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow"),
        planned("10:05"),
        attempt_started("10:05"),
        skipped("10:10", reason="overlap"),
        renamed("other"),
    )
    assert {
        SYSTEM: 1,
        f"job/{JOB}": 2,
        f"skips/{JOB}": 1,
        stream("10:05"): 2,
    } == story.timetable.versions


def test_an_ended_run_leaves_the_fold_and_its_stream_with_it() -> None:
    story = given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
        succeeded("10:05"),
    )
    timetable = story.timetable
    assert ({}, {}, {}) == (timetable.runs, timetable.open_of, timetable.occupied)
    assert stream("10:05") not in timetable.versions


def test_a_held_run_stays_and_takes_no_slot() -> None:
    story = given(
        registered(EVERY_5, at="10:00"),
        planned("10:05"),
        attempt_started("10:05"),
        interrupted("10:05"),
        held("10:05"),
    )
    timetable = story.timetable
    assert [run("10:05")] == list(timetable.runs)
    assert ({}, {}) == (timetable.open_of, timetable.occupied)
    assert 4 == timetable.versions[stream("10:05")]


def test_names_follow_definitions_renamings_and_removals() -> None:
    other = JobId("job-2")
    timetable = given(
        registered(EVERY_5, at="10:00"),
        renamed("first"),
        registered(EVERY_5, name="job", job=other, at="10:00"),
    ).timetable
    assert {"first": JOB, "job": other} == timetable.names
    timetable.apply(*removed())
    assert {"job": other} == timetable.names


def test_a_run_that_was_recalled_is_dismissed_unless_it_was_reopened() -> None:
    begin = (registered(EVERY_5, at="10:00"), planned("10:05"), attempt_started("10:05"))
    end = (attempt_failed("10:05"), run_failed("10:05"))
    state = given(*begin).timetable.runs[run("10:05")]
    for _, event in end:
        assert isinstance(event, e.RunEvent)
        state = evolve_run(state, event)
    timetable = given(*begin, *end).timetable
    timetable.recall(state, 4)
    timetable.dismiss(run("10:05"))
    assert {} == timetable.runs
    timetable.recall(state, 4)
    timetable.apply(*reopened("10:05", at="10:10"))
    timetable.dismiss(run("10:05"))
    assert [run("10:05")] == list(timetable.runs)
    assert 5 == timetable.versions[stream("10:05")]


def test_a_reopening_needs_the_run_to_be_recalled() -> None:
    with pytest.raises(ImpossibleHistory, match="without being recalled"):
        Timetable().apply(*reopened("10:05", at="10:10"))


def test_a_run_of_an_unknown_job_is_refused() -> None:
    with pytest.raises(ImpossibleHistory, match="unknown job"):
        given(planned("10:05"))


# -- when it wakes


def test_it_wakes_for_the_next_fire_time() -> None:
    assert at("10:05") == given(registered(EVERY_5, at="10:00")).timetable.next_wake()


def test_it_wakes_for_a_retry_a_due_time_and_a_start_deadline() -> None:
    hourly = registered("0 * * * *", at="10:00", overlap="allow")
    retried = given(
        hourly,
        called("call-1", at="10:01"),
        attempt_started("call-1"),
        attempt_failed("call-1", retry="10:09"),
    )
    retried.timetable.ready_runs(at("10:08"), 9, {})
    assert at("10:09") == retried.timetable.next_wake()
    waiting = given(hourly, called("call-1", at="10:01", start_by="10:04"))
    assert at("10:01") == waiting.timetable.next_wake()
    waiting.timetable.ready_runs(at("10:01"), 0, {})
    assert at("10:04") == waiting.timetable.next_wake()


@pytest.mark.parametrize(
    "facts",
    [
        (registered(Manual(), at="10:00"),),
        (registered(EVERY_5, at="10:00"), paused()),
        (registered(EVERY_5, at="10:00"), system_paused()),
        (registered(EVERY_5, at="10:00"), exhausted()),
        (registered(EVERY_5, at="10:00"), removed()),
        (registered(EVERY_5, at="10:00", exhausted=True),),
        (registered(EVERY_5, at="10:00", end_at="10:00"),),
    ],
)
def test_it_does_not_wake_for_what_is_not_to_be_decided(facts: tuple[Fact, ...]) -> None:
    timetable = given(*facts).timetable
    assert timetable.next_wake() is None
    assert [] == timetable.due_jobs(at("12:00"), 9)


def test_a_pause_that_ended_brings_its_fire_times_back() -> None:
    story = given(registered(EVERY_5, at="10:00"), paused())
    assert story.timetable.next_wake() is None
    story.timetable.apply(*resumed("10:12"))
    assert at("10:05") == story.timetable.next_wake()
    everything = given(registered(EVERY_5, at="10:00"), system_paused())
    assert everything.timetable.next_wake() is None
    everything.timetable.apply(*system_resumed("10:12"))
    assert at("10:05") == everything.timetable.next_wake()


def test_jobs_that_are_owed_a_decision_are_counted() -> None:
    story = given(
        registered(EVERY_5, at="10:00"),
        registered("0 * * * *", name="other", job=JobId("job-2"), at="10:00"),
    )
    story.timetable.next_wake()
    assert [0, 1, 2] == [story.timetable.count_due(at(now)) for now in ("10:04", "10:05", "11:00")]
    story.timetable.apply(*system_paused())
    assert 0 == story.timetable.count_due(at("11:00"))


def test_a_run_that_waits_for_a_slot_is_not_forgotten_when_the_clock_is_set_back() -> None:
    timetable = given(registered(EVERY_5, at="10:00"), planned("10:05")).timetable
    assert [] == timetable.ready_runs(at("10:05"), 0, {})
    assert [] == timetable.ready_runs(at("10:04"), 9, {})
    assert [run("10:05")] == [one.run for one in timetable.ready_runs(at("10:05"), 9, {})]


def test_start_deadlines_that_are_past_caring_do_not_pile_up() -> None:
    story = given(registered(EVERY_5, at="10:00", overlap="allow", start_deadline="1d"))
    for minute in range(5_000):
        name = (at("10:05") + timedelta(minutes=5 * minute)).strftime("%m-%d %H:%M")
        story.timetable.apply(*planned(name, start_by="12-31 00:00"))
        story.timetable.apply(*cancelled(name))
    assert 2 * STALE_ENTRIES_MAX > len(vars(story.timetable.waits)["_expiries"])


# -- lines


def test_the_fold_keeps_its_runs_in_the_order_of_planning() -> None:
    timetable = given(
        registered(EVERY_5, at="10:00", overlap="allow"), planned("10:05"), planned("10:10")
    ).timetable
    assert [run("10:05"), run("10:10")] == list(timetable.open_of[JOB])
