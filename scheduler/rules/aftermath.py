"""What the end of a run causes, in the same append: callbacks, and a pause after too many failures.

Several runs of one job may end in one decision, whose facts are not folded yet; so an `Aftermath`
counts along, and is made anew for each decision.
"""

from datetime import datetime

from scheduler.model import events as e
from scheduler.model.jobs import JobId
from scheduler.model.streams import job_stream
from scheduler.rules.callbacks import callbacks
from scheduler.rules.facts import Fact
from scheduler.rules.run_state import RunState
from scheduler.rules.timetable import Timetable


class Aftermath:
    """What follows from the ends of one decision."""

    def __init__(self, timetable: Timetable, now: datetime) -> None:
        self._timetable = timetable
        self._now = now
        self._failures: dict[JobId, int] = {}  # in a row, with those of this decision
        self._paused: set[JobId] = set()

    def of(self, run: RunState, facts: list[Fact]) -> list[Fact]:
        """Return the facts about one run and, when they end it, what that causes."""
        caused: list[Fact] = []
        for fact in facts:
            caused += callbacks(self._timetable, run, fact.event, self._now)
            if run.is_live:
                caused += self._pause(run.job, fact.event)
        return facts + caused

    def _pause(self, key: JobId, event: e.AnyEvent) -> list[Fact]:
        job = self._timetable.jobs.get(key)
        if job is None:
            return []
        if isinstance(event, e.RunSucceeded):
            self._failures[key] = 0
            return []
        if not isinstance(event, e.RunFailed | e.RunExpired):
            return []
        failures = self._failures.get(key, self._timetable.failures.get(key, 0)) + 1
        self._failures[key] = failures
        most = job.definition.pause_after_failures
        if most is None or failures < most or job.paused or job.removed or key in self._paused:
            return []
        self._paused.add(key)
        return [Fact(job_stream(key), e.JobPaused(job=key, failures=failures))]
