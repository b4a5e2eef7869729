"""A whole executor, turned by hand: what it does, in which order, and what a restart owes."""

from datetime import timedelta

import pytest

from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.jobs import JobId, Retry, RunId
from scheduler.model.limits import CHILDREN_PATIENCE, IDLE_WAIT, SLOTS_DEFAULT
from tests.facts import (
    JOB,
    Policies,
    at,
    attempt_started,
    held,
    interrupted,
    planned,
    registered,
    run,
    skipped,
    succeeded,
    system_started,
)
from tests.fakes import FakeInvoke, ended, never
from tests.scheduler.executor.rig import ME, Rig, define, of_runs

EVERY_5 = "*/5 * * * *"
ROWS = Payload(kind="json", text='{"rows":2}')


# -- a life


def test_a_job_is_defined_planned_called_and_recorded() -> None:
    rig = Rig()
    rig.define(EVERY_5, service="api.sync")
    rig.until("10:05")
    assert [
        registered(EVERY_5, service="api.sync", at="10:00"),
        planned("10:05", window="10:00"),
        attempt_started("10:05", code="code of api.sync"),
        succeeded("10:05"),
    ] == rig.facts()[2:]


@pytest.mark.parametrize(
    "policies",
    [
        Policies(service="api.sync", isolation="thread", timeout="90s", input=ROWS),
        Policies(service="api.sync", isolation="process", timeout="90s", input=ROWS),
    ],
)
def test_a_service_is_told_all_it_may_know(policies: Policies) -> None:
    rig = Rig()
    rig.define(EVERY_5, **policies)
    rig.until("10:05:30")
    call = rig.invoke.calls[0]
    assert (run("10:05"), 1, 1) == (call.run, call.attempt, call.epoch)
    assert (JOB, "job", "api.sync") == (call.job, call.job_name, call.service)
    assert ("schedule", at("10:05"), at("10:05"), at("10:00")) == (
        call.cause,
        call.fire_time,
        call.due_time,
        call.window_start,
    )
    assert (timedelta(seconds=90), policies["isolation"]) == (call.timeout, call.isolation)
    assert ("json", ROWS.text) == (call.input_kind, call.input_text)
    assert call.run == call.idempotency_key


def test_a_retry_is_called_when_its_time_has_come() -> None:
    answers = iter(["error", "succeeded"])
    rig = Rig(invoke=FakeInvoke(lambda call: ended(call, next(answers))))  # type: ignore[arg-type]  # both are kinds
    rig.define(EVERY_5, retry=Retry(max_attempts=2, initial=timedelta(0)))
    rig.until("10:05")
    assert [1, 2] == [call.attempt for call in rig.invoke.calls]
    assert succeeded("10:05", attempt=2) == rig.facts()[-1]


def test_a_run_that_ends_at_the_instant_of_a_fire_does_not_overlap_it() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.clock.set(at("10:10"))
    rig.invoke.finish(run("10:05"))
    rig.turn()
    assert [succeeded("10:05"), planned("10:10")] == of_runs(rig)[2:4]


def test_a_run_still_open_at_a_fire_overlaps_it() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.until("10:10")
    assert skipped("10:10", reason="overlap") == rig.facts()[-1]


def test_more_runs_than_slots_take_turns() -> None:
    rig = Rig(invoke=FakeInvoke(never), slots=2)
    jobs = [JobId(f"job-{number}") for number in range(3)]
    for job in jobs:
        rig.define(EVERY_5, name=job, job=job)
    rig.until("10:05")
    assert 2 == len(rig.invoke.calls)
    first = rig.invoke.calls[0]
    rig.invoke.finish(first.run)
    rig.turn()
    assert set(jobs) == {call.job for call in rig.invoke.calls}


def test_unless_the_settings_say_otherwise_32_run_at_once() -> None:
    rig = Rig(invoke=FakeInvoke(never), take_up=False)
    rig.executor = Executor(rig.handle, rig.invoke, rig.clock, Identity("host", 1, {}))
    rig.executor.take_up()
    for number in range(SLOTS_DEFAULT + 1):
        rig.define(EVERY_5, name=f"job-{number}", job=JobId(f"job-{number}"))
    rig.until("10:05")
    assert SLOTS_DEFAULT == len(rig.invoke.calls)


