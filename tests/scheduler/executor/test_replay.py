"""Folding what is stored: whole, from a position on, or one ended run."""

from datetime import timedelta

import pytest

from scheduler.executor.replay import definition_of, last_run, replay
from scheduler.model import commands as c
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import JobId, Retry
from scheduler.rules.timetable import Timetable
from tests.facts import JOB, defined, run, stream
from tests.fakes import FakeInvoke, ended
from tests.scheduler.executor.rig import ME, Rig

EVERY_5 = "*/5 * * * *"


def failing() -> Rig:
    """Return the rig of a job whose run at 10:05 has failed after two attempts."""
    rig = Rig(invoke=FakeInvoke(lambda call: ended(call, "error")))
    rig.define(EVERY_5, service="old", retry=Retry(max_attempts=2, initial=timedelta(0)))
    rig.until("10:05")
    return rig


def test_the_whole_log_is_folded_page_by_page() -> None:
    rig = failing()
    timetable = Timetable()
    assert rig.log.head().position == replay(rig.log, timetable)
    assert rig.handle.timetable.jobs == timetable.jobs


def test_a_fold_goes_on_where_it_stood() -> None:
    rig = failing()
    timetable = Timetable()
    replay(rig.log, timetable)
    before = timetable.position
    rig.until("10:10")
    assert rig.log.head().position - before == replay(rig.log, timetable)
    assert 0 == replay(rig.log, timetable)


def test_an_event_that_cannot_follow_is_named_by_its_position() -> None:
    rig = failing()
    timetable = Timetable()
    timetable.position = 3
    with pytest.raises(ImpossibleHistory, match=r"position 4: run .* unknown job"):
        replay(rig.log, timetable)


def test_a_missing_position_is_named() -> None:
    rig = failing()
    del rig.log.rows[4]
    with pytest.raises(ImpossibleHistory, match="position 5 is missing"):
        replay(rig.log, Timetable())


def test_the_last_run_of_a_stream_is_read_back_as_it_ended() -> None:
    rig = failing()
    found = last_run(rig.log, stream("10:05"))
    assert found is not None
    state, version = found
    assert (run("10:05"), "failed", 2, 2) == (
        state.run,
        state.status,
        state.attempt,
        state.failures,
    )
    assert rig.log.version(stream("10:05")) == version


def test_a_run_is_read_back_under_the_definition_and_the_name_it_was_planned_with() -> None:
    rig = failing()
    rig.ask(c.ReviseJob(job=JOB, definition=defined(EVERY_5, service="new")))
    rig.ask(c.RenameJob(job=JOB, name="other"))
    found = last_run(rig.log, stream("10:05"))
    assert found is not None
    assert ("old", "job") == (found[0].definition.service, found[0].definition.name)


def test_a_reopened_run_is_folded_as_it_was_decided() -> None:
    rig = failing()
    rig.ask(c.RenameJob(job=JOB, name="other"))
    rig.handle.ask(c.RetryRun(run=run("10:05")), meta=ME, stream=stream("10:05"))
    rig.ask(c.RenameJob(job=JOB, name="third"))
    timetable = Timetable()
    replay(rig.log, timetable)
    assert rig.handle.timetable.runs == timetable.runs
    assert rig.handle.timetable.versions == timetable.versions


def test_an_unknown_stream_holds_no_run() -> None:
    assert last_run(failing().log, "call/none") is None


def test_a_job_that_was_never_defined_has_no_definition() -> None:
    with pytest.raises(ImpossibleHistory, match="never defined"):
        definition_of(failing().log, JobId("none"), until=99)
