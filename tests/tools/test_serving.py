"""A server begins whole or not at all, works, and leaves everything in order."""

import os
import queue
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from projections import read_jobs, read_runs
from scheduler.executor.owner import acquire, who_owns
from scheduler.model.errors import BadInput, Conflict, Unreachable
from scheduler.model.events import AttemptLogged
from scheduler.model.invocations import Invoke
from scheduler.model.jobs import RunId
from tests.tools.conftest import Serve
from tests.tools.making import CLOCK, defining, triggering
from tools.app import open_reading, open_wishes
from tools.client import Client
from tools.serving import Seams, Served, signals
from tools.settings import Settings
from tools.web import routes

ROOT = Path(__file__).parents[2]


def ended(served: Served, run: RunId) -> str:
    """Wait until the run has ended, as the log grows; return its last event."""
    position = 0
    while served.log.wait(position, 10.0):
        for recorded in served.log.read(after=position):
            position = recorded.position
            last = type(recorded.event).__name__
            if getattr(recorded.event, "run", None) == run and last in {
                "RunFailed",
                "RunSucceeded",
            }:
                return last
    raise AssertionError("the log does not grow")


def test_output_is_kept_as_long_as_the_settings_say(settings: Settings, serve: Serve) -> None:
    (settings.base / "talk.py").write_text(
        "from services.registry import service\n\n"
        '@service("talk")\ndef talk(ctx):\n    ctx.log.info("hello")\n'
    )
    kept = timedelta(days=1)
    served = serve(msgspec.structs.replace(settings, load=("talk.py",), output_retention=kept))
    command = defining(service="talk")
    run = triggering(command.job)
    with open_wishes(settings) as wishes:
        wishes.ask(command)
        wishes.ask(run)
    assert "RunSucceeded" == ended(served, run.run)
    (logged,) = [one for one in served.log.read() if isinstance(one.event, AttemptLogged)]
    state = served.log.content_state(getattr(logged.event, "digest", ""))
    assert state is not None
    assert logged.recorded_at + kept == state.kept_until


MEETING = '''
from threading import Barrier

from services.registry import service

PLACE = Barrier(2)

@service("meet")
def meet():
    """Return when another has come."""
    PLACE.wait(20)
'''


def test_as_many_of_a_key_run_at_once_as_the_settings_say(settings: Settings, serve: Serve) -> None:
    (settings.base / "meeting.py").write_text(MEETING)
    told = msgspec.structs.replace(settings, load=("meeting.py",), concurrency={"the database": 2})
    served = serve(told)
    runs = []
    with open_wishes(settings) as wishes:
        for name in ("one", "other"):
            command = defining(name, service="meet")
            sharing = msgspec.structs.replace(command.definition, concurrency_key="the database")
            wishes.ask(msgspec.structs.replace(command, definition=sharing))
            runs.append(triggering(command.job))
        for run in runs:
            wishes.ask(run)
    assert ["RunSucceeded"] * 2 == [ended(served, run.run) for run in runs]


@pytest.mark.parametrize(
    ("service", "end"), [("say.hello", "RunSucceeded"), ("fail.always", "RunFailed")]
)
def test_a_run_that_is_asked_for_is_carried_out(
    client: Client, served: Served, service: str, end: str
) -> None:
    command = defining(service=service)
    client.ask(command)
    run = triggering(command.job)
    client.ask(run)
    assert end == ended(served, run.run)


def test_each_server_is_an_epoch_of_its_own(settings: Settings, serve: Serve) -> None:
    assert 1 == serve_once(settings, serve)
    assert 2 == serve_once(settings, serve)


def serve_once(settings: Settings, serve: Serve) -> int:
    served = serve(settings)
    served.stop()
    return served.executor.status().epoch


