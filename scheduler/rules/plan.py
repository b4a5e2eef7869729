"""What becomes of a job's fire times in a window: live firing, catch-up, the end of a pause.

The order is fixed: days that are excluded and fire times that somebody asked to skip; which of the
others are late (`lateness`), and what catch-up makes of them; then `overlap`; then a run. Every
fire time of the window becomes a run, or falls in a skip that says why; the cursor passes it in the
same breath. Windows that are skipped whole are counted, never walked (`firing.count_fires`).

Of late fire times:

- catch_up none: all are skipped (`misfire`);
- catch_up latest: the newest runs, unless a fire that is on time stands for it; the others are
  `coalesced`;
- catch_up all: each runs, oldest first, and waits for its turn instead of meeting `overlap`;
- beyond `catch_up_window` they are skipped as `window`, beyond the newest `catch_up_limit` as
  `limit`.

A fire time that has its run already, from before the clock was set back, is passed over without a
word.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from scheduler.model import events as e
from scheduler.model.excluded import excluded_in, is_excluded
from scheduler.model.firing import (
    count_fires,
    fire_times,
    latest_fire_times,
    next_fire,
    previous_fire,
)
from scheduler.model.jitter import due_time
from scheduler.model.jobs import Definition, JobId, SkipReason, run_id
from scheduler.model.limits import FIRES_PER_DECISION_MAX
from scheduler.model.schedules import Interval
from scheduler.model.streams import fire_stream, job_stream, skips_stream
from scheduler.rules.facts import Fact
from scheduler.rules.job_state import JobState, Resumption, evolve_job
from scheduler.rules.lateness import INSTANT, Lateness, missed, ordinary, pauses_of
from scheduler.rules.overlap import Line
from scheduler.rules.timetable import Timetable

ONE_SECOND = timedelta(seconds=1)

# Whether an occurrence has a run, from before the clock was set back.
Taken = Callable[[JobId, datetime], bool]


class Piece(NamedTuple):
    """A part of a window: (after, until]; with a reason, nothing in it runs."""

    after: datetime
    until: datetime
    reason: SkipReason | None = None


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
    planner.stretch(now, ordinary(planner.job, planner.policy, now))
    planner.exhaust()
    return planner.facts


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
        self._line = Line(timetable, job.job, policy)
        self._seen = timetable.agenda.looked_at(job)  # no fire time up to here is left to decide
        self._taken = taken
        self._runs = 0

    # -- what can be done with fire times

    def stretch(self, until: datetime, lateness: Lateness) -> None:
        """Decide the fire times in (cursor, until]."""
        late_until = min(lateness.late_until, until)
        if not self._is_full() and self._after() < late_until:
            self._late(late_until, until, lateness)
        if self._after() < self._bounded(until):
            self._each(self._bounded(until), "schedule")

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
        bound = self._bounded(late_until)
        if lateness.catch_up == "none":
            self._skip_until(bound, lateness.none_reason)
            return
        if lateness.reach is not None:
            self._skip_until(min(self.now - lateness.reach - INSTANT, bound), "window")
        if lateness.catch_up == "latest":
            if self._has_kept(max(bound, self._after()), self._bounded(until)):
                self._skip_until(bound, "coalesced")
                return
            newest = self._newest_kept(bound, 1)
            if newest:
                self._skip_until(newest[0] - ONE_SECOND, "coalesced")
                self._decide(newest[0], "catch-up", waits=False)
            return
        newest = self._newest_kept(bound, lateness.limit)
        if newest:
            self._skip_until(newest[0] - ONE_SECOND, "limit")
            self._each(bound, "catch-up")

    def _each(self, until: datetime, cause: Literal["schedule", "catch-up"]) -> None:
        """Decide the fire times up to `until` one by one, oldest first."""
        waits = cause == "catch-up"
        for piece in list(self._pieces(self._after(), until)):
            if self._is_full():
                return
            if piece.reason is not None:
                self._skip_window(piece.until, piece.reason)
                continue
            while not self._is_full():
                room = self.runs_max - self._runs
                found = self._fires(self._after(), piece.until, limit=room)
                for fire_time in found:
                    if not waits and (refusal := self._refusal()) is not None:
                        self._skip_until(until, refusal)  # nothing ends within one decision
                        return
                    self._decide(fire_time, cause, waits=waits)
                    if self._is_full():
                        return
                if len(found) < room:
                    break

    def _is_full(self) -> bool:
        """Return whether the bound of this decision, or of the job's runs, is met."""
        limit = self.job.definition.max_runs
        return self._runs >= self.runs_max or (limit is not None and self.job.planned >= limit)

    def _refusal(self) -> SkipReason | None:
        """Return why the next fire time may not become a run beside those that are open."""
        return None if self._line.is_catching_up else self._line.refusal()

    def _decide(
        self, fire_time: datetime, cause: Literal["schedule", "catch-up"], *, waits: bool
    ) -> None:
        """Plan a run for a fire time, or skip it because the last run is still open."""
        job = self.job
        if self._was_taken(fire_time):
            self._seen = fire_time
            return
        if not waits and (refusal := self._refusal()) is not None:
            self._skip_until(fire_time, refusal)
            return
        run, stream = run_id(job.job, fire_time), fire_stream(fire_time, job.job)
        if not waits and not self._line.is_catching_up:
            self.facts += self._line.give_way(run)
        due = due_time(job.job, job.definition, fire_time)
        deadline = job.definition.start_deadline
        event = e.RunPlanned(
            run=run,
            job=job.job,
            cause=cause,
            revision=job.revision,
            due_time=due,
            fire_time=fire_time,
            window_start=self._window_start(fire_time),
            start_by=None if deadline is None else max(due, self.now) + deadline,
            in_line=waits,
        )
        self._add(stream, event)
        self._line.join(run, stream, in_line=waits)
        self._runs += 1

    def _skip_until(self, until: datetime, reason: SkipReason) -> None:
        """Skip every fire time after the cursor up to `until`, for `reason` or a stronger one."""
        for piece in list(self._pieces(self._after(), until)):
            self._skip_window(piece.until, piece.reason or reason)

    def _skip_window(self, until: datetime, reason: SkipReason) -> None:
        """Skip every fire time after the cursor up to `until`, if there is any."""
        after = self._after()
        newest = self._latest(after, until, limit=1)
        if not newest:
            return
        schedule = self.job.definition.schedule
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

    def _pieces(self, after: datetime, until: datetime) -> Iterator[Piece]:
        """Yield (after, until] in parts, those in which nothing is to run apart from the others."""
        exclude, skipping = self.job.definition.exclude, self.job.skipping
        marks = [Piece(*part, "excluded") for part in excluded_in(exclude, after, until)]
        marks += [
            Piece(at - ONE_SECOND, at, "skip-next")
            for at in skipping
            if after < at <= until and not is_excluded(exclude, at)
        ]
        for mark in sorted(marks):
            if after < mark.after:
                yield Piece(after, mark.after)
            yield mark
            after = mark.until
        if after < until:
            yield Piece(after, until)

    def _has_kept(self, after: datetime, until: datetime) -> bool:
        """Return whether a fire time in (after, until] would run."""
        kept = (piece for piece in self._pieces(after, until) if piece.reason is None)
        return any(self._fires(piece.after, piece.until, limit=1) for piece in kept)

    def _newest_kept(self, until: datetime, limit: int) -> list[datetime]:
        """Return the last `limit` fire times up to `until` that would run, ascending."""
        found: list[datetime] = []
        for piece in reversed(list(self._pieces(self._after(), until))):
            if piece.reason is None and len(found) < limit:
                found = self._latest(piece.after, piece.until, limit=limit - len(found)) + found
        return found

    def _fires(self, after: datetime, until: datetime, *, limit: int) -> list[datetime]:
        return fire_times(self.job.definition.schedule, after=after, until=until, limit=limit)

    def _latest(self, after: datetime, until: datetime, *, limit: int) -> list[datetime]:
        schedule = self.job.definition.schedule
        return latest_fire_times(schedule, after=after, until=until, limit=limit)

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
