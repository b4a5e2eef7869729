"""What running attempts ask for: kept before their end, waited for while the disk is full."""

from concurrent.futures import Future
from datetime import timedelta

from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload, payload_of
from scheduler.model.errors import BadInput, StorageFailed, Unreachable
from scheduler.model.invocations import OnceWished, StepDone
from scheduler.model.jobs import Definition, JobId
from scheduler.model.schedules import Once
from tests.facts import JOB, at, run
from tests.fakes import FakeInvoke, never
from tests.scheduler.executor.rig import Rig, of_runs

EVERY_5 = "*/5 * * * *"
FULL = StorageFailed("Disk full: 0 bytes free", in_doubt=False)
IN_DOUBT = StorageFailed("fsync failed", in_doubt=True)
REMINDER = Definition(name="once-1", service="remind", schedule=Once(at("11:00")))
LATER = OnceWished(job=JobId("job-2"), definition=REMINDER)


def running() -> Rig:
    """Return an executor one of whose attempts is out."""
    rig = Rig(invoke=FakeInvoke(never))
    rig.define(EVERY_5)
    rig.until("10:05")
    assert 1 == len(rig.invoke.calls)
    return rig


def asked(rig: Rig, wished: StepDone | OnceWished) -> Future[None]:
    assert rig.invoke.wish is not None
    return rig.invoke.wish(rig.invoke.calls[0], wished)


def step(name: str) -> StepDone:
    return StepDone(name=name, result=Payload(kind="json", text="1"))


def kinds(rig: Rig) -> list[str]:
    return [type(fact.event).__name__ for fact in of_runs(rig)]


def test_a_step_done_before_its_attempt_ends_is_kept_although_both_are_told_at_once() -> None:
    rig = running()
    done = asked(rig, step("fetch"))
    rig.invoke.finish(run("10:05"), "cancelled")
    rig.executor.turn()
    rig.turn()
    assert done.result(0) is None
    assert ["StepCompleted", "AttemptFailed", "RunFailed"] == kinds(rig)[2:]


def test_steps_wait_while_the_disk_is_full_and_are_each_kept_once() -> None:
    rig = running()
    rig.log.failure = FULL
    steps = [asked(rig, step(name)) for name in ("one", "two", "three")]
    for _ in range(5):
        rig.turn()
        rig.clock.advance(timedelta(seconds=2))
    assert not any(done.done() for done in steps)
    rig.log.failure = None
    rig.turn_until_quiet()
    assert [None, None, None] == [done.result(0) for done in steps]
    kept = [event.name for _, event in rig.facts() if isinstance(event, e.StepCompleted)]
    assert ["one", "three", "two"] == sorted(kept)


def test_a_step_is_refused_when_nothing_can_be_stored_any_more() -> None:
    rig = running()
    rig.log.failure = IN_DOUBT
    done = asked(rig, step("fetch"))
    rig.turn()
    assert isinstance(done.exception(0), StorageFailed)
    later = asked(rig, step("store"))
    rig.turn()
    assert isinstance(later.exception(0), Unreachable)


def test_a_step_that_is_asked_for_after_the_end_is_refused_at_once() -> None:
    rig = running()
    rig.executor.stop(hurry=True)
    assert "stopping" in str(asked(rig, step("fetch")).exception(0))


def test_the_contents_of_a_step_are_kept_with_it() -> None:
    rig = running()
    result, contents = payload_of('"' + "x" * 5_000 + '"', kind="json")
    asked(rig, StepDone(name="fetch", result=result, contents=contents))
    rig.turn()
    again = rig.restarted()
    again.turn()
    assert ['"' + "x" * 5_000 + '"'] == [call.steps["fetch"] for call in again.invoke.calls]


def test_a_job_from_inside_a_run_is_defined_by_its_service_and_fires() -> None:
    rig = running()
    done = asked(rig, LATER)
    rig.turn()
    assert done.result(0) is None
    defined = [one for one in rig.recorded() if isinstance(one.event, e.JobDefined)]
    assert ["me", "service:s"] == [one.meta.actor for one in defined if one.meta]
    rig.until("11:00")
    assert "remind" in [call.service for call in rig.invoke.calls]


def test_a_job_that_is_asked_for_again_is_made_once() -> None:
    rig = running()
    first, second = asked(rig, LATER), asked(rig, LATER)
    rig.turn()
    third = asked(rig, replace(LATER, definition=replace(REMINDER, schedule=Once(at("12:00")))))
    rig.turn()
    assert [None, None, None] == [done.result(0) for done in (first, second, third)]
    assert [JOB, LATER.job] == [
        event.job for _, event in rig.facts() if isinstance(event, e.JobDefined)
    ]


def test_a_job_that_was_made_and_removed_meanwhile_is_not_made_again() -> None:
    rig = running()
    asked(rig, LATER)
    rig.turn()
    rig.ask(c.RemoveJob(job=LATER.job)).result(0)
    again = asked(rig, LATER)
    rig.turn()
    assert again.result(0) is None
    assert "once-1" not in rig.handle.timetable.names


def test_a_job_whose_time_is_past_runs_now() -> None:
    rig = running()
    past = replace(LATER, definition=replace(REMINDER, schedule=Once(at("09:00"))))
    asked(rig, past)
    rig.turn()
    rig.until("10:05:30")
    assert "remind" in [call.service for call in rig.invoke.calls]


def test_a_job_that_may_not_be_is_refused_and_its_attempt_goes_on() -> None:
    rig = running()
    wrong = replace(LATER, definition=replace(REMINDER, name=""))
    refused = asked(rig, wrong)
    rig.turn()
    assert isinstance(refused.exception(0), BadInput)
    done = asked(rig, step("fetch"))
    rig.turn()
    assert done.result(0) is None


def test_the_input_of_a_private_job_is_kept_behind_a_salt() -> None:
    rig = running()
    given = replace(REMINDER, private=True, input=Payload(text="hush"))
    asked(rig, replace(LATER, definition=given))
    rig.turn()
    defined = [event for _, event in rig.facts() if isinstance(event, e.JobDefined)][-1]
    kept = defined.definition.input
    assert kept is not None
    assert (None, "", True) == (kept.text, kept.head, kept.salted)
