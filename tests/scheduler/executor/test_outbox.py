"""What happens when the log cannot be written: nothing is lost, nothing untrue is done."""

from concurrent.futures import Future
from datetime import timedelta

import pytest

from scheduler.log.contract import Meta, Request, Write
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import (
    BadInput,
    HorologError,
    KeyReused,
    StaleEpoch,
    StorageFailed,
    Unreachable,
    VersionConflict,
)
from scheduler.model.jobs import JobId
from scheduler.model.limits import (
    EVENTS_PER_APPEND_MAX,
    IDLE_WAIT,
    REQUESTS_IN_FLIGHT_MAX,
    STORAGE_RETRY,
    WISH_TRIES_MAX,
)
from scheduler.model.streams import SYSTEM
from tests.facts import (
    JOB,
    at,
    attempt_started,
    cancel_requested,
    paused,
    planned,
    run,
    succeeded,
)
from tests.fakes import FakeInvoke, never
from tests.scheduler.executor.rig import ME, MOMENT, Rig, define, of_runs

EVERY_5 = "*/5 * * * *"
FULL = StorageFailed("Disk full: 0 bytes free", in_doubt=False)
TOO_LARGE = BadInput.at("$.event", "is too large.")
IN_DOUBT = StorageFailed("fsync failed", in_doubt=True)


def test_while_the_disk_is_full_nothing_is_called_and_the_fault_is_told() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.failure = FULL
    rig.until("10:05")
    assert [] == rig.invoke.calls
    assert "Disk full: 0 bytes free" == rig.executor.status().fault


def test_a_wish_is_refused_while_the_disk_is_full() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.failure = FULL
    with pytest.raises(StorageFailed, match="Disk full"):
        rig.ask(c.PauseJob(job=JOB)).result(0)


def test_once_there_is_room_what_was_owed_is_decided_by_itself() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.failure = FULL
    rig.until("10:05")
    rig.log.failure = None
    rig.clock.advance(timedelta(seconds=2))
    rig.turn()
    assert [
        planned("10:05"),
        attempt_started("10:05", code="code of s"),
        succeeded("10:05"),
    ] == of_runs(rig)
    assert rig.executor.status().fault is None


def test_the_disk_is_tried_again_only_after_a_pause() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.failure = FULL
    rig.until("10:05")
    before = rig.log.submitted
    rig.clock.set(at("10:05") + STORAGE_RETRY - MOMENT)
    rig.turn(1)
    assert before == rig.log.submitted
    rig.clock.advance(MOMENT)
    rig.turn(2)
    assert before < rig.log.submitted


def test_a_fault_is_told_until_the_disk_takes_something_again_though_nothing_is_due() -> None:
    rig = Rig()
    rig.log.failure = FULL
    with pytest.raises(StorageFailed):
        rig.ask(c.PauseSystem()).result(0)
    for _ in range(3):
        rig.clock.advance(STORAGE_RETRY)
        rig.turn()
        assert "Disk full: 0 bytes free" == rig.executor.status().fault
    rig.log.failure = None
    position = rig.log.head().position
    rig.clock.advance(STORAGE_RETRY)
    rig.turn()
    assert rig.executor.status().fault is None
    assert position == rig.log.head().position


def test_nobody_waits_for_a_disk_that_is_known_to_be_full() -> None:
    rig = Rig()
    rig.log.failure = FULL
    rig.ask(c.PauseSystem())
    rig.clock.advance(STORAGE_RETRY)
    rig.turn()
    answer = rig.executor.ask(c.PauseSystem(), meta=ME)
    rig.turn(1)
    with pytest.raises(StorageFailed, match="Disk full"):
        answer.result(0)


def test_an_end_of_writing_that_no_request_met_is_told_and_halts() -> None:
    """A checkpoint or a purge has failed, say."""
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.log.ended = StorageFailed("fsync failed", in_doubt=False)
    rig.until("10:05")
    assert "fsync failed" == rig.executor.status().fault
    assert [] == rig.invoke.calls
    assert 1 == rig.invoke.closed


