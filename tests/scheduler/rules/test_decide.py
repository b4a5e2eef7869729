"""Wishes about the whole, and the stages of a tick."""

from scheduler.log.codec import Codec
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import RunId
from scheduler.model.limits import (
    CONNECTIONS_PER_EVENT_MAX,
    EVENT_BYTES_MAX,
    FAILURE_CHARS_MAX,
    FAILURES_PER_EVENT_MAX,
    SERVICES_PER_EVENT_MAX,
)
from scheduler.model.streams import SYSTEM
from scheduler.rules.decide import decide
from scheduler.rules.facts import Fact
from tests.facts import at, attempt_started, expired, planned, registered, system_started
from tests.spec import START, given

EVERY_5 = "*/5 * * * *"
NOW = at("10:00")


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


# -- what a server has loaded


def test_the_settings_of_a_server_are_recorded_by_digest_and_names() -> None:
    ends = (e.FarEnd("store", "sql"), e.FarEnd("source", "rest", "api.example.com"))
    wish = c.NoteSettings(digest="d" * 64, connections=ends)
    given().when(wish, now="10:00").then(
        Fact(SYSTEM, e.SettingsLoaded(digest="d" * 64, connections=ends[::-1], count=2))
    )


def test_the_services_of_a_server_are_recorded_with_their_code_and_what_failed() -> None:
    wish = c.NoteServices(services={"b": None, "a": "d" * 64}, failures=("x.py was not loaded",))
    loaded = e.ServicesLoaded(
        services={"a": "d" * 64, "b": None}, count=2, failures=("x.py was not loaded",), failed=1
    )
    given().when(wish, now="10:00").then(Fact(SYSTEM, loaded))


def test_more_than_an_event_holds_is_counted() -> None:
    services: dict[str, str | None] = {f"{'s' * 120}{n:04}": "d" * 64 for n in range(5_000)}
    failures = ("é" * 10_000,) * 5_000
    ends = tuple(e.FarEnd("é" * 200 + str(n), "rest", "h" * 255) for n in range(1_000))
    (noted,) = decide(given().timetable, c.NoteServices(services=services, failures=failures), NOW)
    (settings,) = decide(given().timetable, c.NoteSettings(digest="d", connections=ends), NOW)
    codec = Codec()
    for fact in (noted, settings):
        assert EVENT_BYTES_MAX > len(codec.encode(fact.event).body)
    assert isinstance(noted.event, e.ServicesLoaded)
    assert isinstance(settings.event, e.SettingsLoaded)
    assert (5_000, 5_000, 1_000) == (noted.event.count, noted.event.failed, settings.event.count)
    assert SERVICES_PER_EVENT_MAX == len(noted.event.services)
    assert ("é" * FAILURE_CHARS_MAX,) * FAILURES_PER_EVENT_MAX == noted.event.failures
    assert CONNECTIONS_PER_EVENT_MAX == len(settings.event.connections)


# -- a run that is carried out alone


def test_a_run_is_started_alone_whatever_else_is_due() -> None:
    story = given(registered(EVERY_5, at="10:00"))
    run = RunId("0193f6a2-7c1e-7abc-8def-0123456789ab")
    story.when(c.CallService(run=run, service="s"), now="10:07")
    story.when(c.StartRun(run=run, epoch=1), now="10:07")
    assert [e.AttemptStarted(run=run, attempt=1, epoch=1)] == [one.event for one in story.facts]
    assert [] == decide(story.timetable, c.StartRun(run=run, epoch=1), at("10:08"))


def test_a_run_that_is_not_there_is_not_started() -> None:
    assert [] == decide(given().timetable, c.StartRun(run=RunId("nobody"), epoch=1), NOW)
