"""Who changed what: events in, rows out."""

from datetime import timedelta

from msgspec.structs import replace

from projections.read_jobs import history as changes
from projections.rows import ChangeRow
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import payload_of
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.schedules import Manual
from scheduler.model.streams import backfill_stream
from tests.projections.backfilled import BACKFILL, add, minute, planned, requested, rerun
from tests.projections.histories import BEN, NOON, History
from tests.projections.views import folded


def begun() -> tuple[History, JobId]:
    history = History()
    history.start()
    return history, history.define("orders")


def shown(history: History, job: JobId | None = None, run: RunId | None = None) -> list[ChangeRow]:
    """Return the changes as folded, the first one first."""
    views, _ = folded(history.log)
    with views.reading() as connection:
        return changes(connection, job=job, run=run)[::-1]


def definition_of(history: History, job: JobId) -> Definition:
    return history.handle.timetable.jobs[job].definition


def test_a_definition_is_a_change_from_nothing_with_who_and_why() -> None:
    history, job = begun()
    (row,) = shown(history, job)
    assert ("job-defined", job, 1, 1, NOON) == (
        row.type,
        row.job_id,
        row.version,
        row.revision,
        row.at,
    )
    assert (BEN.actor, BEN.on_behalf_of, BEN.reason, BEN.channel) == (
        row.actor,
        row.on_behalf_of,
        row.reason,
        row.channel,
    )
    assert (None, definition_of(history, job)) == (row.before, row.after)


def test_an_edit_keeps_the_definition_before_and_after() -> None:
    history, job = begun()
    before = definition_of(history, job)
    history.ask(c.ReviseJob(job=job, definition=replace(before, service="api.other")))
    row = shown(history, job)[-1]
    assert ("job-revised", 2, before) == (row.type, row.revision, row.before)
    assert definition_of(history, job) == row.after


def test_an_edit_after_a_rename_does_not_show_the_name_as_changed() -> None:
    history, job = begun()
    history.ask(c.RenameJob(job=job, name="invoices"))
    renamed = definition_of(history, job)
    history.ask(c.ReviseJob(job=job, definition=replace(renamed, service="api.other")))
    _, rename, edit = shown(history, job)
    assert ("job-renamed", renamed) == (rename.type, rename.after)
    assert rename.before == replace(renamed, name="orders")
    assert renamed == edit.before


def test_pauses_resumptions_and_removal_are_changes_with_their_facts() -> None:
    history, job = begun()
    history.ask(c.PauseJob(job=job))
    history.ask(c.ResumeJob(job=job, missed="latest"))
    history.ask(c.RemoveJob(job=job))
    _, pause, resume, removal = shown(history, job)
    assert ["job-paused", "job-resumed", "job-removed"] == [
        pause.type,
        resume.type,
        removal.type,
    ]
    assert resume.detail is not None
    assert "latest" == resume.detail["missed"]
    assert pause.before is pause.after is None


def test_who_passes_over_a_fire_time_and_who_takes_it_back_are_changes() -> None:
    history, job = begun()
    history.ask(c.SkipNextFire(job=job))
    history.ask(c.RestoreNextFire(job=job))
    skipped, restored = shown(history, job)[1:]
    for kind, row in (("next-fire-skipped", skipped), ("next-fire-restored", restored)):
        assert (kind, BEN.actor, BEN.reason) == (row.type, row.actor, row.reason)
        assert {"type": kind, "job": job, "fire_time": "2026-03-01T12:01:00Z"} == row.detail


def test_the_end_of_a_pause_stands_with_it() -> None:
    history, job = begun()
    history.ask(c.PauseJob(job=job, until=NOON + timedelta(hours=1), missed="all"))
    detail = {"type": "job-paused", "job": job, "until": "2026-03-01T13:00:00Z", "missed": "all"}
    assert detail == shown(history, job)[-1].detail


def test_a_pause_by_failures_is_a_change_by_the_scheduler() -> None:
    history = History()
    history.start()
    job = history.define("orders", pause_after_failures=1)
    history.tick(60)
    history.report(history.running()[0], "error", error="ValueError: no")
    row = shown(history, job)[-1]
    assert {"type": "job-paused", "job": job, "failures": 1} == row.detail
    assert row.actor != BEN.actor


