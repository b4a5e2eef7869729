"""Content goes by an event that names it, unless a job or an open run still needs it."""

import pytest

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.limits import DIGESTS_PER_EVENT_MAX, DIGESTS_PER_WISH_MAX, EVENT_BYTES_MAX
from scheduler.model.streams import SYSTEM, call_stream
from scheduler.rules.decide import Known, decide, never_taken, no_code
from scheduler.rules.facts import Fact
from scheduler.rules.timetable import Timetable
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    cancelled,
    planned,
    registered,
    removed,
    renamed,
    run,
    run_failed,
    stream,
    succeeded,
)

EVERY_5 = "*/5 * * * *"
INPUT, RESULT, OTHER = "a" * 64, "b" * 64, "c" * 64


def there(*digests: str) -> Known:
    """Return what is known of a log that holds these."""
    return Known(never_taken, no_code, lambda digest: digest in digests)


def folded(*facts: Fact) -> Timetable:
    timetable = Timetable()
    for fact in facts:
        timetable.apply(*fact)
    return timetable


def erase(timetable: Timetable, *digests: str, known: Known | None = None) -> list[Fact]:
    known = there(*digests) if known is None else known
    return decide(timetable, c.EraseContent(digests=digests), at("12:00"), known)


def erased(*digests: str) -> Fact:
    return Fact(SYSTEM, e.ContentErased(digests=digests, count=len(digests)))


def with_input() -> Fact:
    return registered(EVERY_5, at="10:00", input=Payload(digest=INPUT, size=5))


def test_what_is_there_is_erased_by_one_event_and_each_once() -> None:
    assert [erased(RESULT, OTHER)] == erase(Timetable(), RESULT, OTHER, RESULT)


def test_what_is_not_there_changes_nothing() -> None:
    assert [] == erase(Timetable(), RESULT, known=there())
    assert [erased(OTHER)] == erase(Timetable(), RESULT, OTHER, known=there(OTHER))
    assert [] == erase(Timetable())


def test_the_event_changes_nothing_but_the_version_of_its_stream() -> None:
    timetable = folded(with_input())
    jobs = dict(timetable.jobs)
    timetable.apply(*erased(RESULT))
    assert (jobs, {}, 1) == (timetable.jobs, timetable.runs, timetable.versions[SYSTEM])


def test_many_are_erased_by_several_events_each_within_its_bound() -> None:
    digests = [f"{number:064x}" for number in range(DIGESTS_PER_EVENT_MAX + 1)]
    events = [fact.event for fact in erase(Timetable(), *digests)]
    assert [DIGESTS_PER_EVENT_MAX, 1] == [getattr(event, "count", 0) for event in events]
    assert digests == [digest for event in events for digest in getattr(event, "digests", ())]
    assert DIGESTS_PER_EVENT_MAX * 67 + 100 < EVENT_BYTES_MAX


def test_too_many_at_a_time_are_refused() -> None:
    digests = [f"{number:064x}" for number in range(DIGESTS_PER_WISH_MAX + 1)]
    with pytest.raises(BadInput, match=r"\$\.digests: there are 4,501; at most 4,500"):
        erase(Timetable(), *digests)
    assert 5 == len(erase(Timetable(), *digests[1:]))


def test_the_input_of_a_job_is_needed_until_the_job_is_removed() -> None:
    with pytest.raises(Conflict, match=r"aaaaaaaaaaaa… is the input of job 'work'.*edit work --no"):
        erase(folded(with_input(), renamed("work")), OTHER, INPUT)
    assert [erased(INPUT)] == erase(folded(with_input(), removed()), INPUT)


def test_the_input_of_an_open_run_is_needed_until_it_has_ended() -> None:
    call = e.RunPlanned(
        run=run("call-1"),
        job=JOB,
        cause="trigger",
        revision=1,
        due_time=at("10:01"),
        input=Payload(digest=OTHER, size=5),
    )
    facts = [registered(EVERY_5, at="10:00"), Fact(call_stream(run("call-1")), call)]
    with pytest.raises(Conflict, match="run call-1 is waiting and still needs content cccc"):
        erase(folded(*facts), OTHER)
    ended = folded(*facts, cancelled("call-1"))
    assert [erased(OTHER)] == erase(ended, OTHER)


def test_what_a_step_has_done_is_needed_until_its_run_has_ended() -> None:
    step = e.StepCompleted(
        run=run("10:05"), attempt=1, name="fetch", result=Payload(digest=RESULT, size=5)
    )
    facts = [
        registered(EVERY_5, at="10:00"),
        planned("10:05", window=None),
        attempt_started("10:05"),
        Fact(stream("10:05"), step),
    ]
    with pytest.raises(Conflict, match="is running and still needs content bbbb"):
        erase(folded(*facts), RESULT)
    assert [erased(RESULT)] == erase(folded(*facts, succeeded("10:05")), RESULT)
    failed = folded(*facts, attempt_failed("10:05"), run_failed("10:05"))
    assert [erased(RESULT)] == erase(failed, RESULT)


def test_a_refusal_holds_for_the_whole_wish_and_what_is_gone_is_no_reason_for_one() -> None:
    timetable = folded(with_input())
    with pytest.raises(Conflict):
        erase(timetable, RESULT, INPUT)
    assert [erased(RESULT)] == erase(timetable, RESULT, INPUT, known=there(RESULT))
