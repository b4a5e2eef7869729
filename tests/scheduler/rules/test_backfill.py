"""How a backfill advances: which occurrences get a run, how many at once, and how it ends."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.backfill_events import Only
from scheduler.model.errors import NotFound
from scheduler.model.jobs import BackfillId
from scheduler.model.limits import BACKFILL_LOOK_MAX, RERUNS_MAX
from scheduler.rules.backfill import advance
from scheduler.rules.facts import Fact
from tests.backfill_facts import (
    BACKFILL,
    advanced,
    backfill_cancelled,
    backfill_paused,
    backfill_resumed,
    filled,
    finished,
    of_run,
    requested,
)
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    cancelled,
    expired,
    held,
    outcome,
    paused,
    planned,
    registered,
    removed,
    run,
    run_failed,
    skipped,
    succeeded,
    system_paused,
)
from tests.spec import DECIDE, START, Story, given

EVERY_5 = "*/5 * * * *"
LATER = "11:04"
JOB_DEFINED = registered(EVERY_5, at="08:00", overlap="allow")
PASSED = skipped("11:00", reason="misfire", count=24)


def done(fire: str) -> tuple[Fact, ...]:
    return planned(fire), attempt_started(fire), succeeded(fire)


def failed(fire: str) -> tuple[Fact, ...]:
    return planned(fire), attempt_started(fire), attempt_failed(fire), run_failed(fire)


def over(fire: str, *, number: int = 1, ok: bool = True) -> tuple[Fact, ...]:
    started = of_run(fire, e.AttemptStarted, number=number, attempt=1, epoch=1)
    if ok:
        return started, of_run(fire, e.RunSucceeded, number=number, attempt=1, duration_us=1)
    return started, of_run(fire, e.RunFailed, number=number, kind="error", error="x")


def begun(*facts: Fact, count: int = 3, **rest: Any) -> Story:  # noqa: ANN401  # any field of the backfill
    """Tell of a backfill over 10:05, 10:10 and 10:15, after `facts`."""
    asked = requested("10:00", "10:15", count=count, **rest)
    return given(JOB_DEFINED, *facts, PASSED, asked)


# -- which occurrences


def test_a_missed_occurrence_gets_its_first_run_with_the_window_of_its_schedule() -> None:
    begun().when(DECIDE, now=LATER).then(filled("10:05", now=LATER, window="10:00"))


def test_the_skip_stays_and_the_jobs_cursor_too() -> None:
    story = begun().when(DECIDE, now=LATER)
    assert at("11:00") == story.timetable.jobs[JOB].cursor


@pytest.mark.parametrize(
    ("only", "runs"),
    [("missing", ["10:15"]), ("failed", ["10:10"]), ("all", ["10:05", "10:10", "10:15"])],
)
def test_what_gets_a_run_depends_on_how_its_last_one_ended(only: Only, runs: list[str]) -> None:
    story = begun(*done("10:05"), *failed("10:10"), only=only, concurrency=9)
    story.when(DECIDE, now=LATER)
    events = [fact.event for fact in story.facts]
    found = [one.fire_time for one in events if isinstance(one, e.RunPlanned)]
    assert [at(fire) for fire in runs] == found
    passed = sum(one.passed for one in events if isinstance(one, e.BackfillAdvanced))
    assert 3 == passed + len(found)


def test_occurrences_that_need_no_run_are_passed_in_one_event() -> None:
    begun(*done("10:05"), *done("10:10")).when(DECIDE, now=LATER).then(
        advanced("10:10", 2), filled("10:15", now=LATER, window="10:10")
    )


def test_a_rerun_keeps_the_window_of_the_run_that_it_repeats() -> None:
    begun(*failed("10:05"), only="failed").when(DECIDE, now=LATER)
    story = begun(planned("10:05", window="09:00"), *failed("10:05")[1:], only="failed")
    story.when(DECIDE, now=LATER)
    assert filled("10:05", now=LATER, number=2, window="09:00") == story.facts[0]


def test_an_occurrence_that_was_run_as_often_as_may_be_is_passed() -> None:
    story = begun(*failed("10:05"), only="failed")
    state, version = vars(story)["_ended"][run("10:05")]
    vars(story)["_ended"][run("10:05")] = (replace(state, number=RERUNS_MAX), version)
    story.when(DECIDE, now=LATER).then(advanced("10:15", 3), finished())


@pytest.mark.parametrize("only", ["missing", "failed", "all"])
def test_a_run_that_is_under_way_or_waits_for_a_person_is_left_alone(only: Only) -> None:
    story = begun(
        planned("10:05"),
        attempt_started("10:05"),
        planned("10:10"),
        attempt_started("10:10"),
        held("10:10"),
        *done("10:15"),
        only=only,
    )
    story.when(DECIDE, now=LATER)
    assert [advanced("10:10" if only == "all" else "10:15", 2 if only == "all" else 3)] == (
        story.facts[:1]
    )


def test_an_expired_run_has_failed_and_a_cancelled_one_has_not() -> None:
    story = begun(
        planned("10:05", start_by="10:06"),
        expired("10:05"),
        planned("10:10"),
        cancelled("10:10"),
        only="failed",
    )
    story.when(DECIDE, now=LATER)
    assert [filled("10:05", now=LATER, number=2)] == [
        fact._replace(event=e_without_window(fact.event)) for fact in story.facts
    ]


def e_without_window(event: e.AnyEvent) -> e.AnyEvent:
    assert isinstance(event, e.RunPlanned)
    return filled("10:05", now=LATER, number=event.number).event


def test_the_newest_may_come_first() -> None:
    story = begun(order="newest")
    story.when(DECIDE, now=LATER).then(filled("10:15", now=LATER, window="10:10"))


# -- how many at once


def test_as_many_are_open_as_it_says_and_the_next_follows_the_first_to_end() -> None:
    story = begun(concurrency=2)
    story.when(START, now=LATER).then(
        filled("10:05", now=LATER, window="10:00"),
        filled("10:10", now=LATER, window="10:05"),
        attempt_started("10:05"),
        attempt_started("10:10"),
    )
    story.when(outcome("10:10"), now=LATER)
    story.when(DECIDE, now=LATER).then(filled("10:15", now=LATER, window="10:10"))


def test_so_many_a_minute_are_begun() -> None:
    story = begun(concurrency=9, per_minute=2)
    story.when(DECIDE, now="11:04").then(filled("10:05", now="11:04", window="10:00"))
    assert at("11:04:30") == story.timetable.next_wake()
    story.when(DECIDE, now="11:04:29").then()
    story.when(DECIDE, now="11:04:30").then(filled("10:10", now="11:04:30", window="10:05"))


@pytest.mark.parametrize("settled", [(), done("10:15")])
def test_with_the_last_settled_its_rate_wakes_nobody_and_holds_up_no_end(
    settled: tuple[Fact, ...],
) -> None:
    story = begun(*settled, concurrency=9, per_minute=1)
    story.when(c.PauseJob(job=JOB), now="11:04")
    for now in ("11:04", "11:05", "11:06"):
        story.when(START, now=now)
    assert story.timetable.next_wake() is None
    for fire in ("10:05", "10:10", "10:15")[: 2 if settled else 3]:
        story.when(outcome(fire), now="11:06")
    story.when(DECIDE, now="11:06").then(finished())


def test_live_runs_neither_block_it_nor_are_blocked_by_it() -> None:
    skips = registered(EVERY_5, at="08:00", overlap="skip")
    asked = requested("10:00", "10:15", count=3)
    story = given(skips, PASSED, planned("11:05"), attempt_started("11:05"), asked)
    story.when(DECIDE, now="11:06").then(filled("10:05", now="11:06", window="10:00"))
    story.when(outcome("11:05"), now="11:06")
    story.when(DECIDE, now="11:10").then(planned("11:10"))


def test_it_looks_at_so_many_occurrences_at_a_time() -> None:
    minutes = 3 * BACKFILL_LOOK_MAX
    fires = [at("00:00") + timedelta(minutes=n) for n in range(1, minutes + 1)]
    facts = [fact for fire in fires for fact in done(f"{fire:%H:%M}")]
    end = f"{fires[-1]:%H:%M}"
    story = given(
        registered("* * * * *", at="00:00", overlap="allow"),
        *facts,
        requested("00:00", end, count=minutes, every="* * * * *"),
    )
    story.when(DECIDE, now=end)
    assert [
        advanced(f"{fires[BACKFILL_LOOK_MAX * n - 1]:%H:%M}", BACKFILL_LOOK_MAX) for n in (1, 2, 3)
    ] == story.facts[:3]
    assert [finished()] == story.facts[3:]


def test_so_many_occurrences_are_looked_at_in_one_decision_and_each_backfill_has_its_turn() -> None:
    keys = [BackfillId(f"backfill-{n}") for n in range(5)]
    window: dict[str, Any] = {
        "count": 2 * BACKFILL_LOOK_MAX,
        "every": "* * * * *",
        "only": "failed",
    }
    timetable = given(
        registered("* * * * *", at="00:00"),
        *(requested("00:00", "06:40", backfill=key, **window) for key in keys),
    ).timetable
    looks: list[str] = []

    def never_run(stream: str) -> None:
        looks.append(stream)

    turns = []
    for decision in range(1, 1 + 2 * len(keys)):
        for fact in advance(timetable, at("12:00"), never_run):
            turns.append(fact.stream)
            timetable.apply(*fact)
        assert decision * BACKFILL_LOOK_MAX == len(looks)
    assert [f"backfill/{key}" for key in keys] * 2 == turns


# -- pauses, ends


def test_a_paused_one_plans_nothing_and_goes_on_where_it_stood() -> None:
    story = begun()
    story.when(c.PauseBackfill(backfill=BACKFILL), now=LATER).then(backfill_paused())
    story.when(c.PauseBackfill(backfill=BACKFILL), now=LATER).then()
    story.when(DECIDE, now=LATER).then()
    story.when(c.ResumeBackfill(backfill=BACKFILL), now=LATER).then(backfill_resumed())
    story.when(c.ResumeBackfill(backfill=BACKFILL), now=LATER).then()
    story.when(DECIDE, now=LATER).then(filled("10:05", now=LATER, window="10:00"))


def test_a_pause_of_everything_holds_it_up_one_of_the_job_does_not() -> None:
    begun(system_paused()).when(DECIDE, now=LATER).then()
    begun(paused()).when(DECIDE, now=LATER).then(filled("10:05", now=LATER, window="10:00"))


def test_cancelled_it_ends_what_has_not_started_and_what_runs_goes_on() -> None:
    story = begun(concurrency=2)
    story.when(DECIDE, now=LATER)
    story.when(c.Tick(slots=2, epoch=1), now=LATER)
    story.when(c.CancelBackfill(backfill=BACKFILL), now=LATER).then(
        of_run("10:10", e.RunCancelled), backfill_cancelled()
    )
    story.when(outcome("10:05"), now=LATER).then(succeeded("10:05"))
    story.when(DECIDE, now=LATER).then()
    story.when(c.CancelBackfill(backfill=BACKFILL), now=LATER).refused(NotFound, "backfill")


def test_removing_the_job_cancels_it() -> None:
    story = begun()
    story.when(DECIDE, now="11:00")
    story.when(c.RemoveJob(job=JOB), now="11:01").then(
        of_run("10:05", e.RunCancelled), backfill_cancelled(), removed()
    )


def test_it_ends_when_every_occurrence_is_settled_and_its_runs_are_over() -> None:
    story = begun(*done("10:05"), *done("10:10"))
    story.when(DECIDE, now=LATER)
    story.when(DECIDE, now=LATER).then()
    story.when(START, now=LATER)
    story.when(outcome("10:15"), now=LATER)
    story.when(DECIDE, now=LATER).then(finished())
    assert {} == story.timetable.backfills


def test_a_run_that_is_held_is_not_waited_for() -> None:
    story = begun(*done("10:05"), *done("10:10"))
    story.when(START, now=LATER)
    story.timetable.apply(*held("10:15"))
    story.when(DECIDE, now=LATER).then(finished())


def test_how_its_runs_ended_is_counted() -> None:
    story = begun(concurrency=3)
    story.when(START, now=LATER)
    story.when(outcome("10:05"), now=LATER)
    story.when(outcome("10:10", "error"), now=LATER)
    state = story.timetable.backfills[BACKFILL]
    assert (3, 3, 1, 1) == (state.looked_at, state.planned, state.succeeded, state.failed)


def test_asked_again_it_runs_nothing_twice() -> None:
    facts = (
        filled("10:05", now="11:00"),
        *over("10:05"),
        filled("10:10", now="11:00"),
        *over("10:10"),
        filled("10:15", now="11:00"),
        *over("10:15"),
        finished(),
    )
    story = given(JOB_DEFINED, PASSED, requested("10:00", "10:15", count=3), *facts)
    again = requested("10:00", "10:15", count=3)
    story.timetable.apply(*again)
    story.when(DECIDE, now=LATER).then(advanced("10:15", 3), finished())


# -- callbacks


def called_back(story: Story) -> list[tuple[str, str]]:
    return [
        (fact.event.service, fact.event.input.text or "")
        for fact in story.facts
        if isinstance(fact.event, e.ServiceCalled) and fact.event.input is not None
    ]


def telling(**callbacks: str) -> Fact:
    return registered(EVERY_5, at="08:00", overlap="allow", **callbacks)  # type: ignore[arg-type]  # both are texts


def ended(*, ok: bool, callbacks: bool = False) -> tuple[Story, Story]:
    """Return the story at the end of its only run, and at its own."""
    story = given(
        telling(on_success="service:good", on_failure="service:bad"),
        *done("10:05"),
        *done("10:10"),
        PASSED,
        requested("10:00", "10:15", count=3, callbacks=callbacks),
    )
    story.when(START, now=LATER)
    story.when(outcome("10:15", "succeeded" if ok else "error"), now=LATER)
    of_its_run = Story([])
    of_its_run.facts = story.facts
    return of_its_run, story.when(DECIDE, now=LATER)


def test_its_runs_call_nobody_and_it_calls_once_at_its_end() -> None:
    run, whole = ended(ok=True)
    assert [] == called_back(run)
    ((service, told),) = called_back(whole)
    assert "good" == service
    assert '"outcome":"succeeded"' in told
    assert '"occurrences":3,"runs":1,"succeeded":1,"failed":0' in told


def test_one_whose_run_failed_calls_on_failure() -> None:
    run, whole = ended(ok=False)
    assert [] == called_back(run)
    assert ["bad"] == [service for service, _ in called_back(whole)]


def test_its_runs_call_when_that_was_asked_for() -> None:
    run, whole = ended(ok=True, callbacks=True)
    assert ["good"] == [service for service, _ in called_back(run)]
    assert ["good"] == [service for service, _ in called_back(whole)]
