"""Steps of services in processes of their own: asked for over the wire, kept by the owner."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter_ns

import pytest

from scheduler.model.content import Payload
from scheduler.model.errors import Conflict
from scheduler.model.invocations import OnceWished, StepDone
from scheduler.model.limits import REQUESTS_MAX
from scheduler.model.schedules import Once
from services.connections.catalog import Connections
from services.invoke import Workers
from services.registry import Registry
from tests.services.isolated import SERVICES, isolated
from tests.services.making import Desk, Line, Reports, unasked


@pytest.fixture(autouse=True)
def _services(a_file: Callable[[str], None]) -> None:
    a_file(SERVICES)


def result_text(reports: Reports) -> str:
    """Return the result of a service that succeeds."""
    outcome = reports.next()
    assert "succeeded" == outcome.kind, outcome.error
    assert outcome.result is not None
    return outcome.result.text or ""


def test_steps_in_a_child_are_kept_by_its_owner(workers: Workers, reports: Reports) -> None:
    desk = Desk()
    workers.start([isolated("steps")], reports, desk.wish)
    assert '[true,"run-1/two"]' == result_text(reports)
    assert ["one", "two"] == list(desk.kept())
    assert '"run-1/two"' == desk.kept()["two"]


def test_steps_that_are_done_are_not_done_again_in_a_child(
    workers: Workers, reports: Reports
) -> None:
    desk = Desk()
    done: dict[str, str | None] = {"one": '{"pid":1}', "two": '"kept"'}
    workers.start([isolated("steps", steps=done)], reports, desk.wish)
    assert '[false,"kept"]' == result_text(reports)
    assert [] == desk.asked


def test_steps_of_an_async_service_in_a_child_may_run_side_by_side(
    workers: Workers, reports: Reports
) -> None:
    desk = Desk()
    workers.start([isolated("async.steps")], reports, desk.wish)
    assert f"{list(range(50))}".replace(" ", "") == result_text(reports)
    assert {f"step {number}" for number in range(50)} == set(desk.kept())


def test_a_large_result_of_a_step_goes_over_the_wire(workers: Workers, reports: Reports) -> None:
    desk = Desk()
    workers.start([isolated("large.step", input_text="5000000")], reports, desk.wish)
    assert "5000000" == result_text(reports)
    [step] = desk.asked
    assert isinstance(step, StepDone)
    assert [5_000_002] == [len(content) for content in step.contents.values()]


def test_large_steps_of_earlier_attempts_reach_a_child(workers: Workers, reports: Reports) -> None:
    done: dict[str, str | None] = {"large": f'"{"x" * 20_000_000}"'}
    workers.start([isolated("large.step", input_text="1", steps=done)], reports, unasked)
    assert "20000000" == result_text(reports)


def test_a_child_makes_a_job_at_its_owners_time(
    registry: Registry, reports: Reports, children_dir: Path
) -> None:
    desk = Desk()
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    workers = Workers(
        registry,
        slots=1,
        monotonic_ns=perf_counter_ns,
        children_dir=children_dir,
        connections=Connections(now=lambda: noon),
    )
    workers.start([isolated("schedules")], reports, desk.wish)
    name = result_text(reports)
    workers.close()
    [job] = [asked for asked in desk.asked if isinstance(asked, OnceWished)]
    assert f'"{job.definition.name}"' == name
    assert Once(noon + timedelta(minutes=1)) == job.definition.schedule
    assert Payload(kind="json", text='{"a":1}') == job.definition.input


def test_a_refused_step_ends_a_child_that_catches_errors(
    workers: Workers, reports: Reports
) -> None:
    desk = Desk()
    desk.refusal = Conflict("attempt 1 of run run-1 is no longer open")
    workers.start([isolated("goes.on")], reports, desk.wish)
    outcome = reports.next()
    assert ("error", "Closed: attempt 1 of run run-1 is no longer open") == (
        outcome.kind,
        outcome.error,
    )


def test_a_child_that_waits_for_its_step_can_be_asked_to_end(
    workers: Workers, reports: Reports, line: Line
) -> None:
    desk = Desk()
    desk.is_held = True
    workers.start([isolated("waits.in.a.step", input_text=line.port)], reports, desk.wish)
    line.heard()
    assert workers.stop("run-1", 1, "cancelled")
    assert "tidied" == line.heard()
    assert "cancelled" == reports.next().kind
    desk.release()  # its child is gone


def test_a_child_that_dies_in_a_step_leaves_those_before(
    workers: Workers, reports: Reports
) -> None:
    desk = Desk()
    workers.start([isolated("dies.in.a.step")], reports, desk.wish)
    assert "crash" == reports.next().kind
    assert ["one"] == list(desk.kept())


def test_a_child_that_asks_without_end_is_ended(workers: Workers, reports: Reports) -> None:
    desk = Desk()
    workers.start([isolated("floods")], reports, desk.wish)
    outcome = reports.next()
    assert "crash" == outcome.kind
    assert "asked for more than 2,000 things (REQUESTS_MAX)" in outcome.error
    assert REQUESTS_MAX == len(desk.asked)
