"""Services by the command against a real server: another process, asked by signal and socket."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from scheduler.executor.clock import SystemClock
from scheduler.executor.owner import who_owns
from tests.tools.cli.desk import Desk
from tests.tools.cli.test_served import ROOT, SERVE

SERVICES = '''
from horolog import service

@service("a.ok")
def ok(ctx):
    """Returns its input."""
    return {text!r}
'''
LOOKS_MAX = 600  # of 50 ms each


@pytest.fixture
def served(bare_desk: Desk) -> Iterator[Desk]:
    """Return a desk whose log is served by another process that does not watch its files."""
    bare_desk.clock = SystemClock()  # type: ignore[assignment]  # both processes see one time
    bare_desk.create()
    put(bare_desk, "old")
    settings = bare_desk.folder / "horolog.toml"
    text = settings.read_text().replace("[services]", '[services]\nreload = "never"')
    settings.write_text(text + '[serve]\nstop_grace = "0s"\n')
    with subprocess.Popen(
        (sys.executable, "-c", SERVE),
        cwd=bare_desk.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOROLOG_LISTEN": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            assert "serving " in server.stderr.readline()
            yield bare_desk
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)


def put(desk: Desk, text: str) -> None:
    (desk.folder / "jobs.py").write_text(SERVICES.format(text=text))


def test_a_call_is_carried_out_by_the_server(served: Desk) -> None:
    printed = served.done("service", "call", "a.ok", "--reason", "to see")
    assert '"old"\n' == printed.out
    event = served.done("log", "list", "--type", "service-called", "--json").json[0]
    assert ("socket", "to see") == (event["channel"], event["reason"])
    assert 1 == len(served.done("log", "list", "--type", "system-started", "--json").json)


def test_a_reload_is_answered_with_what_there_is(served: Desk) -> None:
    put(served, "newer")
    assert " loaded.\n" in served.done("service", "reload").out
    assert '"newer"\n' == served.done("service", "call", "a.ok").out


def test_a_reload_of_a_broken_file_is_exit_code_1_and_changes_nothing(served: Desk) -> None:
    (served.folder / "jobs.py").write_text("def broken(:\n")
    printed = served("service", "reload")
    assert 1 == printed.code
    assert "jobs.py was not reloaded: SyntaxError" in printed.err
    assert '"old"\n' == served.done("service", "call", "a.ok").out
    assert "goes on running" in served.done("status").out


def test_sighup_is_a_reload(served: Desk) -> None:
    put(served, "by signal")
    owner = who_owns(served.db)
    assert owner is not None
    os.kill(owner.pid, signal.SIGHUP)
    pause = threading.Event()
    for _ in range(LOOKS_MAX):
        if 2 == len(served.done("log", "list", "--type", "services-loaded", "--json").json):
            break
        pause.wait(0.05)
    assert '"by signal"\n' == served.done("service", "call", "a.ok").out


def test_a_job_whose_service_has_gone_is_marked(served: Desk) -> None:
    served.done("job", "add", "mine", "a.ok", "--manual")
    assert "a.ok" == served.done("job", "list").rows[1][-1]
    (served.folder / "jobs.py").unlink()
    served("service", "reload")
    assert "a.ok (service missing)" == served.done("job", "list").rows[1][-1]
    assert [{"service": "a.ok", "service_missing": True}] == served.done(
        "job", "list", "--json=service,service_missing"
    ).json
    assert "service missing" in served.done("job", "show", "mine").out
    run = served("run", "start", "mine", "--wait", "--timeout", "60s")
    assert (6, True) == (run.code, 'no service "a.ok"' in run.err)


def test_services_are_listed_as_the_server_has_them(served: Desk) -> None:
    (served.folder / "jobs.py").unlink()
    assert "a.ok" in served.done("service", "list").out
