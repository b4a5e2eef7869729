"""What happens when the log cannot be read in the middle of a decision: it is decided later."""

from datetime import timedelta
from typing import Unpack

import pytest
from msgspec.structs import replace

from scheduler.executor.clock import ManualClock
from scheduler.executor.handle import Handle
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload, digest_of
from scheduler.model.errors import (
    Corrupt,
    Damaged,
    ImpossibleHistory,
    StorageFailed,
    Unreachable,
)
from scheduler.model.invocations import Invocation, Outcome
from scheduler.model.jobs import Retry
from scheduler.model.limits import STORAGE_RETRY
from scheduler.rules.facts import Fact
from tests.backfill_facts import backfill
from tests.facts import JOB, Policies, at, defined, planned, run, stream, succeeded
from tests.fakes import FakeInvoke, UnreadLog, ended, never
from tests.scheduler.executor.rig import BEGIN, ME, Rig
from tests.spec import states

EVERY_5 = "*/5 * * * *"
UNREAD = StorageFailed("horolog.db cannot be read (disk I/O error)", in_doubt=False)
LOCKED = Unreachable("Another program has kept horolog.db locked. Close it")
TOO_MANY = OSError(24, "Too many open files")
PASSING = [UNREAD, LOCKED, TOO_MANY, MemoryError()]
TEXT = '"an input too long to stand in its event"'
INPUT = Payload(kind="json", digest=digest_of(TEXT.encode()), size=len(TEXT))
TWICE = Retry(max_attempts=2, initial=timedelta(0), max_delay=timedelta(0))


def unread_rig(invoke: FakeInvoke | None = None) -> tuple[Rig, UnreadLog]:
    clock = ManualClock(at(BEGIN))
    log = UnreadLog(clock.now_ns)
    return Rig(log=log, clock=clock, invoke=invoke), log


def due_rig(
    invoke: FakeInvoke | None = None, **policies: Unpack[Policies]
) -> tuple[Rig, UnreadLog]:
    """Return the rig of a job whose fire at 10:05 cannot be decided, again, without reading."""
    rig, log = unread_rig(invoke)
    rig.define(EVERY_5, **policies)
    rig.until("10:05")
    rig.clock.step(-timedelta(minutes=2))
    rig.ask(c.AcceptClock()).result(0)
    return rig, log


def fires(rig: Rig) -> list[Fact]:
    return rig.facts(e.RunPlanned)


def mended(rig: Rig, log: UnreadLog) -> None:
    """Let the log be read again, and the pause go by."""
    log.unread = None
    rig.clock.advance(STORAGE_RETRY)
    rig.turn()


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_a_reading_that_fails_is_told_and_tried_again_after_a_pause(error: Exception) -> None:
    rig, log = due_rig()
    log.unread = error
    rig.until("10:05")
    tried = log.reads
    assert rig.executor.status().fault is not None
    log.unread = None
    rig.clock.set(at("10:05") + STORAGE_RETRY - timedelta(microseconds=1))
    rig.executor.turn()
    assert tried == log.reads
    rig.clock.advance(timedelta(microseconds=1))
    rig.turn()
    assert rig.executor.status().fault is None
    rig.until("10:10")
    assert [planned("10:05"), planned("10:10")] == fires(rig)


def test_the_fault_says_what_cannot_be_read() -> None:
    rig, log = due_rig()
    log.unread = TOO_MANY
    rig.until("10:05")
    fault = rig.executor.status().fault
    assert "The log cannot be read (OSError(24, 'Too many open files'))" == fault


@pytest.mark.parametrize("is_asked", [False, True], ids=["alone", "sent on before a wish"])
def test_an_outcome_before_a_reading_that_fails_is_recorded_once(*, is_asked: bool) -> None:
    rig, log = due_rig(FakeInvoke(never), retry=TWICE)
    log.unread = UNREAD
    rig.invoke.finish(run("10:05"), "error")
    rig.clock.set(at("10:05"))
    asked = rig.executor.ask(c.PauseSystem(), meta=ME) if is_asked else None
    if is_asked:
        rig.executor.ask(c.ResumeSystem(), meta=ME)
    rig.turn()
    assert rig.executor.status().fault is not None
    mended(rig, log)
    assert 1 == len(rig.facts(e.AttemptFailed))
    assert [] == rig.facts(e.LateOutcomeIgnored)
    assert asked is None or asked.result(0).facts


