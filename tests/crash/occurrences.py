"""Whether each fire time of each job was decided, and only once: the completeness of a log.

Reckoned from the definitions in the log and `firing.fire_times`, apart from the fold: each fire
time up to a job's cursor is in exactly one of a first run by schedule or catch-up, or a skip.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.firing import fire_times, next_fire
from scheduler.model.jobs import Definition, JobId

FIRES_MAX = 100_000  # of one job in a test
ONE_SECOND = timedelta(seconds=1)
DECIDED_WITHIN = timedelta(seconds=5)  # from a fire time to its decision, while a server is up


class Stretch(NamedTuple):
    """The time for which one definition held."""

    definition: Definition
    after: datetime
    until: datetime | None  # None: as far as the job was decided


class Calendar:
    """One job: its definitions, and what became of its fire times."""

    def __init__(self, event: e.JobDefined) -> None:
        self.job = event.job
        self.cursor = event.cursor
        self.runs: Counter[datetime] = Counter()
        self.skips: list[e.FiresSkipped] = []
        self.faults: list[str] = []
        self._stretches = [Stretch(event.definition, event.cursor, None)]

    @property
    def definition(self) -> Definition:
        return self._stretches[-1].definition

    def revise(self, event: e.JobRevised) -> None:
        self.close(event.effective_at)
        self._stretches.append(Stretch(event.definition, event.effective_at, None))
        self.cursor = event.effective_at

    def close(self, until: datetime) -> None:
        """End the present definition's stretch, unless it has ended."""
        last = self._stretches[-1]
        if last.until is None:
            self._stretches[-1] = last._replace(until=until)

    def plan(self, fire_time: datetime) -> None:
        self._move(fire_time, f"the run of {fire_time}")
        self.runs[fire_time] += 1

    def skip(self, event: e.FiresSkipped) -> None:
        if event.after != self.cursor:
            self.faults.append(f"{self.job}: a skip after {event.after}, decided to {self.cursor}")
        self._move(event.until, f"the skip up to {event.until}")
        self.skips.append(event)

    def _move(self, at: datetime, what: str) -> None:
        if at <= self.cursor:
            self.faults.append(f"{self.job}: {what} lies before what was decided ({self.cursor})")
        self.cursor = at

    def owes(self, at: datetime) -> datetime | None:
        """Return a fire time that should be decided by `at` and is not."""
        start_at = self.definition.start_at
        after = self.cursor if start_at is None else max(self.cursor, start_at - ONE_SECOND)
        due = next_fire(self.definition.schedule, after)
        return due if due is not None and due <= at - DECIDED_WITHIN else None

    def check(self) -> Iterator[str]:
        """Yield what is wrong with the whole of it."""
        yield from self.faults
        due = Counter(at for stretch in self._stretches for at in self._fires(stretch))
        for at, runs in self.runs.items():
            if runs > 1:
                yield f"{self.job}: {at} has {runs} first runs"
            if at not in due:
                yield f"{self.job}: {at} has a run and is no fire time"
        skipped: Counter[datetime] = Counter()
        for skip in self.skips:
            inside = [at for at in due if skip.after < at <= skip.until]
            skipped.update(inside)
            if len(inside) != skip.count:
                yield f"{self.job}: {skip} counts {skip.count}, there are {len(inside)}"
        for at in due:
            decisions = self.runs[at] + skipped[at]
            if decisions != 1:
                yield f"{self.job}: {at} was decided {decisions} times"

    def _fires(self, stretch: Stretch) -> list[datetime]:
        definition, after, until = stretch
        if until is None:
            until = self.cursor
        if definition.start_at is not None:
            after = max(after, definition.start_at - ONE_SECOND)
        if definition.end_at is not None:
            until = min(until, definition.end_at)
        return fire_times(definition.schedule, after=after, until=until, limit=FIRES_MAX)


def occurrence_faults(recorded: Sequence[Recorded]) -> list[str]:
    """Return a sentence for each fire time that was decided twice, wrongly or not at all."""
    jobs: dict[JobId, Calendar] = {}
    faults: list[str] = []
    for one in recorded:
        match one.event:
            case e.JobDefined() as event:
                jobs[event.job] = Calendar(event)
            case e.JobRevised() as event:
                jobs[event.job].revise(event)
            case e.RunPlanned(cause="schedule" | "catch-up", fire_time=at, job=job):
                if at is None:
                    faults.append(f"position {one.position}: an occurrence without a fire time")
                else:
                    jobs[job].plan(at)
            case e.FiresSkipped() as event:
                jobs[event.job].skip(event)
            case e.JobPaused(job=job) | e.JobRemoved(job=job):
                calendar = jobs[job]
                owed = calendar.owes(one.recorded_at)
                if owed is not None and not is_at_rest(recorded, one):
                    faults.append(f"position {one.position}: {owed} of {job} is not decided")
                if isinstance(one.event, e.JobRemoved):
                    calendar.close(calendar.cursor)
            case e.JobExhausted(job=job):
                jobs[job].close(jobs[job].cursor)
            case _:
                continue
    return faults + [fault for calendar in jobs.values() for fault in calendar.check()]


def is_at_rest(recorded: Sequence[Recorded], end: Recorded) -> bool:
    """Return whether the job of a pause or removal was over or paused already, or all was."""
    rests: dict[str, bool] = {}
    job = end.event.job if isinstance(end.event, e.JobPaused | e.JobRemoved) else ""
    for one in recorded[: end.position - 1]:
        match one.event:
            case e.SystemPaused():
                rests["system"] = True
            case e.SystemResumed():
                rests["system"] = False
            case e.JobDefined(job=named, exhausted=exhausted) if named == job:
                rests["exhausted"] = exhausted
            case e.JobRevised(job=named, exhausted=exhausted) if named == job:
                rests["exhausted"] = exhausted
            case e.JobExhausted(job=named) if named == job:
                rests["exhausted"] = True
            case e.JobPaused(job=named) if named == job:
                rests["paused"] = True
            case e.JobResumed(job=named) if named == job:
                rests["paused"] = False
            case _:
                continue
    return any(rests.values())
