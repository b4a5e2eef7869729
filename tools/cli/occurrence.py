"""What became of one occurrence, found in the log itself: it holds whatever the views say.

A fire time up to the job's cursor was decided in exactly one place: in the stream of its run, or in
the window of a skip, after which a backfill may have given it a run all the same. Before that it
must be a fire time at all, of the definition that was in force.
Here the places are looked up in that order; how the answer reads is `why`'s matter.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from scheduler.log.contract import Log, Recorded
from scheduler.model import events as e
from scheduler.model.firing import fire_times, next_fire, previous_fire
from scheduler.model.jobs import Definition, JobId, RunId, SkipReason
from scheduler.model.missing_zones import zone_missed_by
from scheduler.model.streams import SYSTEM, fire_stream, job_stream, skips_stream
from scheduler.rules.run_state import RunState, evolve_run, opened
from tools.cli.pauses import Pause, pause_at, pauses_in

Verdict = Literal[
    "run",
    "skipped",
    "not-decided",
    "no-fire-time",
    "before-definition",
    "exhausted",
    "removed",
    "no-zone",  # it cannot be told whether it is a fire time
]
ONE_SECOND = timedelta(seconds=1)


class Phase(Struct, frozen=True):
    """A definition and the instant after which its fire times hold, with the event that says so."""

    after: datetime
    definition: Definition
    recorded: Recorded


class Life(Struct, frozen=True, kw_only=True):
    """What the log says of a job's definitions and states, oldest first."""

    phases: tuple[Phase, ...]
    paused: Recorded | None = None  # the pause it is in
    pauses: tuple[Pause, ...] = ()  # all there were of its own
    passed_over: Mapping[datetime, Recorded] = {}  # what asked for fire times to be passed over
    exhausted: Recorded | None = None  # and not revised since
    removed: Recorded | None = None
    set_back: tuple[Recorded, ...] = ()  # the clock, and accepted so


class Found(Struct, frozen=True, kw_only=True):
    """What became of one instant of a job, with the events that tell it."""

    verdict: Verdict
    cited: tuple[Recorded, ...]  # in the order of the log
    definition: Definition  # the one in force
    runs: tuple[RunState, ...] = ()  # of the occurrence, the first one first
    skip: e.FiresSkipped | None = None  # with runs: the skip before the first, by a backfill
    stand_in: e.RunPlanned | None = None  # the run whose data window covers a coalesced fire
    before: datetime | None = None  # the fire times around an instant that is none
    after: datetime | None = None

    @property
    def run(self) -> RunState | None:
        """The last run of the occurrence."""
        return self.runs[-1] if self.runs else None


def life_of(log: Log, job: JobId) -> Life:
    """Return what the log says of a job; it must have been defined."""
    phases: list[Phase] = []
    passed_over: dict[datetime, Recorded] = {}
    paused = exhausted = removed = None
    set_back = clocks_accepted(log)
    own = list(stream_of(log, job_stream(job)))
    told = [*own, *set_back]
    for recorded in sorted(told, key=lambda one: one.position):
        match recorded.event:
            case e.JobDefined(definition=definition, cursor=cursor) as event:
                phases.append(Phase(cursor, definition, recorded))
                exhausted = recorded if event.exhausted else None
            case e.JobRevised(definition=definition, effective_at=at) as event:
                phases.append(Phase(at, definition, recorded))
                exhausted = recorded if event.exhausted else None
            case e.JobPaused():
                paused = recorded
            case e.NextFireSkipped(fire_time=at):
                passed_over[at] = recorded
            case e.NextFireRestored(fire_time=at):
                passed_over.pop(at, None)
            case e.JobResumed():
                paused = None
            case e.JobExhausted():
                exhausted = recorded
            case e.JobRemoved():
                removed = recorded
            case e.ClockAccepted(at=at) if phases:
                phases = [replace(one, after=min(one.after, at)) for one in phases]
                exhausted = exhausted if still_over(exhausted, phases[-1].definition, at) else None
            case _:
                continue
    return Life(
        phases=tuple(phases),
        paused=paused,
        pauses=tuple(pauses_in(own)),
        passed_over=passed_over,
        exhausted=exhausted,
        removed=removed,
        set_back=set_back,
    )


