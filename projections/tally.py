"""What is counted: runs, attempts, skipped fires and lengths, per job and for the rest together.

Every count is a count over the log, so a restart resets none, and metrics that read them agree with
the log whatever happened. Counting needs to know whose a run is and when it was due; that is kept
for each run until it has succeeded (a run that ended otherwise may be reopened). Each row is
written once per page.

Whoever scrapes pays for every series, so at most SERIES_JOBS_MAX jobs have series of their own: a
job gets a place when it is defined, if one is free or held by a job that has ended (the one that
ended first gives way). The rest is not lost but counted together: `_other` for jobs that found no
place, `_ended` for those that gave theirs up, `_calls` for runs without a job. Counts leave the
series of a job only for `_ended`, and never those of the rest, so no counter there ever falls.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal, NamedTuple

from projections.tally_tables import (
    DDL,
    DELAY_BOUNDS_US,
    VIEWS,
    AttemptOutcome,
    Counts,
    Series,
    TallyColumns,
    allowance_us,
    as_json,
    as_row,
    from_row,
    micros,
    read_counts,
)
from scheduler.log.contract import Recorded
from scheduler.log.insertion import Insertion
from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import LIVE_CAUSES, Cause, JobId, RunId, SkipReason
from scheduler.model.limits import SERIES_JOBS_MAX, VIEW_RUNS_KEPT_MAX, VIEW_TALLIES_KEPT_MAX
from scheduler.rules.run_state import NO_JOB

MISSED: Final[frozenset[SkipReason]] = frozenset({"misfire", "window", "limit"})


class Whose(NamedTuple):
    """What counting needs to know of a run."""

    job: JobId
    cause: Cause
    due_us: int
    fire_us: int | None  # of an occurrence: the fire time whose success its own is

    @property
    def answers_us(self) -> int:
        """The fire time that its success answers, and all before: a call's, when it was due."""
        return self.due_us if self.fire_us is None else self.fire_us


