"""Killed around the commit of a step, a server goes on behind the last step that is durable."""

import signal

import pytest

from scheduler.log.contract import Recorded
from tests.crash.drain import drained
from tests.crash.ledger import AnyLine, HandedOn, StepDone
from tests.crash.site import Site, once
from tests.crash.steps import step_faults
from tests.facts import at, run, step_completed

SERVICES = ("crash.stepped", "crash.stepped-awaited", "crash.stepped-apart")
RUN = run("10:05")


@pytest.mark.crash
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("point", ["before-append", "before-commit", "after-commit"])
def test_a_step_is_done_again_until_it_is_durable_and_never_from_then_on(
    site: Site, point: str, service: str
) -> None:
    site.define(once(service, seconds=0.1))
    victim = site.victim(point, "step-completed", count=2)
    assert -signal.SIGKILL == victim.ended(), victim.said()
    drained(site)
    site.check()
    is_durable = point == "after-commit"
    lines = site.lines()
    done = [(line.name, line.attempt) for line in lines if isinstance(line, StepDone)]
    again = [] if is_durable else [("store", 2)]
    assert [("fetch", 1), ("store", 1), *again, ("mail", 2)] == done
    got = {
        line.name: line.made_in
        for line in lines
        if isinstance(line, HandedOn) and line.attempt == 2
    }
    assert {"fetch": 1, "store": 1 if is_durable else 2, "mail": 2} == got


# -- what the checker says of steps


def recorded(*steps: tuple[str, int]) -> list[Recorded]:
    """Return the events of steps, each by its attempt."""
    return [
        Recorded(
            position=place,
            stream=fact.stream,
            version=place,
            recorded_at=at("10:05"),
            event=fact.event,
        )
        for place, fact in enumerate(
            (step_completed("10:05", name, attempt=attempt) for name, attempt in steps), 1
        )
    ]


def done(name: str, attempt: int, *, key: str | None = "") -> StepDone:
    key = f"{RUN}/{name}" if key == "" else key
    return StepDone(run=RUN, attempt=attempt, name=name, key=key, at_ns=0, monotonic_ns=0)


def got(name: str, attempt: int, made_in: int) -> HandedOn:
    return HandedOn(run=RUN, attempt=attempt, name=name, made_in=made_in, at_ns=0, monotonic_ns=0)


def test_a_step_that_was_lost_once_and_then_done_is_no_fault() -> None:
    lines: list[AnyLine] = [done("fetch", 1), done("fetch", 2), got("fetch", 2, 2)]
    assert [] == list(step_faults(recorded(("fetch", 2)), lines))
    assert [] == list(step_faults(recorded(), [done("fetch", 1)]))


@pytest.mark.parametrize(
    ("steps", "lines", "fault"),
    [
        ([("a", 1)], [done("a", 1), done("a", 2)], "was done in attempt 1, and again in 2"),
        ([("a", 1)], [done("a", 1), done("a", 1)], "was done 2 times in attempt 1"),
        ([("a", 2)], [done("a", 1)], "is done by the log in attempt 2, and not really"),
        ([("a", 1), ("a", 2)], [done("a", 1), done("a", 2)], "is in the log by attempts 1 and 2"),
        ([], [done("a", 1), got("a", 1, 1)], "of attempt 1, the log's is None"),
        ([("a", 1)], [done("a", 1), got("a", 2, 2)], "of attempt 2, the log's is 1"),
        ([], [done("a", 1, key="x"), done("a", 2, key="y")], "was done under the keys"),
        ([], [done("a", 1, key=None)], "was done under the keys"),
    ],
)
def test_a_step_that_goes_wrong_is_told(
    steps: list[tuple[str, int]], lines: list[AnyLine], fault: str
) -> None:
    told = list(step_faults(recorded(*steps), lines))
    assert any(fault in one for one in told), told
