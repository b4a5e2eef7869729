"""Backfills: one row each, from what was asked for to its end, with how far it has come.

How its runs stand is the view of runs' to tell, where each bears the backfill's id; the stable view
counts them there, so a run that is tried again changes its count. Nothing is kept in memory: what a
page changes of a backfill is gathered and written once.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final, Literal

from msgspec import Struct

from projections.contract import maybe_stamp, stamp
from scheduler.log.contract import Recorded
from scheduler.log.insertion import Insertion
from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import BackfillId

BackfillStatus = Literal["running", "paused", "cancelled", "finished"]

BACKFILLS_DDL: Final = """
CREATE TABLE backfills_{g}(
  position     INTEGER PRIMARY KEY,
  backfill     TEXT    NOT NULL UNIQUE,
  job_id       TEXT    NOT NULL,
  requested_at TEXT    NOT NULL,
  actor        TEXT,
  on_behalf_of TEXT,
  reason       TEXT,
  after        TEXT    NOT NULL,
  until        TEXT    NOT NULL,
  count        INTEGER NOT NULL,
  left_out     INTEGER NOT NULL,
  only         TEXT    NOT NULL,
  "order"      TEXT    NOT NULL,
  concurrency  INTEGER NOT NULL,
  per_minute   INTEGER,
  callbacks    INTEGER NOT NULL,
  status       TEXT    NOT NULL,
  cursor       TEXT,
  planned      INTEGER NOT NULL,
  passed       INTEGER NOT NULL,
  ended_at     TEXT
) STRICT
"""
COUNT: Final = "(SELECT count(*) FROM runs AS r WHERE r.backfill = b.backfill AND r.status"
BACKFILLS_VIEW: Final = f"""
SELECT b.backfill, coalesce(j.name, b.job_id) AS job, b.job_id, b.status, b.after, b.until, b.count,
  b.planned + b.passed AS looked_at, b.planned, b.passed,
  {COUNT} = 'succeeded') AS succeeded,
  {COUNT} IN ('failed', 'expired')) AS failed,
  {COUNT} = 'cancelled') AS cancelled,
  {COUNT} = 'held') AS held,
  {COUNT} IN ('waiting', 'running', 'retrying', 'abandoned')) AS open,
  b.cursor, b.only, b."order", b.concurrency, b.per_minute, b.callbacks, b.left_out,
  b.requested_at, b.ended_at, b.actor, b.on_behalf_of, b.reason, b.position
FROM backfills_{{g}} AS b LEFT JOIN jobs AS j ON j.job_id = b.job_id
"""
FIELDS: Final = (
    *("position", "backfill", "job_id", "requested_at", "actor", "on_behalf_of", "reason"),
    *("after", "until", "count", "left_out", "only", "order", "concurrency", "per_minute"),
    *("callbacks", "status", "cursor", "planned", "passed", "ended_at"),
)


class Change(Struct, gc=False):
    """What a page changes of one backfill; None leaves a column as it is."""

    cursor: datetime | None = None
    planned: int = 0
    passed: int = 0
    status: BackfillStatus | None = None
    ended_at: datetime | None = None


class Backfills:
    """The projection of backfills."""

    name: ClassVar[str] = "backfills"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("backfills",)
    ddl: ClassVar[tuple[str, ...]] = (
        BACKFILLS_DDL,
        "CREATE INDEX backfills_{g}_by_job ON backfills_{g}(job_id, position)",
    )
    views: ClassVar[Mapping[str, str]] = {"backfills": BACKFILLS_VIEW}

    def __init__(self, generation: int) -> None:
        table = f"{self.tables[0]}_{generation}"
        self._insert = Insertion(table, len(FIELDS))
        self._update = (
            f"UPDATE {table} SET cursor = coalesce(?, cursor), planned = planned + ?,"
            " passed = passed + ?, status = coalesce(?, status), ended_at = coalesce(?, ended_at)"
            " WHERE backfill = ?"
        )
        self._changes: dict[BackfillId, Change] = {}

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        """Fold the events; each row they touch is written once, at the end."""
        for recorded in batch:
            event = recorded.event
            match event:
                case e.RunPlanned(backfill=backfill, fire_time=at):
                    if backfill is not None:
                        change = self._change(backfill)
                        change.planned += 1
                        change.cursor = at
                case e.BackfillAdvanced(cursor=cursor, passed=passed):
                    change = self._change(event.backfill)
                    change.passed += passed
                    change.cursor = cursor
                case e.BackfillRequested():
                    self._insert.put(connection, [row_of(recorded, event)])
                case e.BackfillPaused():
                    self._change(event.backfill).status = "paused"
                case e.BackfillResumed():
                    self._change(event.backfill).status = "running"
                case e.BackfillCancelled():
                    self._end(recorded, event.backfill, "cancelled")
                case e.BackfillFinished():
                    self._end(recorded, event.backfill, "finished")
                case _:
                    pass
        self._write(connection)

    def _change(self, backfill: BackfillId) -> Change:
        return self._changes.setdefault(backfill, Change())

    def _end(self, recorded: Recorded, backfill: BackfillId, status: BackfillStatus) -> None:
        change = self._change(backfill)
        change.status = status
        change.ended_at = recorded.recorded_at

    def _write(self, connection: sqlite3.Connection) -> None:
        for backfill, change in self._changes.items():
            cursor, ended_at = maybe_stamp(change.cursor), maybe_stamp(change.ended_at)
            written = (cursor, change.planned, change.passed, change.status, ended_at, backfill)
            if not connection.execute(self._update, written).rowcount:
                raise ImpossibleHistory(f"backfill {backfill} was never requested")
        self._changes.clear()


def row_of(recorded: Recorded, event: e.BackfillRequested) -> tuple[object, ...]:
    """Return the row of a backfill that was just asked for."""
    meta = recorded.meta
    return (
        recorded.position,
        event.backfill,
        event.job,
        stamp(recorded.recorded_at),
        meta.actor if meta else None,
        meta.on_behalf_of if meta else None,
        meta.reason if meta else None,
        stamp(event.after),
        stamp(event.until),
        event.count,
        len(event.left_out),
        event.only,
        event.order,
        event.concurrency,
        event.per_minute,
        event.callbacks,
        "running",
        None,
        0,
        0,
        None,
    )