def clocks_accepted(log: Log) -> tuple[Recorded, ...]:
    """Return the events by which a slower clock was accepted: skips ahead of it are void."""
    found = stream_of(log, SYSTEM)
    return tuple(one for one in found if isinstance(one.event, e.ClockAccepted))


def still_over(exhausted: Recorded | None, definition: Definition, at: datetime) -> bool:
    """Return whether a job is over once the clock was set back to `at`: it may fire again."""
    if exhausted is None:
        return False
    event = exhausted.event
    if isinstance(event, e.JobExhausted) and event.reason == "max-runs":
        return True
    if zone_missed_by(definition) is not None:
        return False  # nobody knows
    following = next_fire(definition.schedule, at)
    return following is None or not is_fire_time(definition, following)


def find(log: Log, job: JobId, at: datetime) -> Found:
    """Return what became of the instant `at` (UTC, whole seconds) of a job."""
    life = life_of(log, job)
    run = run_at(log, life, job, at)
    if run is not None:
        return run
    if at <= life.phases[0].after:
        first = life.phases[0]
        return _no_fire("before-definition", at, first, (first.recorded,))
    phase = in_force(life, at)
    if zone_missed_by(phase.definition) is not None:
        return Found(verdict="no-zone", cited=(phase.recorded,), definition=phase.definition)
    if not is_fire_time(phase.definition, at):
        return _no_fire("no-fire-time", at, phase, (phase.recorded,))
    skipped = skip_told(log, life, job, at)
    if skipped is not None:
        return skipped
    verdict, cause = _undecided(life)
    causes = [cause]
    if verdict == "not-decided":
        causes = [life.passed_over.get(at), cause or pause_of_all(log)]
    return Found(
        verdict=verdict,
        cited=(phase.recorded, *(one for one in causes if one is not None)),
        definition=phase.definition,
    )


def run_at(log: Log, life: Life, job: JobId, at: datetime) -> Found | None:
    """Return the runs of the occurrence as its stream left them, None when it has none."""
    runs: dict[RunId, RunState] = {}
    cited: list[Recorded] = []
    phase = in_force(life, at)
    for recorded in stream_of(log, fire_stream(at, job)):
        event = recorded.event
        cited.append(recorded)
        if isinstance(event, e.RunPlanned):
            runs[event.run] = opened(event, stream=recorded.stream, definition=phase.definition)
        elif isinstance(event, e.RunEvent) and event.run in runs:
            runs[event.run] = evolve_run(runs[event.run], event)
    if not runs:
        return None
    ran = Found(
        verdict="run", cited=tuple(cited), definition=phase.definition, runs=tuple(runs.values())
    )
    is_late = ran.runs[0].cause == "backfill"
    skipped = skip_told(log, life, job, at) if is_late else None
    if skipped is None:
        return ran
    return replace(ran, cited=in_order(*skipped.cited, *cited), skip=skipped.skip)


def skip_told(log: Log, life: Life, job: JobId, at: datetime) -> Found | None:
    """Return the skip of a fire time and what led to it, None when it was not skipped."""
    skip = skip_at(log, life, job, at)
    if skip is None or not isinstance(skip.event, e.FiresSkipped):
        return None
    definition = in_force(life, at).definition
    stand_in = stand_in_for(log, job, definition, skip.event)
    cause = cause_of(log, life, skip, skip.event.reason, at)
    return Found(
        verdict="skipped",
        cited=in_order(*(one for one in (cause, skip, stand_in) if one is not None)),
        definition=definition,
        skip=skip.event,
        stand_in=_planned(stand_in),
    )


def in_order(*recorded: Recorded) -> tuple[Recorded, ...]:
    """Return events in the order of the log, each once."""
    by_position = {one.position: one for one in recorded}
    return tuple(by_position[position] for position in sorted(by_position))


