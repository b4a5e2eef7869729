"""A server's services as their files change: in this process, with real files, a log and its views.

How fires fare meanwhile is `test_fires_beside_bad_files`'s.
"""

import os
import threading
from collections.abc import Iterator

import msgspec
import pytest

from scheduler.executor.clock import SystemClock
from scheduler.executor.owner import who_owns
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import RunId
from tests.tools.conftest import SERVICES, Serve
from tests.tools.making import CLOCK
from tests.tools.test_serving import ended
from tools.app import open_reading
from tools.client import Client
from tools.serving import Served
from tools.settings import Settings, read_settings
from tools.web import routes

LOOKS_MAX = 600  # of 50 ms each: a test that waits longer has failed


@pytest.fixture
def told(serve: Serve, settings: Settings) -> Iterator[Client]:
    """Return a client of a server that looks at its files only when asked to."""
    served = serve(msgspec.structs.replace(settings, reload="never"))
    owner = who_owns(served.settings.db)
    assert owner is not None
    with Client(served.settings.db, owner, SystemClock()) as opened:
        yield opened


def write(settings: Settings, text: str) -> None:
    """Save a file, as somebody does who takes at least a millisecond for it."""
    path = settings.base / "jobs.py"
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 1_000_000, before + 1_000_000))


def loadings(served: Served) -> list[e.ServicesLoaded]:
    events = [one.event for one in served.log.read()]
    return [event for event in events if isinstance(event, e.ServicesLoaded)]


def called(client: Client, service: str) -> RunId:
    run = RunId(CLOCK.new_id())
    client.ask(c.CallService(run=run, service=service), unchecked=True)
    return run


def names(answer: object) -> set[str]:
    assert isinstance(answer, dict)
    return {one["service"] for one in answer["services"]}


def until(served: Served, count: int) -> None:
    """Wait until the log has so many events that say what was loaded."""
    pause = threading.Event()
    for _ in range(LOOKS_MAX):
        if len(loadings(served)) >= count:
            return
        pause.wait(0.05)
    raise AssertionError("nothing was loaded")


def test_a_server_says_in_the_log_what_it_has_loaded(served: Served) -> None:
    (loaded,) = loadings(served)
    assert {"say.hello", "fail.always"} <= set(loaded.services)
    known = served.loaded.registry.get("say.hello")
    assert known is not None
    assert (known.code, loaded.count) == (loaded.services["say.hello"], len(served.loaded.registry))


def test_a_server_says_in_the_log_under_which_settings_it_runs(
    settings: Settings, serve: Serve
) -> None:
    (settings.base / "secret").write_text("hush-hush")
    (settings.base / "secret").chmod(0o600)
    file = settings.base / "horolog.toml"
    file.write_text(
        'db = "horolog.db"\n[connections.source]\nkind = "rest"\n'
        'url = "https://api.example.com/orders?team=x"\n'
        'auth = { kind = "bearer", token = "file:secret" }\n'
        '[connections.store]\nkind = "sql"\nurl = "sqlite:///store.db"\n'
    )
    served = serve(read_settings(file))
    found = [one.event for one in served.log.read()]
    (loaded,) = [event for event in found if isinstance(event, e.SettingsLoaded)]
    expected = (e.FarEnd("source", "rest", "api.example.com"), e.FarEnd("store", "sql"))
    assert (expected, 2) == (loaded.connections, loaded.count)
    assert b"hush-hush" not in served.log.path.read_bytes()


def test_a_start_that_fails_to_load_a_file_says_so_in_the_log(
    settings: Settings, serve: Serve
) -> None:
    write(settings, "def broken(:")
    (loaded,) = loadings(serve(settings))
    failure = "jobs.py was not loaded: SyntaxError: invalid syntax (line 1)"
    assert ((failure,), 1) == (loaded.failures, loaded.failed)


def test_a_new_version_is_used_by_the_next_run(
    client: Client, settings: Settings, served: Served
) -> None:
    write(settings, SERVICES.replace('return "hello"', 'raise ValueError("new")'))
    assert "say.hello" in names(client.request("POST", routes.RELOAD))
    assert "RunFailed" == ended(served, called(client, "say.hello"))
    assert loadings(served)[0].services != loadings(served)[1].services


def test_a_changed_file_is_loaded_without_anybody_asking(
    client: Client, settings: Settings, served: Served
) -> None:
    write(settings, SERVICES + '\n\n@service("say.more")\ndef more() -> None:\n    "Say more."\n')
    until(served, 2)
    assert "RunSucceeded" == ended(served, called(client, "say.more"))


def test_a_broken_version_is_told_once_and_the_old_one_goes_on(
    client: Client, settings: Settings, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    write(settings, SERVICES + "def broken(:\n")
    answer = client.request("POST", routes.RELOAD)
    client.request("POST", routes.RELOAD)
    assert isinstance(answer, dict)
    (failure,) = answer["failures"]
    assert failure.startswith("jobs.py was not reloaded: SyntaxError: invalid syntax (line ")
    assert failure.endswith("goes on running")
    assert [failure] == served.status()["services_missing"]
    assert 1 == capsys.readouterr().err.count(failure)
    assert "RunSucceeded" == ended(served, called(client, "say.hello"))
    assert ((failure,), 1) == (loadings(served)[1].failures, loadings(served)[1].failed)


def test_fires_of_a_vanished_service_fail_with_that_reason(
    client: Client, settings: Settings, served: Served
) -> None:
    (settings.base / "jobs.py").unlink()
    client.request("POST", routes.RELOAD)
    run = called(client, "say.hello")
    assert "RunFailed" == ended(served, run)
    failed = [one.event for one in served.log.read() if isinstance(one.event, e.RunFailed)]
    assert ("no-service", True) == (failed[0].kind, 'no service "say.hello"' in failed[0].error)
    assert ["jobs.py is gone, and with it: say.hello, fail.always"] == [
        str(failure) for failure in served.loaded.failures
    ]


def test_a_reload_is_recorded_as_asked_for_by_whoever_did(told: Client, settings: Settings) -> None:
    write(settings, SERVICES.replace("say.hello", "say.bye"))
    assert "say.bye" in names(told.request("POST", routes.RELOAD))
    with open_reading(settings) as reading:
        last = [one for one in reading.log.read() if isinstance(one.event, e.ServicesLoaded)][-1]
    assert last.meta is not None
    assert f"uid {os.getuid()}" == last.meta.actor.partition(" (")[0]


def test_what_is_not_watched_waits_for_a_reload(told: Client, settings: Settings) -> None:
    write(settings, SERVICES.replace("say.hello", "say.bye"))
    threading.Event().wait(2.5)  # two looks of one that watches
    assert "say.hello" in names(told.get(routes.SERVICES))
    assert "say.bye" in names(told.request("POST", routes.RELOAD))
