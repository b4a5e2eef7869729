"""Who changed what, when and why: one row for each change of a job, a run or the whole by a wish.

A change of a definition keeps it before and after, whole, so that any two revisions can be compared
without the log. What the schedule itself does (plans, attempts, skips) is not history but runs and
misses; a run asked for by hand, cancelled, resolved, reopened or repeated is, and so is a backfill,
whose runs are not. Of a run that another's end called, and of a backfill, the job is noted, so that
what people do to it can be found. Nothing is kept in memory from page to page; the rows of one are
written together, and before anything is looked up.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import msgspec

from projections.contract import stamp
from scheduler.log.contract import Recorded
from scheduler.log.insertion import Insertion
from scheduler.model import events as e
from scheduler.model.jobs import JobId
from scheduler.model.streams import fire_of

CHANGES_DDL: Final = """
CREATE TABLE changes_{g}(
  position     INTEGER PRIMARY KEY,
  at           TEXT    NOT NULL,
  type         TEXT    NOT NULL,
  job_id       TEXT,
  run          TEXT,
  version      INTEGER NOT NULL,
  revision     INTEGER,
  actor        TEXT,
  on_behalf_of TEXT,
  reason       TEXT,
  channel      TEXT,
  before       TEXT,
  after        TEXT,
  detail       TEXT
) STRICT
"""
FIELDS: Final = (
    *("position", "at", "type", "job_id", "run", "version", "revision"),
    *("actor", "on_behalf_of", "reason", "channel", "before", "after", "detail"),
)


class History:
    """The projection of changes."""

    name: ClassVar[str] = "history"
    version: ClassVar[int] = 3
    tables: ClassVar[tuple[str, ...]] = ("changes", "jobs_of")
    ddl: ClassVar[tuple[str, ...]] = (
        CHANGES_DDL,
        "CREATE TABLE jobs_of_{g}(id TEXT PRIMARY KEY, job_id TEXT NOT NULL) STRICT",
        "CREATE INDEX changes_{g}_by_job ON changes_{g}(job_id)",
        "CREATE INDEX changes_{g}_by_run ON changes_{g}(run) WHERE run IS NOT NULL",
    )
    views: ClassVar[Mapping[str, str]] = {"changes": "SELECT * FROM changes_{g}"}

    def __init__(self, generation: int) -> None:
        changes, jobs_of = (f"{table}_{generation}" for table in self.tables)
        self._insert = Insertion(changes, len(FIELDS))
        self._find_definition = (
            f"SELECT after FROM {changes} WHERE job_id = ? AND after IS NOT NULL"
            " ORDER BY position DESC LIMIT 1"
        )
        self._find_job = (
            f"SELECT job_id FROM {jobs_of} WHERE id = ?1 UNION ALL SELECT * FROM"
            f" (SELECT job_id FROM {changes} WHERE run = ?1 AND job_id IS NOT NULL"
            " ORDER BY position LIMIT 1) LIMIT 1"
        )
        self._insert_job = Insertion(jobs_of, 2)
        self._new: list[tuple[object, ...]] = []
        self._new_jobs: list[tuple[str, str]] = []

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        """Fold the events: each change is one row."""
        for recorded in batch:
            event = recorded.event
            match event:
                case e.RunPlanned(cause="callback"):  # of another run's end
                    self._new_jobs.append((event.run, event.job))
                case e.ServiceCalled(cause="call" | "rerun"):
                    self._put(recorded, run=event.run)
                case e.RunPlanned(fire_time=None) | e.RunPlanned(cause="rerun"):  # by hand
                    self._put(recorded, job=event.job, run=event.run)
                case e.RunPlanned() | e.AttemptStarted() | e.RunSucceeded():
                    pass  # the hottest, and no change
                case e.JobDefined() | e.JobRevised() | e.JobRenamed():
                    self._redefined(connection, recorded, event)
                case (
                    e.JobPaused()
                    | e.JobResumed()
                    | e.JobRemoved()
                    | e.JobExhausted()
                    | e.NextFireSkipped()
                    | e.NextFireRestored()
                ):
                    self._put(recorded, job=event.job)
                case e.CancelRequested(successor=str()) | e.RunCancelled(successor=str()):
                    pass  # the job's overlap policy did it
                case e.CancelRequested() | e.RunCancelled() | e.RunResolved() | e.RunReopened():
                    job = self._job_of(connection, recorded.stream, event.run)
                    self._put(recorded, job=job, run=event.run)
                case e.BackfillRequested(backfill=backfill, job=job):
                    self._new_jobs.append((backfill, job))
                    self._put(recorded, job=job)
                case (
                    e.BackfillPaused()
                    | e.BackfillResumed()
                    | e.BackfillCancelled()
                    | e.BackfillFinished()
                ):
                    job = self._job_of(connection, recorded.stream, event.backfill)
                    self._put(recorded, job=job)
                case (
                    e.SystemPaused()
                    | e.SystemResumed()
                    | e.ClockAccepted()
                    | e.ContentErased()
                    | e.BackupTaken()
                    | e.LogRestored()
                ):
                    self._put(recorded)
                case _:
                    pass
        self._write(connection)

    def _redefined(
        self,
        connection: sqlite3.Connection,
        recorded: Recorded,
        event: e.JobDefined | e.JobRevised | e.JobRenamed,
    ) -> None:
        is_first = isinstance(event, e.JobDefined)
        found = None if is_first else self._found(connection, self._find_definition, event.job)
        before = None if found is None else str(found)
        if isinstance(event, e.JobRenamed):
            after = None if before is None else renamed(before, event.name)
            self._put(recorded, job=event.job, before=before, after=after)
            return
        after = msgspec.json.encode(event.definition).decode()
        revision = 1 if isinstance(event, e.JobDefined) else event.revision
        self._put(recorded, job=event.job, before=before, after=after, revision=revision)

    def _job_of(self, connection: sqlite3.Connection, stream: str, key: str) -> JobId | None:
        """Return the job of a run or a backfill: its stream names it, or what asked for it."""
        occurrence = fire_of(stream)
        if occurrence is not None:
            return occurrence[1]
        found = self._found(connection, self._find_job, key)
        return None if found is None else JobId(str(found))

    def _found(self, connection: sqlite3.Connection, statement: str, key: str) -> object:
        """Return what the rows say, those of this page among them; None when they do not."""
        self._write(connection)
        row = connection.execute(statement, (key,)).fetchone()
        return None if row is None else row[0]

    def _write(self, connection: sqlite3.Connection) -> None:
        self._insert_job.put(connection, self._new_jobs)
        self._insert.put(connection, self._new)
        self._new_jobs.clear()
        self._new.clear()

    def _put(
        self,
        recorded: Recorded,
        *,
        job: JobId | None = None,
        run: str | None = None,
        before: str | None = None,
        after: str | None = None,
        revision: int | None = None,  # that the event began
    ) -> None:
        meta = recorded.meta
        event = recorded.event
        self._new.append(
            (
                recorded.position,
                stamp(recorded.recorded_at),
                type(event).__struct_config__.tag,
                job,
                run,
                recorded.version,
                revision,
                meta.actor if meta else None,
                meta.on_behalf_of if meta else None,
                meta.reason if meta else None,
                meta.channel if meta else None,
                before,
                after,
                None if revision is not None else msgspec.json.encode(event).decode(),
            )
        )


def renamed(definition: str, name: str) -> str:
    """Return a definition's JSON under another name."""
    fields = msgspec.json.decode(definition, type=dict[str, msgspec.Raw])
    fields["name"] = msgspec.Raw(msgspec.json.encode(name))
    return msgspec.json.encode(fields).decode()
