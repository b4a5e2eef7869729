"""What the promises say of one job: which fire times are owed, and what must become of each.

Part of the model: it walks the fire times itself and knows none of the rules.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduler.model import events as e
from scheduler.model.jobs import Definition, Missed, RunId
from scheduler.model.schedules import Manual, Once
from tests.simulation.model_runs import Run
from tests.simulation.walking import fires

MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
RAN = frozenset({"schedule", "catch-up"})


class End(NamedTuple):
    """The end of a pause: what is owed up to `at` is treated as `missed` says."""

    at: datetime
    missed: Missed


class Job:
    """One job: its definition, and what became of its fire times."""

    def __init__(self, event: e.JobDefined) -> None:
        self.key = event.job
        self.definition = event.definition
        self.cursor = self.since = event.cursor  # where its definition began to hold
        self.fates: dict[datetime, str] = {}  # up to the cursor; runs also beyond it
        self.open: dict[RunId, Run] = {}  # live ones, in the order of their line
        self.carried_out: set[datetime] = set()  # fire times with a run, whatever its cause
        self.skipping: set[datetime] = set()  # on request
        self.resumed: End | None = None
        self.pause_end: End | None = None  # of a pause that ends by itself
        self.failures = 0  # live runs in a row
        self.planned = 0
        self.is_over = event.exhausted
        self.is_paused = self.is_removed = False
        self.was_set_back = False  # with the clock, below what it had decided

    def window(self, until: datetime) -> list[datetime]:
        """Return the fire times from the cursor on, within the job's bounds."""
        policy = self.definition
        is_done = policy.max_runs is not None and self.planned >= policy.max_runs
        if self.is_over or self.is_removed or is_done:
            return []
        after = self.cursor
        if policy.start_at is not None:
            after = max(after, policy.start_at - SECOND)
        return fires(policy.schedule, after, min(until, policy.end_at or until))

    def owed(self, until: datetime) -> list[datetime]:
        """Return those without a run; one may have a run from before the clock was set back."""
        return [at for at in self.window(until) if at not in self.carried_out]

    def has_more(self, *, without_run: bool = False) -> bool:
        """Return whether a fire time can still come; one may have its run from before."""
        policy, schedule = self.definition, self.definition.schedule
        if policy.max_runs is not None and self.planned >= policy.max_runs:
            return False
        end = policy.end_at or (schedule.at if isinstance(schedule, Once) else None)
        if end is None:
            return True
        coming = fires(schedule, self._begin(), end)
        return any(at not in self.carried_out for at in coming) if without_run else bool(coming)

    def _begin(self) -> datetime:
        start = self.definition.start_at
        return self.cursor if start is None else max(self.cursor, start - SECOND)

    @property
    def is_manual(self) -> bool:
        """Whether nothing but a person or a callback runs the job."""
        return isinstance(self.definition.schedule, Manual)

    # -- what the policies say

    def fate(self, at: datetime, now: datetime, policy: Definition, pauses: Sequence[End]) -> str:
        """Return what must become of an owed fire time, decided `now`: a cause, or a reason.

        `pauses` are those that have ended and are not decided yet, the earlier first.
        """
        if self._is_excluded(at):
            return "excluded"
        if at in self.skipping:
            return "skip-next"
        window = [
            one for one in self.window(now) if not (one in self.skipping or self._is_excluded(one))
        ]
        for end in pauses:
            if at <= end.at:
                late = [one for one in window if one <= end.at]
                return (
                    "paused" if end.missed == "skip" else self._late(at, late, end.missed, policy)
                )
        late = [one for one in window if now - self.due(one) > policy.misfire_grace]
        if at not in late:
            return self._refusal(policy) or "schedule"
        if policy.catch_up == "none":
            return "misfire"
        reach = policy.catch_up_window or (DAY if policy.catch_up == "all" else timedelta.max)
        if now - at > reach:
            return "window"
        if policy.catch_up == "latest" and len(late) < len(window):
            return "coalesced"  # one that is on time stands for it
        near = [one for one in late if now - one <= reach]
        return self._late(at, near, policy.catch_up, policy)

    def due(self, at: datetime) -> datetime:
        """Return when a fire time is due: a part of the jitter later, before the next one."""
        jitter = self.definition.jitter
        following = fires(self.definition.schedule, at, at + jitter)
        most = following[0] - at if following else jitter
        seed = hashlib.sha256(f"{self.key}/{at.timestamp():.0f}/jitter".encode()).digest()
        return at + MICROSECOND * (most // MICROSECOND * int.from_bytes(seed[:4], "big") >> 32)

    def _is_excluded(self, at: datetime) -> bool:
        exclude = self.definition.exclude
        if exclude is None:
            return False
        day = at.astimezone(ZoneInfo(exclude.timezone)).date()
        return any(days.first <= day <= days.last for days in exclude.dates)

    def _late(self, at: datetime, late: list[datetime], catch_up: str, policy: Definition) -> str:
        if catch_up == "all":
            return "catch-up" if at in late[-policy.catch_up_limit :] else "limit"
        if at != late[-1]:
            return "coalesced"
        return self._refusal(policy) or "catch-up"

    def _refusal(self, policy: Definition) -> str | None:
        """Return why a run may not be planned beside those that are open; None when it may."""
        return None if any(run.is_in_line for run in self.open.values()) else self.refusal(policy)

    def refusal(self, policy: Definition) -> str | None:
        """Return the same for a run that does not wait behind those that catch up."""
        if policy.overlap == "skip" and self.open:
            return "overlap"
        if policy.overlap == "queue" and len(self.open) > policy.queue_limit:
            return "queue-full"
        return None
