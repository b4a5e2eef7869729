"""What did not run, and why: one row per skip, with its window, its reason and its exact count.

A skip's rows never change and nothing is kept in memory. The job's name is not kept either: the
stable view shows the one it has now, which is the one people ask by; beside it the last backfill
that went over the whole window since.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from projections.contract import stamp
from scheduler.log.contract import Recorded
from scheduler.log.insertion import Insertion
from scheduler.model.events import FiresSkipped

SKIPS_DDL: Final = """
CREATE TABLE skips_{g}(
  position INTEGER PRIMARY KEY,
  job_id   TEXT    NOT NULL,
  after    TEXT    NOT NULL,
  until    TEXT    NOT NULL,
  count    INTEGER NOT NULL,
  reason   TEXT    NOT NULL,
  at       TEXT    NOT NULL
) STRICT
"""
MISSES_VIEW: Final = """
SELECT coalesce(j.name, s.job_id) AS job, s.job_id, s.after, s.until, s.count, s.reason, s.at,
  (
    SELECT b.backfill FROM backfills AS b
    WHERE b.job_id = s.job_id AND b.after <= s.after AND b.until >= s.until
      AND b.status <> 'cancelled' AND b.position > s.position
    ORDER BY b.position DESC LIMIT 1
  ) AS backfill, s.position
FROM skips_{g} AS s LEFT JOIN jobs AS j ON j.job_id = s.job_id
"""
FIELDS: Final = ("position", "job_id", "after", "until", "count", "reason", "at")


class Misses:
    """The projection of skipped fire times."""

    name: ClassVar[str] = "misses"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("skips",)
    ddl: ClassVar[tuple[str, ...]] = (
        SKIPS_DDL,
        "CREATE INDEX skips_{g}_by_job ON skips_{g}(job_id, until)",
        "CREATE INDEX skips_{g}_by_time ON skips_{g}(until)",
    )
    views: ClassVar[Mapping[str, str]] = {"misses": MISSES_VIEW}

    def __init__(self, generation: int) -> None:
        self._insert = Insertion(f"{self.tables[0]}_{generation}", len(FIELDS))

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        """Fold the events: each skip is one row."""
        rows = [
            (
                recorded.position,
                event.job,
                stamp(event.after),
                stamp(event.until),
                event.count,
                event.reason,
                stamp(recorded.recorded_at),
            )
            for recorded in batch
            if isinstance(event := recorded.event, FiresSkipped)
        ]
        self._insert.put(connection, rows)
