"""Wishes about runs that have ended, closer together than one commit; and wishes asked again."""

from typing import Any

import pytest

from scheduler.executor import handle as module
from scheduler.executor.handle import Answer
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import Conflict, ImpossibleHistory
from scheduler.model.invocations import Invocation, Outcome
from scheduler.model.jobs import RunId
from scheduler.rules.decide import decide
from scheduler.rules.facts import Fact
from tests.backfill_facts import backfill
from tests.facts import JOB, run, stream
from tests.fakes import FakeInvoke, ended, never
from tests.scheduler.executor.rig import ME, Rig
from tests.spec import states

EVERY_5 = "*/5 * * * *"
KEY, STREAM = run("10:05"), stream("10:05")
BY_HAND = c.TriggerJob(job=JOB, run=RunId("by-hand"))
CALL = c.CallService(run=RunId("call"), service="api.sync")
AGAIN, RETRY, CANCEL = c.ReplayRun(run=KEY), c.RetryRun(run=KEY), c.CancelRun(run=KEY)
FAILED_AGAIN = backfill("10:00", "10:05", only="failed")


def fails(call: Invocation) -> Outcome:
    return ended(call, "error")


def failed_rig() -> Rig:
    """Return the rig of a job whose run of 10:05 has failed."""
    rig = Rig(invoke=FakeInvoke(fails))
    rig.define(EVERY_5, overlap="allow")
    rig.until("10:05")
    assert 1 == len(rig.facts(e.RunFailed))
    return rig


def asked_at_once(rig: Rig, *wishes: c.AnyCommand) -> list[Answer | BaseException]:
    """Have wishes decided before the first of them is durable, and return what each is told."""
    rig.log.is_held = True
    answers = []
    for wish in wishes:
        about = STREAM if isinstance(wish, module.ABOUT_A_RUN) else None
        answers.append(rig.executor.ask(wish, meta=ME, stream=about))
        rig.turn(1)
    rig.log.is_held = False
    rig.log.release()
    rig.turn(12)
    return [answer.exception(0) or answer.result(0) for answer in answers]


def holds(rig: Rig) -> bool:
    """Return whether nothing was voided, and the log is read again as it was decided."""
    again = Rig(log=rig.log.copied(), clock=rig.clock, take_up=False)
    is_same = states(again.handle.timetable) == states(rig.handle.timetable)
    return is_same and rig.handle.refolds == 0 and rig.executor.status().fault is None


@pytest.mark.parametrize(
    "wishes",
    [
        (AGAIN, RETRY),
        (AGAIN, AGAIN),
        (FAILED_AGAIN, RETRY),
        (FAILED_AGAIN, AGAIN),
        (RETRY, CANCEL, RETRY),
        (RETRY, CANCEL, AGAIN),
    ],
    ids=lambda wishes: " ".join(str(one.__struct_config__.tag) for one in wishes),
)
def test_a_run_that_is_changing_is_not_taken_back_as_it_was(
    wishes: tuple[c.AnyCommand, ...],
) -> None:
    rig = failed_rig()
    *first, last = asked_at_once(rig, *wishes)
    assert all(isinstance(one, Answer) and one.facts for one in first)
    assert isinstance(last, Conflict)
    assert holds(rig)


def test_a_run_whose_changes_are_durable_is_taken_back() -> None:
    rig = failed_rig()
    for wish in (RETRY, AGAIN):
        answer = rig.executor.ask(wish, meta=ME, stream=STREAM)
        rig.turn(12)
        assert answer.result(0).facts
    assert (2, 1) == (len(rig.facts(e.RunPlanned)), len(rig.facts(e.RunReopened)))
    assert holds(rig)


# -- asked again


@pytest.mark.parametrize("wish", [BY_HAND, CALL], ids=["a run by hand", "a call"])
@pytest.mark.parametrize("is_over", [False, True], ids=["open", "over"])
def test_the_same_run_asked_for_again_is_there_already(
    wish: c.TriggerJob | c.CallService, *, is_over: bool
) -> None:
    rig = Rig(invoke=FakeInvoke(ended if is_over else never))
    rig.define(EVERY_5)
    assert rig.ask(wish).result(0).facts
    assert Answer() == rig.ask(wish).result(0)
    begun = len(rig.facts(e.AttemptStarted))
    rig.turn()
    assert (1, 1) == (begun, len(rig.facts(e.AttemptStarted)))
    assert holds(rig)


def test_the_same_run_asked_for_twice_at_once_is_planned_once() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    first, second = asked_at_once(rig, BY_HAND, BY_HAND)
    assert isinstance(first, Answer)
    assert 1 == len(first.facts)
    assert Answer() == second
    assert holds(rig)


# -- a defect


def test_a_wish_that_spoils_the_fold_costs_nobody_else_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    rig.define(EVERY_5)

    def spoiling(*asked: Any) -> list[Fact]:  # noqa: ANN401  # as `decide` is asked
        if not isinstance(asked[1], c.PauseJob):
            return decide(*asked)
        return decide(asked[0], BY_HAND, *asked[2:]) * 2

    monkeypatch.setattr(module, "decide", spoiling)
    bad = rig.executor.ask(c.PauseJob(job=JOB), meta=ME)
    good = rig.executor.ask(c.RenameJob(job=JOB, name="other"), meta=ME)
    rig.turn()
    assert isinstance(bad.exception(0), ImpossibleHistory)
    assert good.result(0).facts
    assert rig.executor.status().fault is None
    rig.until("10:05")
    assert 1 == len(rig.facts(e.RunSucceeded))