def test_an_idle_executor_looks_at_the_clock_every_so_often() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.turn()
    assert IDLE_WAIT.total_seconds() == rig.executor._wait_s()  # noqa: SLF001  # nothing to turn for
    rig.clock.set(at("10:05") - IDLE_WAIT / 2)
    assert IDLE_WAIT.total_seconds() / 2 == rig.executor._wait_s()  # noqa: SLF001  # until it is due


# -- starting again


def test_each_start_takes_an_epoch() -> None:
    rig = Rig()
    again = rig.restarted()
    assert [system_started(1).event, system_started(2).event] == [
        fact.event for fact in again.facts(e.SystemStarted)
    ]
    assert 2 == again.executor.status().epoch


def test_after_a_kill_an_open_attempt_is_tried_again_under_the_new_epoch() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    again = rig.restarted()
    again.turn()
    assert [(run("10:05"), 2, 2)] == [
        (call.run, call.attempt, call.epoch) for call in again.invoke.calls
    ]
    assert succeeded("10:05", attempt=2) == again.facts()[-1]


def test_after_a_kill_a_run_is_settled_before_the_fires_of_the_downtime() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.clock.set(at("10:10"))
    again = rig.restarted()
    position = again.log.head().position
    again.turn()
    assert interrupted("10:05", retry="10:10") == again.facts()[position - 1]
    assert skipped("10:10", reason="overlap") in again.facts(after=position)


def test_after_a_kill_before_the_start_the_run_is_called_once() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.is_held = True
    rig.until("10:05")
    rig.log.release(1)
    again = rig.restarted()
    again.turn()
    assert [(run("10:05"), 2)] == [(call.run, call.attempt) for call in again.invoke.calls]


def test_after_a_kill_with_hold_the_run_waits_for_a_person() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5, on_crash="hold")
    rig.until("10:05")
    again = rig.restarted()
    again.turn()
    assert [] == again.invoke.calls
    assert held("10:05") == again.facts()[-1]


def test_a_child_that_outlives_its_owner_holds_its_run() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    again = Rig(log=rig.log.copied(), clock=rig.clock, take_up=False)
    looks = iter(range(3))  # a third finds that the patience has passed

    def alive() -> set[RunId]:
        if next(looks):
            rig.clock.advance(CHILDREN_PATIENCE / 2)
        return {run("10:05")}

    identity = Identity("host", 2, {})
    executor = Executor(again.handle, again.invoke, again.clock, identity, alive=alive)
    executor.take_up()
    assert held("10:05") == again.facts()[-1]
    assert [] == list(looks)


def test_retries_pauses_and_cursors_go_on_where_they_stood() -> None:
    rig = Rig(invoke=FakeInvoke(lambda call: ended(call, "error")))
    rig.define(EVERY_5, retry=Retry(max_attempts=2, initial=timedelta(minutes=5)))
    rig.define(EVERY_5, name="other", job=JobId("job-2"))
    rig.ask(c.PauseJob(job=JobId("job-2")))
    rig.until("10:05")
    again = rig.restarted()
    again.turn()
    assert [] == again.invoke.calls
    assert rig.handle.timetable.jobs == again.handle.timetable.jobs
    assert rig.handle.timetable.runs == again.handle.timetable.runs
    assert rig.handle.timetable.versions | {"system": 3} == again.handle.timetable.versions


# -- stopping


def test_a_stop_waits_for_what_is_out_and_leaves_the_log_in_order() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.invoke.finish(run("10:05"))
    rig.executor.stop()
    assert [succeeded("10:05").event, e.SystemStopped(epoch=1)] == [
        fact.event for fact in rig.facts()[-2:]
    ]


def test_a_stop_in_a_hurry_ends_attempts_which_are_tried_again_and_not_counted() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.executor.stop(hurry=True)
    assert [(run("10:05"), 1, "stop")] == rig.invoke.stops
    assert interrupted("10:05", "stop", retry="10:05:00.06") in rig.facts()
    again = rig.restarted()
    again.turn()
    assert succeeded("10:05", attempt=2) == again.facts()[-1]


