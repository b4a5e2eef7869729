"""Jobs as they stand: one row per job, the removed ones too; and one row for the whole.

A job's row holds its JobState as JSON, so that it knows whatever `evolve_job` will need (one
meaning per event); the columns beside it are what people filter, sort and read. Few states are kept
in memory, since the executor holds them all already: others are read back from their rows.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from projections.contract import maybe_stamp, stamp
from projections.job_tables import (
    DDL,
    JOB_CHANGING,
    JOB_FIELDS,
    VIEWS,
    Shown,
    SystemColumns,
    as_json,
    job_columns,
    state_of,
)
from projections.statements import update
from scheduler.log.contract import Recorded
from scheduler.log.insertion import Insertion
from scheduler.model import events as e
from scheduler.model.jobs import JobId
from scheduler.model.limits import PAGE_EVENTS_MAX, VIEW_JOBS_KEPT_MAX
from scheduler.rules.job_state import JobState, evolve_job


class Kept(Struct, gc=False):
    """A job in memory."""

    state: JobState
    shown: Shown
    is_stored: bool  # its row is in the table


class Schedules:
    """The projection of jobs and of the system."""

    name: ClassVar[str] = "schedules"
    version: ClassVar[int] = 2
    tables: ClassVar[tuple[str, ...]] = ("jobs", "system")
    ddl: ClassVar[tuple[str, ...]] = DDL
    views: ClassVar[Mapping[str, str]] = VIEWS

    def __init__(self, generation: int) -> None:
        jobs, system = (f"{table}_{generation}" for table in self.tables)
        self._insert = Insertion(jobs, len(JOB_FIELDS))
        self._update = update(jobs, JOB_FIELDS[JOB_CHANGING:], ("position",))
        self._find = (
            "SELECT state, position, defined_at, version, changed_at, actor, schedule, definition"
            f" FROM {jobs} WHERE job_id = ?"
        )
        self._all = f"SELECT job_id FROM {jobs} ORDER BY position"
        self._find_system = f"SELECT * FROM {system}"
        self._put_system = Insertion(system, len(SystemColumns.__struct_fields__), replace=True)
        self._kept: dict[JobId, Kept] = {}
        self._touched: dict[JobId, Kept] = {}

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        """Fold the events; each row they touch is written once, at the end."""
        for recorded in batch:
            event = recorded.event
            match event:
                case e.AttemptStarted() | e.RunSucceeded():
                    pass  # the hottest, and none of a job's
                case e.RunPlanned(cause="schedule" | "catch-up") | e.FiresSkipped():
                    self._decided(connection, event)
                case (
                    e.JobDefined()
                    | e.JobRevised()
                    | e.JobRenamed()
                    | e.JobPaused()
                    | e.JobResumed()
                    | e.JobRemoved()
                    | e.JobExhausted()
                    | e.NextFireSkipped()
                    | e.NextFireRestored()
                ):
                    self._changed(connection, recorded, event)
                case e.ClockAccepted():
                    self._look_at_all(connection, event)
                case (
                    e.LogCreated()
                    | e.SystemStarted()
                    | e.SystemStopped()
                    | e.SystemPaused()
                    | e.LogRestored()
                    | e.SystemResumed()
                ):
                    self._system(connection, recorded, event)
                case _:
                    pass
        self._write(connection)

    # -- folding

    def _decided(
        self, connection: sqlite3.Connection, event: e.RunPlanned | e.FiresSkipped
    ) -> None:
        kept = self._get(connection, event.job)
        if kept is None:
            evolve_job(None, event)  # refuses it
            return
        kept.state = evolve_job(kept.state, event)
        self._touched[event.job] = kept

    def _changed(
        self,
        connection: sqlite3.Connection,
        recorded: Recorded,
        event: e.JobDefined
        | e.JobRevised
        | e.JobRenamed
        | e.JobPaused
        | e.JobResumed
        | e.JobRemoved
        | e.JobExhausted
        | e.NextFireSkipped
        | e.NextFireRestored,
    ) -> None:
        at = stamp(recorded.recorded_at)
        is_first = recorded.version == 1  # of its stream: there is no row to look for
        kept = None if is_first else self._get(connection, event.job)
        before = None if kept is None else kept.state
        state = evolve_job(before, event)
        if kept is None:
            kept = Kept(state, Shown(recorded.position, at, 0, at, None, "", ""), is_stored=False)
            self._kept[event.job] = kept
        kept.state = state
        shown = kept.shown
        shown.version = recorded.version
        shown.changed_at = at
        shown.actor = recorded.meta.actor if recorded.meta else None
        if before is None or state.definition is not before.definition:
            shown.schedule = as_json(state.definition.schedule)
            shown.definition = as_json(state.definition)
        self._touched[event.job] = kept

    def _look_at_all(self, connection: sqlite3.Connection, event: e.ClockAccepted | None) -> None:
        """Fold an event that concerns every job, or only show them all anew, a page at a time."""
        self._write(connection)
        for (job,) in connection.execute(self._all).fetchall():
            kept = self._get(connection, job)
            if kept is not None:
                if event is not None:
                    kept.state = evolve_job(kept.state, event)
                self._touched[job] = kept
            if len(self._kept) >= PAGE_EVENTS_MAX:
                self._write(connection)
                self._kept.clear()

    def _system(
        self,
        connection: sqlite3.Connection,
        recorded: Recorded,
        event: e.LogCreated
        | e.SystemStarted
        | e.SystemStopped
        | e.SystemPaused
        | e.LogRestored
        | e.SystemResumed,
    ) -> None:
        found = connection.execute(self._find_system).fetchone()
        row = SystemColumns() if found is None else SystemColumns(*found)
        at = stamp(recorded.recorded_at)
        match event:
            case e.LogCreated(horolog=horolog):
                row.horolog, row.created_at = horolog, at
            case e.SystemStarted(epoch=epoch, host=host, pid=pid, versions=versions):
                row.epoch, row.host, row.pid = epoch, host, pid
                row.started_at, row.stopped_at = at, None
                before, row.versions = row.versions, msgspec.json.encode(versions).decode()
                if row.versions != before:  # another tzdata, say: fire times may have moved
                    self._look_at_all(connection, None)
            case e.SystemStopped():
                row.stopped_at = at
            case e.SystemPaused(until=until, missed=missed):
                pause(row, recorded)
                row.paused_until = maybe_stamp(until)
                row.pause_missed = None if until is None else missed
            case e.LogRestored():
                pause(row, recorded)
            case e.SystemResumed():
                row.paused_at = row.paused_by = row.paused_until = row.pause_missed = None
        self._put_system.put(connection, [astuple(row)])

    # -- rows

    def _get(self, connection: sqlite3.Connection, job: JobId) -> Kept | None:
        kept = self._kept.get(job)
        if kept is None:
            found = connection.execute(self._find, (job,)).fetchone()
            if found is None:
                return None
            state, *columns = found
            shown = Shown(*columns)
            kept = Kept(state_of(state, shown.definition), shown, is_stored=True)
            self._kept[job] = kept
        return kept

    def _write(self, connection: sqlite3.Connection) -> None:
        new: list[tuple[object, ...]] = []
        changed: list[tuple[object, ...]] = []
        for kept in self._touched.values():
            row = astuple(job_columns(kept.state, kept.shown))
            if kept.is_stored:
                changed.append((*row[JOB_CHANGING:], row[0]))
            else:
                new.append(row)
                kept.is_stored = True
        self._insert.put(connection, new)
        connection.executemany(self._update, changed)
        self._touched.clear()
        if len(self._kept) > VIEW_JOBS_KEPT_MAX:
            self._kept.clear()


def pause(row: SystemColumns, recorded: Recorded) -> None:
    """Note that everything was paused, and by whom."""
    row.paused_at = stamp(recorded.recorded_at)
    row.paused_by = recorded.meta.actor if recorded.meta else None
    row.paused_until = row.pause_missed = None
