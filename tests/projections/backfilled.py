"""Histories of backfills and reruns for tests of the views, told event by event."""

from datetime import datetime, timedelta

from scheduler.log.contract import Request, Write
from scheduler.model import events as e
from scheduler.model.backfill_events import Stretch
from scheduler.model.jobs import BackfillId, JobId, RunId, run_id
from scheduler.model.streams import backfill_stream, fire_stream
from tests.projections.histories import BEN, EVERY_MINUTE, NOON, History

BACKFILL = BackfillId("0193f6a2-7c1e-7abc-8def-00000000b001")
MINUTE = timedelta(minutes=1)


def add(history: History, stream: str, *happened: e.AnyEvent) -> None:
    """Append events as they are; the fold of the history does not hear of them."""
    write = Write(stream, history.log.version(stream), list(happened))
    history.log.append(Request([write], BEN))


def minute(number: int) -> datetime:
    """Return the fire time so many minutes before noon."""
    return NOON - number * MINUTE


def requested(
    history: History,
    job: JobId,
    *,
    backfill: BackfillId = BACKFILL,
    window: tuple[datetime, datetime] | None = None,
) -> None:
    """Have a backfill asked for, of the three minutes before noon unless said otherwise."""
    after, until = window or (minute(4), minute(1))
    event = e.BackfillRequested(
        backfill=backfill,
        job=job,
        after=after,
        until=until,
        stretches=(Stretch(after, until, EVERY_MINUTE),),
        count=3,
        left_out=(minute(2) + timedelta(seconds=30),),
        concurrency=2,
        per_minute=30,
    )
    add(history, backfill_stream(backfill), event)


def planned(history: History, job: JobId, at: datetime) -> RunId:
    """Have an occurrence get its first run, by the backfill."""
    run = run_id(job, at)
    event = e.RunPlanned(
        run=run,
        job=job,
        cause="backfill",
        revision=1,
        due_time=history.clock.now(),
        fire_time=at,
        backfill=BACKFILL,
    )
    add(history, fire_stream(at, job), event)
    return run


def rerun(history: History, job: JobId, at: datetime, *, number: int = 2) -> RunId:
    """Have an occurrence's last run repeated."""
    run = run_id(job, at, number)
    event = e.RunPlanned(
        run=run,
        job=job,
        cause="rerun",
        revision=1,
        due_time=history.clock.now(),
        fire_time=at,
        number=number,
        of=run_id(job, at, number - 1),
    )
    add(history, fire_stream(at, job), event)
    return run


def carried_out(history: History, job: JobId, at: datetime, run: RunId, *, succeeds: bool) -> None:
    """Have a run succeed or fail, on its first attempt."""
    happened: list[e.AnyEvent] = [e.AttemptStarted(run=run, attempt=1, epoch=1)]
    if succeeds:
        happened.append(e.RunSucceeded(run=run, attempt=1, duration_us=1_500))
    else:
        happened.append(e.AttemptFailed(run=run, attempt=1, kind="error", error="no"))
        happened.append(e.RunFailed(run=run, kind="error", error="no"))
    add(history, fire_stream(at, job), *happened)
