"""What verbs read through: the log with its views or alone; a job or a run as people name it.

`reading` brings the views up first; `log_of` opens nothing but the log, so it also serves when the
views cannot be folded. Rows become records for `output` here, so that each noun looks alike
wherever it is shown.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median_low
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import asdict

from projections import read_backfills, read_jobs, read_runs
from projections.rows import BackfillRow, JobRow, RunRow, SystemRow
from scheduler.executor.owner import who_owns
from scheduler.log.contract import Log
from scheduler.log.sqlite import SqliteLog
from scheduler.model.errors import Conflict
from scheduler.model.events import AnyEvent
from scheduler.model.jobs import JobId
from scheduler.model.limits import ROWS_PER_LIST_MAX
from tools.cli.call import Call
from tools.cli.standing import Standing
from tools.reading import Reading, open_reading
from tools.whole import fires_after

DURATIONS_MAX = 50  # runs that say how long a job usually takes

Key = TypeVar("Key")
RowT = TypeVar("RowT", bound=Struct)


@contextmanager
def reading(call: Call) -> Iterator[Reading]:
    """Open the log and its views, brought up to its head."""
    with open_reading(call.settings) as opened:
        yield opened


@contextmanager
def log_of(call: Call) -> Iterator[Log]:
    """Open the log alone."""
    path = call.settings.db
    log = SqliteLog.open(path, unowned=who_owns(path) is None)
    try:
        yield log
    finally:
        log.close()


def stored_under(call: Call, *keys: str | None) -> dict[str, list[AnyEvent]]:
    """Return the events that wishes under these keys led to, by the keys that were seen before.

    A repeat must ask for what was asked for then, which what was typed may name no more. Whether
    it is the same wish is the log's to say.
    """
    asked = [key for key in keys if key is not None]
    if not asked:
        return {}
    with log_of(call) as log:
        seen = {key: found[0] for key in asked if (found := log.find(key)) is not None}
        return {
            key: [one.event for one in log.read(after=at.first - 1, until=at.last)]
            for key, at in seen.items()
        }


def is_served(call: Call) -> bool:
    """Return whether a process carries out the runs of the log."""
    return who_owns(call.settings.db) is not None


def job_of(opened: Reading, name: str) -> JobRow:
    """Return the job of a name or an id, removed ones too."""
    return read_jobs.job(opened.views, name)


def job_named(call: Call, name: str) -> JobRow:
    """Return the job of a name or an id, removed ones too, and let go of the log."""
    with reading(call) as opened:
        return job_of(opened, name)


def job_to_change(call: Call, name: str) -> JobRow:
    """Return the job of a name or an id, of which something is wished, and let go of the log.

    Raises: NotFound; Conflict, when it was removed: only a repeat under its key is still answered.
    """
    row = job_named(call, name)
    if row.status == "removed" and not stored_under(call, call.key):
        raise Conflict(
            f"{row.name} was removed and stays as it is. What it was: horolog job show {row.job_id}"
        )
    return row


def run_named(call: Call, run: str) -> RunRow:
    """Return the run of an id or of the beginning of one, and let go of the log."""
    with reading(call) as opened:
        return read_runs.run(opened.views, run)


def backfill_named(call: Call, backfill: str) -> BackfillRow:
    """Return the backfill of an id or of the beginning of one, and let go of the log."""
    with reading(call) as opened:
        return read_backfills.backfill(opened.views, backfill)


def standing_of(row: JobRow, whole: SystemRow | None = None) -> Standing:
    """Return a job as the views show it, ready to be told; `whole` tells of a pause of all."""
    return Standing(
        job=row.job_id,
        definition=row.definition,
        cursor=fires_after(whole, max(row.cursor, row.paused_until or row.cursor)),
        planned=row.planned,
        skipping=row.skipping,
        is_over=row.status in {"exhausted", "removed"},
    )


def durations_of(call: Call, job_id: str) -> list[timedelta]:
    """Return how long the last successful runs of a job took."""
    with reading(call) as opened:
        rows = read_runs.runs(
            opened.views, job=JobId(job_id), status="succeeded", limit=DURATIONS_MAX
        )
    return [timedelta(microseconds=row.duration_us) for row in rows if row.duration_us is not None]


def usual_duration(call: Call, job_id: str) -> timedelta | None:
    """Return how long a run of a job usually takes, None when none has succeeded."""
    durations = durations_of(call, job_id)
    return median_low(durations) if durations else None


def record_of(row: Struct) -> dict[str, object]:
    """Return a row as a record; people see a length of time where scripts read microseconds."""
    record = asdict(row)
    us = record.get("duration_us")
    record["duration"] = None if us is None else timedelta(microseconds=us)
    return record


def paged(
    page: Callable[[Key | None, int], list[RowT]], key: Callable[[RowT], Key], limit: int
) -> Iterator[RowT]:
    """Yield at most `limit` rows of a list, read page by page."""
    after: Key | None = None
    while limit > 0:
        rows = page(after, min(limit, ROWS_PER_LIST_MAX))
        yield from rows
        if len(rows) < min(limit, ROWS_PER_LIST_MAX):
            return
        limit -= len(rows)
        after = key(rows[-1])
