"""What becomes of a job's fire times in a window: live firing, catch-up, the end of a pause.

The order is fixed: which fire times are late, and what catch-up makes of them; then overlap; then a
run. Every fire time of the window becomes a run, or falls in a skip that says why; the cursor
passes it in the same breath. Windows that are skipped whole are counted, never walked
(`firing.count_fires`).

A fire time is late when it is more than `misfire_grace` before now. Late ones:

- catch_up none: all are skipped (`misfire`);
- catch_up latest: the newest runs, unless a fire that is on time stands for it; the others are
  `coalesced`;
- catch_up all: each runs, oldest first, and waits for its turn instead of meeting `overlap`;
- beyond `catch_up_window` they are skipped as `window`, beyond the newest `catch_up_limit` as
  `limit`.

What a pause left undecided counts as late, whatever its age, and is treated as its end said. A fire
time that has its run already, from before the clock was set back, is passed over without a word.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from scheduler.model import events as e
from scheduler.model.firing import (
    count_fires,
    fire_times,
    latest_fire_times,
    next_fire,
    previous_fire,
)
from scheduler.model.jobs import CatchUp, Definition, JobId, Missed, SkipReason, run_id
from scheduler.model.limits import FIRES_PER_DECISION_MAX
from scheduler.model.schedules import Interval
from scheduler.model.streams import fire_stream, job_stream, skips_stream
from scheduler.rules.facts import Fact
from scheduler.rules.state import JobState, Resumption, evolve_job
from scheduler.rules.timetable import Timetable

ONE_SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)
ALL_WINDOW = timedelta(hours=24)  # how far `all` reaches back when nothing else is said

# Whether an occurrence has a run, from before the clock was set back.
Taken = Callable[[JobId, datetime], bool]


class Lateness(NamedTuple):
    """How the fire times of one stretch are treated."""

    late_until: datetime  # fire times up to here are late
    catch_up: CatchUp
    reach: timedelta | None  # older late fires than this are out of the window
    limit: int
    none_reason: SkipReason = "misfire"


def plan(
    timetable: Timetable,
    job: JobState,
    now: datetime,
    *,
    taken: Taken,
    policy: Definition | None = None,
    pauses: Sequence[Resumption] | None = None,
    runs_max: int = FIRES_PER_DECISION_MAX,
) -> list[Fact]:
    """Decide the job's fire times in (cursor, now], at most `runs_max` runs at a time.

    `policy` is the definition whose catch-up and overlap hold, when it is not the job's own (an
    edit); `pauses` are the ended pauses that hold, when they are not those of the fold.
    Returns: facts for the job's streams in order; none when all that is due has its run already.
    """
    planner = _Planner(timetable, job, now, policy or job.definition, taken)
    planner.runs_max = runs_max
    for pause in pauses_of(timetable, job) if pauses is None else pauses:
        until = min(pause.at, now)
        planner.stretch(until, missed(planner.policy, pause.missed, until))
    planner.stretch(now, ordinary(planner.policy, now))
    planner.exhaust()
    return planner.facts


def pauses_of(timetable: Timetable, job: JobState) -> list[Resumption]:
    """Return the ended pauses that are still to be decided, the earlier first.

    The job's own holds for all before it, so one of the whole that ended earlier adds nothing.
    """
    own, everything = job.resumption, timetable.system.resumption
    pauses = [] if own is None else [own]
    if everything is not None and (own is None or own.at < everything.at):
        pauses.append(everything)
    return [pause for pause in pauses if pause.at > job.cursor]


def ordinary(policy: Definition, now: datetime) -> Lateness:
    """Return how a job's own policy treats the fire times up to now."""
    reach = policy.catch_up_window
    if reach is None and policy.catch_up == "all":
        reach = ALL_WINDOW
    late_until = now - policy.misfire_grace - INSTANT
    return Lateness(late_until, policy.catch_up, reach, policy.catch_up_limit)


def missed(policy: Definition, choice: Missed, until: datetime) -> Lateness:
    """Return how the end of a pause treats the fire times up to `until`: all count as late."""
    if choice == "skip":
        return Lateness(until, "none", None, policy.catch_up_limit, none_reason="paused")
    return Lateness(until, choice, None, policy.catch_up_limit)


