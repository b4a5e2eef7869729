"""The one write path: decide on the fold, fold, append; keys; parts; ended runs."""

from datetime import timedelta
from typing import Any

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.executor.handle import Handle
from scheduler.log.contract import Meta, Request, Write
from scheduler.log.memory import MemoryLog
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import digest_of
from scheduler.model.errors import Conflict, KeyReused, NotFound, VersionConflict
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.limits import EVENTS_PER_APPEND_MAX
from scheduler.model.schedules import Interval
from scheduler.model.streams import SYSTEM
from scheduler.rules.facts import Fact
from tests.facts import (
    JOB,
    Policies,
    at,
    attempt_failed,
    attempt_started,
    called,
    defined,
    outcome,
    paused,
    planned,
    registered,
    reopened,
    run,
    run_failed,
    skipped,
    stream,
)
from tests.scheduler.executor.rig import ME, Rig, define
from tests.spec import states

EVERY_5 = "*/5 * * * *"
TICK = c.Tick(slots=9, epoch=1)


def failed_run(rig: Rig) -> None:
    """Bring a run about that has failed, and is not in the fold any more."""
    rig.define(EVERY_5)
    rig.clock.set(at("10:05"))
    handle = rig.handle
    for wish in (TICK, TICK, outcome("10:05", "error")):
        handle.gather(wish)
    handle.flush()


# -- wishes


def test_an_answer_names_the_facts_and_where_they_stand() -> None:
    rig = Rig()
    answer = rig.handle.ask(define(EVERY_5), meta=ME).result(0)
    assert (3, 3, False) == (answer.first, answer.last, answer.repeated)
    assert (registered(EVERY_5, at="10:00"),) == answer.facts


def test_the_envelope_tells_who_asked_and_what() -> None:
    rig = Rig()
    wish = c.PauseSystem()
    meta = Meta(actor="maria", on_behalf_of="ben", reason="because", channel="cli")
    rig.handle.ask(wish, meta=meta)
    kept = rig.recorded()[-1].meta
    assert kept is not None
    assert ("maria", "ben", "because", "cli") == (
        kept.actor,
        kept.on_behalf_of,
        kept.reason,
        kept.channel,
    )
    assert kept.digest


def test_what_the_executor_decides_is_signed_by_it_and_its_epoch() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.until("10:05")
    meta = rig.recorded()[-1].meta
    assert meta is not None
    assert ("scheduler", 1) == (meta.actor, meta.epoch)


def test_a_preview_leaves_fold_and_log_alone() -> None:
    rig = Rig()
    before = states(rig.handle.timetable)
    assert [registered(EVERY_5, at="10:00")] == rig.handle.preview(define(EVERY_5))
    assert before == states(rig.handle.timetable)


def test_what_was_gathered_is_sent_before_a_wish() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.clock.set(at("10:05"))
    rig.handle.gather(TICK)
    rig.handle.ask(c.PauseJob(job=JOB), meta=ME)
    assert [planned("10:05"), paused()] == rig.facts()[-2:]


def test_content_is_stored_with_the_event_that_names_it() -> None:
    rig = Rig()
    digest = digest_of(b"long")
    rig.handle.ask(define(EVERY_5), meta=ME, contents={digest: b"long"})
    assert b"long" == rig.log.content(digest)


def test_erased_content_is_gone_when_its_event_is_durable() -> None:
    rig = Rig()
    digest = digest_of(b"long")
    rig.handle.ask(define(EVERY_5), meta=ME, contents={digest: b"long"})
    rig.log.is_held = True
    answer = rig.handle.ask(c.EraseContent(digests=(digest,)), meta=ME)
    assert (False, b"long") == (answer.done(), rig.log.content(digest))
    rig.log.release()
    erased = Fact(SYSTEM, e.ContentErased(digests=(digest,), count=1))
    assert ((erased,), None) == (answer.result(0).facts, rig.log.content(digest))
    assert () == rig.handle.ask(c.EraseContent(digests=(digest,)), meta=ME).result(0).facts


# -- keys


def test_a_key_seen_again_is_answered_as_before_and_decides_nothing() -> None:
    rig = Rig()
    wish = define(EVERY_5)
    first = rig.handle.ask(wish, meta=ME, key="k").result(0)
    head = rig.log.head()
    again = rig.handle.ask(wish, meta=ME, key="k").result(0)
    assert head == rig.log.head()
    assert (first.first, first.last, first.facts, True) == (
        again.first,
        again.last,
        again.facts,
        again.repeated,
    )


