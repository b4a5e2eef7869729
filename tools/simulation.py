"""What would become of jobs in a stretch of time: the real rules, with no clock, log or service.

`decide` and the fold are the executor's own; what they decide is kept in a `Timetable` and nowhere
else. Time leaps from one instant that brings something to the next; runs take as long as they are
said to; in an outage nobody is there, and what ran is lost. Nothing is written, nothing is called.

A year of a minutely job is half a million occurrences that go alike, so the same is not asked half
a million times: what follows in the very same situation gets the same answer (`cycles`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import Conflict
from scheduler.model.firing import count_fires, fire_times, latest_fire_times
from scheduler.model.invocations import Outcome
from scheduler.model.jobs import Definition, JobId, RunId, SkipReason
from scheduler.model.limits import (
    LEAP_FIRES_MAX,
    SIMULATED_DECISIONS_MAX,
    SIMULATED_SKIPS_MAX,
    SLOTS_DEFAULT,
)
from scheduler.model.streams import job_stream
from scheduler.rules.decide import decide
from scheduler.rules.facts import Fact
from scheduler.rules.resume import resume
from scheduler.rules.timetable import Timetable
from tools.cycles import Cycle, Told, cycle_of, moved, repeats

SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)
IfPast = Literal["refuse", "run", "skip"]


class Outage(NamedTuple):
    """A time in which nobody is there: killed at its begin, started again at its end."""

    begin_at: datetime
    end_at: datetime


class Planned(NamedTuple):
    """A job that is to be simulated, under the id that its jitter and retry delays follow from."""

    job: JobId
    definition: Definition
    planned: int = 0  # runs it has had, towards max_runs
    skipping: tuple[datetime, ...] = ()  # fire times to be passed over


class Case(Struct, frozen=True, kw_only=True):
    """What is to be simulated."""

    jobs: Sequence[Planned]
    created_at: datetime  # when the jobs begin to exist
    begin_at: datetime  # fire times from here on, inclusive
    until: datetime  # up to here, exclusive
    outages: Sequence[Outage] = ()  # ascending, none touching the next
    run_time: timedelta = timedelta()  # of each attempt
    failing: int = 0  # so many first attempts of each run fail
    slots: int = SLOTS_DEFAULT
    key_limits: dict[str, int] = {}


class Disposition(Struct, frozen=True, gc=False):
    """What became of one fire time; `started_at` is that of its run's first attempt."""

    fire_time: datetime
    job: str
    disposition: Literal["run", "skip"]
    reason: SkipReason | None
    decided_at: datetime
    started_at: datetime | None


def by_time(one: Disposition) -> tuple[datetime, str]:
    """Return what dispositions are sorted by."""
    return one.fire_time, one.job


class Simulated(NamedTuple):
    """All that became of the fire times, and how many runs were carried out at once at most."""

    dispositions: list[Disposition]  # by fire time, then by job
    unshown: int  # skipped fire times of long windows, beyond the first SIMULATED_SKIPS_MAX
    peak: int
    paused: tuple[str, ...] = ()  # jobs that are paused at the end, after too many failures


def simulated(case: Case, *, leaps: bool = True) -> Simulated:
    """Decide every fire time of the case; without `leaps`, each of them is asked of the rules.

    Raises: BadInput, Conflict (it has no end).
    """
    if not _are_apart(case.jobs):
        return _Machine(case).run()
    parts = [_Machine(replace(case, jobs=[job]), leaps=leaps).run() for job in case.jobs]
    if len(parts) > 1 and sum(part.peak for part in parts) > case.slots:
        return _Machine(case).run()  # they may wait for one another's slots
    if len(parts) == 1:
        return parts[0]
    dispositions = [one for part in parts for one in part.dispositions]
    dispositions.sort(key=by_time)
    return Simulated(
        dispositions,
        sum(part.unshown for part in parts),
        sum(part.peak for part in parts),
        tuple(name for part in parts for name in part.paused),
    )


def revised(case: Case, definition: Definition, if_past: IfPast) -> Case:
    """Return the case of one job as an edit of it at the beginning would leave it.

    Raises: BadInput, for what an edit refuses.
    """
    (job,) = case.jobs
    facts = _Machine(replace(case, jobs=[Planned(job.job, job.definition)])).edited(
        c.ReviseJob(job=job.job, definition=definition, if_past=if_past)
    )
    for fact in facts:
        if isinstance(fact.event, e.JobRevised):
            return replace(case, jobs=[job._replace(definition=fact.event.definition)])
    return case


def _are_apart(jobs: Sequence[Planned]) -> bool:
    """Return whether no job can touch another but by taking slots."""
    policies = [job.definition for job in jobs]
    return not any(one.on_success or one.on_failure or one.concurrency_key for one in policies)


def _may_leap(case: Case) -> bool:
    """Return whether occurrences of the case can go alike: nothing but the schedule has a say."""
    if len(case.jobs) > 1 or case.jobs[0].skipping:
        return False
    policy = case.jobs[0].definition
    is_plain = not (policy.jitter or policy.exclude or policy.concurrency_key)
    counts = policy.max_runs is not None or policy.pause_after_failures is not None
    calls = policy.on_success is not None or policy.on_failure is not None
    return is_plain and not counts and not calls