def skip_at(log: Log, life: Life, job: JobId, at: datetime) -> Recorded | None:
    """Return the skip in whose window `at` lies; of those before a clock was set back, none."""
    found = None
    for recorded in stream_of(log, skips_stream(job)):
        event = recorded.event
        if isinstance(event, e.FiresSkipped) and event.after < at <= event.until:
            found = recorded
    for accepted in life.set_back:
        event = accepted.event
        is_ahead = isinstance(event, e.ClockAccepted) and event.at < at
        if found is not None and is_ahead and found.position < accepted.position:
            return None  # void: it is decided anew
    return found


def cause_of(
    log: Log, life: Life, skip: Recorded, reason: SkipReason, at: datetime
) -> Recorded | None:
    """Return what somebody did that led to a skip; None when it was the job's policies alone."""
    if reason == "skip-next":
        return life.passed_over.get(at)
    if reason != "paused":
        return None
    pauses = [*life.pauses, *pauses_in(stream_of(log, SYSTEM))]
    return pause_at(at, pauses, before=skip.position)


def pause_of_all(log: Log) -> Recorded | None:
    """Return the pause of everything that stands."""
    found = None
    for recorded in stream_of(log, SYSTEM):
        match recorded.event:
            case e.SystemPaused() | e.LogRestored():
                found = recorded
            case e.SystemResumed():
                found = None
            case _:
                continue
    return found


def stand_in_for(
    log: Log, job: JobId, definition: Definition, skip: e.FiresSkipped
) -> Recorded | None:
    """Return the planning of the run that covers a coalesced window, None for other skips."""
    if skip.reason != "coalesced" or zone_missed_by(definition) is not None:
        return None
    following = next_fire(definition.schedule, skip.until)
    if following is None:
        return None
    page = log.read(stream=fire_stream(following, job), limit=1)
    return page[0] if page and _planned(page[0]) is not None else None


def in_force(life: Life, at: datetime) -> Phase:
    """Return the definition whose fire times hold at `at`; the first one for what is earlier."""
    found = life.phases[0]
    for phase in life.phases:
        if phase.after < at:
            found = phase
    return found


def is_fire_time(definition: Definition, at: datetime) -> bool:
    """Return whether `at` is a fire time of the definition, within its bounds."""
    if definition.start_at is not None and at < definition.start_at:
        return False
    if definition.end_at is not None and at > definition.end_at:
        return False
    return bool(fire_times(definition.schedule, after=at - ONE_SECOND, until=at, limit=1))


def stream_of(log: Log, stream: str) -> Iterator[Recorded]:
    """Yield the events of a stream, page by page."""
    after = 0
    while page := log.read(after=after, stream=stream):
        yield from page
        after = page[-1].position


def _planned(recorded: Recorded | None) -> e.RunPlanned | None:
    event = None if recorded is None else recorded.event
    return event if isinstance(event, e.RunPlanned) else None


def _undecided(life: Life) -> tuple[Verdict, Recorded | None]:
    if life.removed is not None:
        return "removed", life.removed
    if life.exhausted is not None:
        return "exhausted", life.exhausted
    return "not-decided", life.paused


def _no_fire(verdict: Verdict, at: datetime, phase: Phase, cited: tuple[Recorded, ...]) -> Found:
    """Return the answer for an instant that is no fire time, with the fire times around it."""
    definition = phase.definition
    if zone_missed_by(definition) is not None:
        return Found(verdict=verdict, cited=cited, definition=definition)
    floor = phase.after if definition.start_at is None else definition.start_at - ONE_SECOND
    before = previous_fire(definition.schedule, at)
    after = next_fire(definition.schedule, max(at, floor))
    if before is not None and (before <= floor or not is_fire_time(definition, before)):
        before = None
    if after is not None and not is_fire_time(definition, after):
        after = None
    return Found(verdict=verdict, cited=cited, definition=definition, before=before, after=after)
