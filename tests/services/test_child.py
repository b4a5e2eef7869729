"""What a child does with its call; real processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import pytest
from msgspec.structs import replace

from scheduler.model.content import digest_of, text_of
from scheduler.model.limits import RESULT_BYTES_MAX
from services.invoke import Workers
from services.loading import load
from services.locks import alive_children, lock_path
from services.registry import Registry
from tests.services.isolated import SERVICES, is_released, isolated
from tests.services.making import PATIENCE_S, Line, Reports, unasked


@pytest.fixture(autouse=True)
def _services(a_file: Callable[[str], None]) -> None:
    a_file(SERVICES)


def test_a_service_runs_in_a_process_of_its_own(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("plain", input_text="a=1")], reports, unasked)
    outcome = reports.next()
    assert ("succeeded", 7) == (outcome.kind, outcome.epoch)
    assert outcome.result is not None
    assert outcome.result.text is not None
    assert '"run":"run-1","data":{"a":"1"}' in outcome.result.text
    assert f'"pid":{os.getpid()},' not in outcome.result.text
    assert outcome.duration_us > 0


def test_an_async_service_runs_there_too(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("awaited")], reports, unasked)
    result = reports.next().result
    assert result is not None
    assert '"awaited"' == result.text


def test_an_error_comes_back_with_its_traceback(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("fails")], reports, unasked)
    outcome = reports.next()
    assert ("error", "ValueError: no") == (outcome.kind, outcome.error)
    assert outcome.detail is not None
    assert outcome.detail.text is not None
    first_file = outcome.detail.text.splitlines()[1]
    assert "jobs.py" in first_file
    assert "in fails" in first_file


def test_what_a_service_asks_for_comes_back(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("fatal")], reports, unasked)
    assert reports.next().fatal
    workers.start([isolated("later", run="run-2")], reports, unasked)
    delay = reports.next().retry_after
    assert delay is not None
    assert 300 == delay.total_seconds()


def test_an_exit_asked_for_in_python_is_an_error(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("exits")], reports, unasked)
    outcome = reports.next()
    assert ("error", "SystemExit: 3") == (outcome.kind, outcome.error)


def test_a_private_result_comes_back_behind_its_salt(workers: Workers, reports: Reports) -> None:
    call = replace(isolated("returns.much", input_text="5"), salt=b"0123456789abcdef")
    workers.start([call], reports, unasked)
    outcome = reports.next()
    assert outcome.result is not None
    assert outcome.result.salted
    (content,) = outcome.contents.values()
    assert '"xxxxx"' == text_of(outcome.result, content)


def test_the_largest_result_comes_back_and_a_larger_one_fails_for_good(
    workers: Workers, reports: Reports
) -> None:
    workers.start(
        [isolated("returns.much", input_text=str(RESULT_BYTES_MAX - 2))], reports, unasked
    )
    outcome = reports.next()
    (content,) = outcome.contents.values()
    assert outcome.result is not None
    assert ("succeeded", digest_of(content), RESULT_BYTES_MAX) == (
        outcome.kind,
        outcome.result.digest,
        len(content),
    )
    larger = isolated("returns.much", run="run-2", input_text=str(RESULT_BYTES_MAX - 1))
    workers.start([larger], reports, unasked)
    outcome = reports.next()
    assert ("error", True) == (outcome.kind, outcome.fatal)
    assert "at most 8,388,608 are kept" in outcome.error


def test_a_result_that_is_not_json_fails_for_good(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("returns.nan")], reports, unasked)
    outcome = reports.next()
    assert ("error", True) == (outcome.kind, outcome.fatal)
    assert "the result is not JSON" in outcome.error


def test_the_call_is_not_on_the_services_stdin(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("reads.stdin")], reports, unasked)
    result = reports.next().result
    assert result is not None
    assert '""' == result.text


def test_a_child_runs_what_was_loaded_even_when_the_file_has_changed(
    workers: Workers, reports: Reports, tmp_path: Path
) -> None:
    (tmp_path / "jobs.py").write_text("this is no python")
    workers.start([isolated("awaited")], reports, unasked)
    assert "succeeded" == reports.next().kind


A_MODULE = """
from horolog import service