def test_a_key_that_is_still_on_its_way_is_answered_with_the_first() -> None:
    rig = Rig()
    rig.log.is_held = True
    first = rig.handle.ask(define(EVERY_5), meta=ME, key="k")
    assert first is rig.handle.ask(define(EVERY_5), meta=ME, key="k")
    rig.log.release()
    assert first.result(0).facts


def test_ids_made_for_each_try_do_not_make_another_command() -> None:
    rig = Rig()
    rig.handle.ask(define(EVERY_5), meta=ME, key="k")
    assert rig.handle.ask(define(EVERY_5, job=JobId("job-2")), meta=ME, key="k").result(0).repeated
    rig.handle.ask(c.TriggerJob(job=JOB, run=RunId("call-1")), meta=ME, key="t")
    repeated = rig.handle.ask(c.TriggerJob(job=JOB, run=RunId("call-2")), meta=ME, key="t").result(
        0
    )
    assert (called("call-1", at="10:00"),) == repeated.facts


@pytest.mark.parametrize("held", [False, True])
def test_a_key_belongs_to_a_command_and_its_actor(held: bool) -> None:  # noqa: FBT001  # pytest hands it in by name
    rig = Rig()
    rig.log.is_held = held
    rig.handle.ask(define(EVERY_5), meta=ME, key="k")
    with pytest.raises(KeyReused):
        rig.handle.ask(define("0 * * * *"), meta=ME, key="k")
    with pytest.raises(KeyReused):
        rig.handle.ask(define(EVERY_5), meta=Meta(actor="other"), key="k")


def test_a_command_that_was_refused_or_changed_nothing_leaves_no_key() -> None:
    rig = Rig()
    with pytest.raises(NotFound):
        rig.handle.ask(c.PauseJob(job=JOB), meta=ME, key="k")
    assert () == rig.handle.ask(c.ResumeSystem(), meta=ME, key="k").result(0).facts
    assert rig.handle.ask(define(EVERY_5), meta=ME, key="k").result(0).facts


# -- parts


def test_more_events_than_one_append_holds_go_in_several_with_the_key_on_the_last() -> None:
    rig = Rig()
    policies = Policies(catch_up="all", catch_up_limit=1_500, catch_up_window="10d")
    rig.define("* * * * *", **policies)
    rig.clock.set(at("03-05 10:00:00"))
    wish = c.ReviseJob(job=JOB, definition=defined("0 * * * *", **policies))
    answer = rig.handle.ask(wish, meta=ME, key="k").result(0)
    assert EVENTS_PER_APPEND_MAX < len(answer.facts)
    assert rig.log.head().position == answer.last
    assert [fact for fact in rig.facts() if fact in answer.facts] == list(answer.facts)
    assert [None, "k"] == [one.key for one in rig.recorded()[3:] if one.position in {4, 1_004}]


class Copied(list[Write]):
    """Writes that count how many of them were copied out of the list."""

    copied = 0

    def __getitem__(self, where: Any) -> Any:  # noqa: ANN401  # as a list's: a place or a slice
        found = super().__getitem__(where)
        self.copied += len(found) if isinstance(where, slice) else 0
        return found


def test_cutting_a_great_many_writes_copies_each_at_most_once() -> None:
    rig = Rig()
    jobs = [JobId(f"job-{number}") for number in range(EVENTS_PER_APPEND_MAX + 1)]
    pending = vars(rig.handle)["_pending"]
    pending.writes = writes = Copied()
    for job in jobs:
        rig.handle.gather(c.DefineJob(job=job, definition=defined(EVERY_5, name=job)))
    rig.handle.flush()
    assert jobs == [one.event.job for one in rig.recorded() if isinstance(one.event, e.JobDefined)]
    assert len(jobs) == len(writes)
    assert len(jobs) >= writes.copied


# -- failures


def test_a_request_decided_on_what_failed_fails_too() -> None:
    rig = Rig()
    rig.log.is_held = True
    first = rig.handle.ask(define(EVERY_5), meta=ME)
    second = rig.handle.ask(c.PauseJob(job=JOB), meta=ME)
    rig.log.failure = VersionConflict("s", 0, 1)
    rig.log.release(1)
    rig.log.failure = None
    rig.log.release()
    for answer in (first, second):
        with pytest.raises(VersionConflict):
            answer.result(0)
    rig.handle.refold()
    assert {} == rig.handle.timetable.jobs