class Tally:
    """The projection of all that is counted."""

    name: ClassVar[str] = "tally"
    version: ClassVar[int] = 2
    tables: ClassVar[tuple[str, ...]] = ("tally", "tally_rest", "tally_runs")
    ddl: ClassVar[tuple[str, ...]] = DDL
    views: ClassVar[Mapping[str, str]] = VIEWS

    def __init__(self, generation: int) -> None:
        tally, rest, runs = (f"{table}_{generation}" for table in self.tables)
        fields = TallyColumns.__struct_fields__
        self._put = Insertion(tally, len(fields), replace=True)
        self._find = f"SELECT * FROM {tally} WHERE job_id = ?"
        self._find_places = (
            f"SELECT job_id, ended_position FROM {tally} WHERE series = 'own'"
            " ORDER BY ended_position"
        )
        self._forgive = f"UPDATE {tally} SET awaited_us = NULL WHERE awaited_us IS NOT NULL"
        self._set_back = (
            f"UPDATE {tally} SET decided_us = min(decided_us, ?1),"
            " awaited_us = CASE WHEN awaited_us <= ?1 THEN awaited_us END"
        )
        self._put_rest = Insertion(rest, 2, replace=True)
        self._find_rest = f"SELECT counts FROM {rest} WHERE series = ?"
        self._insert_run = Insertion(runs, 1 + len(Whose._fields))
        self._find_run = f"SELECT job_id, cause, due_us, fire_us FROM {runs} WHERE run = ?"
        self._delete_run = f"DELETE FROM {runs} WHERE run = ?"
        self._kept: dict[JobId, TallyColumns] = {}
        self._touched: dict[JobId, TallyColumns] = {}
        self._rest: dict[Series, Counts] = {}
        self._touched_rest: set[Series] = set()
        self._runs: dict[RunId, Whose] = {}
        self._new_runs: dict[RunId, Whose] = {}
        self._gone_runs: list[RunId] = []
        self._places: dict[JobId, None] = {}  # jobs with series of their own
        self._ended: dict[JobId, None] = {}  # those of them that have ended, the first one first
        self._is_loaded = False  # both are as the rows say

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        """Fold the events; each row they touch is written once, at the end."""
        if not self._is_loaded:
            self._load_places(connection)
        for recorded in batch:
            event = recorded.event
            match event:
                case e.RunPlanned():
                    self._plan(connection, event)
                case e.AttemptStarted():
                    self._start(connection, recorded, event)
                case e.RunSucceeded(duration_us=duration_us):
                    self._succeed(connection, recorded, event.run, duration_us)
                case e.AttemptFailed(kind=kind, duration_us=duration_us):
                    self._attempt(connection, event.run, kind, duration_us)
                case e.AttemptInterrupted(reason=reason):
                    outcome: AttemptOutcome = "crash" if reason == "crash" else "stopped"
                    self._attempt(connection, event.run, outcome, None)
                case e.RunFailed() | e.RunResolved(verdict="failed"):
                    self._end(connection, recorded, event.run, "failed")
                case e.RunExpired():
                    self._end(connection, recorded, event.run, "expired")
                case e.RunCancelled(successor=successor):
                    is_off = successor is None  # else its successor is awaited in its place
                    self._end(connection, recorded, event.run, "cancelled", is_called_off=is_off)
                case e.RunResolved(verdict="succeeded"):
                    self._succeed(connection, recorded, event.run, None)
                case e.FiresSkipped():
                    self._skip(connection, event)
                case e.ServiceCalled(run=run, cause=cause, due_time=due_time):
                    self._new_runs[run] = Whose(NO_JOB, cause, micros(due_time), None)
                case _:
                    self._other(connection, recorded)
        self._write(connection)

    def _other(self, connection: sqlite3.Connection, recorded: Recorded) -> None:
        """Fold one of the rarer events."""
        event = recorded.event
        match event:
            case e.JobDefined():
                self._define(connection, recorded, event)
            case e.JobRevised(definition=definition):
                row = self._row(connection, event.job)
                row.allowance_us = allowance_us(definition)
                row.awaited_us = None
                self._mark_ended(row, recorded.position if event.exhausted else None)
            case e.JobResumed():
                self._row(connection, event.job).awaited_us = None
            case e.JobExhausted():
                self._mark_ended(self._row(connection, event.job), recorded.position)
            case e.JobRemoved():
                row = self._row(connection, event.job)
                if row.series == "own":
                    self._give_up(connection, row)
            case e.SystemResumed():
                self._change_all(connection, self._forgive, ())
            case e.ClockAccepted(at=at):
                self._change_all(connection, self._set_back, (micros(at),))
            case _:
                pass

    # -- runs

    def _plan(self, connection: sqlite3.Connection, event: e.RunPlanned) -> None:
        row = self._row(connection, event.job)
        fire_us = None if event.fire_time is None else micros(event.fire_time)
        whose = Whose(event.job, event.cause, micros(event.due_time), fire_us)
        self._new_runs[event.run] = whose
        if event.cause in {"schedule", "catch-up"} and fire_us is not None:
            row.decide(fire_us)

    def _start(
        self, connection: sqlite3.Connection, recorded: Recorded, event: e.AttemptStarted
    ) -> None:
        job, _, due_us, _ = self._whose(connection, event.run)
        row, tallies = self._tallied(connection, job)
        at_us = micros(recorded.recorded_at)
        if row is not None:
            row.last_start_us = at_us
        if event.attempt == 1:
            for counts in tallies:
                counts.delays.add(at_us - due_us, DELAY_BOUNDS_US)

    def _attempt(
        self,
        connection: sqlite3.Connection,
        run: RunId,
        outcome: AttemptOutcome,
        duration_us: int | None,
    ) -> None:
        job, cause, *_ = self._whose(connection, run)
        for counts in self._tallied(connection, job)[1]:
            counts.attempt_ended(cause, outcome, duration_us)

    def _succeed(
        self, connection: sqlite3.Connection, recorded: Recorded, run: RunId, took_us: int | None
    ) -> None:
        """Count a run that has succeeded: by an attempt, or None, by a person's word."""
        whose = self._whose(connection, run)
        cause = whose.cause
        row, tallies = self._tallied(connection, whose.job)
        for counts in tallies:
            counts.run_ended(cause, "succeeded")
            if took_us is not None:
                counts.attempt_ended(cause, "succeeded", took_us)
        if row is not None:
            if cause != "backfill":
                row.failures = 0
            row.last_success_us = micros(recorded.recorded_at)
            row.answer(whose.answers_us)
        self._runs.pop(run, None)
        if self._new_runs.pop(run, None) is None:
            self._gone_runs.append(run)

    def _end(
        self,
        connection: sqlite3.Connection,
        recorded: Recorded,
        run: RunId,
        outcome: Literal["failed", "expired", "cancelled"],
        *,
        is_called_off: bool = False,
    ) -> None:
        """Count a run that has ended otherwise; it may be reopened, so it is not forgotten."""
        whose = self._whose(connection, run)
        row, tallies = self._tallied(connection, whose.job)
        for counts in tallies:
            counts.run_ended(whose.cause, outcome)
        if row is not None:
            if is_called_off:
                row.answer(whose.answers_us)
            elif outcome != "cancelled":
                row.failures += whose.cause in LIVE_CAUSES
                row.last_failure_us = micros(recorded.recorded_at)
        self._runs.pop(run, None)

    def _skip(self, connection: sqlite3.Connection, event: e.FiresSkipped) -> None:
        row, tallies = self._tallied(connection, event.job)
        for counts in tallies:
            counts.fires_skipped(event.reason, event.count)
        if row is not None and event.reason in MISSED:
            row.decide(micros(event.until))

    def _whose(self, connection: sqlite3.Connection, run: RunId) -> Whose:
        whose = self._runs.get(run) or self._new_runs.get(run)
        if whose is None:
            found = connection.execute(self._find_run, (run,)).fetchone()
            if found is None:
                raise ImpossibleHistory(f"run {run} was never planned, or has succeeded")
            whose = self._runs[run] = Whose(*found)
        return whose

    # -- places

    def _load_places(self, connection: sqlite3.Connection) -> None:
        self._is_loaded = True
        for job, ended_position in connection.execute(self._find_places):
            self._places[job] = None
            if ended_position is not None:
                self._ended[job] = None

    def _define(
        self, connection: sqlite3.Connection, recorded: Recorded, event: e.JobDefined
    ) -> None:
        job = event.job
        row = TallyColumns(
            job_id=job,
            series="own" if self._has_place(connection) else "_other",
            ended_position=None,
            allowance_us=allowance_us(event.definition),
        )
        self._kept[job] = self._touched[job] = row
        if row.series == "own":
            self._places[job] = None
            self._mark_ended(row, recorded.position if event.exhausted else None)

    def _has_place(self, connection: sqlite3.Connection) -> bool:
        """Return whether another job may have series of its own, making room if that can be."""
        if len(self._places) < SERIES_JOBS_MAX:
            return True
        for job in self._ended:
            self._give_up(connection, self._row(connection, job))
            return True
        return False

    def _mark_ended(self, row: TallyColumns, position: int | None) -> None:
        """Note that a job has ended at `position`, or that it has not, and so keeps its place."""
        row.ended_position = position
        self._ended.pop(row.job_id, None)
        if position is not None and row.series == "own":
            self._ended[row.job_id] = None

    def _give_up(self, connection: sqlite3.Connection, row: TallyColumns) -> None:
        """Take a job's place: what it has counted is counted with the others that have ended."""
        row.series = "_ended"
        del self._places[row.job_id]
        self._ended.pop(row.job_id, None)
        self._rest_of(connection, "_ended").include(row.counts)

    # -- rows

    def _row(self, connection: sqlite3.Connection, job: JobId) -> TallyColumns:
        """Return the row of a job, which is about to be changed."""
        row = self._kept.get(job)
        if row is None:
            found = connection.execute(self._find, (job,)).fetchone()
            if found is None:
                raise ImpossibleHistory(f"job {job} was never defined")
            row = self._kept[job] = from_row(found)
        self._touched[job] = row
        return row

    def _tallied(
        self, connection: sqlite3.Connection, job: JobId
    ) -> tuple[TallyColumns | None, tuple[Counts, ...]]:
        """Return the row of a job, None of no job, and wherever something of it is counted."""
        if job == NO_JOB:
            return None, (self._rest_of(connection, "_calls"),)
        row = self._row(connection, job)
        if row.series == "own":
            return row, (row.counts,)
        return row, (row.counts, self._rest_of(connection, row.series))

    def _rest_of(self, connection: sqlite3.Connection, series: Series) -> Counts:
        """Return what is counted together, and is about to be changed."""
        counts = self._rest.get(series)
        if counts is None:
            found = connection.execute(self._find_rest, (series,)).fetchone()
            counts = self._rest[series] = Counts() if found is None else read_counts(found[0])
        self._touched_rest.add(series)
        return counts

    def _change_all(
        self, connection: sqlite3.Connection, statement: str, values: tuple[object, ...]
    ) -> None:
        """Change the rows of all jobs at once."""
        self._write(connection)
        self._kept.clear()
        connection.execute(statement, values)

    def _write(self, connection: sqlite3.Connection) -> None:
        self._put.put(connection, [as_row(row) for row in self._touched.values()])
        rest = [(series, as_json(self._rest[series])) for series in sorted(self._touched_rest)]
        self._put_rest.put(connection, rest)
        new = [(run, *whose) for run, whose in self._new_runs.items()]
        self._insert_run.put(connection, new)
        connection.executemany(self._delete_run, [(run,) for run in self._gone_runs])
        self._runs.update(self._new_runs)
        self._touched.clear()
        self._touched_rest.clear()
        self._new_runs.clear()
        self._gone_runs.clear()
        if len(self._kept) > VIEW_TALLIES_KEPT_MAX:
            self._kept.clear()
        if len(self._runs) > VIEW_RUNS_KEPT_MAX:
            self._runs.clear()
