"""Wishes about the whole, and the stages of a tick."""

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.streams import SYSTEM
from scheduler.rules.decide import decide
from scheduler.rules.facts import Fact
from tests.facts import at, attempt_started, expired, planned, registered, system_started
from tests.spec import START, given

EVERY_5 = "*/5 * * * *"


def test_each_start_takes_the_next_epoch() -> None:
    story = given()
    wish = c.StartSystem(host="host", pid=1, versions={})
    story.when(wish, now="10:00").then(system_started(2))
    story.when(wish, now="10:00").then(system_started(3))


def test_a_stop_names_the_epoch_it_ends() -> None:
    story = given(system_started(2)).when(c.StopSystem(), now="10:00")
    story.then(Fact(SYSTEM, e.SystemStopped(epoch=2)))
    assert not story.timetable.system.running


def test_a_jump_of_the_clock_is_recorded_with_what_it_showed_before_and_after() -> None:
    wish = c.NoteClockJump(by_s=3_600.0, was=at("10:00"))
    given().when(wish, now="11:30").then(
        Fact(SYSTEM, e.ClockJumped(by_s=3_600.0, was=at("10:00"), now=at("11:00")))
    )


def test_a_tick_answers_one_stage_at_a_time_expiries_then_starts_then_fire_times() -> None:
    story = given(
        registered(EVERY_5, at="10:00", overlap="allow", start_deadline="2m"),
        planned("10:05", start_by="10:07"),
        planned("10:10", start_by="10:20"),
    )
    stages = []
    while facts := decide(story.timetable, START, at("10:15")):
        stages.append(facts)
        for fact in facts:
            story.timetable.apply(*fact)
    assert [
        [expired("10:05")],
        [attempt_started("10:10")],
        [planned("10:15", start_by="10:17")],
        [attempt_started("10:15")],
    ] == stages


def test_deciding_alone_changes_nothing() -> None:
    story = given(registered(EVERY_5, at="10:00"))
    wish = c.PauseSystem()
    assert decide(story.timetable, wish, at("10:01")) == decide(story.timetable, wish, at("10:01"))