class _Machine:
    """A scheduler whose world is a heap of instants."""

    def __init__(self, case: Case, *, leaps: bool = False) -> None:
        self._case = case
        self._now = case.created_at
        self._timetable = Timetable()
        self._ends: list[tuple[datetime, RunId, int]] = []  # of attempts that are out
        self._outages = [one for one in case.outages if one.end_at > case.created_at]
        self._found: list[Disposition] = []
        self._places: dict[RunId, int] = {}  # in `_found`, of runs that have not begun
        self._unshown = 0
        self._peak = 0
        self._names = {job.job: job.definition.name for job in case.jobs}
        self._decisions = 0
        self._told: list[Told] = []  # since nothing was open
        self._leaps = leaps and _may_leap(case)

    def run(self) -> Simulated:
        """Let time pass until all that was asked for is decided and begun."""
        self._begin()
        last = {job.job: self._last_fire(job.job) for job in self._case.jobs}
        while (at := self._next_instant()) is not None and self._is_owing(last):
            self._now = max(at, self._now)
            if self._outages and self._outages[0].begin_at <= self._now:
                self._go_down()
            self._settle()
            self._leap()
        self._found.sort(key=by_time)
        jobs = self._timetable.jobs.values()
        paused = tuple(job.definition.name for job in jobs if job.paused)
        return Simulated(self._found, self._unshown, self._peak, paused)

    def edited(self, wish: c.ReviseJob) -> list[Fact]:
        """Return what an edit at the beginning would do."""
        self._begin()
        return self._ask(wish)

    def _begin(self) -> None:
        """Define the jobs, and let them know what they have had and what is asked of them."""
        self._ask(c.StartSystem(host="simulation", pid=0, versions={}))
        for job in self._case.jobs:
            definition, left = job.definition, 1
            if definition.max_runs is not None:
                left = definition.max_runs - job.planned
                definition = replace(definition, max_runs=max(left, 1))
            self._ask(c.DefineJob(job=job.job, definition=definition, if_past="skip"))
            stream = job_stream(job.job)
            if left < 1:
                self._timetable.apply(stream, e.JobExhausted(job=job.job, reason="max-runs"))
            for at in job.skipping:
                self._timetable.apply(stream, e.NextFireSkipped(job=job.job, fire_time=at))

    # -- time

    def _next_instant(self) -> datetime | None:
        instants = [self._ends[0][0]] if self._ends else []
        if (wake := self._timetable.next_wake()) is not None:
            instants.append(wake)
        if not instants:
            return None
        if self._outages:
            instants.append(self._outages[0].begin_at)
        return min(instants)

    def _last_fire(self, key: JobId) -> datetime | None:
        """Return the last fire time that is asked for; None when there is none."""
        job = self._timetable.jobs[key]
        until = self._case.until - INSTANT
        if job.definition.end_at is not None:
            until = min(until, job.definition.end_at)
        after = max(self._case.begin_at - INSTANT, job.cursor)
        found = latest_fire_times(job.definition.schedule, after=after, until=until, limit=1)
        return found[0] if found else None

    def _is_owing(self, last: dict[JobId, datetime | None]) -> bool:
        """Return whether a fire time is undecided, or its run has neither begun nor ended."""
        if self._places:
            return True
        jobs = self._timetable.jobs
        return any(
            at is not None and jobs[key].cursor < at
            for key, at in last.items()
            if not (jobs[key].exhausted or jobs[key].paused)
        )

    def _go_down(self) -> None:
        """Lose the process, and all that it carried out; the next one settles what is left."""
        outage = self._outages.pop(0)
        while self._ends and self._ends[0][0] <= outage.begin_at:
            self._end(heappop(self._ends))
        self._ends.clear()
        self._now = outage.end_at
        self._ask(c.StartSystem(host="simulation", pid=0, versions={}))
        for wish in resume(self._timetable, epoch=self._epoch, alive=set()):
            self._ask(wish)

    @property
    def _epoch(self) -> int:
        return self._timetable.system.epoch

    def _settle(self) -> None:
        """Do all that is due now: ends first, then what time has brought."""
        tick = c.Tick(slots=self._case.slots, epoch=self._epoch, key_limits=self._case.key_limits)
        while True:
            while self._ends and self._ends[0][0] <= self._now:
                self._end(heappop(self._ends))
            if not self._ask(tick):
                return

    def _end(self, ended: tuple[datetime, RunId, int]) -> None:
        """Report the end of an attempt."""
        _, key, attempt = ended
        run = self._timetable.runs.get(key)
        if run is None or run.attempt != attempt or run.status != "running":
            return
        took = min(self._case.run_time, run.definition.timeout)
        kind: Literal["succeeded", "error", "timeout", "cancelled"] = "succeeded"
        if run.is_cancel_requested:
            kind = "cancelled"
        elif attempt <= self._case.failing:
            kind = "error"
        elif self._case.run_time > run.definition.timeout:
            kind = "timeout"
        outcome = Outcome(
            run=key,
            attempt=attempt,
            epoch=run.epoch,
            kind=kind,
            duration_us=took // INSTANT,
            error="" if kind == "succeeded" else "simulated",
        )
        self._ask(c.RecordOutcomes(outcomes=(outcome,)))

    # -- decisions

    def _ask(self, wish: c.AnyCommand) -> list[Fact]:
        """Decide a wish and fold the answer."""
        self._decisions += 1
        if self._decisions > SIMULATED_DECISIONS_MAX:
            raise Conflict(
                f"after {SIMULATED_DECISIONS_MAX:,} decisions (SIMULATED_DECISIONS_MAX) it is only "
                f"{self._now:%Y-%m-%dT%H:%M:%SZ}. Simulate a shorter time"
            )
        facts = decide(self._timetable, wish, self._now)
        for fact in facts:
            self._timetable.apply(*fact)
            self._note(fact.event)
            if self._leaps and len(self._told) < LEAP_FIRES_MAX:
                self._told.append(Told(self._now, fact))
        self._peak = max(self._peak, len(self._timetable.occupied))
        return facts

    def _note(self, event: e.AnyEvent) -> None:
        """Keep what an event says of the fire times asked for, and when attempts will end."""
        match event:
            case e.RunPlanned(cause="schedule" | "catch-up", fire_time=at) if at is not None:
                if self._is_asked_for(at):
                    self._places[event.run] = len(self._found)
                    name = self._names[event.job]
                    self._found.append(Disposition(at, name, "run", None, self._now, None))
            case e.FiresSkipped():
                self._found += self._passed(event)
            case e.AttemptStarted(run=run, attempt=attempt):
                took = min(self._case.run_time, self._timetable.runs[run].definition.timeout)
                heappush(self._ends, (self._now + took, run, attempt))
                if (place := self._places.pop(run, None)) is not None:
                    self._found[place] = replace(self._found[place], started_at=self._now)
            case e.CancelRequested(run=run):  # every service heeds it, at once
                heappush(self._ends, (self._now, run, self._timetable.runs[run].attempt))
            case e.RunCancelled(run=run) | e.RunExpired(run=run) | e.RunFailed(run=run):
                self._places.pop(run, None)  # it ends without having begun
            case _:
                pass

    def _is_asked_for(self, at: datetime) -> bool:
        return self._case.begin_at <= at < self._case.until

    def _passed(self, event: e.FiresSkipped) -> Iterator[Disposition]:
        """Yield what a skip says of each of its fire times, the first SIMULATED_SKIPS_MAX."""
        definition = self._timetable.jobs[event.job].definition
        after = max(event.after, self._case.begin_at - INSTANT)
        if definition.start_at is not None:
            after = max(after, definition.start_at - SECOND)
        until = min(event.until, self._case.until - INSTANT)
        if after >= until:
            return
        found = fire_times(
            definition.schedule, after=after, until=until, limit=SIMULATED_SKIPS_MAX + 1
        )
        if len(found) > SIMULATED_SKIPS_MAX:
            found.pop()
            total = count_fires(definition.schedule, after=after, until=until)
            self._unshown += total - len(found)
        name = definition.name
        for at in found:
            yield Disposition(at, name, "skip", event.reason, self._now, None)

    # -- the same again

    def _leap(self) -> None:
        """Give the fire times that follow the answer that the last ones got, while all is alike."""
        if self._timetable.runs or not self._leaps:
            return
        told, self._told = self._told, []
        if len(told) >= LEAP_FIRES_MAX:
            return  # some of it was not kept
        policy = self._case.jobs[0].definition
        cycle = cycle_of(told, self._now, policy)
        if cycle is None:
            return
        last = cycle.begun_at + cycle.offsets[-1]
        fires = self._fires_to_come(policy, last)
        many = len(cycle.offsets)
        count = repeats(cycle, fires)
        if count <= many:
            return
        self._found += self._alike(cycle, fires[:count])
        first = fires[count - many]
        for fact in moved(cycle, first, fires[count - many - 1]):
            self._timetable.apply(*fact)
        self._now = first + cycle.length

    def _fires_to_come(self, policy: Definition, last: datetime) -> list[datetime]:
        """Return the fire times after `last` in which nothing but the schedule has a say."""
        until = self._case.until
        if policy.end_at is not None:
            until = min(until, policy.end_at)
        if self._outages:
            until = min(until, self._outages[0].begin_at)
        if until <= last:
            return []
        return fire_times(policy.schedule, after=last, until=until, limit=LEAP_FIRES_MAX)

    def _alike(self, cycle: Cycle, fires: Sequence[datetime]) -> Iterator[Disposition]:
        """Yield the dispositions of fire times that go like those of a cycle, over and over."""
        name = self._names[cycle.planned.job]
        skipped = [one.fact.event for one in cycle.told if type(one.fact.event) is e.FiresSkipped]
        many = len(cycle.offsets)
        for place, at in enumerate(fires):
            if not self._is_asked_for(at):
                continue
            if place % many == 0:
                yield Disposition(at, name, "run", None, at, at)
            else:
                reason = skipped[place % many - 1].reason
                yield Disposition(at, name, "skip", reason, at, None)
