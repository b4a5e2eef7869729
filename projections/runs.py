"""Runs, their attempts and finished steps: a row for each, from the plan to the outcome.

The hot path of all views: each row is written once per page, however many events touched it, and
in one `executemany` per statement. Open runs are kept in memory between pages; a run that is not
(after a restart, or reopened later) is read back from its rows. Job names are kept beside, since a
run shows the name its job had when it was planned.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from msgspec import Struct
from msgspec.structs import astuple

from projections.contract import maybe_stamp, stamp
from projections.run_tables import (
    ATTEMPT_CHANGING,
    ATTEMPT_FIELDS,
    DDL,
    RUN_CHANGING,
    RUN_FIELDS,
    VIEWS,
    AttemptColumns,
    RunColumns,
    as_json,
    called,
    planned,
    reflect,
    state_of,
)
from projections.statements import update
from scheduler.log.contract import Recorded
from scheduler.log.insertion import Insertion
from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import JobId, RunId
from scheduler.model.limits import VIEW_NAMES_KEPT_MAX, VIEW_RUNS_KEPT_MAX
from scheduler.rules.run_state import ENDED, RunState, evolve_run

STEP_FIELDS = ("run_position", "name", "position", "attempt", "at", "result")
Moved = (
    e.AttemptStarted
    | e.RunSucceeded
    | e.AttemptFailed
    | e.RunFailed
    | e.StepCompleted
    | e.AttemptLogged
    | e.AttemptInterrupted
    | e.RunExpired
    | e.CancelRequested
    | e.RunCancelled
    | e.RunHeld
    | e.RunResolved
    | e.RunReopened
    | e.LateOutcomeIgnored
)  # what can happen to a run once it is planned


class Kept(Struct, gc=False):
    """A run in memory: its row, its state, and those of its attempts that were touched."""

    row: RunColumns
    state: RunState
    attempts: dict[int, AttemptColumns]
    is_stored: bool  # its row is in the table


class Runs:
    """The projection of runs and attempts."""

    name: ClassVar[str] = "runs"
    version: ClassVar[int] = 3
    tables: ClassVar[tuple[str, ...]] = ("runs", "attempts", "run_jobs", "steps")
    ddl: ClassVar[tuple[str, ...]] = DDL
    views: ClassVar[Mapping[str, str]] = VIEWS

    def __init__(self, generation: int) -> None:
        runs, attempts, jobs, steps = (f"{table}_{generation}" for table in self.tables)
        self._insert_run = Insertion(runs, len(RUN_FIELDS))
        self._update_run = update(runs, RUN_FIELDS[RUN_CHANGING:], ("position",))
        self._find_run = f"SELECT * FROM {runs} WHERE run = ?"
        self._insert_attempt = Insertion(attempts, len(ATTEMPT_FIELDS))
        key = ATTEMPT_FIELDS[:2]
        self._update_attempt = update(attempts, ATTEMPT_FIELDS[ATTEMPT_CHANGING:], key)
        self._find_attempt = f"SELECT * FROM {attempts} WHERE run_position = ? AND attempt = ?"
        self._put_name = Insertion(jobs, 2, replace=True)
        self._find_name = f"SELECT name FROM {jobs} WHERE job_id = ?"
        self._insert_step = Insertion(steps, len(STEP_FIELDS))
        self._kept: dict[RunId, Kept] = {}
        self._touched: dict[RunId, Kept] = {}
        self._new_attempts: list[AttemptColumns] = []
        self._changed_attempts: dict[tuple[int, int], AttemptColumns] = {}
        self._new_steps: list[tuple[object, ...]] = []
        self._names: dict[JobId, str] = {}
        self._new_names: dict[JobId, str] = {}

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        """Fold the events; each row they touch is written once, at the end."""
        for recorded in batch:
            event = recorded.event
            match event:
                case e.RunPlanned():
                    self._plan(connection, recorded, event)
                case e.ServiceCalled():
                    self._open(event.run, *called(recorded, event))
                case (
                    e.AttemptStarted()
                    | e.RunSucceeded()
                    | e.AttemptFailed()
                    | e.RunFailed()
                    | e.StepCompleted()
                    | e.AttemptLogged()
                    | e.AttemptInterrupted()
                    | e.RunExpired()
                    | e.CancelRequested()
                    | e.RunCancelled()
                    | e.RunHeld()
                    | e.RunResolved()
                    | e.RunReopened()
                    | e.LateOutcomeIgnored()
                ):
                    self._move(connection, recorded, event)
                case e.JobDefined(definition=definition) | e.JobRevised(definition=definition):
                    self._name(event.job, definition.name)
                case e.JobRenamed(job=job, name=name):
                    self._name(job, name)
                case _:
                    pass
        self._write(connection)

    # -- folding

    def _plan(
        self, connection: sqlite3.Connection, recorded: Recorded, event: e.RunPlanned
    ) -> None:
        name = self._names.get(event.job)
        if name is None:
            found = connection.execute(self._find_name, (event.job,)).fetchone()
            if found is None:
                raise ImpossibleHistory(f"run {event.run} was planned for unknown job {event.job}")
            name = self._names[event.job] = found[0]
        self._open(event.run, *planned(recorded, event, name))

    def _open(self, run: RunId, row: RunColumns, state: RunState) -> None:
        self._kept[run] = self._touched[run] = Kept(row, state, {}, is_stored=False)

    def _move(self, connection: sqlite3.Connection, recorded: Recorded, event: Moved) -> None:
        kept = self._kept.get(event.run) or self._recall(connection, event.run)
        self._touched[event.run] = kept
        kept.state = state = evolve_run(kept.state, event)
        self._show(connection, kept, recorded, event)
        row = kept.row
        if state.status not in ENDED:
            row.ended_at = None
        elif row.ended_at is None:
            row.ended_at = stamp(recorded.recorded_at)

    def _show(
        self, connection: sqlite3.Connection, kept: Kept, recorded: Recorded, event: Moved
    ) -> None:
        """Note in the rows what an event says beside how the run stands."""
        row = kept.row
        match event:
            case e.AttemptStarted():
                self._start(kept, recorded, event)
            case e.RunSucceeded(duration_us=duration_us, result=result):
                attempt = self._attempt(connection, kept, event.attempt)
                end(attempt, recorded, "succeeded", duration_us)
                row.error_kind = row.error = None
                row.result = as_json(result)
                row.duration_us = duration_us
            case e.AttemptFailed(kind=kind, error=error, duration_us=duration_us):
                attempt = self._attempt(connection, kept, event.attempt)
                end(attempt, recorded, kind, duration_us)
                attempt.error = error
                attempt.detail = as_json(event.detail)
                attempt.retry_at = maybe_stamp(event.retry_at)
                attempt.abandoned = event.abandoned
                row.error_kind, row.error = kind, error
                row.duration_us = duration_us
            case e.RunFailed(kind=kind, error=error):
                row.error_kind, row.error = kind, error
            case e.StepCompleted(name=name, attempt=number, result=result):
                at = stamp(recorded.recorded_at)
                step = (row.position, name, recorded.position, number, at, as_json(result))
                self._new_steps.append(step)
            case e.AttemptLogged():
                attempt = self._attempt(connection, kept, event.attempt)
                attempt.output_digest = event.digest
                attempt.output_size = event.size
                attempt.output_head = event.head
                attempt.output_lines = event.lines
                attempt.output_dropped_bytes = event.dropped_bytes
            case e.AttemptInterrupted(reason=reason):
                attempt = self._attempt(connection, kept, event.attempt)
                end(attempt, recorded, "crash" if reason == "crash" else "stopped", None)
                attempt.retry_at = maybe_stamp(event.retry_at)
            case e.RunHeld(reason=reason):
                row.error_kind, row.error = "held", reason
            case e.RunResolved(verdict="succeeded"):
                row.error_kind = row.error = None
            case _:
                pass

    def _start(self, kept: Kept, recorded: Recorded, event: e.AttemptStarted) -> None:
        at = stamp(recorded.recorded_at)
        row = kept.row
        if row.started_at is None:
            row.started_at = at
        attempt = AttemptColumns(
            run_position=row.position,
            attempt=event.attempt,
            position=recorded.position,
            started_at=at,
            epoch=event.epoch,
            code=event.code,
        )
        kept.attempts[event.attempt] = attempt
        self._new_attempts.append(attempt)

    def _name(self, job: JobId, name: str) -> None:
        if self._names.get(job) != name:
            self._names[job] = self._new_names[job] = name

    # -- rows

    def _recall(self, connection: sqlite3.Connection, run: RunId) -> Kept:
        found = connection.execute(self._find_run, (run,)).fetchone()
        if found is None:
            raise ImpossibleHistory(f"run {run} was never planned")
        row = RunColumns(*found)
        kept = self._kept[run] = Kept(row, state_of(row), {}, is_stored=True)
        return kept

    def _attempt(self, connection: sqlite3.Connection, kept: Kept, number: int) -> AttemptColumns:
        """Return the row of an attempt that is about to be changed."""
        key = (kept.row.position, number)
        attempt = kept.attempts.get(number)
        if attempt is None:
            found = connection.execute(self._find_attempt, key).fetchone()
            if found is None:
                raise ImpossibleHistory(f"attempt {number} of run {kept.row.run} never started")
            attempt = kept.attempts[number] = AttemptColumns(*found)
        self._changed_attempts[key] = attempt
        return attempt

    def _write(self, connection: sqlite3.Connection) -> None:
        new: list[tuple[object, ...]] = []
        changed: list[tuple[object, ...]] = []
        for run, kept in self._touched.items():
            reflect(kept.row, kept.state)
            columns = astuple(kept.row)
            if kept.is_stored:
                changed.append((*columns[RUN_CHANGING:], columns[0]))
            else:
                new.append(columns)
                kept.is_stored = True
            if kept.state.status in ENDED:
                del self._kept[run]
            elif kept.state.status != "running":
                kept.attempts.clear()  # no open one among them
        self._put_name.put(connection, list(self._new_names.items()))
        self._insert_run.put(connection, new)
        connection.executemany(self._update_run, changed)
        for attempt in self._new_attempts:
            self._changed_attempts.pop((attempt.run_position, attempt.attempt), None)
        self._insert_attempt.put(connection, list(map(astuple, self._new_attempts)))
        rows = map(astuple, self._changed_attempts.values())
        moved = ((*row[ATTEMPT_CHANGING:], *row[:2]) for row in rows)
        connection.executemany(self._update_attempt, moved)
        self._insert_step.put(connection, self._new_steps)
        self._new_names.clear()
        self._touched.clear()
        self._new_attempts.clear()
        self._new_steps.clear()
        self._changed_attempts.clear()
        if len(self._kept) > VIEW_RUNS_KEPT_MAX:
            self._kept.clear()
        if len(self._names) > VIEW_NAMES_KEPT_MAX:
            self._names.clear()


def end(
    attempt: AttemptColumns,
    recorded: Recorded,
    outcome: Literal[
        "succeeded", "error", "timeout", "crash", "cancelled", "no-service", "stopped"
    ],
    duration_us: int | None,
) -> None:
    """Note how an attempt ended."""
    attempt.end_position = recorded.position
    attempt.ended_at = stamp(recorded.recorded_at)
    attempt.outcome = outcome
    attempt.duration_us = duration_us
