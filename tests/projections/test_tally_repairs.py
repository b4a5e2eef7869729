"""What backfills and reruns add to what is counted, and what they leave alone."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from projections.metrics import Metrics
from projections.read_tally import read
from projections.tally_tables import TallyColumns, micros
from scheduler.model import events as e
from scheduler.model.jobs import JobId, RunId
from scheduler.model.streams import backfill_stream, fire_stream
from tests.projections.backfilled import (
    BACKFILL,
    MINUTE,
    add,
    carried_out,
    minute,
    planned,
    requested,
    rerun,
)
from tests.projections.histories import NOON, History
from tests.projections.test_metrics import Standing
from tests.projections.views import folded

AT = NOON + MINUTE  # the only fire time of the job that has come


def failed() -> tuple[History, JobId, RunId]:
    """Return a history whose job has had one run, which failed."""
    history = History()
    history.start()
    job = history.define("orders")
    history.tick(60)
    (run,) = history.running()
    history.report(run, "error", error="no")
    return history, job, run


def tally(history: History) -> TallyColumns:
    """Return the tally of the only job."""
    views, _ = folded(history.log)
    with views.reading() as connection:
        (figures,) = read(connection).jobs
    return figures.tally


def test_a_backfill_is_counted_by_its_cause_and_leaves_the_failures_in_a_row_alone() -> None:
    history, job, _ = failed()
    requested(history, job)
    carried_out(history, job, minute(3), planned(history, job, minute(3)), succeeds=True)
    carried_out(history, job, minute(2), planned(history, job, minute(2)), succeeds=False)
    row = tally(history)
    assert {"schedule/failed": 1, "backfill/succeeded": 1, "backfill/failed": 1} == row.counts.runs
    assert (1, micros(AT)) == (row.failures, row.awaited_us)


def test_a_rerun_that_succeeds_ends_the_failures_and_answers_its_own_fire_time() -> None:
    history, job, _ = failed()
    carried_out(history, job, AT, rerun(history, job, AT), succeeds=True)
    row = tally(history)
    assert {"schedule/failed": 1, "rerun/succeeded": 1} == row.counts.runs
    assert (0, None) == (row.failures, row.awaited_us)


def test_a_rerun_that_fails_is_no_further_failure_in_a_row() -> None:
    history, job, _ = failed()
    carried_out(history, job, AT, rerun(history, job, AT), succeeds=False)
    assert 1 == tally(history).failures


def test_a_rerun_of_an_earlier_occurrence_answers_none_that_came_since() -> None:
    history = History()
    history.start()
    job = history.define("orders")
    history.tick(60)
    history.report(history.running()[0], "succeeded")
    history.tick(60)
    history.report(history.running()[0], "error", error="no")
    history.clock.advance(timedelta(hours=1))
    carried_out(history, job, AT, rerun(history, job, AT), succeeds=True)
    assert micros(AT + MINUTE) == tally(history).awaited_us


def test_a_rerun_may_end_after_the_run_that_it_repeats_has_succeeded_after_all() -> None:
    history, job, first = failed()
    again = rerun(history, job, AT)
    reopened = e.RunReopened(run=first, retry_at=NOON)
    started = e.AttemptStarted(run=first, attempt=2, epoch=1)
    success = e.RunSucceeded(run=first, attempt=2, duration_us=1)
    add(history, fire_stream(AT, job), reopened, started, success)
    carried_out(history, job, AT, again, succeeds=True)
    assert {"schedule/failed": 1, "schedule/succeeded": 1, "rerun/succeeded": 1} == tally(
        history
    ).counts.runs


def told(history: History) -> tuple[float | None, float | None, float | None]:
    """Return the gauges of backfills: running, paused, occurrences left."""
    registry = CollectorRegistry()
    registry.register(Metrics(folded(history.log)[0].reading, Standing()))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    return (
        value("horolog_backfills", state="running"),
        value("horolog_backfills", state="paused"),
        value("horolog_backfill_occurrences_left"),
    )


def test_what_backfills_have_left_is_told_until_they_are_over() -> None:
    history = History()
    history.start()
    job = history.define("orders")
    assert (0, 0, 0) == told(history)
    requested(history, job)
    assert (1, 0, 3) == told(history)
    planned(history, job, minute(3))
    add(history, backfill_stream(BACKFILL), e.BackfillPaused(backfill=BACKFILL))
    assert (0, 1, 2) == told(history)
    add(history, backfill_stream(BACKFILL), e.BackfillCancelled(backfill=BACKFILL))
    assert (0, 0, 0) == told(history)
