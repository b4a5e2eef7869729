"""Backfills and reruns through the write path: from request to end, over restarts."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from scheduler.executor.handle import Handle
from scheduler.executor.replay import last_run
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import Conflict
from scheduler.model.jobs import Definition, JobId, run_id
from scheduler.model.schedules import Cron, Interval
from tests.backfill_facts import BACKFILL, backfill
from tests.facts import JOB, at, run, stream
from tests.fakes import FakeInvoke, ended
from tests.scheduler.executor.rig import ME, Rig
from tests.spec import states

EVERY_5 = "*/5 * * * *"
HALF = at("10:30")


def rig_with_misses(**policies: Any) -> Rig:  # noqa: ANN401  # any policy
    """Return the rig of a job that misfired twelve times, from 10:05 to 11:00, and stands still."""
    rig = Rig()
    rig.define(EVERY_5, catch_up="none", **policies)
    rig.clock.set(at("11:03"))
    rig.turn_until_quiet()
    rig.ask(c.PauseJob(job=JOB))
    return rig


def fires_run(rig: Rig) -> Counter[str]:
    planned = [fact.event for fact in rig.facts(e.RunPlanned)]
    return Counter(
        f"{event.fire_time:%H:%M}"
        for event in planned
        if isinstance(event, e.RunPlanned) and event.fire_time is not None
    )


def test_a_backfill_runs_what_was_missed_and_ends() -> None:
    rig = rig_with_misses()
    rig.ask(backfill("10:00", "11:00", concurrency=3)).result(0)
    rig.turn_until_quiet()
    assert Counter(f"{10 + n // 12}:{n % 12 * 5:02}" for n in range(1, 13)) == fires_run(rig)
    assert 12 == len(rig.facts(e.RunSucceeded))
    assert 1 == len(rig.facts(e.BackfillFinished))
    assert states(rig.handle.timetable) == states(Handle(rig.log, rig.clock).timetable)


def test_the_same_backfill_again_runs_nothing() -> None:
    rig = rig_with_misses()
    for key in ("first", "second"):
        rig.ask(backfill("10:00", "11:00", concurrency=3, backfill=key)).result(0)
        rig.turn_until_quiet()
    assert {1} == set(fires_run(rig).values())
    assert 2 == len(rig.facts(e.BackfillFinished))


def test_a_restart_goes_on_where_it_stood() -> None:
    rig = rig_with_misses()
    rig.invoke.answer = lambda call: None if f"{call.fire_time:%H:%M}" == "10:30" else ended(call)
    rig.ask(backfill("10:00", "11:00"))
    rig.turn_until_quiet()
    assert 6 == sum(fires_run(rig).values())
    again = rig.restarted()
    again.turn_until_quiet()
    assert {1} == set(fires_run(again).values())
    assert 12 == len(again.facts(e.RunSucceeded))
    interrupted = again.facts(e.AttemptInterrupted)
    assert [run("10:30")] == [fact.event.run for fact in interrupted]  # type: ignore[union-attr]  # it is of a run


def test_what_failed_is_run_again_in_its_stream_and_read_back_as_the_last_run() -> None:
    rig = rig_with_misses()
    rig.invoke.answer = lambda call: ended(call, "error" if call.fire_time == HALF else "succeeded")
    rig.ask(backfill("10:00", "11:00", concurrency=9))
    rig.turn_until_quiet()
    rig.invoke.answer = ended
    rig.ask(backfill("10:00", "11:00", only="failed", backfill="second"))
    rig.turn_until_quiet()
    counted = fires_run(rig)
    assert (2, 13) == (counted["10:30"], counted.total())
    found = last_run(rig.log, stream("10:30"))
    assert found is not None
    assert (run_id(JOB, HALF, 2), "succeeded") == (found[0].run, found[0].status)
    assert states(rig.handle.timetable) == states(Handle(rig.log, rig.clock).timetable)


def test_only_the_last_run_of_an_occurrence_is_changed_by_a_person() -> None:
    rig = rig_with_misses()
    rig.ask(backfill("10:00", "10:10"))
    rig.turn_until_quiet()
    where = stream("10:05")
    rig.handle.ask(c.ReplayRun(run=run("10:05")), meta=ME, stream=where)
    with pytest.raises(Conflict, match="was run again"):
        rig.handle.ask(c.ReplayRun(run=run("10:05")), meta=ME, stream=where)
    rig.turn_until_quiet()
    assert states(rig.handle.timetable) == states(Handle(rig.log, rig.clock).timetable)


def test_a_rerun_that_is_not_durable_yet_is_folded_under_its_own_version() -> None:
    rig = rig_with_misses()
    rig.ask(backfill("10:00", "10:10"))
    rig.turn_until_quiet()
    rig.log.is_held = True
    answer = rig.handle.ask(c.ReplayRun(run=run("10:05")), meta=ME, stream=stream("10:05"))
    assert not answer.done()
    rig.log.release()
    (fact,) = answer.result(0).facts
    assert isinstance(fact.event, e.RunPlanned)
    assert 2 == fact.event.number


def test_a_run_that_ended_this_moment_is_looked_at_when_its_end_is_durable() -> None:
    rig = rig_with_misses()
    rig.invoke.answer = lambda _: None
    rig.ask(backfill("10:00", "10:05"))
    rig.turn_until_quiet()
    (call,) = rig.invoke.calls
    rig.ask(c.CancelBackfill(backfill=BACKFILL))
    rig.log.is_held = True
    rig.handle.gather(c.RecordOutcomes(outcomes=(ended(call, "error"),)))
    rig.handle.ask(backfill("10:00", "10:05", only="failed", backfill="second"), meta=ME)
    tick = c.Tick(slots=0, epoch=rig.handle.timetable.system.epoch)
    assert [] == rig.handle.gather(tick)
    rig.log.release()
    (fact,) = rig.handle.gather(tick)
    assert isinstance(fact.event, e.RunPlanned)
    assert (at("10:05"), 2) == (fact.event.fire_time, fact.event.number)


def test_a_key_of_the_settings_bounds_what_is_carried_out() -> None:
    rig = Rig(invoke=FakeInvoke(lambda _: None), key_limits={"db": 2})
    rig.define(Interval(timedelta(seconds=1)), overlap="allow", concurrency_key="db")
    rig.until("10:00:05")
    assert 2 == len(rig.executor.handle.timetable.occupied)
    assert 5 == len(rig.facts(e.RunPlanned))


def test_the_grace_of_a_cancellation_is_that_of_the_job() -> None:
    rig = Rig(invoke=FakeInvoke(lambda _: None))
    rig.define(EVERY_5, cancel_grace="90s", overlap="cancel")
    rig.until("10:05")
    rig.until("10:10")
    assert [timedelta(seconds=90)] == rig.invoke.graces


def test_what_the_ends_of_runs_cause_stays_in_their_commit() -> None:
    """A decision of more than one append is split, but not between an end and what it causes."""
    rig = Rig(invoke=FakeInvoke(lambda _: None), slots=1_000)
    sent: list[list[str]] = []
    for number in range(400):
        job = Definition(
            name=f"job {number}",
            service="s",
            schedule=Cron((EVERY_5,)),
            pause_after_failures=1,
            on_failure="service:tell",
        )
        rig.handle.ask(c.DefineJob(job=JobId(f"j{number}"), definition=job), meta=ME)
    rig.until("10:05")
    rig.turn_until_quiet()
    rig.handle.on_committed = lambda facts: sent.append([type(f.event).__name__ for f in facts])
    outcomes = tuple(ended(call, "error") for call in rig.invoke.calls)
    rig.handle.gather(c.RecordOutcomes(outcomes=outcomes))
    rig.handle.flush()
    assert 400 == len(outcomes)
    assert [4 * 250, 4 * 150] == [len(part) for part in sent]
    assert all(part[:4] == ["AttemptFailed", "RunFailed", *part[2:4]] for part in sent)
    assert {"JobPaused", "ServiceCalled"} == set(sent[1][2:4])