def test_an_outcome_whose_record_was_lost_is_recorded_anew() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.log.failure = FULL
    rig.invoke.finish(run("10:05"))
    rig.turn()
    assert succeeded("10:05") not in rig.facts()
    rig.log.failure = None
    rig.clock.advance(timedelta(seconds=2))
    rig.turn()
    assert 1 == rig.facts().count(succeeded("10:05"))
    assert 1 == len(rig.invoke.calls)


def test_outcomes_behind_a_failed_request_are_recorded_anew_too() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5, overlap="allow")
    rig.until("10:05")
    rig.until("10:10")
    rig.log.is_held = True
    rig.invoke.finish(run("10:05"))
    rig.turn(1)
    rig.invoke.finish(run("10:10"))
    rig.turn(1)
    rig.log.failure = FULL
    rig.log.release(1)
    rig.log.failure = None
    rig.log.is_held = False
    rig.log.release()
    rig.turn()
    rig.clock.advance(timedelta(seconds=2))
    rig.turn()
    assert [1, 1] == [rig.facts().count(succeeded(fire)) for fire in ("10:05", "10:10")]


def test_what_was_durable_before_a_failure_is_still_carried_out() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.is_held = True
    rig.until("10:05")
    rig.ask(c.CancelRun(run=run("10:05")))
    rig.log.release(1)
    rig.log.failure = FULL
    rig.log.release()
    rig.log.failure = None
    rig.log.is_held = False
    rig.turn()
    rig.clock.advance(timedelta(seconds=2))
    rig.turn()
    assert [run("10:05")] == [call.run for call in rig.invoke.calls]
    assert cancel_requested("10:05") not in rig.facts()
    assert succeeded("10:05") == rig.facts()[-1]


def test_what_was_decided_by_itself_and_cannot_be_stored_is_a_fault_and_not_decided_anew() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.failure = TOO_LARGE
    rig.until("10:05")
    assert "$.event: is too large." == rig.executor.status().fault
    submitted = rig.log.submitted
    rig.turn()
    assert submitted == rig.log.submitted


