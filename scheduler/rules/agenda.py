"""What time will bring to jobs: their next fire times, and the ends of pauses.

Fire times are reckoned (`firing`) only for jobs that were touched, when asked who is due. The heaps
hold stale entries on purpose: one is believed only if the job still says so when it comes up.

A job whose time zone is not known here is held apart: it has no next fire time until the zone is
there or the job is edited. To look for a zone takes a while, so one that was missing is looked for
again after ZONE_LOOK, whoever asks (`is_here`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from heapq import heappop, heappush

from scheduler.model.firing import next_fire
from scheduler.model.jobs import JobId
from scheduler.model.limits import ZONE_LOOK
from scheduler.model.missing_zones import missing_zone
from scheduler.model.zones import is_known
from scheduler.rules.job_state import JobState

ONE_SECOND = timedelta(seconds=1)


class Agenda:
    """When each job is to be looked at next."""

    def __init__(self, jobs: Mapping[JobId, JobState]) -> None:
        """Look into these, as they are at each call."""
        self._jobs = jobs
        self._next: dict[JobId, datetime] = {}
        self._unreckoned: dict[JobId, None] = {}  # jobs whose next fire time is to be looked up
        self._fires: list[tuple[datetime, JobId]] = []
        self._pause_ends: list[tuple[datetime, JobId]] = []
        self._passed: dict[JobId, datetime] = {}
        self._apart: dict[JobId, str] = {}  # jobs that cannot be reckoned, and the missing zone
        self._missing: set[str] = set()  # zones that were looked for in vain since then:
        self._looked_at: datetime | None = None

    # -- what has become of jobs

    def touch(self, key: JobId) -> None:
        """Note that the job may be due at another time than before."""
        self._unreckoned[key] = None

    def note_pause(self, job: JobState) -> None:
        """Note when the pause of a job ends by itself."""
        if job.pause_end is not None:
            heappush(self._pause_ends, (job.pause_end.at, job.job))

    def forget(self, key: JobId) -> None:
        """Drop a job."""
        for kept in (self._next, self._unreckoned, self._passed, self._apart):
            kept.pop(key, None)

    def pass_over(self, key: JobId, until: datetime) -> None:
        """Note that all fire times of the job up to `until` have their runs (a clock set back)."""
        self._passed[key] = until
        self._unreckoned[key] = None

    def forget_passed(self, key: JobId) -> None:
        """Drop what was noted of the job's schedule as it was."""
        self._passed.pop(key, None)

    def begin_anew(self) -> None:
        """Drop what was noted of all: the clock was accepted."""
        self._passed.clear()
        self._unreckoned.update(dict.fromkeys(self._jobs))

    # -- looking ahead

    def looked_at(self, job: JobState) -> datetime:
        """Return where to look for the job's next fire time from: its cursor, or further."""
        return max(job.cursor, self._passed.get(job.job, job.cursor))

    def next_fire_of(self, job: JobState) -> datetime | None:
        """Return the job's next undecided fire time within its bounds; None when there is none."""
        definition = job.definition
        after = self.looked_at(job)
        if definition.start_at is not None:
            after = max(after, definition.start_at - ONE_SECOND)
        at = next_fire(definition.schedule, after)
        if at is None or (definition.end_at is not None and at > definition.end_at):
            return None
        return at

    def due(self, now: datetime, limit: int) -> list[JobState]:
        """Return at most `limit` jobs with an undecided fire time at or before `now`, in order.

        Decided or not, they come up again at the next look if they are still due.
        """
        self._forget_missing(now)
        self.reckon()
        due: list[JobState] = []
        fires = self._fires
        while fires and fires[0][0] <= now and len(due) < limit:
            at, key = heappop(fires)
            if self._next.get(key) == at:
                del self._next[key]
                self._unreckoned[key] = None
                due.append(self._jobs[key])
        return due

    def count_due(self, now: datetime) -> int:
        """Return how many jobs have an undecided fire time at or before `now`; from any thread."""
        return sum(at <= now for at in list(self._next.values()))

    def held_apart(self) -> dict[JobId, str]:
        """Return the jobs that cannot be reckoned, each with the missing zone; from any thread."""
        return dict(self._apart)

    def ended_pauses(self, now: datetime, limit: int) -> list[JobState]:
        """Return at most `limit` jobs whose pause has ended by itself; the caller resumes each."""
        ended: dict[JobId, JobState] = {}
        while self._pause_ends and self._pause_ends[0][0] <= now and len(ended) < limit:
            at, key = heappop(self._pause_ends)
            job = self._jobs.get(key)
            if job is not None and self._ends_so(job, at):
                ended[key] = job  # once, also when it was paused until then more than once
        return list(ended.values())

    def next_fire_due(self) -> datetime | None:
        """Return the earliest undecided fire time of all jobs."""
        self.reckon()
        fires = self._fires
        while fires and self._next.get(fires[0][1]) != fires[0][0]:
            heappop(fires)
        return fires[0][0] if fires else None

    def next_pause_end(self) -> datetime | None:
        """Return when the next pause ends by itself."""
        ends = self._pause_ends
        while ends:
            job = self._jobs.get(ends[0][1])
            if job is not None and self._ends_so(job, ends[0][0]):
                return ends[0][0]
            heappop(ends)
        return None

    @staticmethod
    def _ends_so(job: JobState, at: datetime) -> bool:
        return (
            job.paused and not job.removed and job.pause_end is not None and job.pause_end.at == at
        )

    def reckon(self) -> None:
        """Look up the next fire times of the jobs that were touched."""
        for key in self._unreckoned:
            job = self._jobs.get(key)
            at = zone = None
            if job is not None and not (job.paused or job.exhausted or job.removed):
                zone = missing_zone(
                    job.definition.schedule, job.definition.exclude, is_here=self.is_here
                )
                if zone is None:
                    at = self.next_fire_of(job)
            if zone is not None:
                self._apart[key] = zone
            elif self._apart:
                self._apart.pop(key, None)
            if at is None:
                self._next.pop(key, None)
            elif self._next.get(key) != at:
                self._next[key] = at
                heappush(self._fires, (at, key))
        self._unreckoned.clear()

    def is_here(self, zone: str) -> bool:
        """Return whether a zone is known here; one that was missing lately is not looked for."""
        if zone in self._missing:
            return False
        if is_known(zone):
            return True
        self._missing.add(zone)
        return False

    def _forget_missing(self, now: datetime) -> None:
        """Have missing zones looked for again, and the jobs reckoned that hang on them."""
        looked_at = self._looked_at
        if looked_at is not None and abs(now - looked_at) < ZONE_LOOK:  # the clock may go back
            return
        self._looked_at = now
        self._missing.clear()
        self._unreckoned.update(dict.fromkeys(self._apart))