def test_a_run_that_makes_way_for_the_next_is_no_change() -> None:
    history = History()
    history.start()
    job = history.define("orders", overlap="cancel")
    history.tick(60)
    history.tick(60)
    history.report(history.running()[0], "cancelled", error="cancelled")
    assert ["job-defined"] == [row.type for row in shown(history, job)]


def test_what_the_schedule_does_by_itself_is_no_change() -> None:
    history, job = begun()
    history.tick(60)
    for run in history.running():
        history.report(run, "error", error="no")
    history.tick(6_000)
    assert ["job-defined"] == [row.type for row in shown(history, job)]


def test_an_end_on_request_is_a_change_of_the_run_and_of_its_job() -> None:
    history, job = begun()
    history.tick(60)
    (run,) = history.running()
    history.ask(c.CancelRun(run=run))
    history.report(run, "cancelled", error="asked to end")
    expected = ["cancel-requested", "run-cancelled"]
    assert expected == [row.type for row in shown(history, run=run)]
    assert ["job-defined", *expected] == [row.type for row in shown(history, job)]


def test_a_run_by_hand_and_its_end_belong_to_its_job() -> None:
    history = History()
    history.start()
    job = history.define("orders", Manual())
    run = RunId(history.clock.new_id())
    history.ask(c.TriggerJob(job=job, run=run))
    history.ask(c.CancelRun(run=run))
    assert ["job-defined", "run-planned", "run-cancelled"] == [
        row.type for row in shown(history, job)
    ]


def test_an_erasure_of_content_is_a_change_of_the_whole_with_what_went() -> None:
    history, job = begun()
    payload, contents = payload_of("x" * 5_000)
    wish = c.TriggerJob(job=job, run=RunId("call-1"), input=payload)
    history.handle.ask(wish, meta=BEN, contents=contents).result()
    history.ask(c.CancelRun(run=RunId("call-1")))
    history.ask(c.EraseContent(digests=(payload.digest or "",)))
    row = shown(history)[-1]
    assert ("content-erased", None, None, BEN.reason) == (row.type, row.job_id, row.run, row.reason)
    assert row.detail is not None
    assert [payload.digest] == row.detail["digests"]


def test_a_change_of_the_whole_belongs_to_no_job() -> None:
    history, job = begun()
    history.ask(c.PauseSystem())
    history.ask(c.ResumeSystem())
    assert ["job-defined"] == [row.type for row in shown(history, job)]
    assert ["job-defined", "system-paused", "system-resumed"] == [
        row.type for row in shown(history)
    ]


def test_a_service_called_by_hand_is_a_change_of_no_job() -> None:
    history = History()
    history.start()
    history.ask(c.CallService(run=RunId("call-1"), service="api.sync"))
    (row,) = shown(history, run=RunId("call-1"))
    assert ("service-called", None, BEN.actor) == (row.type, row.job_id, row.actor)


def test_what_a_person_does_to_a_callback_is_found_under_its_job() -> None:
    history, _ = begun()
    after = history.define("after", Manual())
    history.define("before", on_success="job:after")
    history.tick(60)
    for key in history.running():
        history.report(key, "succeeded")
    [callback] = [one for one in history.handle.timetable.runs.values() if one.job == after]
    assert [] == [row for row in shown(history, after) if row.run]
    history.ask(c.CancelRun(run=callback.run))
    (row,) = [row for row in shown(history, after) if row.run]
    assert ("run-cancelled", callback.run) == (row.type, row.run)


def test_a_rerun_is_a_change_by_whom_and_why() -> None:
    history, job = begun()
    run = rerun(history, job, NOON)
    (row,) = shown(history, run=run)
    assert ("run-planned", job, BEN.actor, BEN.reason) == (
        row.type,
        row.job_id,
        row.actor,
        row.reason,
    )


def test_a_backfill_belongs_to_its_job_and_its_runs_are_no_changes() -> None:
    history, job = begun()
    requested(history, job)
    planned(history, job, minute(3))
    paused, resumed = e.BackfillPaused(backfill=BACKFILL), e.BackfillResumed(backfill=BACKFILL)
    finished = e.BackfillFinished(backfill=BACKFILL)
    add(history, backfill_stream(BACKFILL), paused, resumed, finished)
    _, *rows = shown(history, job)
    assert ["backfill-requested", "backfill-paused", "backfill-resumed", "backfill-finished"] == [
        row.type for row in rows
    ]
    assert rows[0].detail is not None
    assert 3 == rows[0].detail["count"]
