"""What a backfill would do, occurrence by occurrence, before it is asked for.

The wish is decided without being stored, which draws up the calendar and refuses what cannot be
had; then each occurrence's last run is looked up in the log, and the rule that will advance the
backfill says whether it would get another. So what is shown here and what happens is one rule.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from scheduler.log.contract import Log
from scheduler.model.backfill_events import Stretch
from scheduler.model.events import BackfillRequested, RunEvent, RunPlanned
from scheduler.model.firing import count_fires
from scheduler.model.jobs import Definition
from scheduler.model.schedules import Manual
from scheduler.model.streams import fire_stream
from scheduler.model.written import format_instant
from scheduler.rules.backfill import needs_run
from scheduler.rules.calendar import count, is_occurrence, occurrences
from scheduler.rules.run_state import RunState, evolve_run, opened
from tools.cli.call import Call
from tools.cli.lengths import counted, spoken
from tools.cli.occurrence import stream_of

UNREAD: Final = Definition(name="", service="", schedule=Manual())  # stands for any definition
MINUTE: Final = timedelta(minutes=1)
PLAN_FIELDS: Final = (
    *("after", "until", "only", "order", "concurrency", "per_minute", "callbacks"),
    *("count", "first_fire", "last_fire", "to_run", "to_run_again", "unchanged"),
    *("skipped_by_hand", "excluded", "usual_duration", "takes"),
)
MISSING: Final = "without a run"
UNDER_WAY: Final = "under way"


class Plan(Struct, frozen=True, kw_only=True):
    """What a backfill is about and what it would do now."""

    asked: BackfillRequested
    first: datetime  # the earliest occurrence
    last: datetime
    to_run: int  # occurrences that would get a run
    to_run_again: int  # of those, another than their first
    unchanged: dict[str, int]  # the others, by how they stand
    skipped_by_hand: tuple[datetime, ...]  # left out: someone had asked to skip them
    excluded: int  # fire times that the job's own days leave out
    usual: timedelta | None  # how long a run takes; None: none has succeeded yet

    @property
    def takes(self) -> timedelta | None:
        """How long it will take, as far as that can be told."""
        return length_of(
            self.to_run,
            usual=self.usual,
            concurrency=self.asked.concurrency,
            per_minute=self.asked.per_minute,
        )


def plan_of(
    log: Log, asked: BackfillRequested, usual: timedelta | None, *, before: int | None = None
) -> Plan:
    """Return what a backfill would do as the log stands, or stood before a position."""
    found = occurrences(asked, after=None, limit=asked.count)
    again = fresh = 0
    unchanged: Counter[str] = Counter()
    for fire_time in found:
        last = last_run(log, fire_stream(fire_time, asked.job), before=before)
        needed = needs_run(asked.only, last)
        if needed is None:
            unchanged[standing(last)] += 1
        elif needed.of is None:
            fresh += 1
        else:
            again += 1
    return Plan(
        asked=asked,
        first=min(found),
        last=max(found),
        to_run=fresh + again,
        to_run_again=again,
        unchanged=dict(sorted(unchanged.items())),
        skipped_by_hand=tuple(at for at in asked.left_out if is_occurrence(asked.stretches, at)),
        excluded=excluded_in(asked.stretches),
        usual=usual,
    )


def standing(last: RunState | None) -> str:
    """Return how an occurrence stands whose last run is `last`."""
    if last is None:
        return MISSING
    return UNDER_WAY if last.is_open else last.status


def last_run(log: Log, stream: str, *, before: int | None = None) -> RunState | None:
    """Return the last run of a stream, as far as its events tell; None when there is none."""
    if not log.version(stream):
        return None
    run: RunState | None = None
    for recorded in stream_of(log, stream):
        if before is not None and recorded.position >= before:
            break
        event = recorded.event
        if isinstance(event, RunPlanned):
            run = opened(event, stream=stream, definition=UNREAD)
        elif run is not None and isinstance(event, RunEvent) and event.run == run.run:
            run = evolve_run(run, event)
    return run


def excluded_in(stretches: Sequence[Stretch]) -> int:
    """Return how many fire times lie on days that the job excludes."""
    every = sum(count_fires(one.schedule, after=one.after, until=one.until) for one in stretches)
    return every - count(stretches, ())


def length_of(
    runs: int, *, usual: timedelta | None, concurrency: int, per_minute: int | None
) -> timedelta | None:
    """Return how long so many runs take by their usual length and the pace that is allowed.

    None, when neither is known.
    """
    if runs == 0:
        return timedelta(0)
    by_rate = None if per_minute is None else MINUTE * (runs - 1) / per_minute
    by_length = None if usual is None else usual * -(-runs // concurrency)
    known = [length for length in (by_rate, by_length) if length is not None]
    return max(known, default=None)


def record_of(plan: Plan) -> dict[str, object]:
    """Return a plan as scripts read it."""
    asked = plan.asked
    return {
        **{field: getattr(asked, field) for field in PLAN_FIELDS[:8]},
        "first_fire": plan.first,
        "last_fire": plan.last,
        "to_run": plan.to_run,
        "to_run_again": plan.to_run_again,
        "unchanged": plan.unchanged,
        "skipped_by_hand": list(plan.skipped_by_hand),
        "excluded": plan.excluded,
        "usual_duration": plan.usual,
        "takes": plan.takes,
    }


def lines_of(call: Call, name: str, plan: Plan) -> Iterator[str]:
    """Yield a plan for people."""
    asked = plan.asked
    first, last = format_instant(plan.first, call.zone), format_instant(plan.last, call.zone)
    span = first if plan.first == plan.last else f"the first {first}, the last {last}"
    yield f"{name}: {counted(asked.count, 'occurrence')}, {span}"
    again = f", {plan.to_run_again:,} of them again" if plan.to_run_again else ""
    yield f"  {plan.to_run:,} would run{again}"
    if plan.unchanged:
        stay = ", ".join(f"{number:,} {how}" for how, number in plan.unchanged.items())
        yield f"  stay as they are: {stay}"
    if plan.skipped_by_hand:
        named = ", ".join(format_instant(at, call.zone) for at in plan.skipped_by_hand)
        yield f"  left out, for someone had asked to skip them: {named}"
    if plan.excluded:
        yield f"  left out, on days that the job excludes: {plan.excluded:,}"
    if plan.to_run:
        yield f"  {takes_words(plan)}"


def takes_words(plan: Plan) -> str:
    """Return how long a backfill will take, in words."""
    asked, takes = plan.asked, plan.takes
    at_once = f"{asked.concurrency:,} at a time"
    if asked.per_minute is not None:
        at_once += f", {asked.per_minute:,} a minute at most"
    if takes is None:
        return f"how long it takes is not known yet: no run has succeeded ({at_once})"
    usual = "" if plan.usual is None else f"a run usually takes {spoken(plan.usual)}, "
    return f"it takes about {spoken(takes)}: {usual}{at_once}"