def test_what_a_server_leaves_can_be_read_and_written_by_others(served: Served) -> None:
    with open_wishes(served.settings) as wishes:
        wishes.ask(defining())
    served.stop()
    assert None is who_owns(served.settings.db)
    assert not served.owner.socket_path.exists()
    with open_wishes(served.settings) as wishes:
        wishes.ask(defining("another"))
    with open_reading(served.settings) as reading:
        assert ["another", "report"] == [row.name for row in read_jobs.jobs(reading.views)]
        types = [type(one.event).__name__ for one in reading.log.read()]
    loaded = ["SettingsLoaded", "ServicesLoaded"]
    changes = ["JobDefined", "SystemStopped", "JobDefined"]
    assert ["LogCreated", "SystemStarted", *loaded, *changes] == types


def test_what_was_planned_without_a_server_is_carried_out_by_the_next(
    settings: Settings, serve: Serve
) -> None:
    command = defining()
    with open_wishes(settings) as wishes:
        wishes.ask(command)
        run = triggering(command.job)
        wishes.ask(run)
    assert "RunSucceeded" == ended(serve(settings), run.run)


def test_a_second_server_is_refused_and_the_first_goes_on(served: Served) -> None:
    with pytest.raises(Conflict, match="is owned by pid"):
        Served(served.settings, lambda who: None)
    with open_wishes(served.settings) as wishes:
        assert wishes.ask(defining()).facts


def test_a_server_that_cannot_begin_leaves_nothing_open(settings: Settings) -> None:
    wrong = msgspec.structs.replace(settings, socket_group="nobody-of-that-name")
    with pytest.raises(BadInput, match=r"socket\.group"):
        Served(wrong, lambda who: None)
    assert None is who_owns(settings.db)
    with acquire(settings.db, since=CLOCK.now(), host="here"):
        pass


def test_a_log_that_is_not_there_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="No log at"):
        Served(Settings(db=tmp_path / "h.db"), lambda who: None)


def test_a_service_file_that_fails_is_named_and_the_others_work(
    settings: Settings, serve: Serve
) -> None:
    (settings.base / "broken.py").write_text("def broken(:\n")
    both = msgspec.structs.replace(settings, load=("broken.py", "jobs.py"))
    served = serve(both)
    assert ["broken.py"] == [failure.source for failure in served.loaded.failures]
    assert {"say.hello", "fail.always"} <= {one.name for one in served.loaded.registry}


def test_the_first_line_says_what_is_served(served: Served) -> None:
    where = served.owner.socket_path
    assert f"serving {served.log.path} · epoch 1 · 0 jobs · socket {where}" == str(served)


def test_a_request_to_stop_reaches_whoever_waits(settings: Settings) -> None:
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    served = Served(settings, asked.put)
    with open_wishes(settings) as client:
        assert isinstance(client, Client)
        client.request("POST", routes.SHUTDOWN)
    assert f"uid {os.getuid()}" == asked.get(timeout=10).partition(" (")[0]
    served.stop()


def test_a_stopping_server_refuses_wishes_and_is_not_ready(served: Served) -> None:
    served.executor.stop()
    ready = served.readiness()
    assert (False, "the server is stopping") == (ready.is_ready, ready.why)


# -- the seams


def test_a_seam_around_the_services_sees_every_call(settings: Settings, serve: Serve) -> None:
    started: list[str] = []

    class Noting:
        def __init__(self, inner: Invoke) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> object:
            started.append(name)
            return getattr(self.inner, name)

    def noting(inner: Invoke) -> Invoke:
        return cast("Invoke", Noting(inner))

    served = serve(settings, Seams(invoke=noting))
    with open_wishes(settings) as wishes:
        command = defining()
        wishes.ask(command)
        run = triggering(command.job)
        wishes.ask(run)
    ended(served, run.run)
    assert "start" in started