def test_a_thread_that_cannot_be_stopped_is_interrupted_by_the_stop() -> None:
    invoke = FakeInvoke(never)
    invoke.is_stoppable = False
    rig = Rig(invoke=invoke)
    rig.define(EVERY_5, on_crash="hold")
    rig.until("10:05")
    rig.executor.stop(hurry=True)
    assert [interrupted("10:05", "stop"), held("10:05")] == of_runs(rig)[2:]


def test_once_stopped_nothing_is_planned_and_every_wish_is_refused() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    waiting = rig.executor.ask(c.PauseJob(job=JOB), meta=ME)
    rig.clock.set(at("10:05"))
    rig.executor.stop()
    late = rig.executor.ask(c.PauseJob(job=JOB), meta=ME)
    for answer in (waiting, late):
        with pytest.raises(Conflict, match="is stopping"):
            answer.result(0)
    assert [] == of_runs(rig)


def test_a_start_that_is_durable_only_when_it_stops_is_not_called() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.is_held = True
    rig.until("10:05")
    rig.log.is_held = False
    rig.log.release()
    rig.executor.stop(hurry=True)
    assert [] == rig.invoke.calls
    assert interrupted("10:05", "stop", retry="10:05:00.06") in rig.facts()


# -- its face


def test_status_tells_how_it_stands() -> None:
    rig = Rig(invoke=FakeInvoke(never), slots=3)
    rig.define(EVERY_5)
    rig.until("10:05")
    status = rig.executor.status()
    assert (1, 1, 1, 1, 3, 0) == (
        status.epoch,
        status.jobs,
        status.runs_open,
        status.attempts_out,
        status.slots,
        status.owed,
    )
    assert rig.log.head().position == status.position
    assert (None, False, False) == (status.fault, status.is_resting, status.is_stopping)
    rig.clock.set(at("10:10"))
    assert 1 == rig.executor.status().owed


def test_too_many_wishes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.executor.loop.WISHES_WAITING_MAX", 2)
    rig = Rig()
    for _ in range(4):
        rig.executor.call(lambda: None)
    with pytest.raises(Conflict, match="wait already"):
        rig.executor.ask(c.PauseSystem(), meta=ME).result(0)


def test_it_runs_on_a_thread_of_its_own_until_it_is_stopped() -> None:
    rig = Rig(take_up=False)
    rig.executor.start()
    answer = rig.executor.ask(define(EVERY_5), meta=ME)
    assert (registered(EVERY_5, at="10:00"),) == answer.result(10).facts
    rig.executor.stop()
    assert e.SystemStopped(epoch=1) == rig.facts()[-1].event
    with pytest.raises(Conflict, match="is stopping"):
        rig.executor.ask(c.PauseSystem(), meta=ME).result(0)


def test_a_wish_too_large_to_be_stored_is_refused_and_harms_nobody() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    huge = c.RenameJob(job=JOB, name="other")
    answer = rig.executor.ask(huge, meta=ME, key="k" * 1_000)
    rig.turn()
    with pytest.raises(BadInput):
        answer.result(0)
    rig.until("10:05")
    assert succeeded("10:05") == rig.facts()[-1]
    assert rig.executor.status().fault is None


def test_an_executor_for_one_run_carries_it_out_and_decides_nothing_else() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    run = RunId("0193f6a2-7c1e-7abc-8def-0123456789ab")
    rig.handle.ask(c.CallService(run=run, service="s"), meta=ME)
    rig.executor.stop(hurry=True)
    rig.clock.set(at("10:20"))
    alone = Rig(log=rig.log.copied(), clock=rig.clock, only=run)
    before = alone.log.head().position
    alone.turn()
    assert [run, run] == [fact.event.run for fact in of_runs(alone, after=before)]  # type: ignore[union-attr]  # all of runs
    assert 0.5 < alone.executor._wait_s()  # noqa: SLF001  # what is due wakes nobody