class _Planner:
    """One decision in the making: the job as it will be after the facts so far."""

    def __init__(
        self,
        timetable: Timetable,
        job: JobState,
        now: datetime,
        policy: Definition,
        taken: Taken,
    ) -> None:
        self.job = job
        self.now = now
        self.policy = policy
        self.facts: list[Fact] = []
        self.runs_max = FIRES_PER_DECISION_MAX
        self._is_busy = timetable.is_busy(job.job)
        self._is_line_open = timetable.is_line_open(job.job)
        self._seen = timetable.looked_at(job)  # no fire time up to here is left to decide
        self._taken = taken
        self._runs = 0

    # -- what can be done with fire times

    def stretch(self, until: datetime, lateness: Lateness) -> None:
        """Decide the fire times in (cursor, until]."""
        late_until = min(lateness.late_until, until)
        if not self._is_full() and self._after() < late_until:
            self._late(late_until, until, lateness)
        if self._after() < self._bounded(until):
            self._on_time(self._bounded(until))

    def exhaust(self) -> None:
        """Add the job's end when no fire time is left, or no run."""
        job = self.job
        if job.exhausted:
            return
        if job.definition.max_runs is not None and job.planned >= job.definition.max_runs:
            self._end("max-runs")
        elif (self.facts or self._seen > job.cursor) and not self._has_next():
            self._end("no-fires-left")

    def _late(self, late_until: datetime, until: datetime, lateness: Lateness) -> None:
        schedule = self.job.definition.schedule
        bound = self._bounded(late_until)
        if lateness.catch_up == "none":
            self._skip_until(bound, lateness.none_reason)
            return
        if lateness.reach is not None:
            self._skip_until(min(self.now - lateness.reach - INSTANT, bound), "window")
        if lateness.catch_up == "latest":
            end = self._bounded(until)
            on_time = fire_times(schedule, after=max(bound, self._after()), until=end, limit=1)
            if on_time:
                self._skip_until(bound, "coalesced")
                return
            newest = latest_fire_times(schedule, after=self._after(), until=bound, limit=1)
            if newest:
                self._skip_until(newest[0] - ONE_SECOND, "coalesced")
                self._decide(newest[0], "catch-up", waits=False)
            return
        newest = latest_fire_times(schedule, after=self._after(), until=bound, limit=lateness.limit)
        if newest:
            self._skip_until(newest[0] - ONE_SECOND, "limit")
        for fire_time in newest:
            self._decide(fire_time, "catch-up", waits=True)
            if self._is_full():
                return

    def _on_time(self, until: datetime) -> None:
        schedule = self.job.definition.schedule
        while not self._is_full():
            room = self.runs_max - self._runs
            found = fire_times(schedule, after=self._after(), until=until, limit=room)
            for fire_time in found:
                if self._must_skip():
                    self._skip_until(until, "overlap")  # nothing ends within one decision
                    return
                self._decide(fire_time, "schedule", waits=False)
                if self._is_full():
                    return
            if len(found) < room:
                return

    def _is_full(self) -> bool:
        """Return whether the bound of this decision, or of the job's runs, is met."""
        limit = self.job.definition.max_runs
        return self._runs >= self.runs_max or (limit is not None and self.job.planned >= limit)

    def _must_skip(self) -> bool:
        return self.policy.overlap == "skip" and self._is_busy and not self._is_line_open

    def _decide(
        self, fire_time: datetime, cause: Literal["schedule", "catch-up"], *, waits: bool
    ) -> None:
        """Plan a run for a fire time, or skip it because the last run is still open."""
        job = self.job
        if self._was_taken(fire_time):
            self._seen = fire_time
            return
        if not waits and self._must_skip():
            self._skip_until(fire_time, "overlap")
            return
        deadline = job.definition.start_deadline
        event = e.RunPlanned(
            run=run_id(job.job, fire_time),
            job=job.job,
            cause=cause,
            revision=job.revision,
            due_time=fire_time,
            fire_time=fire_time,
            window_start=self._window_start(fire_time),
            start_by=None if deadline is None else max(fire_time, self.now) + deadline,
            in_line=waits,
        )
        self._add(fire_stream(fire_time, job.job), event)
        self._is_busy = True
        self._is_line_open = self._is_line_open or waits
        self._runs += 1

    def _skip_until(self, until: datetime, reason: SkipReason) -> None:
        """Skip every fire time after the cursor up to `until`, if there is any."""
        after = self._after()
        if until <= after:
            return
        schedule = self.job.definition.schedule
        newest = latest_fire_times(schedule, after=after, until=until, limit=1)
        if not newest:
            return
        count = count_fires(schedule, after=after, until=until) - self._count_taken(after, until)
        if not count:
            self._seen = newest[0]
            return
        event = e.FiresSkipped(
            job=self.job.job, after=self.job.cursor, until=newest[0], count=count, reason=reason
        )
        self._add(skips_stream(self.job.job), event)

    # -- looking things up

    def _add(self, stream: str, event: e.AnyEvent) -> None:
        self.facts.append(Fact(stream, event))
        self.job = evolve_job(self.job, event)

    def _end(self, reason: Literal["max-runs", "no-fires-left"]) -> None:
        self._add(job_stream(self.job.job), e.JobExhausted(job=self.job.job, reason=reason))

    def _after(self) -> datetime:
        after = max(self.job.cursor, self._seen)
        start_at = self.job.definition.start_at
        return after if start_at is None else max(after, start_at - ONE_SECOND)

    def _bounded(self, until: datetime) -> datetime:
        end_at = self.job.definition.end_at
        return until if end_at is None else min(until, end_at)

    def _has_next(self) -> bool:
        at = next_fire(self.job.definition.schedule, self._after())
        end_at = self.job.definition.end_at
        return at is not None and (end_at is None or at <= end_at)

    def _window_start(self, fire_time: datetime) -> datetime | None:
        """Return where the run's data window begins: no stretch of time is left uncovered."""
        job = self.job
        schedule = job.definition.schedule
        if job.coalesced_after is not None:
            if job.last_run_fire is not None and job.last_run_fire < fire_time:
                return job.last_run_fire
            first = next_fire(schedule, job.coalesced_after)
            return previous_fire(schedule, first or fire_time)
        if isinstance(schedule, Interval):
            return fire_time - schedule.every
        if job.on_grid and job.ahead_until is None:
            return job.cursor
        return previous_fire(schedule, fire_time)

    def _was_taken(self, fire_time: datetime) -> bool:
        ahead = self.job.ahead_until
        return ahead is not None and fire_time <= ahead and self._taken(self.job.job, fire_time)

    def _count_taken(self, after: datetime, until: datetime) -> int:
        ahead = self.job.ahead_until
        if ahead is None or after >= ahead:
            return 0
        schedule = self.job.definition.schedule
        end = min(until, ahead)
        found = 0
        while fires := fire_times(schedule, after=after, until=end, limit=FIRES_PER_DECISION_MAX):
            found += sum(self._taken(self.job.job, at) for at in fires)
            after = fires[-1]
        return found