def test_a_first_part_that_cannot_be_stored_is_a_fault_though_outcomes_stand_in_the_last() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    for wish in (c.PauseSystem(), c.ResumeSystem()) * (EVENTS_PER_APPEND_MAX // 2):
        rig.handle.gather(wish)
    rig.invoke.finish(run("10:05"))
    rig.log.is_held = True
    before = rig.log.submitted
    rig.turn(1)
    assert before + 2 == rig.log.submitted
    rig.log.failure = TOO_LARGE
    rig.log.release(1)
    rig.log.failure = None
    rig.log.release()
    rig.turn(1)
    assert "$.event: is too large." == rig.executor.status().fault


def test_what_is_still_on_its_way_behind_a_failed_request_is_waited_for() -> None:
    """Its end wakes the executor; until then there is nothing to turn for."""
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.is_held = True
    rig.ask(c.PauseSystem())
    rig.ask(c.PauseJob(job=JOB))
    rig.log.failure = FULL
    rig.log.release(1)
    rig.turn(1)
    rig.clock.advance(STORAGE_RETRY)
    assert IDLE_WAIT.total_seconds() == rig.executor._wait_s()  # noqa: SLF001  # nothing to turn for
    rig.log.release()
    rig.executor.turn()
    rig.clock.advance(STORAGE_RETRY)
    assert 0 == rig.executor._wait_s()  # noqa: SLF001  # the disk is to be tried


def test_a_wish_that_stood_behind_a_failed_one_is_tried_again() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.is_held = True
    first = rig.ask(c.PauseSystem())
    second = rig.ask(c.PauseJob(job=JOB))
    rig.log.failure = FULL
    rig.log.release(1)
    rig.log.failure = None
    rig.log.is_held = False
    rig.log.release()
    rig.turn()
    rig.clock.advance(timedelta(seconds=2))
    rig.turn()
    with pytest.raises(StorageFailed):
        first.result(0)
    assert (paused(),) == second.result(0).facts


def test_a_wish_that_always_stands_behind_a_failed_one_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    monkeypatch.setattr(rig.log, "probe", sound)
    rig.log.failure = VersionConflict("system", 2, 3)
    before = rig.log.submitted
    wish = rig.ask(c.PauseSystem())
    for _ in range(3 * WISH_TRIES_MAX):
        rig.clock.advance(STORAGE_RETRY)
        rig.turn()
    with pytest.raises(VersionConflict):
        wish.result(0)
    assert before + 1 + WISH_TRIES_MAX == rig.log.submitted


def sound() -> Future[None]:
    """Find that the disk takes what it is given."""
    found: Future[None] = Future()
    found.set_result(None)
    return found


def test_a_key_that_belongs_to_another_harms_nobody() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.ask(c.PauseJob(job=JOB), key="k").result(0)
    other = rig.executor.ask(c.PauseJob(job=JOB), meta=Meta(actor="someone else"), key="k")
    rig.turn()
    with pytest.raises(KeyReused):
        other.result(0)
    assert rig.ask(c.ResumeJob(job=JOB)).result(0).facts
    assert rig.executor.status().fault is None


@pytest.mark.parametrize("error", [IN_DOUBT, StaleEpoch("another writer was here")])
def test_after_a_fault_that_leaves_doubt_nothing_is_written_or_called_until_a_restart(
    error: HorologError,
) -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    rig.log.failure = error
    rig.until("10:10")
    rig.log.failure = None
    submitted = rig.log.submitted
    rig.clock.advance(timedelta(hours=1))
    rig.turn()
    assert submitted == rig.log.submitted
    assert 1 == len(rig.invoke.calls)
    assert 1 == rig.invoke.closed
    assert str(error) == rig.executor.status().fault
    assert IDLE_WAIT.total_seconds() == rig.executor._wait_s()  # noqa: SLF001  # nothing to turn for
    with pytest.raises(Unreachable, match="nothing can be stored"):
        rig.ask(c.PauseSystem()).result(0)


def test_another_writer_is_noticed_by_the_position() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.log.append(Request([Write(SYSTEM, 2, [e.SystemPaused()])], Meta(actor="stranger")))
    with pytest.raises(HorologError):
        rig.executor.handle.ask(c.PauseJob(job=JOB), meta=ME).result(0)
    rig.turn()
    rig.clock.advance(timedelta(seconds=2))
    rig.turn()
    assert rig.handle.timetable.system.paused


def test_at_most_two_requests_are_under_way_and_the_rest_is_decided_later() -> None:
    rig = Rig(invoke=FakeInvoke(never))
    rig.define("* * * * *", overlap="allow")
    rig.log.is_held = True
    before = rig.log.submitted
    for minute in range(1, 9):
        rig.until(f"10:0{minute}")
    assert before + REQUESTS_IN_FLIGHT_MAX == rig.log.submitted
    rig.log.is_held = False
    rig.log.release()
    rig.turn()
    assert planned("10:08") in rig.facts()
    assert at("10:08") == rig.handle.timetable.jobs[JOB].cursor


def test_a_failure_does_not_touch_what_was_asked_before_it() -> None:
    rig = Rig()
    rig.log.is_held = True
    first = rig.executor.ask(define(EVERY_5), meta=ME)
    rig.turn(1)
    second = rig.executor.ask(define(EVERY_5, job=JobId("job-2")), meta=ME)
    rig.turn(1)
    rig.log.release()
    rig.clock.advance(MOMENT)
    rig.turn()
    assert first.result(0).facts
    assert () == second.result(0).facts
    assert at("10:00") == rig.handle.timetable.jobs[JOB].cursor