def test_a_seam_in_the_log_makes_a_full_disk(settings: Settings, serve: Serve) -> None:
    is_full: list[bool] = []

    class Filling(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:  # noqa: ANN401  # whatever SQLite takes
            if is_full and sql.startswith("INSERT INTO log"):
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                error.sqlite_errorname = "SQLITE_FULL"
                raise error
            return super().execute(sql, *parameters)

    def filling(uri: str) -> sqlite3.Connection:
        from scheduler.log import schema

        return schema.connect(uri, factory=Filling)

    served = serve(settings, Seams(connect=filling))
    with open_wishes(settings) as wishes:
        wishes.ask(defining())
        is_full.append(True)
        with pytest.raises(Exception, match="full"):
            wishes.ask(defining("another"))
        served.executor.call(lambda: None).result()  # by then it has taken note
        ready = served.readiness()
        assert (False, True) == (ready.is_ready, "full" in (ready.why or ""))
        with open_reading(settings) as reading:  # reading goes on
            assert ["report"] == [row.name for row in read_jobs.jobs(reading.views)]
        is_full.clear()
    assert served.log.head().position >= 3


# -- real processes


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `horolog serve` in a folder; its first line has been read."""
    command = "import sys; from tools.cli.main import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments, "serve"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("serving "), line + process.stderr.read()
        yield process
    finally:
        process.kill()
        process.communicate()


def in_folder(settings: Settings) -> Path:
    """Write the settings' file, so that a process in that folder finds everything."""
    (settings.base / "horolog.toml").write_text('[services]\nload = ["jobs.py"]\n')
    return settings.base


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_stops_a_server_in_order(settings: Settings, number: int) -> None:
    with serving(in_folder(settings)) as process:
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert 0 == process.returncode
    assert f"stopping ({signal.Signals(number).name})\nstopped\n" == told
    with open_reading(settings) as reading:
        assert "SystemStopped" == type(reading.log.read()[-1].event).__name__
    assert None is who_owns(settings.db)


SLOW = '''
import time

from services.registry import service


@service("wait.long")
def wait_long() -> None:
    """Wait for longer than anybody else."""
    time.sleep(600)
'''


def test_the_second_signal_ends_a_server_at_once_and_the_next_settles_it(
    settings: Settings, serve: Serve
) -> None:
    (settings.base / "jobs.py").write_text(SLOW)
    command = defining(service="wait.long")
    with serving(in_folder(settings)) as process:
        assert process.stderr is not None
        with open_wishes(settings) as wishes:
            wishes.ask(command)
            run = triggering(command.job)
            wishes.ask(run)
        started(settings, run.run)
        process.send_signal(signal.SIGTERM)
        assert process.stderr.readline() == "stopping (SIGTERM); 1 attempts have 0:00:20 to end\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert 130 == process.returncode
    (settings.base / "jobs.py").write_text(SLOW.replace("time.sleep(600)", "return"))
    assert "RunSucceeded" == ended(serve(settings), run.run)
    with open_reading(settings) as reading:
        assert 2 == read_runs.run(reading.views, run.run).attempts


def started(settings: Settings, run: RunId) -> None:
    """Wait until an attempt of the run has been started."""
    with open_reading(settings) as reading:
        position = 0
        while reading.log.wait(position, 10.0):
            for recorded in reading.log.read(after=position):
                position = recorded.position
                if type(recorded.event).__name__ == "AttemptStarted":
                    return
    raise AssertionError(f"no attempt of {run} was started")


def test_attempts_that_outlast_the_grace_are_interrupted_and_carried_on(
    settings: Settings, serve: Serve
) -> None:
    (settings.base / "jobs.py").write_text(SLOW)
    hasty = msgspec.structs.replace(settings, stop_grace=timedelta(0))
    served = serve(hasty)
    with open_wishes(hasty) as wishes:
        command = defining(service="wait.long")
        wishes.ask(command)
        run = triggering(command.job)
        wishes.ask(run)
    started(settings, run.run)
    served.stop()
    with open_reading(settings) as reading:
        types = [type(one.event).__name__ for one in reading.log.read()]
        assert "retrying" == read_runs.run(reading.views, run.run).status
    assert ["AttemptInterrupted", "SystemStopped"] == types[-2:]


def test_the_handlers_of_signals_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals(lambda reason: None):
        assert before is not signal.getsignal(signal.SIGTERM)
    assert before is signal.getsignal(signal.SIGTERM)