@service("from.a.module")
def work(): pass
"""

SCRIPT = """
import queue
from pathlib import Path
from time import perf_counter_ns
from horolog import service
from services.invoke import Workers
from services.loading import load
from services.registry import DEFAULT
from tests.services.isolated import isolated
from tests.services.making import unasked

@service("mine")
def mine():
    return 5

if __name__ == "__main__":
    told = queue.SimpleQueue()
    workers = Workers(
        DEFAULT, slots=1, monotonic_ns=perf_counter_ns, children_dir=Path("children")
    )
    workers.start([isolated("mine")], told.put, unasked)
    (outcome,) = told.get(timeout=30)
    print(outcome.kind, outcome.result.text)
    workers.close()
"""

OWNER = """
import os, sys
from pathlib import Path
from time import perf_counter_ns
from services.invoke import Workers
from services.loading import load
from tests.services.making import invocation, unasked

folder, children_dir, service, port = sys.argv[1:]
registry = load(["jobs.py"], Path(folder), installed=False).registry
workers = Workers(registry, slots=4, monotonic_ns=perf_counter_ns, children_dir=Path(children_dir))
workers.start([invocation(service, isolation="process", input_text=port)], print, unasked)
sys.stdin.read()  # until whoever started this kills it, or is gone without having done so
os._exit(0)
"""


@pytest.fixture
def owner(tmp_path: Path, children_dir: Path) -> Iterator[Callable[[str, str], Popen[bytes]]]:
    """Return what starts a process that owns a child; it is killed in the end, however that is."""
    with ExitStack() as started:

        def start(service: str, port: str) -> Popen[bytes]:
            made = started.enter_context(
                Popen(
                    [sys.executable, "-c", OWNER, str(tmp_path), str(children_dir), service, port],
                    stdin=subprocess.PIPE,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                )
            )
            started.callback(made.kill)
            return made

        yield start


@pytest.mark.parametrize(
    "service",
    [
        "waits",
        "ignores",
        pytest.param(
            "holds.the.interpreter",
            marks=pytest.mark.skipif(
                sys.platform != "linux", reason="the kernel's part is Linux's"
            ),
        ),
    ],
)
def test_a_child_and_all_it_started_die_with_their_owner(
    service: str,
    owner: Callable[[str, str], Popen[bytes]],
    children_dir: Path,
    line: Line,
) -> None:
    owning = owner(service, line.port)
    line.heard()
    assert [("run-1", 1)] == alive_children(children_dir)
    owning.kill()
    owning.wait()
    while line.heard():  # a service may still say that it tidies up; then nobody is left
        pass
    assert is_released(lock_path(children_dir, "run-1", 1))
    assert [] == alive_children(children_dir)


def test_a_child_of_a_module_that_has_changed_says_so(
    workers: Workers, registry: Registry, reports: Reports, tmp_path: Path
) -> None:
    module = tmp_path / "module_of_theirs.py"
    module.write_text(A_MODULE)
    registry.add(*load(["module_of_theirs"], tmp_path, installed=False).registry)
    workers.start([isolated("from.a.module")], reports, unasked)
    assert "succeeded" == reports.next().kind
    module.write_text(A_MODULE + "# edited\n")
    workers.start([isolated("from.a.module", run="run-2")], reports, unasked)
    outcome = reports.next()
    assert ("error", False) == (outcome.kind, outcome.fatal)
    assert f"Changed: {module} has changed since Horolog loaded it" in outcome.error


def test_a_script_can_run_its_own_services_in_processes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    ran = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert "succeeded 5\n" == ran.stdout


def test_a_service_that_no_process_can_load_says_so(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    registry.service("local")(lambda: None)
    workers.start([isolated("local")], reports, unasked)
    outcome = reports.next()
    assert "error" == outcome.kind
    assert 'Changed: a process of its own cannot load "local" from' in outcome.error


def test_a_plain_service_does_not_pay_for_asyncio(workers: Workers, reports: Reports) -> None:
    workers.start([isolated("names.modules")], reports, unasked)
    result = reports.next().result
    assert result is not None
    assert '["horolog","services.child"]' == result.text
