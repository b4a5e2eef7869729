"""Facts and wishes of backfills and reruns, for specs; `tests.facts` has the others."""

from typing import Any

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.backfill_events import Stretch
from scheduler.model.jobs import BackfillId, JobId, RunId, run_id
from scheduler.model.schedules import Cron
from scheduler.model.streams import backfill_stream, fire_stream
from scheduler.rules.facts import Fact
from tests.facts import JOB, at, maybe_at

BACKFILL = BackfillId("backfill-1")


def backfill(after: str, until: str, **rest: Any) -> c.RequestBackfill:  # noqa: ANN401  # any other field of the wish
    """Return the wish for one over (after, until]."""
    fields = {"backfill": BACKFILL, "job": JOB, **rest}
    return c.RequestBackfill(after=at(after), until=at(until), **fields)


def requested(
    after: str,
    until: str,
    *,
    count: int,
    stretches: tuple[Stretch, ...] | None = None,
    left_out: tuple[str, ...] = (),
    every: str = "*/5 * * * *",
    backfill: BackfillId = BACKFILL,
    job: JobId = JOB,
    **rest: Any,  # noqa: ANN401  # any other field of the event
) -> Fact:
    """Return that one was asked for; its calendar is `every` throughout, unless it is given."""
    whole = (Stretch(at(after), at(until), Cron((every,))),)
    event = e.BackfillRequested(
        backfill=backfill,
        job=job,
        after=at(after),
        until=at(until),
        stretches=whole if stretches is None else stretches,
        count=count,
        left_out=tuple(at(one) for one in left_out),
        **rest,
    )
    return Fact(backfill_stream(backfill), event)


def filled(
    fire: str,
    *,
    now: str,
    number: int = 1,
    window: str | None = None,
    cause: Any = "backfill",  # noqa: ANN401  # one of the literals
    revision: int = 1,
) -> Fact:
    """Return a run of the backfill, or a rerun (`cause`), planned at `now`."""
    of = run_id(JOB, at(fire), number - 1) if number > 1 else None
    event = e.RunPlanned(
        run=run_id(JOB, at(fire), number),
        job=JOB,
        cause=cause,
        revision=revision,
        due_time=at(now),
        fire_time=at(fire),
        window_start=maybe_at(window),
        number=number,
        of=of,
        backfill=BACKFILL if cause == "backfill" else None,
    )
    return Fact(fire_stream(at(fire), JOB), event)


def of_run(fire: str, event: type, *, number: int = 1, **rest: Any) -> Fact:  # noqa: ANN401  # any event of a run
    """Return an event of the `number`th run of an occurrence."""
    run: RunId = run_id(JOB, at(fire), number)
    return Fact(fire_stream(at(fire), JOB), event(run=run, **rest))


def advanced(cursor: str, passed: int) -> Fact:
    event = e.BackfillAdvanced(backfill=BACKFILL, cursor=at(cursor), passed=passed)
    return Fact(backfill_stream(BACKFILL), event)


def finished() -> Fact:
    return Fact(backfill_stream(BACKFILL), e.BackfillFinished(backfill=BACKFILL))


def backfill_cancelled() -> Fact:
    return Fact(backfill_stream(BACKFILL), e.BackfillCancelled(backfill=BACKFILL))


def backfill_paused() -> Fact:
    return Fact(backfill_stream(BACKFILL), e.BackfillPaused(backfill=BACKFILL))


def backfill_resumed() -> Fact:
    return Fact(backfill_stream(BACKFILL), e.BackfillResumed(backfill=BACKFILL))
