"""What did not run: events in, rows out."""

from datetime import timedelta

from projections.read_jobs import misses
from projections.rows import MissRow
from scheduler.model import commands as c
from scheduler.model.jobs import JobId
from tests.projections.histories import EVERY_MINUTE, NOON, History
from tests.projections.views import folded

MINUTE = timedelta(minutes=1)


def missed(history: History) -> list[MissRow]:
    views, _ = folded(history.log)
    with views.reading() as connection:
        return misses(connection)


def late(**policies: object) -> tuple[History, JobId]:
    """Return a history in which nobody was awake for ten minutes."""
    history = History()
    history.start()
    job = history.define("orders", EVERY_MINUTE, **policies)
    history.tick(600)
    return history, job


def test_a_skip_shows_its_window_reason_and_exact_count() -> None:
    history, job = late(catch_up="none")
    overlap, misfire = missed(history)
    assert ("orders", job, NOON, NOON + 8 * MINUTE, 8, "misfire") == (
        misfire.job,
        misfire.job_id,
        misfire.after,
        misfire.until,
        misfire.count,
        misfire.reason,
    )
    assert ("overlap", 1, history.clock.now()) == (overlap.reason, overlap.count, overlap.at)


def test_a_skip_shows_the_name_its_job_has_now() -> None:
    history, job = late(catch_up="none")
    history.ask(c.RenameJob(job=job, name="invoices"))
    assert ["invoices", "invoices"] == [row.job for row in missed(history)]


def test_a_skip_of_a_removed_job_stays() -> None:
    history, job = late(catch_up="none")
    history.ask(c.RemoveJob(job=job))
    assert {"orders"} == {row.job for row in missed(history)}
