"""One child as its owner sees it; real processes."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from scheduler.model.jobs import RunId
from scheduler.model.limits import CALL_BYTES_MAX, OUTPUT_BYTES_MAX
from services.invoke import Workers
from services.locks import child_lock, lock_path
from services.output import Lines
from services.process import Child
from tests.services.isolated import SERVICES, isolated
from tests.services.making import PATIENCE_S, Desk, Line, Reports, unasked


@pytest.fixture(autouse=True)
def _services(a_file: Callable[[str], None]) -> None:
    a_file(SERVICES)


def test_all_that_it_and_its_own_children_write_is_kept_in_order(
    workers: Workers, reports: Reports
) -> None:
    workers.start([isolated("plain")], reports, unasked)
    output = reports.next().output
    assert output is not None
    first, *rest = output.text.splitlines()
    assert first.endswith("INFO logged")
    assert ["printed", "to stderr", "by another"] == rest


def test_an_exit_behind_pythons_back_is_a_crash(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("leaves")], reports, unasked)
    outcome = reports.next()
    assert (
        "crash",
        "the process ended with exit status 3 before the service had returned",
    ) == (outcome.kind, outcome.error)


def test_a_child_killed_by_the_system_is_a_crash_with_its_last_words(
    workers: Workers, reports: Reports
) -> None:
    workers.start([isolated("dies")], reports, unasked)
    outcome = reports.next()
    assert ("crash", "the process was killed by signal 9 (SIGKILL)") == (
        outcome.kind,
        outcome.error,
    )
    assert outcome.output is not None
    assert "last words\n" == outcome.output.text


def test_a_child_that_says_too_much_is_ended(
    workers: Workers, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.process.ANSWER_BYTES_MAX", 5_000)
    workers.start([isolated("returns.much", input_text="5_000")], reports, unasked)
    outcome = reports.next()
    assert "crash" == outcome.kind
    assert outcome.error.startswith("the process sent back more than")


def test_a_call_that_announces_too_much_is_not_read(children_dir: Path) -> None:
    lines = Lines()
    with child_lock(children_dir, RunId("run-1"), 1) as lock, closing(Child("a", lock)) as child:
        child.tell((CALL_BYTES_MAX + 1).to_bytes(4, "big"))
        assert [] == list(child.said(lines))
        assert 1 == child.ended(PATIENCE_S, lines)
    written = lines.output()
    assert written is not None
    assert written.text.rstrip().endswith("TooLong")


def test_a_child_killed_from_outside_is_a_crash(
    workers: Workers, reports: Reports, line: Line
) -> None:
    workers.start([isolated("waits", input_text=line.port)], reports, unasked)
    os.kill(int(line.heard()), signal.SIGKILL)
    assert "crash" == reports.next().kind


def test_a_crash_says_where_it_was(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("crashes")], reports, unasked)
    outcome = reports.next()
    assert "the process was killed by signal 11 (SIGSEGV)" == outcome.error
    assert outcome.output is not None
    assert "in crashes" in outcome.output.text


def test_of_too_much_output_the_two_ends_are_kept(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("writes.much")], reports, unasked)
    output = reports.next().output
    assert output is not None
    assert output.text.startswith("first line\nline 0\n")
    assert output.text.endswith("line 19999\nlast line\n")
    assert 20_002 == output.lines
    assert output.dropped_bytes > 0
    assert len(output.text.encode()) <= OUTPUT_BYTES_MAX


def test_a_child_that_dies_while_its_fork_holds_the_pipe_is_noticed(
    impatient: Workers, reports: Reports, line: Line
) -> None:
    impatient.start([isolated("forks.and.leaves", input_text=line.port)], reports, unasked)
    line.heard()
    assert "crash" == reports.next().kind
    assert "" == line.heard()


def test_what_a_service_leaves_behind_ends_with_its_attempt(
    workers: Workers, reports: Reports, line: Line
) -> None:
    workers.start([isolated("leaves.one.behind", input_text=line.port)], reports, unasked)
    line.heard()
    assert "succeeded" == reports.next().kind
    assert "" == line.heard()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_child_has_nothing_of_its_owners_open(
    workers: Workers, reports: Reports, tmp_path: Path, children_dir: Path
) -> None:
    with (tmp_path / "horolog.db.lock").open("w") as lock, Line() as open_here:
        os.set_inheritable(lock.fileno(), True)  # the worst case
        workers.start([isolated("counts.descriptors")], reports, unasked)
        result = reports.next().result
        assert result is not None
        assert open_here.port
    held = result.text or result.head
    assert "horolog.db" not in held
    assert "socket" not in held
    assert str(lock_path(children_dir, "run-1", 1)) in held


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_child_starts_inherits_neither_its_pipes_nor_its_lock(
    workers: Workers, reports: Reports
) -> None:
    workers.start([isolated("starts.another")], reports, unasked)
    result = reports.next().result
    assert result is not None
    assert '"4\\n"' == result.text  # stdin, stdout, stderr and the folder that is being listed


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_reply_to_a_child_that_is_gone_is_dropped(
    workers: Workers, reports: Reports, line: Line
) -> None:
    desk = Desk()
    desk.is_held = True
    workers.start([isolated("waits.in.a.step", input_text=line.port)], reports, desk.wish)
    os.kill(int(line.heard()), signal.SIGKILL)
    assert "crash" == reports.next().kind
    before = descriptors()
    desk.release()
    assert before == descriptors()


def test_a_child_takes_none_of_its_owners_descriptors_with_it(
    workers: Workers, reports: Reports
) -> None:
    workers.start([isolated("steps")], reports, Desk().wish)
    reports.next()
    before = descriptors()
    for number in range(3):
        workers.start([isolated("steps", run=f"run-{number}")], reports, Desk().wish)
        assert "succeeded" == reports.next().kind
    assert before >= descriptors()
