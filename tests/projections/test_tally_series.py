"""Which jobs have series of their own, and which give their place up."""

from datetime import timedelta

import pytest

from projections import tally as module
from scheduler.executor.derived import ViewsFile
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.schedules import Interval, Manual
from tests.projections.histories import EVERY_MINUTE, History
from tests.projections.views import folded


@pytest.fixture(autouse=True)
def _two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERIES_JOBS_MAX", 2)


def series(history: History, views: ViewsFile | None = None) -> dict[str, str]:
    """Return by what each job is shown."""
    views, _ = folded(history.log, views)
    with views.reading() as connection:
        found = dict(connection.execute("SELECT job_id, series FROM tally"))
    return {
        event.definition.name: found[event.job]
        for recorded in history.log.follow(0)
        if isinstance(event := recorded.event, e.JobDefined)
    }


def test_a_job_beyond_the_cap_has_no_series_of_its_own() -> None:
    history = History()
    for name in ("a", "b", "c"):
        history.define(name)
    assert {"a": "own", "b": "own", "c": "_other"} == series(history)


def test_a_removed_job_gives_its_place_up_and_one_without_keeps_none() -> None:
    history = History()
    jobs = [history.define(name) for name in ("a", "b", "c")]
    assert history.ask(c.RemoveJob(job=jobs[0]))
    assert history.ask(c.RemoveJob(job=jobs[2]))
    history.define("d")
    assert {"a": "_ended", "b": "own", "c": "_other", "d": "own"} == series(history)


def test_of_jobs_that_have_ended_the_first_gives_way_to_a_new_one() -> None:
    history = History()
    history.start()
    history.define("a", Interval(timedelta(seconds=20)), max_runs=1)
    history.define("b", Interval(timedelta(seconds=10)), max_runs=1)
    history.tick(10)  # b ends
    history.tick(10)  # a ends
    assert {"a": "own", "b": "own"} == series(history)
    history.define("c")
    assert {"a": "own", "b": "_ended", "c": "own"} == series(history)
    history.define("d")
    history.define("e")
    assert {"a": "_ended", "b": "_ended", "c": "own", "d": "own", "e": "_other"} == series(history)


def test_who_gives_way_is_the_same_after_a_restart() -> None:
    history = History()
    history.start()
    history.define("a", Interval(timedelta(seconds=20)), max_runs=1)
    history.define("b", Interval(timedelta(seconds=10)), max_runs=1)
    history.tick(10)  # b ends
    history.tick(10)  # a ends
    views, _ = folded(history.log)
    history.define("c")
    folded(history.log, views)  # by another projector
    assert {"a": "own", "b": "_ended", "c": "own"} == series(history, views)


def test_a_job_that_has_a_future_again_keeps_its_place() -> None:
    history = History()
    history.start()
    job = history.define("a", Interval(timedelta(seconds=10)), max_runs=1)
    history.define("b", Manual())
    history.tick(10)
    state = history.handle.timetable.jobs[job]
    definition = type(state.definition)(name="a", service="api.sync", schedule=EVERY_MINUTE)
    assert history.ask(c.ReviseJob(job=job, definition=definition))
    history.define("c")
    assert {"a": "own", "b": "own", "c": "_other"} == series(history)
