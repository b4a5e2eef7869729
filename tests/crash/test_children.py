"""A child never outlives its owner unseen: it ends, or the run waits for a person."""

import os
import signal
import sys

import psutil
import pytest

from scheduler.model import events as e
from tests.crash.drain import drained
from tests.crash.ledger import Alive, Called, Ended
from tests.crash.site import Site, once
from tests.crash.waiting import until

pytestmark = pytest.mark.crash


def called(site: Site, attempt: int = 1) -> Called:
    """Wait for the call of an attempt."""
    return until(
        lambda: next((line for line in site.calls() if line.attempt == attempt), None),
        f"the call of attempt {attempt}",
    )


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def killed_during_its_child(site: Site, service: str, *, seconds: float) -> Called:
    """Kill a server while its child is at work; return the call that the child answers."""
    site.define(once(service, seconds=seconds))
    server = site.serve().ready()
    call = called(site)
    until(lambda: any(isinstance(line, Alive) for line in site.lines()), "a sign of its work")
    server.kill()
    return call


def test_a_child_ends_with_its_owner_and_its_run_is_tried_again(site: Site) -> None:
    call = killed_during_its_child(site, "crash.apart", seconds=1)
    until(lambda: is_gone(call.pid), "the end of the child")
    assert not any(isinstance(line, Ended) for line in site.lines())
    drained(site, calls=1)
    assert [1, 2] == [line.attempt for line in site.calls()]
    site.check()


def test_what_a_child_has_started_ends_with_the_owner_too(site: Site) -> None:
    site.define(once("crash.parent", seconds=60))
    server = site.serve().ready()
    child = psutil.Process(called(site).pid)
    [grandchild] = until(child.children, "the process that the child starts")
    server.kill()
    until(lambda: is_gone(child.pid) and is_gone(grandchild.pid), "the end of the group")
    drained(site, calls=1)
    site.check()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stopped child waits for a SIGCONT")
def test_a_child_that_is_stopped_ends_with_its_owner_all_the_same(site: Site) -> None:
    site.define(once("crash.apart", seconds=1))
    server = site.serve().ready()
    call = called(site)
    os.kill(call.pid, signal.SIGSTOP)
    server.kill()
    until(lambda: is_gone(call.pid), "the end of the child")
    drained(site, calls=1)
    site.check()


def test_the_next_attempt_waits_until_a_child_that_got_away_is_gone(site: Site) -> None:
    killed_during_its_child(site, "crash.escaping", seconds=3)
    drained(site, calls=1)
    signs = [line for line in site.lines() if isinstance(line, Alive) and line.attempt == 1]
    assert called(site, 2).monotonic_ns > signs[-1].monotonic_ns
    site.check()


def test_a_run_is_held_when_its_child_is_still_there_after_the_wait(site: Site) -> None:
    killed_during_its_child(site, "crash.escaping", seconds=12)
    server = site.serve().ready()
    until(site.has_no_open_run, "the run is held")
    site.stop(server)
    recorded = site.check()
    assert [1] == [line.attempt for line in site.calls()]
    [held] = [one.event for one in recorded if isinstance(one.event, e.RunHeld)]
    assert "still runs, in a child of the last executor" in held.reason
