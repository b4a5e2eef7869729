"""Killed at each named point of a run's way through a real server, the log goes on as if nothing
had happened, save for what the policies say.
"""

import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import Definition, JobId, OnCrash, Retry
from scheduler.model.limits import CRASHES_MAX
from scheduler.model.schedules import Interval
from tests.crash.asker import Asker
from tests.crash.drain import drained
from tests.crash.ledger import Ended
from tests.crash.site import Server, Site, once, work
from tests.crash.waiting import PATIENCE_S

pytestmark = pytest.mark.crash

EACH_SECOND = Interval(timedelta(seconds=1))
QUICKLY = Retry(max_attempts=3, initial=timedelta(milliseconds=50), factor=1.0)
JOBS = (
    Definition(name="plain", service="crash.plain", schedule=EACH_SECOND, input=work(seconds=0.1)),
    Definition(
        name="flaky",
        service="crash.awaited",
        schedule=EACH_SECOND,
        retry=QUICKLY,
        input=work(seconds=0.1, fails=2),
    ),
)


TRIED_AGAIN = [
    "run-planned",
    "attempt-started",
    "attempt-interrupted",
    "attempt-started",
    "run-succeeded",
]


def died_at(point: str, victim: Server, site: Site) -> int:
    """Wait for the victim's death where it was meant to die; return the position of its commit."""
    assert -signal.SIGKILL == victim.ended(), victim.said()
    hit, where, position = site.hit_path.read_text().split()
    assert ("hit", point) == (hit, where)
    return int(position)


def is_stored(site: Site, position: int) -> bool:
    return position in {one.position for one in site.recorded()}


@pytest.mark.parametrize("point", ["before-append", "before-commit", "after-commit"])
@pytest.mark.parametrize(
    ("marker", "count"),
    [
        ("system-started", 1),
        ("run-planned", 1),
        ("attempt-started", 2),
        ("run-succeeded", 2),
        ("attempt-failed", 2),
    ],
)
def test_a_server_killed_around_a_commit_goes_on(
    site: Site, point: str, marker: str, count: int
) -> None:
    site.define(*JOBS)
    position = died_at(point, site.victim(point, marker, count=count), site)
    assert (point == "after-commit") == is_stored(site, position)
    drained(site)
    site.check()


@pytest.mark.parametrize("point", ["before-append", "before-commit", "after-commit"])
def test_a_wish_without_an_answer_is_asked_again_under_its_key_and_is_done_once(
    site: Site, point: str
) -> None:
    victim = site.victim(point, "job-defined").ready()
    asker = Asker(site.db, site.ledger_path)
    command = c.DefineJob(job=JobId(site.clock.new_id()), definition=JOBS[0])
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(asker.ask, command)
        try:
            position = died_at(point, victim, site)
            assert (point == "after-commit") == is_stored(site, position)
            server = site.serve().ready()
            told = asked.result(PATIENCE_S)
        finally:
            asker.give_up.set()
    asker.close()
    assert told is not None
    assert (point == "after-commit") == told.repeated
    assert asker.unanswered > 0
    site.stop(server)
    drained(site)
    recorded = site.check()
    assert 1 == sum(isinstance(one.event, e.JobDefined) for one in recorded)


@pytest.mark.parametrize("service", ["crash.plain", "crash.apart"])
def test_an_attempt_that_was_started_and_not_called_is_lost_and_tried_again(
    site: Site, service: str
) -> None:
    site.define(once(service, seconds=0.3))
    died_at("before-call", site.victim("before-call"), site)
    assert [] == site.calls()
    drained(site)
    assert TRIED_AGAIN == first_run(site)
    assert [2] == [line.attempt for line in site.calls()]
    site.check()


@pytest.mark.parametrize("service", ["crash.plain", "crash.awaited", "crash.apart"])
def test_an_attempt_that_dies_with_its_server_is_tried_again(site: Site, service: str) -> None:
    site.define(once(service, seconds=0.3))
    died_at("during-call", site.victim("during-call"), site)
    assert [1] == [line.attempt for line in site.calls()]
    assert not any(isinstance(line, Ended) for line in site.lines())
    drained(site)
    assert TRIED_AGAIN == first_run(site)
    site.check()


@pytest.mark.parametrize("service", ["crash.plain", "crash.apart"])
def test_an_attempt_whose_outcome_was_lost_is_tried_again(site: Site, service: str) -> None:
    site.define(once(service, seconds=0.3))
    died_at("before-outcome", site.victim("before-outcome"), site)
    assert any(isinstance(line, Ended) for line in site.lines())
    drained(site)
    assert TRIED_AGAIN == first_run(site)
    site.check()


@pytest.mark.parametrize("point", ["before-append", "before-commit", "after-commit"])
def test_a_server_killed_while_it_settles_what_another_left_is_settled_itself(
    site: Site, point: str
) -> None:
    site.define(once("crash.plain", seconds=0.3))
    died_at("during-call", site.victim("during-call"), site)
    died_at(point, site.victim(point, "attempt-interrupted"), site)
    drained(site)
    assert TRIED_AGAIN == first_run(site)
    site.check()


@pytest.mark.parametrize(
    ("on_crash", "ending"),
    [
        ("hold", ["attempt-interrupted", "run-held"]),
        ("fail", ["attempt-interrupted", "run-failed"]),
    ],
)
def test_a_run_that_must_not_be_repeated_is_not(
    site: Site, on_crash: OnCrash, ending: list[str]
) -> None:
    site.define(once("crash.plain", seconds=0.3, on_crash=on_crash))
    died_at("during-call", site.victim("during-call"), site)
    drained(site, calls=0)
    assert ["run-planned", "attempt-started", *ending] == first_run(site)
    assert [1] == [line.attempt for line in site.calls()]
    site.check()


def test_a_run_that_kills_its_server_each_time_is_given_up(site: Site) -> None:
    site.define(once("crash.plain", seconds=0.3))
    for number in range(1, CRASHES_MAX + 1):
        died_at("during-call", site.victim("during-call"), site)
        assert number == len(site.calls())
    drained(site, calls=0)
    assert ["attempt-started", "attempt-interrupted", "run-failed"] == first_run(site)[-3:]
    [failed] = [one.event for one in site.check() if isinstance(one.event, e.RunFailed)]
    assert ("crash-loop", CRASHES_MAX) == (failed.kind, len(site.calls()))


def first_run(site: Site) -> list[str]:
    """Return the types of the events of the first run that was planned."""
    recorded = site.recorded()
    run = next(one.stream for one in recorded if isinstance(one.event, e.RunPlanned))
    return [str(type(one.event).__struct_config__.tag) for one in recorded if one.stream == run]


@pytest.mark.parametrize("count", [1, 3])
def test_a_half_written_snapshot_is_not_used(site: Site, count: int) -> None:
    site.define(*JOBS)
    died_at("during-snapshot", site.victim("during-snapshot", count=count), site)
    drained(site)
    site.check()


@pytest.mark.parametrize("count", [1, 4])
def test_a_half_folded_page_of_the_views_is_folded_again(site: Site, count: int) -> None:
    site.define(*JOBS)
    died_at("during-projection", site.victim("during-projection", count=count), site)
    drained(site)
    site.check()
