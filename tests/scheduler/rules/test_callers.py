"""Which jobs call which, as events change it."""

from scheduler.model import commands as c
from scheduler.model.jobs import JobId
from scheduler.model.schedules import Manual
from tests.facts import Policies, defined
from tests.spec import Story, given

A, B = JobId("a"), JobId("b")


def story(**policies: str) -> Story:
    """Return jobs `a`, which has these callbacks, and `b`."""
    made = given()
    made.when(c.DefineJob(job=B, definition=defined(Manual(), name="b")), now="10:00")
    mine: Policies = {"name": "a"}
    mine.update(policies)  # type: ignore[typeddict-item]  # texts of the same fields
    return made.when(c.DefineJob(job=A, definition=defined(Manual(), **mine)), now="10:00")


def test_a_job_is_known_by_those_that_call_it_in_either_way() -> None:
    assert [A] == story(on_success="job:b").timetable.callers.of("b")
    assert [A] == story(on_failure="job:b").timetable.callers.of("b")
    assert [A] == story(on_success="job:b", on_failure="job:b").timetable.callers.of("b")
    assert [] == story(on_success="service:b").timetable.callers.of("b")


def test_an_edit_takes_a_caller_away() -> None:
    told = story(on_success="job:b", on_failure="job:b")
    told.when(c.ReviseJob(job=A, definition=defined(Manual(), name="a")), now="10:01")
    assert [] == told.timetable.callers.of("b")


def test_a_removal_takes_a_caller_away() -> None:
    told = story(on_success="job:b")
    told.when(c.RemoveJob(job=A), now="10:01")
    assert [] == told.timetable.callers.of("b")


def test_a_pause_and_a_renaming_leave_a_caller_where_it_is() -> None:
    told = story(on_success="job:b")
    told.when(c.PauseJob(job=A), now="10:01").when(c.RenameJob(job=A, name="c"), now="10:01")
    assert [A] == told.timetable.callers.of("b")