def test_folding_again_gives_what_is_durable() -> None:
    rig = Rig()
    failed_run(rig)
    before = states(rig.handle.timetable)
    rig.handle.refold()
    assert before == states(rig.handle.timetable)
    assert before == states(Handle(rig.log, rig.clock).timetable)


# -- runs that have ended


def test_an_ended_run_is_read_back_to_be_tried_again() -> None:
    rig = Rig()
    failed_run(rig)
    assert {} == rig.handle.timetable.runs
    answer = rig.handle.ask(c.RetryRun(run=run("10:05")), meta=ME, stream=stream("10:05"))
    assert (reopened("10:05", at="10:05"),) == answer.result(0).facts
    rig.handle.gather(TICK)
    rig.handle.flush()
    assert [
        attempt_failed("10:05"),
        run_failed("10:05"),
        reopened("10:05", at="10:05"),
        attempt_started("10:05", attempt=2, code="code of s"),
    ] == rig.facts()[-4:]
    assert states(rig.handle.timetable) == states(Handle(rig.log, rig.clock).timetable)


def test_an_ended_run_that_is_not_tried_again_leaves_the_fold_as_it_was() -> None:
    rig = Rig()
    failed_run(rig)
    before = states(rig.handle.timetable)
    where = stream("10:05")
    with pytest.raises(Conflict, match=r"has ended \(failed\)"):
        rig.handle.ask(c.CancelRun(run=run("10:05")), meta=ME, stream=where)
    assert before == states(rig.handle.timetable)
    rig.handle.preview(c.RetryRun(run=run("10:05")), stream=where)
    assert before == states(rig.handle.timetable)


def test_a_run_that_has_ended_in_the_fold_and_not_yet_on_disk_is_refused() -> None:
    rig = Rig()
    rig.define(EVERY_5)
    rig.clock.set(at("10:05"))
    rig.handle.gather(TICK)
    rig.handle.gather(TICK)
    rig.handle.flush()
    rig.log.is_held = True
    rig.handle.gather(outcome("10:05"))
    rig.handle.flush()
    for wish in (c.CancelRun(run=run("10:05")), c.RetryRun(run=run("10:05"))):
        with pytest.raises(Conflict, match="ended this very moment"):
            rig.handle.ask(wish, meta=ME, stream=stream("10:05"))
    assert {} == rig.handle.timetable.runs


def test_an_unknown_run_is_not_found() -> None:
    rig = Rig()
    with pytest.raises(NotFound):
        rig.handle.ask(c.RetryRun(run=run("10:05")), meta=ME, stream=stream("10:05"))
    with pytest.raises(NotFound):
        rig.handle.ask(c.RetryRun(run=run("10:05")), meta=ME)


# -- occurrences before the clock was set back


def test_whether_an_occurrence_has_a_run_is_looked_up_in_the_log() -> None:
    rig = Rig()
    failed_run(rig)
    rig.clock.step(at("09:58") - at("10:05"))
    rig.handle.ask(c.AcceptClock(), meta=ME)
    rig.clock.set(at("10:05"))
    rig.handle.gather(TICK)
    rig.handle.flush()
    assert [skipped("10:00", reason="coalesced")] == rig.facts()[-1:]
    assert 1 == rig.facts().count(planned("10:05"))


def test_the_end_of_a_job_stays_in_the_commit_of_its_last_run() -> None:
    """A decision of more than one append is split, but not between a run and what it causes."""
    clock = ManualClock(at("10:00"))
    log = MemoryLog(clock.now_ns)
    log.append(Request([Write(SYSTEM, 0, [e.LogCreated(identity="a", horolog="t")])], ME))
    handle = Handle(log, clock)
    sent: list[list[str]] = []
    handle.on_committed = lambda facts: sent.append([type(f.event).__name__ for f in facts])
    for name, runs in (("first", 500), ("second", 499)):
        job = Definition(
            name=name,
            service="s",
            schedule=Interval(timedelta(seconds=1)),
            max_runs=runs,
            overlap="allow",
            misfire_grace=timedelta(hours=1),
        )
        handle.ask(c.DefineJob(job=JobId(name), definition=job), meta=ME)
    clock.advance(timedelta(seconds=600))
    while handle.gather(c.Tick(slots=0, epoch=0)):
        pass
    handle.flush()
    for part in sent:
        for place, kind in enumerate(part):
            assert kind != "JobExhausted" or part[place - 1] == "RunPlanned"
    assert 2 == sum(part.count("JobExhausted") for part in sent)
