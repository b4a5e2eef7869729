"""The checker of the crash tests finds each kind of wrong, and none in what is right.

No process is started here: histories and ledgers are made up, then doctored.
"""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from scheduler.executor.derived import views_path
from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.rules.facts import Fact
from tests.crash.checker import faults
from tests.crash.ledger import Acknowledged, Alive, AnyLine, Called, Ended
from tests.crash.site import Site, once
from tests.facts import (
    at,
    attempt_failed,
    attempt_started,
    cancel_requested,
    caught_up,
    interrupted,
    paused,
    planned,
    registered,
    run,
    run_failed,
    skipped,
    stream,
    succeeded,
    system_started,
)
from tools.wishes import ToldFact

EVERY_5 = "*/5 * * * *"
History = list[tuple[str, Fact]]  # with the time at which each was recorded
BEGIN: History = [("10:00", registered(EVERY_5, at="10:00")), ("10:00", system_started(1))]
RUN: History = [
    ("10:05", planned("10:05")),
    ("10:05", attempt_started("10:05")),
    ("10:06", succeeded("10:05")),
]
MINUTE_NS = 60_000_000_000


def history(*parts: History) -> list[Recorded]:
    """Return facts as a log would have them."""
    versions: dict[str, int] = {}
    recorded: list[Recorded] = []
    for when, fact in (one for part in parts for one in part):
        versions[fact.stream] = versions.get(fact.stream, 0) + 1
        recorded.append(
            Recorded(
                position=len(recorded) + 1,
                stream=fact.stream,
                version=versions[fact.stream],
                recorded_at=at(when),
                event=fact.event,
                key="key" if isinstance(fact.event, e.JobDefined) else None,
            )
        )
    return recorded


def stamped(when: str) -> dict[str, int]:
    since = at(when) - at("00:00")
    ns = since // timedelta(minutes=1) * MINUTE_NS
    return {"at_ns": ns, "monotonic_ns": ns}


def called(name: str, when: str, *, attempt: int = 1, pid: int = 1, due: str = "") -> Called:
    due_ns = stamped(due or name)["at_ns"]
    return Called(
        run=run(name), attempt=attempt, pid=pid, is_owner=True, due_ns=due_ns, **stamped(when)
    )


def alive(name: str, when: str, *, attempt: int = 1) -> Alive:
    return Alive(run=run(name), attempt=attempt, **stamped(when))


def ended(name: str, when: str, *, attempt: int = 1) -> Ended:
    return Ended(run=run(name), attempt=attempt, succeeded=True, **stamped(when))


RUN_LINES: list[AnyLine] = [called("10:05", "10:05"), ended("10:05", "10:06")]


def found(recorded: list[Recorded], lines: list[AnyLine], *, is_drained: bool = True) -> list[str]:
    return faults(recorded, lines, is_drained=is_drained)


def test_a_history_in_order_has_no_fault() -> None:
    crashed: History = [
        ("10:10", planned("10:10")),
        ("10:10", attempt_started("10:10")),
        ("10:14", system_started(2)),
        ("10:14", interrupted("10:10", retry="10:14")),
        ("10:14", attempt_started("10:10", attempt=2, epoch=2)),
        ("10:15", skipped("10:15", reason="overlap", after="10:10")),
        ("10:16", attempt_failed("10:10", attempt=2)),
        ("10:16", run_failed("10:10")),
        ("10:17", paused()),
    ]
    lines = [*RUN_LINES, called("10:10", "10:10"), alive("10:10", "10:13")]
    again = called("10:10", "10:14", attempt=2)
    assert [] == found(history(BEGIN, RUN, crashed), [*lines, again])


@pytest.mark.parametrize(
    ("rest", "fault"),
    [
        ([("10:15", planned("10:15"))], "10:10:00+00:00 was decided 0 times"),
        ([("10:10", planned("10:05"))], "was planned twice"),
        ([("10:10", caught_up("10:07"))], "10:07:00+00:00 has a run and is no fire time"),
        ([("10:15", skipped("10:15", reason="misfire", after="10:05"))], "there are 2"),
        (
            [("10:15", skipped("10:10", reason="misfire", after="10:00", count=2))],
            "10:05:00+00:00 was decided 2 times",
        ),
        ([("10:15", skipped("10:15", reason="misfire", after="10:10"))], "a skip after"),
        ([("10:16", paused())], "10:10:00+00:00 of job-1 is not decided"),
        ([("10:10", planned("10:10"))], "is open for ever: run-planned"),
        ([("10:10", succeeded("10:05"))], "had ended when run-succeeded came"),
        ([("10:10", planned("10:10")), ("10:15", planned("10:15"))], "while another is open"),
        ([("10:10", system_started(3))], "epoch 3 follows 1"),
    ],
)
def test_a_history_that_goes_wrong_is_told(rest: History, fault: str) -> None:
    told = found(history(BEGIN, RUN, rest), RUN_LINES)
    assert any(fault in one for one in told), told


OPEN: History = [("10:10", planned("10:10"))]
STARTED: History = [*OPEN, ("10:10", attempt_started("10:10"))]
CRASHED: History = [*STARTED, ("10:14", system_started(2))]


