"""What metrics ask of the views, answered at one moment: counts, how jobs stand, what is open.

Counts are the tally's. How a job stands is told by `schedules` and which runs are unfinished by
`runs`, for these evolve states; the tally only counts.
"""

import sqlite3
from datetime import datetime
from typing import Final

from msgspec import Struct

from projections.backfills import BackfillStatus
from projections.contract import instant
from projections.job_tables import JobStatus
from projections.read_jobs import count_jobs, system
from projections.tally_tables import Counts, Series, TallyColumns, from_row, micros, read_counts
from scheduler.model.jobs import JobId
from scheduler.rules.run_state import NO_JOB, RunStatus

Unfinished = dict[RunStatus, int]

COLUMNS: Final = ", ".join(f"t.{field}" for field in TallyColumns.__struct_fields__)
OWN: Final = f"""
SELECT j.name, j.status, j.next_fire, {COLUMNS}
FROM tally AS t CROSS JOIN jobs AS j ON j.job_id = t.job_id
WHERE t.series = 'own' ORDER BY j.name
"""
OTHERS: Final = """
SELECT min(CASE WHEN j.status IN ('active', 'exhausted') THEN t.awaited_us + t.allowance_us END),
  coalesce(max(t.failures), 0)
FROM tally AS t CROSS JOIN jobs AS j ON j.job_id = t.job_id
WHERE t.series <> 'own' AND (t.awaited_us IS NOT NULL OR t.failures > 0) AND j.status <> 'removed'
"""
UNFINISHED: Final = """
SELECT job_id, status, count(*) FROM runs
WHERE status IN ('waiting', 'running', 'retrying', 'abandoned', 'held') AND status <> 'succeeded'
GROUP BY job_id, status
"""
BACKFILLS: Final = """
SELECT status, count(*), sum(count - looked_at) FROM backfills
WHERE status IN ('running', 'paused') GROUP BY status
"""


class JobFigures(Struct, frozen=True):
    """A job that has series of its own; instants are seconds since 1970."""

    name: str
    next_fire_s: float | None
    deadline_s: float | None  # when its success is overdue
    tally: TallyColumns
    unfinished: Unfinished


class Tallied(Struct, frozen=True):
    """All that is known of jobs and runs."""

    is_paused: bool
    states: dict[JobStatus, int]  # jobs that are not removed
    jobs: list[JobFigures]  # by name
    rest: dict[Series, Counts]  # what is counted together
    rest_unfinished: dict[Series, Unfinished]
    others_deadline_s: float | None  # the earliest that is awaited, of jobs without own series
    others_failures: int  # the most in a row, of those
    backfills: dict[BackfillStatus, int]  # those that are not over
    backfill_occurrences_left: int  # that they have not looked at


def read(connection: sqlite3.Connection) -> Tallied:
    """Return what the views say at this moment.

    Raises: sqlite3.OperationalError, while they are being made anew.
    """
    connection.execute("BEGIN")  # one snapshot for all questions
    try:
        return _read(connection)
    finally:
        connection.execute("ROLLBACK")


def _read(connection: sqlite3.Connection) -> Tallied:
    whole = system(connection)
    is_paused = whole is not None and whole.paused_at is not None
    states = count_jobs(connection)
    states.pop("removed", None)
    unfinished: dict[JobId, Unfinished] = {}
    for job, status, count in connection.execute(UNFINISHED):
        unfinished.setdefault(job, {})[status] = count
    jobs = []
    for name, status, next_fire, *row in connection.execute(OWN):
        tally = from_row(tuple(row))
        fire_time = None if next_fire is None else instant(next_fire)
        jobs.append(
            JobFigures(
                name=name,
                next_fire_s=None if fire_time is None else fire_time.timestamp(),
                deadline_s=None if is_paused else deadline_s(status, fire_time, tally),
                tally=tally,
                unfinished=unfinished.pop(tally.job_id, {}),
            )
        )
    rest = {
        series: read_counts(counts)
        for series, counts in connection.execute("SELECT series, counts FROM tally_rest")
    }
    awaited_us, failures = connection.execute(OTHERS).fetchone()
    repairs = connection.execute(BACKFILLS).fetchall()
    return Tallied(
        is_paused=is_paused,
        states=states,
        jobs=jobs,
        rest=rest,
        rest_unfinished={
            "_calls": unfinished.pop(NO_JOB, {}),
            "_other": together(list(unfinished.values())),
        },
        others_deadline_s=None if is_paused else seconds(awaited_us),
        others_failures=failures,
        backfills={status: count for status, count, _ in repairs},
        backfill_occurrences_left=sum(left for *_, left in repairs),
    )


def deadline_s(status: JobStatus, next_fire: datetime | None, tally: TallyColumns) -> float | None:
    """Return when a job's next success is overdue, in seconds since 1970; None when never.

    That is the first fire time since its last success, or else its next one, and what the job's own
    policies allow from there on. Of a paused job nothing is expected.
    """
    if status not in {"active", "exhausted"}:
        return None
    since_us = tally.awaited_us
    if since_us is None:
        if next_fire is None:
            return None
        since_us = micros(next_fire)
    return seconds(since_us + tally.allowance_us)


def together(parts: list[Unfinished]) -> Unfinished:
    """Return how many there are of each status in all parts."""
    whole: Unfinished = {}
    for part in parts:
        for status, count in part.items():
            whole[status] = whole.get(status, 0) + count
    return whole


def seconds(us: int | None) -> float | None:
    """Return microseconds as seconds."""
    return None if us is None else us / 1e6
