"""Two writers forced onto one file: whoever comes second stops, and carries out nothing more.

The owner's lock forbids this; here it is passed by, as a copied lock file or a broken file system
would.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.executor.clock import SystemClock
from scheduler.executor.handle import Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.log.sqlite import SqliteLog
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import StaleEpoch, Unreachable
from scheduler.model.invocations import Invocation, Outcome, Report, StopReason, Wish
from scheduler.model.jobs import Definition, RunId
from scheduler.model.schedules import Interval
from tests.crash.drain import drained
from tests.crash.site import Site, once, work
from tests.crash.waiting import LOOK_S, let_pass, until
from tools.client import Client
from tools.web import routes

pytestmark = pytest.mark.crash

CLOCK = SystemClock()
EACH_SECOND = Definition(
    name="job",
    service="crash.plain",
    schedule=Interval(timedelta(seconds=1)),
    overlap="allow",
    input=work(seconds=0.1),
)


class Hands:
    """Workers that keep what they are given, and report only when told to."""

    def __init__(self) -> None:
        self.given: list[Invocation] = []
        self.reports: list[Report] = []

    def knows(self, service: str) -> bool:
        return True

    def code(self, service: str) -> str | None:
        return None

    def start(self, invocations: Sequence[Invocation], report: Report, wish: Wish) -> None:
        self.given += invocations
        self.reports += [report] * len(invocations)

    def stop(
        self, run: RunId, attempt: int, reason: StopReason, grace: timedelta | None = None
    ) -> bool:
        return True

    def close(self) -> None:
        pass


def writer(path: Path) -> SqliteLog:
    """Open a log for writing without being its owner."""
    return SqliteLog.open(path, clock_ns=CLOCK.now_ns)


def executor(log: SqliteLog, hands: Hands) -> Executor:
    return Executor(Handle(log, CLOCK), hands, CLOCK, Identity("host", 1, {}))


def turn_until(executor: Executor, look: Callable[[], bool]) -> None:
    def turned() -> bool:
        executor.turn(LOOK_S)
        return look()

    until(turned, "what some turns should bring")


def fault_of(client: Client) -> object:
    status = client.get(routes.STATUS)
    return status["fault"] if isinstance(status, dict) else None


def test_a_server_stops_when_another_writer_was_at_its_log(site: Site) -> None:
    site.define(EACH_SECOND)
    server = site.serve().ready()
    until(site.calls, "a call by the server")
    log, hands = writer(site.db), Hands()
    executor(log, hands).take_up()
    head = log.head()
    log.close()
    with site.client() as client:
        fault = until(lambda: fault_of(client), "the server has seen the other one")
        assert "Another writer was at this log" in str(fault)
        calls = len(site.calls())
        let_pass(1.5)
        assert calls == len(site.calls())
        with pytest.raises(Unreachable, match="nothing can be stored"):
            client.ask(c.PauseSystem())
    site.stop(server)
    assert head.position == site.recorded()[-1].position
    drained(site)
    site.check()


def test_an_executor_that_comes_to_a_log_in_use_stops_before_it_does_anything(site: Site) -> None:
    site.define(EACH_SECOND)
    server = site.serve()
    log, hands = writer(site.db), Hands()
    late = executor(log, hands)
    until(site.calls, "a call by the server")
    with pytest.raises(StaleEpoch, match="Another writer was at this log"):
        late.take_up()
    log.close()
    assert [] == hands.given
    site.stop(server)
    drained(site)
    epochs = [one.event.pid for one in site.check() if isinstance(one.event, e.SystemStarted)]
    assert 1 not in epochs


def test_an_outcome_of_an_older_epoch_is_ignored_by_an_event(site: Site) -> None:
    site.define(once("crash.plain", seconds=0))
    old_log, old = writer(site.db), Hands()
    crashed = executor(old_log, old)
    crashed.take_up()
    turn_until(crashed, lambda: bool(old.given))
    old_log.close()
    log, hands = writer(site.db), Hands()
    restarted = executor(log, hands)
    restarted.take_up()
    turn_until(restarted, lambda: bool(hands.given))
    [first], [second] = old.given, hands.given
    assert (1, 2) == (first.attempt, second.attempt)
    for late in (first, second):
        done = Outcome(run=late.run, attempt=late.attempt, epoch=late.epoch, kind="succeeded")
        hands.reports[0]([done])
    turn_until(restarted, lambda: ended(log))
    log.close()
    events = [one.event for one in site.recorded() if isinstance(one.event, e.RunEvent)]
    [ignored] = [event for event in events if isinstance(event, e.LateOutcomeIgnored)]
    assert (1, first.epoch) == (ignored.attempt, ignored.epoch)
    assert [2] == [event.attempt for event in events if isinstance(event, e.RunSucceeded)]


def ended(log: SqliteLog) -> bool:
    return any(isinstance(one.event, e.RunSucceeded) for one in log.follow(0))