@pytest.mark.parametrize(
    ("rest", "fault"),
    [
        ([*OPEN, ("10:09", attempt_started("10:10"))], "before 2026-03-01 10:10"),
        ([*OPEN, ("10:10", attempt_started("10:10", attempt=2))], "begins attempt 2 after 0"),
        ([*OPEN, ("10:10", attempt_started("10:10", epoch=7))], "under epoch 7, not 1"),
        ([*STARTED, ("10:11", attempt_started("10:10", attempt=2))], "while 1 is open"),
        ([*STARTED, ("10:11", interrupted("10:10", retry="10:11"))], "of epoch 1 in epoch 1"),
        ([*CRASHED, ("10:14", succeeded("10:10"))], "of epoch 1 in epoch 2"),
        ([*CRASHED, ("10:14", interrupted("10:10"))], "does not settle"),
        ([*CRASHED, ("10:14", interrupted("10:10")), ("10:14", run_failed("10:10"))], "settle"),
        ([*STARTED, ("10:11", attempt_failed("10:10", retry="10:12"))], "does not follow"),
        ([*STARTED, ("10:11", attempt_failed("10:10"))], "does not follow"),
        (
            [*OPEN, ("10:10", cancel_requested("10:10")), ("10:11", attempt_started("10:10"))],
            "although it is held or to be cancelled",
        ),
    ],
)
def test_an_attempt_that_is_not_as_its_policy_says_is_told(rest: History, fault: str) -> None:
    told = found(history(BEGIN, RUN, rest), RUN_LINES, is_drained=False)
    assert any(fault in one for one in told), told


@pytest.mark.parametrize(
    ("on_crash", "after", "is_right"),
    [
        ("retry", [interrupted("10:05", retry="10:14")], True),
        ("hold", [interrupted("10:05", retry="10:14")], False),
        ("fail", [interrupted("10:05", retry="10:14")], False),
        ("retry", [interrupted("10:05"), run_failed("10:05", "crash")], False),
        ("fail", [interrupted("10:05"), run_failed("10:05", "crash")], True),
        ("hold", [interrupted("10:05"), run_failed("10:05", "crash")], False),
    ],
)
def test_a_crash_is_settled_by_the_policy_of_the_job(
    on_crash: str, after: list[Fact], *, is_right: bool
) -> None:
    policy = registered(EVERY_5, at="10:00", on_crash=on_crash)  # type: ignore[arg-type]  # one of three
    begin: History = [("10:00", policy), ("10:00", system_started(1)), *RUN[:2]]
    rest: History = [("10:14", system_started(2)), *(("10:14", fact) for fact in after)]
    told = found(history(begin, rest), RUN_LINES, is_drained=False)
    assert is_right == (not told), told


def test_a_third_crash_must_end_the_run() -> None:
    rest = [*BEGIN, RUN[0]]
    for number in (1, 2, 3):
        rest += [
            ("10:05", attempt_started("10:05", attempt=number, epoch=number)),
            ("10:06", system_started(number + 1)),
            ("10:06", interrupted("10:05", attempt=number, retry="10:05")),
        ]
    [fault] = found(history(rest), [], is_drained=False)
    assert "does not settle" in fault


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([], "has succeeded in the log, and not really"),
        ([*RUN_LINES, called("10:05", "10:07")], "was called twice"),
        ([*RUN_LINES, called("10:05", "10:07", attempt=2)], "the log has no start of it"),
        ([called("10:05", "10:05", pid=2), RUN_LINES[1]], "of epoch 1 was called by process 2"),
        ([called("10:05", "10:04"), RUN_LINES[1]], "was called before it was due"),
    ],
)
def test_a_ledger_that_does_not_agree_with_the_log_is_told(
    lines: list[AnyLine], fault: str
) -> None:
    told = found(history(BEGIN, RUN), lines)
    assert any(fault in one for one in told), told


def test_attempts_that_overlap_are_told() -> None:
    again: History = [
        *RUN[:2],
        ("10:06", system_started(2)),
        ("10:06", interrupted("10:05", retry="10:06")),
        ("10:06", attempt_started("10:05", attempt=2, epoch=2)),
    ]
    lines = [RUN_LINES[0], called("10:05", "10:06", attempt=2), alive("10:05", "10:07")]
    [fault] = found(history(BEGIN, again), lines, is_drained=False)
    assert "while the one before was still at work" in fault


def test_an_acknowledgement_that_the_log_does_not_hold_is_told() -> None:
    definition = BEGIN[0][1]
    body = {"type": "job-paused", "job": "job-1"}
    right = acknowledged(1, [ToldFact("job-paused", definition.stream, {"job": "job-1"})])
    assert "the log has at 1" in found(history(BEGIN), [right])[0]
    lost = acknowledged(3, [ToldFact(body["type"], definition.stream, {"job": "job-1"})])
    assert "told 1 events, the log has 0" in found(history(BEGIN), [lost])[0]
    stopped: History = [("10:01", paused())]
    assert "bears the key None" in found(history(BEGIN, stopped), [lost])[0]


def acknowledged(position: int, facts: list[ToldFact]) -> Acknowledged:
    return Acknowledged(
        key="key", first=position, last=position, facts=tuple(facts), **stamped("10:00")
    )


def test_a_run_in_a_stream_that_is_not_its_own_is_told() -> None:
    strange = Fact(stream("10:10"), RUN[0][1].event)
    told = found(history(BEGIN, [("10:05", strange)]), [], is_drained=False)
    assert any("stands in stream" in one for one in told), told


def test_a_view_that_does_not_show_the_log_is_told(site: Site) -> None:
    site.define(once("crash.plain", seconds=0))
    site.check()
    with closing(sqlite3.connect(views_path(site.db), isolation_level=None)) as views:
        [table] = views.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'changes_%'"
        ).fetchone()
        views.execute(f"DELETE FROM {table}")
    with pytest.raises(AssertionError, match="view history"):
        site.check()
