"""Whether a backfill may be had, and what it is about: its calendar, drawn up once and for all."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import BadInput, Conflict, Problem
from scheduler.model.firing import next_fire
from scheduler.model.jobs import JobId
from scheduler.model.limits import (
    BACKFILL_CONCURRENCY_MAX,
    BACKFILL_OCCURRENCES_MAX,
    BACKFILL_PER_MINUTE_MAX,
    BACKFILL_STRETCHES_MAX,
    BACKFILLS_MAX,
)
from scheduler.model.missing_zones import missing_zone, refuse_missing_zone
from scheduler.model.streams import backfill_stream, job_stream
from scheduler.rules import calendar
from scheduler.rules.backfill import refuse_second
from scheduler.rules.facts import Fact
from scheduler.rules.job_state import JobState
from scheduler.rules.lifecycle import existing
from scheduler.rules.timetable import Timetable

ONE_SECOND = timedelta(seconds=1)
JobEvents = Callable[[JobId], Sequence[e.AnyEvent]]  # of the stream job/<id>, from the log


def request_backfill(
    timetable: Timetable, wish: c.RequestBackfill, job_events: JobEvents
) -> list[Fact]:
    """Ask for the runs of a job over a past window; refused when there is nothing to ask for."""
    job = existing(timetable, wish.job)
    if wish.backfill in timetable.backfills:
        return []  # asked again: the id was made for this wish
    problems = bound_problems(wish)
    if problems:
        raise BadInput(*problems)
    refuse_missing_zone(job.definition)
    refuse_undecided(job, wish.until)
    refuse_second(timetable, wish)
    if len(timetable.backfills) >= BACKFILLS_MAX:
        raise Conflict(f"{BACKFILLS_MAX} backfills are under way already (BACKFILLS_MAX)")
    events = job_events(wish.job)
    if len(events) != timetable.versions[job_stream(wish.job)]:
        raise Conflict(f"{job.definition.name} is being changed this very moment. Try again")
    return [Fact(backfill_stream(wish.backfill), drawn_up(job, wish, events))]


def bound_problems(wish: c.RequestBackfill) -> list[Problem]:
    """Return what is wrong with the figures of a wish."""
    problems: list[Problem] = []
    if wish.until <= wish.after:
        problems.append(Problem("$.until", "does not lie after the beginning.", "Exchange them"))
    for field, value, most in (
        ("concurrency", wish.concurrency, BACKFILL_CONCURRENCY_MAX),
        ("per_minute", wish.per_minute, BACKFILL_PER_MINUTE_MAX),
    ):
        if value is not None and not 1 <= value <= most:
            problems.append(Problem(f"$.{field}", f"got {value:,}; from 1 to {most:,}."))
    return problems


def refuse_undecided(job: JobState, until: datetime) -> None:
    """Refuse a window with fire times that are still to be decided: they are not missed yet."""
    if job.exhausted:
        return
    at = next_fire(job.definition.schedule, job.cursor)
    if at is not None and at <= until:
        why = "and are decided when it is resumed" if job.paused else "and will be by themselves"
        raise BadInput.at(
            "$.until",
            f"the fire times of {job.definition.name} from {at:%Y-%m-%dT%H:%M:%SZ} on are not"
            f" decided yet, {why}.",
            f"--until {at:%Y-%m-%dT%H:%M:%SZ}",
        )


def drawn_up(
    job: JobState, wish: c.RequestBackfill, events: Sequence[e.AnyEvent]
) -> e.BackfillRequested:
    """Return the backfill with its calendar.

    Raises: BadInput, when it has none or too much; Conflict, when a zone of it is not known here.
    """
    held = calendar.definitions_of(events)
    if wish.schedule == "current":
        held = [calendar.Held(calendar.ALWAYS, job.definition)]
    born_at = calendar.defined_at(events)
    stretches = calendar.stretches(held, born_at=born_at, after=wish.after, until=wish.until)
    if len(stretches) > BACKFILL_STRETCHES_MAX:
        raise BadInput.at(
            "$.until",
            f"the job was changed {len(stretches)} times in it; at most {BACKFILL_STRETCHES_MAX}"
            " (BACKFILL_STRETCHES_MAX).",
            f"The first part: --until {stretches[BACKFILL_STRETCHES_MAX].after:%Y-%m-%dT%H:%M:%SZ}",
        )
    for stretch in stretches:
        if zone := missing_zone(stretch.schedule, stretch.exclude):
            raise Conflict(
                f'{job.definition.name} had the time zone "{zone}" in this window, which this '
                "machine does not know. By today's schedule: --schedule current"
            )
    left_out = calendar.skipped_by_hand(events, wish.after, wish.until)
    asked = e.BackfillRequested(
        backfill=wish.backfill,
        job=wish.job,
        after=wish.after,
        until=wish.until,
        stretches=stretches,
        count=calendar.count(stretches, left_out),
        left_out=left_out,
        only=wish.only,
        order=wish.order,
        concurrency=wish.concurrency,
        per_minute=wish.per_minute,
        callbacks=wish.callbacks,
    )
    if not asked.count:
        raise BadInput.at("$.until", "the job has no fire time in this window.")
    if asked.count > BACKFILL_OCCURRENCES_MAX:
        raise too_many(asked)
    return asked


def too_many(asked: e.BackfillRequested) -> BadInput:
    """Return the refusal of a backfill that is too large, with the part that could be had."""
    oldest = replace(asked, order="oldest")
    most = BACKFILL_OCCURRENCES_MAX
    beyond = calendar.occurrences(oldest, after=None, limit=most + 1)[-1]
    return BadInput.at(
        "$.until",
        f"This backfill would be {asked.count:,} runs; at most {most:,} at a time.",
        f"The first part: --until {beyond:%Y-%m-%dT%H:%M:%SZ}",
    )