def test_an_outcome_whose_record_was_under_way_when_a_reading_failed_is_recorded_once() -> None:
    rig, log = due_rig(FakeInvoke(never), retry=TWICE)
    log.is_held = True
    rig.invoke.finish(run("10:05"), "error")
    rig.turn()
    log.unread = UNREAD
    rig.until("10:05")
    log.is_held = False
    log.release()
    mended(rig, log)
    assert 1 == len(rig.facts(e.AttemptFailed))
    assert [] == rig.facts(e.LateOutcomeIgnored)


def test_nothing_of_a_turn_in_which_a_reading_failed_is_sent() -> None:
    rig, log = due_rig(FakeInvoke(never))
    before = log.submitted
    log.unread = UNREAD
    rig.invoke.finish(run("10:05"))
    rig.until("10:05")
    assert before == log.submitted


def test_what_was_sent_before_a_reading_fails_is_carried_out() -> None:
    rig, log = due_rig(FakeInvoke(never), overlap="allow")
    log.is_held = True
    asked = rig.executor.ask(c.CancelRun(run=run("10:05")), meta=ME)
    rig.turn()
    log.unread = UNREAD
    rig.until("10:05")
    log.is_held = False
    log.release()
    rig.turn()
    assert str(UNREAD) == rig.executor.status().fault
    mended(rig, log)
    assert asked.result(0).facts
    assert [(run("10:05"), 1, "cancelled")] == rig.invoke.stops


def test_an_attempt_whose_input_cannot_be_read_begins_later_and_once() -> None:
    rig, log = unread_rig()
    wish = c.DefineJob(job=JOB, definition=defined(EVERY_5, input=INPUT))
    rig.executor.ask(wish, meta=ME, contents={INPUT.digest or "": TEXT.encode()})
    rig.turn()
    log.unread = UNREAD
    rig.until("10:05")
    assert [] == rig.invoke.calls
    mended(rig, log)
    assert [TEXT] == [call.input_text for call in rig.invoke.calls]
    assert 1 == len(rig.facts(e.RunSucceeded))


