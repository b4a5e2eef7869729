"""What metrics ask of the views: jobs with series of their own one by one, the rest together."""

from datetime import timedelta

import pytest

from projections import tally as module
from projections.projector import Projector
from projections.read_tally import JobFigures, Tallied, read
from projections.schedules import Schedules
from scheduler.executor.derived import ViewsFile
from scheduler.model import commands as c
from scheduler.model.schedules import Interval, Manual
from tests.projections.histories import NOON, History
from tests.projections.views import folded

MINUTE = timedelta(minutes=1)
ALLOWED = timedelta(seconds=60) + timedelta(hours=1)  # grace and timeout of the default policies


def told(history: History) -> Tallied:
    views, _ = folded(history.log)
    with views.reading() as connection:
        return read(connection)


def only(history: History) -> JobFigures:
    (found,) = told(history).jobs
    return found


def started_history() -> History:
    history = History()
    history.start()
    return history


def test_an_active_job_is_due_at_its_next_fire_and_overdue_when_its_policies_have_run_out() -> None:
    history = started_history()
    history.define("orders")
    found = only(history)
    assert (NOON + MINUTE).timestamp() == found.next_fire_s
    assert (NOON + MINUTE + ALLOWED).timestamp() == found.deadline_s


def test_a_deadline_stays_while_its_success_is_awaited() -> None:
    history = started_history()
    history.define("orders")
    history.tick(60)
    history.report(history.running()[0], "error", error="no")
    history.tick(60)
    found = only(history)
    assert (NOON + 3 * MINUTE).timestamp() == found.next_fire_s
    assert (NOON + MINUTE + ALLOWED).timestamp() == found.deadline_s


def test_a_job_that_has_ended_without_success_is_still_awaited() -> None:
    history = started_history()
    history.define("once", Interval(timedelta(seconds=10)), max_runs=1)
    history.tick(10)
    assert (None, (NOON + timedelta(seconds=10) + ALLOWED).timestamp()) == (
        only(history).next_fire_s,
        only(history).deadline_s,
    )
    history.report(history.running()[0], "succeeded")
    assert None is only(history).deadline_s


@pytest.mark.parametrize("whom", ["job", "system"])
def test_nothing_is_overdue_while_paused(whom: str) -> None:
    history = started_history()
    job = history.define("orders")
    history.tick(60)
    assert history.ask(c.PauseJob(job=job) if whom == "job" else c.PauseSystem())
    assert None is only(history).deadline_s
    assert (whom == "system") is told(history).is_paused


def test_a_job_that_fires_by_hand_only_has_no_deadline() -> None:
    history = started_history()
    history.define("by hand", Manual())
    assert (None, None) == (only(history).next_fire_s, only(history).deadline_s)


def test_jobs_are_counted_by_state_and_removed_ones_are_gone() -> None:
    history = started_history()
    history.define("orders")
    history.define("by hand", Manual())
    assert history.ask(c.PauseJob(job=history.define("paused")))
    assert history.ask(c.RemoveJob(job=history.define("removed")))
    found = told(history)
    assert {"active": 1, "manual": 1, "paused": 1} == found.states
    assert ["by hand", "orders", "paused"] == [job.name for job in found.jobs]


def test_unfinished_runs_are_told_by_status() -> None:
    history = started_history()
    history.define("orders", overlap="allow", on_crash="hold")
    history.tick(60)
    history.report(history.running()[0], "crash", error="killed")
    history.tick(60)
    history.tick(60, slots=1)
    assert {"held": 1, "running": 1, "waiting": 1} == only(history).unfinished


def test_a_job_bears_the_name_it_has_now() -> None:
    history = started_history()
    job = history.define("orders")
    assert history.ask(c.RenameJob(job=job, name="bestellungen"))
    assert "bestellungen" == only(history).name


def test_jobs_without_series_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERIES_JOBS_MAX", 1)
    history = started_history()
    for name in ("a", "b", "c"):
        history.define(name)
    history.tick(60)
    for run in history.running():
        history.report(run, "error", error="no")
    history.tick(60)
    found = told(history)
    assert ["a"] == [job.name for job in found.jobs]
    assert (NOON + MINUTE + ALLOWED).timestamp() == found.others_deadline_s
    assert 1 == found.others_failures
    assert {"running": 2} == found.rest_unfinished["_other"]
    assert {"schedule/failed": 2} == found.rest["_other"].runs


def test_removed_jobs_are_not_awaited_and_their_open_runs_are_still_told() -> None:
    history = started_history()
    job = history.define("orders")
    history.tick(60)
    history.report(history.running()[0], "error", error="no")
    history.tick(60)
    assert history.ask(c.RemoveJob(job=job))
    found = told(history)
    assert ([], None, 0) == (found.jobs, found.others_deadline_s, found.others_failures)
    assert {"running": 1} == found.rest_unfinished["_other"]


def test_views_that_lack_a_table_cannot_be_asked() -> None:
    views = ViewsFile.in_memory()
    Projector(History().log, views, (Schedules,)).catch_up()
    with views.reading() as connection:
        with pytest.raises(Exception, match="no such table"):
            read(connection)
        assert not connection.in_transaction
