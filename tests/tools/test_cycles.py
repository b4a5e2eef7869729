"""Which stretches may be repeated, and how far."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from scheduler.model import events as e
from scheduler.model.jobs import Definition, Retry
from scheduler.model.schedules import Cron
from scheduler.rules.facts import Fact
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    planned,
    run,
    run_failed,
    skipped,
    succeeded,
)
from tools.cycles import Cycle, Told, cycle_of, moved, repeats

POLICY = Definition(
    name="job",
    service="s",
    schedule=Cron(("*/5 * * * *",)),
    retry=Retry(max_attempts=2, initial=timedelta(seconds=40)),
)


def cycle(*told: tuple[str, Fact], until: str) -> Cycle | None:
    return cycle_of([Told(at(when), fact) for when, fact in told], at(until), POLICY)


SMOOTH = (
    ("10:05", planned("10:05")),
    ("10:05", attempt_started("10:05")),
    ("10:06", succeeded("10:05")),
)
SKIPPING = (
    *SMOOTH[:2],
    ("10:10", skipped("10:10", after="10:05", reason="overlap")),
    ("10:12", succeeded("10:05")),
)
FAILING = (
    *SMOOTH[:2],
    ("10:05", attempt_failed("10:05", retry="10:06")),
    ("10:06", attempt_started("10:05", attempt=2)),
    ("10:06", run_failed("10:05")),
)


def lengths(found: Cycle | None) -> tuple[timedelta, tuple[timedelta, ...]]:
    assert found is not None
    return found.length, found.offsets


def test_a_run_that_was_on_time_and_is_over_may_be_repeated() -> None:
    assert (timedelta(minutes=1), (timedelta(),)) == lengths(cycle(*SMOOTH, until="10:06"))


def test_fire_times_that_it_skipped_belong_to_its_pattern() -> None:
    found = lengths(cycle(*SKIPPING, until="10:12"))
    assert (timedelta(minutes=7), (timedelta(), timedelta(minutes=5))) == found


def test_a_delay_between_attempts_counts_as_the_longest_there_may_be() -> None:
    found = lengths(cycle(*FAILING, until="10:06"))
    assert (timedelta(minutes=1, seconds=40), (timedelta(),)) == found


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(SMOOTH[:2], id="too short"),
        pytest.param((("10:06", SMOOTH[0][1]), *SMOOTH[1:]), id="decided late"),
        pytest.param((SMOOTH[0], ("10:06", SMOOTH[1][1]), SMOOTH[2]), id="begun late"),
        pytest.param((*FAILING, SKIPPING[2]), id="skips while it waits"),
        pytest.param((*SMOOTH, SMOOTH[0]), id="two runs"),
    ],
)
def test_anything_else_is_asked_of_the_rules(told: Sequence[tuple[str, Fact]]) -> None:
    assert cycle(*told, until="10:12") is None


def test_it_is_repeated_while_the_fire_times_lie_the_same_way_apart() -> None:
    smooth, skipping = cycle(*SMOOTH, until="10:06"), cycle(*SKIPPING, until="10:12")
    assert smooth is not None
    assert skipping is not None
    every_5 = [at(f"11:{minute:02}") for minute in range(0, 60, 5)]
    assert 11 == repeats(smooth, every_5)  # what the last one meets is not known
    assert 10 == repeats(skipping, every_5)
    assert 2 == repeats(skipping, [*every_5[:3], *every_5[4:]])
    near = [at("11:00"), at("11:05"), at("11:05:30"), at("11:10")]
    assert 1 == repeats(smooth, near)
    assert (0, 0) == (repeats(smooth, []), repeats(skipping, []))


def test_its_facts_move_to_another_fire_time() -> None:
    found = cycle(*SKIPPING, until="10:12")
    assert found is not None
    facts = list(moved(found, at("11:05"), at("11:00")))
    first = facts[0].event
    assert isinstance(first, e.RunPlanned)
    assert (at("11:05"), at("11:00")) == (first.fire_time, first.window_start)
    assert [run("11:05")] * 3 == [
        fact.event.run for fact in facts if isinstance(fact.event, e.RunEvent)
    ]
    assert skipped("11:10", after="11:05", reason="overlap") == facts[2]
    assert {f"fire/2026-03-01T11:05:00Z/{JOB}", f"skips/{JOB}"} == {fact.stream for fact in facts}