def test_outcomes_are_kept_while_the_log_cannot_be_read_again() -> None:
    rig, log = unread_rig(FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    log.failure = StorageFailed("Disk full: 0 bytes free", in_doubt=False)
    rig.invoke.finish(run("10:05"))
    rig.turn()
    log.failure, log.unread = None, UNREAD
    for _ in range(3):
        rig.clock.advance(STORAGE_RETRY)
        rig.turn()
        assert str(UNREAD) == rig.executor.status().fault
    mended(rig, log)
    assert 1 == rig.facts().count(succeeded("10:05"))


def test_nobody_waits_for_a_log_that_is_known_not_to_be_read() -> None:
    rig, log = due_rig()
    log.unread = UNREAD
    rig.until("10:05")
    answer = rig.executor.ask(c.PauseSystem(), meta=ME)
    rig.turn()
    assert not answer.done()
    rig.clock.advance(STORAGE_RETRY)
    rig.turn()
    with pytest.raises(StorageFailed, match="cannot be read"):
        answer.result(0)


def test_a_wish_whose_own_reading_fails_gets_the_error_and_harms_nobody() -> None:
    rig, log = unread_rig()
    rig.define(EVERY_5)
    rig.until("10:05")
    log.unread = UNREAD
    replay = c.ReplayRun(run=run("10:05"))
    answer = rig.executor.ask(replay, meta=ME, stream=stream("10:05"))
    rig.turn()
    assert UNREAD is answer.exception(0)
    assert rig.executor.status().fault is None
    rig.until("10:10")
    log.unread = None
    assert succeeded("10:10") == rig.facts()[-1]


def test_a_wish_that_cannot_read_all_it_needs_leaves_the_fold_as_it_was() -> None:
    rig, log = unread_rig()
    rig.define(EVERY_5)
    rig.until("10:05")
    before = states(rig.handle.timetable)
    wish = c.ReplayRun(run=run("10:05"))
    begun = log.reads
    rig.handle.preview(wish, stream=stream("10:05"))
    needed = log.reads - begun
    assert 1 < needed
    log.unread = UNREAD
    for nth in range(1, needed + 1):
        log.unread_at = log.reads + nth
        with pytest.raises(StorageFailed):
            rig.handle.ask(wish, meta=ME, stream=stream("10:05"))
        assert before == states(rig.handle.timetable)
    assert rig.handle.ask(wish, meta=ME, stream=stream("10:05")).result(0).facts


@pytest.mark.parametrize(
    "error", [Damaged("The log is damaged: no event"), ImpossibleHistory("position 3 is missing")]
)
def test_a_log_that_cannot_be_believed_halts_and_says_so(error: Corrupt) -> None:
    rig, log = due_rig(FakeInvoke(never))
    log.unread = error
    rig.until("10:05")
    log.unread = None
    rig.clock.advance(timedelta(hours=1))
    rig.turn()
    assert str(error) == rig.executor.status().fault
    assert 1 == rig.invoke.closed
    assert 1 == len(fires(rig))
    with pytest.raises(Unreachable, match="nothing can be stored"):
        rig.ask(c.PauseSystem()).result(0)


def test_a_log_that_cannot_be_believed_when_it_is_read_again_halts() -> None:
    rig, log = due_rig()
    log.unread = UNREAD
    rig.until("10:05")
    log.unread = Damaged("The log is damaged: no event")
    rig.clock.advance(STORAGE_RETRY)
    rig.turn()
    log.unread = None
    rig.clock.advance(STORAGE_RETRY)
    rig.turn()
    assert "The log is damaged: no event" == rig.executor.status().fault


def test_a_defect_is_not_taken_for_a_reading_that_fails() -> None:
    rig, log = due_rig()
    log.unread = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        rig.until("10:05")


# -- whichever reading it is


def life(unread_at: int) -> tuple[Rig, int]:
    """Live through backfills, reruns and a clock set back; the nth reading fails; count them."""
    rig, log = unread_rig(FakeInvoke(fails_at_first))
    wish = c.DefineJob(job=JOB, definition=defined(EVERY_5, input=INPUT, retry=TWICE))
    rig.executor.ask(wish, meta=ME, contents={INPUT.digest or "": TEXT.encode()})
    rig.turn()
    begun = log.reads
    log.unread, log.unread_at = UNREAD, begun + unread_at
    for text in ("10:05", "10:10", "10:15"):
        rig.clock.set(at(text))
        lived_on(rig)
    for key, only in (("first", "all"), ("second", "failed")):
        insist(rig, backfill("10:00", "10:15", only=only, backfill=key, concurrency=2))
        lived_on(rig)
    rig.clock.step(-timedelta(minutes=12))
    insist(rig, c.AcceptClock())
    for text in ("10:10", "10:15", "10:20"):
        rig.clock.set(at(text))
        lived_on(rig)
    log.unread = None
    return rig, log.reads - begun


def fails_at_first(call: Invocation) -> Outcome:
    is_bad = call.fire_time == at("10:10") and call.cause != "rerun"
    return ended(call, "error" if is_bad else "succeeded")


def lived_on(rig: Rig) -> None:
    """Let it come to rest, with a pause between for what could not be read."""
    for _ in range(12):
        rig.turn(3)
        rig.clock.advance(STORAGE_RETRY)


def insist(rig: Rig, wish: c.AnyCommand) -> None:
    """Ask, and ask again when what the wish itself needs cannot be read."""
    answer = rig.ask(wish)
    lived_on(rig)
    if answer.exception(0) is UNREAD:
        answer = rig.ask(wish)
        lived_on(rig)
    assert answer.result(0).facts


def by_stream(rig: Rig) -> dict[str, list[e.AnyEvent]]:
    """Return what became of each stream, but for the moments at which it was decided."""
    streams: dict[str, list[e.AnyEvent]] = {}
    for stream_of, event in rig.facts():
        streams.setdefault(stream_of, []).append(timeless(event))
    return streams


def timeless(event: e.AnyEvent) -> e.AnyEvent:
    match event:
        case e.RunPlanned():
            return replace(event, due_time=at(BEGIN))
        case e.AttemptFailed():
            return replace(event, retry_at=None)
        case e.ClockJumped() | e.ClockAccepted():
            return e.SystemPaused()
        case _:
            return event


def test_whichever_reading_fails_the_same_is_decided_once() -> None:
    undisturbed, reads = life(0)
    expected = by_stream(undisturbed)
    assert 20 < reads
    for nth in range(1, reads + 1):
        rig, _ = life(nth)
        assert expected == by_stream(rig), nth
        assert rig.executor.status().fault is None
        assert states(rig.handle.timetable) == states(Handle(rig.log, rig.clock).timetable)
