"""Specs of the rules, as they are told: given(what happened).when(a wish, now=...).then(events).

Facts are built by `tests.facts`. A wish is decided on the fold of what was given, and what it leads
to is folded too, so a story may go on after its `then`.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from unittest.mock import ANY

from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import HorologError
from scheduler.model.jobs import JobId, RunId
from scheduler.model.streams import fire_stream, job_stream
from scheduler.rules.decide import Known, decide, no_code
from scheduler.rules.facts import Fact
from scheduler.rules.run_state import RunState, evolve_run
from scheduler.rules.timetable import Timetable
from tests.facts import at, system_started

DECIDE = c.Tick(slots=0, epoch=1)  # time passes, and no slot is free: nothing starts
START = c.Tick(slots=32, epoch=1)
STAGES_MAX = 10_000  # of one tick, as the executor asks until nothing is left


def states(timetable: Timetable) -> tuple[object, ...]:
    """Return all that a fold holds and a decision may depend on."""
    return (
        timetable.position,
        timetable.system,
        timetable.jobs,
        timetable.names,
        {name: timetable.callers.of(name) for name in ("a", "b", "c", "d")},
        timetable.failures,
        timetable.runs,
        {job: list(runs) for job, runs in timetable.open_of.items()},
        timetable.backfills,
        {backfill: set(runs) for backfill, runs in timetable.open_in.items()},
        timetable.versions,
        set(timetable.occupied),
    )


class Story:
    """A fold in the making, and what the last wish led to."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self.timetable = Timetable()
        self.facts: list[Fact] = []  # of the last wish
        self._streams: set[str] = set()
        self._ended: dict[RunId, tuple[RunState, int]] = {}  # and the versions of their streams
        self._last: dict[str, RunId] = {}  # of each stream
        self._of_jobs: dict[str, list[e.AnyEvent]] = {}  # by stream
        self._error: HorologError | None = None
        self._tell(system_started(1))
        for fact in facts:
            self._tell(fact)

    def _tell(self, fact: Fact) -> None:
        stream, event = fact
        timetable = self.timetable
        if isinstance(event, e.FiresSkipped) and event.after is ANY:
            event = replace(event, after=timetable.jobs[event.job].cursor)
        if isinstance(event, e.RunReopened):
            self._recall(event.run)
        if isinstance(event, e.RunPlanned | e.ServiceCalled):
            if event.number > 1:
                timetable.continue_stream(stream, self._ended[self._last[stream]][1])
            self._last[stream] = event.run
        self._streams.add(stream)
        self._of_jobs.setdefault(stream, []).append(event)
        if isinstance(event, e.RunEvent) and (run := timetable.runs.get(event.run)) is not None:
            self._ended[event.run] = (evolve_run(run, event), timetable.versions[stream] + 1)
        timetable.apply(stream, event)

    def _recall(self, key: RunId) -> None:
        if key in self._ended and key not in self.timetable.runs:
            self.timetable.recall(*self._ended[key])

    def when(self, command: c.AnyCommand, *, now: str) -> "Story":
        """Decide a wish, or all that a tick brings, and fold what it leads to."""
        self.facts = []
        self._error = None
        if isinstance(command, c.CancelRun | c.RetryRun | c.ResolveRun | c.ReplayRun):
            self._recall(command.run)
        try:
            for _ in range(STAGES_MAX):
                decided = decide(self.timetable, command, at(now), self._known())
                self.facts += decided
                for fact in decided:
                    self._tell(fact)
                if not decided or not isinstance(command, c.Tick):
                    break
        except HorologError as error:
            self._error = error
        if isinstance(command, c.CancelRun | c.RetryRun | c.ResolveRun | c.ReplayRun):
            self.timetable.dismiss(command.run)
        return self

    def _known(self) -> Known:
        return Known(
            self._taken,
            no_code,
            last_run=self._last_run,
            job_events=lambda job: self._of_jobs[job_stream(job)],
        )

    def _last_run(self, stream: str) -> RunState | None:
        found = self._ended.get(self._last.get(stream, RunId("")))
        return None if found is None else found[0]

    def _taken(self, job: JobId, fire_time: datetime) -> bool:
        return fire_stream(fire_time, job) in self._streams

    def then(self, *expected: Fact) -> "Story":
        """The wish led to these facts and no others, in this order."""
        if self._error is not None:
            raise self._error
        assert list(expected) == self.facts
        return self

    def refused(self, error: type[HorologError], saying: str) -> "Story":
        """The wish was refused, and nothing happened."""
        assert isinstance(self._error, error), self._error or self.facts
        assert re.search(saying, str(self._error)), str(self._error)
        assert [] == self.facts
        return self


def given(*facts: Fact) -> Story:
    """Tell what has happened."""
    return Story(facts)
