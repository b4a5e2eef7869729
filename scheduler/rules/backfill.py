"""A backfill: which occurrences of a past window get a run, and when.

It is asked for once, with the whole calendar it follows (`calendar`), and advances like everything
else by events: a planned run or a passed occurrence moves its cursor, so a restart goes on where it
stood. What may run is decided occurrence by occurrence, by one rule (`needs_run`), which is also
what `backfill plan` shows.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.backfill_events import Only
from scheduler.model.errors import Conflict, NotFound
from scheduler.model.firing import previous_fire
from scheduler.model.jobs import BackfillId, JobId, run_id
from scheduler.model.limits import BACKFILL_LOOK_MAX, RERUNS_MAX
from scheduler.model.streams import backfill_stream, fire_stream
from scheduler.rules.backfill_state import BackfillState
from scheduler.rules.calendar import occurrences, stretch_at
from scheduler.rules.callbacks import backfill_callback
from scheduler.rules.facts import Fact
from scheduler.rules.job_state import JobState
from scheduler.rules.reruns import rerun
from scheduler.rules.run_state import BADLY, ENDED, RunState
from scheduler.rules.timetable import Timetable

LastRun = Callable[[str], RunState | None]  # the last run of an occurrence's stream


class Needed(NamedTuple):
    """That an occurrence gets a run: its first, or one that repeats `of`."""

    of: RunState | None = None


def needs_run(only: Only, last: RunState | None) -> Needed | None:
    """Return what run an occurrence gets whose last run is `last`; None when it stays as it is.

    `missing` and `failed` asked again run nothing twice.
    """
    if last is None:
        return Needed() if only != "failed" else None
    if last.status not in ENDED:
        return None  # it is under way, or waits for a person
    if last.number >= RERUNS_MAX:
        return None  # it was run as often as an occurrence may be
    if only == "all" or (only == "failed" and last.status in BADLY):
        return Needed(of=last)
    return None


def advance(timetable: Timetable, now: datetime, last_run: LastRun) -> list[Fact]:
    """Plan the next runs of backfills, as far as each one's own bounds allow.

    At most BACKFILL_LOOK_MAX occurrences are looked at, those of the backfill first that came on
    longest ago; the caller asks until nothing comes.
    """
    if timetable.system.paused:
        return []
    facts: list[Fact] = []
    looks = BACKFILL_LOOK_MAX
    is_here = timetable.agenda.is_here
    for key, state in timetable.backfills.items():
        if (state.next_at is not None and state.next_at > now) or state.is_resting(is_here):
            continue
        step = _Advance(timetable, key, state, now, last_run)
        facts += step.facts(looks)
        looks -= step.looks
        if looks <= 0:
            break
    return facts


class _Advance:
    """One step of one backfill."""

    def __init__(
        self,
        timetable: Timetable,
        key: BackfillId,
        state: BackfillState,
        now: datetime,
        last_run: LastRun,
    ) -> None:
        self._timetable = timetable
        self._key = key
        self._state = state
        self._now = now
        self._last_run = last_run
        self._job = timetable.jobs[state.asked.job]
        self.looks = 0  # occurrences looked at
        self._facts: list[Fact] = []
        self._passed = 0  # occurrences since the last event
        self._passed_until: datetime | None = None

    def facts(self, looks: int) -> list[Fact]:
        """Return the runs to plan and the occurrences to pass, after so many looks, or the end."""
        asked = self._state.asked
        is_open = len(self._timetable.open_in.get(self._key, ()))
        room = asked.concurrency - is_open
        if asked.per_minute is not None:
            room = min(room, 1)
        if room <= 0:
            return []
        found = occurrences(asked, after=self._state.cursor, limit=looks)
        if not found:
            return [] if is_open else self._end()
        for fire_time in found:
            if room <= 0:
                break
            self.looks += 1
            settled = self._settle(fire_time)
            if settled is None:
                break
            room -= settled
        self._note_passed()
        return self._facts

    def _settle(self, fire_time: datetime) -> int | None:
        """Plan a run of this occurrence, or pass it; return how many runs were planned.

        None: its run ended this very moment and is not durable yet, so it is looked at again.
        """
        job, asked = self._job, self._state.asked
        stream = fire_stream(fire_time, job.job)
        needed = None
        if stream not in self._timetable.versions:
            last = self._last_run(stream)
            if last is not None and last.status not in ENDED:
                return None
            needed = needs_run(asked.only, last)
        if needed is None:
            self._passed += 1
            self._passed_until = fire_time
            return 0
        self._note_passed()
        event = (
            first_run(job, asked, fire_time, self._now)
            if needed.of is None
            else rerun(needed.of, job, self._now, backfill=self._key)
        )
        self._facts.append(Fact(stream, event))
        return 1

    def _note_passed(self) -> None:
        if self._passed_until is not None:
            advanced = e.BackfillAdvanced(
                backfill=self._key, cursor=self._passed_until, passed=self._passed
            )
            self._facts.append(Fact(backfill_stream(self._key), advanced))
        self._passed, self._passed_until = 0, None

    def _end(self) -> list[Fact]:
        finished = Fact(backfill_stream(self._key), e.BackfillFinished(backfill=self._key))
        return [finished, *backfill_callback(self._timetable, self._state, self._now)]


def first_run(
    job: JobState, asked: e.BackfillRequested, fire_time: datetime, now: datetime
) -> e.RunPlanned:
    """Return the first run of an occurrence: its window is of the schedule it is a fire time of."""
    deadline = job.definition.start_deadline
    schedule = stretch_at(asked, fire_time).schedule
    return e.RunPlanned(
        run=run_id(job.job, fire_time),
        job=job.job,
        cause="backfill",
        revision=job.revision,
        due_time=now,
        fire_time=fire_time,
        window_start=previous_fire(schedule, fire_time),
        backfill=asked.backfill,
        start_by=None if deadline is None else now + deadline,
    )


# -- what people ask


def under_way(timetable: Timetable, key: BackfillId) -> BackfillState:
    """Return a backfill that is not over."""
    state = timetable.backfills.get(key)
    if state is None:
        raise NotFound("backfill that is not over", key)
    return state


def pause_backfill(timetable: Timetable, wish: c.PauseBackfill) -> list[Fact]:
    """Plan no further run of it."""
    if under_way(timetable, wish.backfill).paused:
        return []
    return [Fact(backfill_stream(wish.backfill), e.BackfillPaused(backfill=wish.backfill))]


def resume_backfill(timetable: Timetable, wish: c.ResumeBackfill) -> list[Fact]:
    """Go on with it."""
    if not under_way(timetable, wish.backfill).paused:
        return []
    return [Fact(backfill_stream(wish.backfill), e.BackfillResumed(backfill=wish.backfill))]


def cancel_backfill(timetable: Timetable, key: BackfillId) -> list[Fact]:
    """End it: its runs that have not started are cancelled, those that have go on."""
    under_way(timetable, key)
    facts = [
        Fact(timetable.runs[run].stream, e.RunCancelled(run=run))
        for run in timetable.open_in.get(key, ())
        if timetable.runs[run].attempt == 0
    ]
    return [*facts, Fact(backfill_stream(key), e.BackfillCancelled(backfill=key))]


def backfills_of(timetable: Timetable, job: JobId) -> Sequence[BackfillState]:
    """Return a job's backfills that are not over."""
    return [state for state in timetable.backfills.values() if state.asked.job == job]


def refuse_second(timetable: Timetable, wish: c.RequestBackfill) -> None:
    """Refuse a backfill over a stretch of time that another one of the job is about."""
    for state in backfills_of(timetable, wish.job):
        asked = state.asked
        if asked.after < wish.until and wish.after < asked.until:
            raise Conflict(
                f"backfill {asked.backfill} of this job is about the same time and is not over. "
                f"See: horolog backfill show {asked.backfill}"
            )
