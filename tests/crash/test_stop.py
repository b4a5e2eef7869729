"""SIGTERM stops a server in order: attempts get their grace, and what is left goes on later."""

import signal
from collections.abc import Callable

import pytest

from scheduler.executor.owner import who_owns
from scheduler.log.contract import Recorded
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import Conflict
from scheduler.model.jobs import OnCrash
from tests.crash.drain import drained
from tests.crash.ledger import Alive
from tests.crash.site import STOP_GRACE, Server, Site, once
from tests.crash.victim import LINGERING
from tests.crash.waiting import until

pytestmark = pytest.mark.crash

SERVICES = ("crash.plain", "crash.awaited", "crash.apart")
TOO_LONG_S = STOP_GRACE.total_seconds() + 3


def at_work(
    site: Site,
    service: str,
    *,
    seconds: float,
    on_crash: OnCrash = "retry",
    start: Callable[[], Server] | None = None,
) -> Server:
    """Return a server that carries out a single attempt just now."""
    site.define(once(service, seconds=seconds, on_crash=on_crash))
    server = (start or site.serve)().ready()
    until(site.calls, "the call")
    return server


def types(recorded: list[Recorded]) -> list[str]:
    return [str(type(one.event).__struct_config__.tag) for one in recorded]


@pytest.mark.parametrize("service", SERVICES)
def test_an_attempt_that_ends_within_the_grace_is_recorded(site: Site, service: str) -> None:
    site.stop(at_work(site, service, seconds=0.5))
    assert ["run-succeeded", "system-stopped"] == types(site.check())[-2:]


@pytest.mark.parametrize("service", SERVICES)
def test_an_attempt_that_outlasts_the_grace_is_interrupted_and_does_not_count(
    site: Site, service: str
) -> None:
    server = at_work(site, service, seconds=TOO_LONG_S)
    site.stop(server)
    recorded = site.recorded()
    assert "system-stopped" == types(recorded)[-1]
    [lost] = [one.event for one in recorded if isinstance(one.event, e.AttemptInterrupted)]
    assert "stop" == lost.reason
    drained(site, calls=1)
    assert ["attempt-interrupted", "attempt-started", "run-succeeded"] == [
        kind for kind in types(site.check()) if kind.startswith(("attempt-", "run-"))
    ][2:]


def test_a_log_is_free_only_when_nothing_of_its_server_is_at_work_any_more(site: Site) -> None:
    server = at_work(site, "crash.plain", seconds=TOO_LONG_S, start=lambda: site.victim(LINGERING))
    server.terminate()
    until(lambda: who_owns(site.db) is None, "the log is free")
    free_ns = site.clock.monotonic_ns()
    assert 0 == server.ended()
    signs = [line for line in site.lines() if isinstance(line, Alive)]
    assert signs[-1].monotonic_ns < free_ns


def test_an_attempt_that_must_not_be_repeated_is_held_when_its_server_stops(site: Site) -> None:
    server = at_work(site, "crash.awaited", seconds=TOO_LONG_S, on_crash="hold")
    site.stop(server)
    assert ["attempt-interrupted", "run-held", "system-stopped"] == types(site.check())[-3:]


@pytest.mark.parametrize("service", ["crash.plain", "crash.apart"])
def test_a_second_signal_ends_the_server_at_once(site: Site, service: str) -> None:
    server = at_work(site, service, seconds=TOO_LONG_S)
    server.terminate()
    until(lambda: "stopping" in server.said(), "the first signal is heeded")
    server.process.send_signal(signal.SIGTERM)
    assert 130 == server.ended()
    drained(site, calls=1)
    recorded = site.check()
    [lost] = [one.event for one in recorded if isinstance(one.event, e.AttemptInterrupted)]
    assert "crash" == lost.reason


def test_a_server_that_stops_answers_no_new_wish(site: Site) -> None:
    server = at_work(site, "crash.plain", seconds=TOO_LONG_S)
    client = site.client()
    server.terminate()
    until(lambda: "stopping" in server.said(), "the signal is heeded")
    with pytest.raises(Conflict, match="is stopping; nothing was stored"):
        client.ask(c.PauseSystem())
    client.close()
    assert 0 == server.ended()
    assert "system-paused" not in types(site.check(is_drained=False))
