"""Children as the executor would start and end them; real processes."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

import pytest

from scheduler.model.invocations import StopReason
from services.invoke import Workers
from services.locks import alive_children, lock_path
from services.registry import Registry
from tests.services.isolated import SERVICES, isolated
from tests.services.making import Line, Reports, unasked


@pytest.fixture(autouse=True)
def _services(a_file: Callable[[str], None]) -> None:
    a_file(SERVICES)


@pytest.mark.parametrize("service", ["waits", "awaits"])
@pytest.mark.parametrize(
    ("reason", "kind"), [("timeout", "timeout"), ("cancelled", "cancelled"), ("stop", "stopped")]
)
def test_a_child_is_asked_to_end_and_may_tidy_up(
    workers: Workers,
    reports: Reports,
    line: Line,
    *,
    service: str,
    reason: StopReason,
    kind: str,
) -> None:
    workers.start([isolated(service, input_text=line.port)], reports, unasked)
    line.heard()
    assert workers.stop("run-1", 1, reason)
    assert "tidied" == line.heard()
    assert kind == reports.next().kind


def test_a_child_that_succeeds_all_the_same_has_succeeded(
    workers: Workers, reports: Reports, line: Line
) -> None:
    workers.start([isolated("heeds", input_text=line.port)], reports, unasked)
    line.heard()
    workers.stop("run-1", 1, "cancelled")
    outcome = reports.next()
    assert outcome.result is not None
    assert ("succeeded", '"done all the same"') == (outcome.kind, outcome.result.text)


def test_a_child_that_does_not_end_is_killed_with_all_it_started(
    impatient: Workers, reports: Reports, line: Line
) -> None:
    impatient.start([isolated("ignores", input_text=line.port)], reports, unasked)
    line.heard()
    impatient.stop("run-1", 1, "timeout")
    outcome = reports.next()
    assert ("timeout", "timed out after 1h") == (outcome.kind, outcome.error)
    assert "" == line.heard()


def test_children_run_side_by_side(workers: Workers, reports: Reports) -> None:
    with Line() as first, Line() as second:
        workers.start(
            [
                isolated("asks", run="1", input_text=first.port),
                isolated("asks", run="2", input_text=second.port),
            ],
            reports,
            unasked,
        )
        assert first.heard() != second.heard()
        second.say("b")
        assert "2" == reports.next().run
        first.say("a")
        assert "1" == reports.next().run


def test_two_children_hold_two_locks_for_as_long_as_they_live(
    workers: Workers, reports: Reports, children_dir: Path
) -> None:
    with Line() as first, Line() as second:
        workers.start(
            [
                isolated("asks", run="1", input_text=first.port),
                isolated("asks", run="2", input_text=second.port),
            ],
            reports,
            unasked,
        )
        assert first.heard() != second.heard()
        assert [("1", 1), ("2", 1)] == alive_children(children_dir)
        first.say("a")
        reports.next()
        assert [("2", 1)] == alive_children(children_dir)
        second.say("b")
        reports.next()
    assert [] == alive_children(children_dir)
    assert [] == list(children_dir.iterdir())


def test_a_child_is_stopped_before_it_starts(
    registry: Registry, reports: Reports, children_dir: Path, line: Line
) -> None:
    workers = Workers(registry, slots=1, monotonic_ns=perf_counter_ns, children_dir=children_dir)
    workers.start(
        [isolated("asks", run="1", input_text=line.port), isolated("dies", run="2")],
        reports,
        unasked,
    )
    line.heard()
    assert workers.stop("2", 1, "cancelled")
    assert ("2", "cancelled") == ((first := reports.next()).run, first.kind)
    line.say("x")
    assert ("1", "succeeded") == ((second := reports.next()).run, second.kind)
    workers.close()


def test_a_folder_that_cannot_be_made_is_told_as_an_error(
    registry: Registry, reports: Reports, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    workers = Workers(
        registry, slots=1, monotonic_ns=perf_counter_ns, children_dir=tmp_path / "file" / "children"
    )
    workers.start([isolated("plain")], reports, unasked)
    outcome = reports.next()
    assert "error" == outcome.kind
    assert outcome.error.startswith("no process could be started: ")
    workers.close()


def test_the_next_workers_sweep_what_dead_children_left(
    registry: Registry, children_dir: Path
) -> None:
    children_dir.mkdir()
    left = lock_path(children_dir, "run-1", 1)
    left.touch()
    Workers(registry, slots=1, monotonic_ns=perf_counter_ns, children_dir=children_dir).close()
    assert not left.exists()


def test_the_close_ends_the_children_and_tells_nothing(
    workers: Workers, reports: Reports, line: Line
) -> None:
    workers.start([isolated("ignores", input_text=line.port)], reports, unasked)
    line.heard()
    workers.close()
    assert "" == line.heard()
    assert reports.none_is_left()
