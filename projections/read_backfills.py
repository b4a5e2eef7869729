"""Questions about backfills, answered from the stable view.

Lists come in pages: `after` is the `key` of the last row seen, `limit` at most ROWS_PER_LIST_MAX.
Nothing is decided by what is read here.
"""

import sqlite3
from typing import Literal

from projections.backfills import BackfillStatus
from projections.read_jobs import one_by_prefix
from projections.rows import BACKFILL, BackfillRow
from projections.statements import Question
from scheduler.model.errors import NotFound
from scheduler.model.jobs import JobId
from scheduler.model.limits import ID_PREFIX_CHARS_MIN, ROWS_PER_LIST_MAX


def backfills(
    connection: sqlite3.Connection,
    *,
    job: JobId | None = None,
    status: BackfillStatus | Literal["open"] | None = None,
    after: int | None = None,
    limit: int = ROWS_PER_LIST_MAX,
) -> list[BackfillRow]:
    """Return backfills, the latest first; `open` are those that are not over."""
    question = Question(BACKFILL.columns, "backfills")
    question.where("job_id = ?", job)
    if status == "open":
        question.where("status IN ('running', 'paused')")
    else:
        question.where("status = ?", status)
    question.where("position < ?", after)
    return [BACKFILL.read(row) for row in question.ask(connection, "position DESC", limit)]


def backfill(connection: sqlite3.Connection, backfill_id: str) -> BackfillRow:
    """Return a backfill by its id, or by the beginning of it when no other begins so.

    Raises: NotFound; Conflict, when several ids begin so.
    """
    select = f"SELECT {BACKFILL.columns} FROM backfills"
    row = connection.execute(f"{select} WHERE backfill = ?", (backfill_id,)).fetchone()
    if row is None:
        row = one_by_prefix(connection, select, "backfill", backfill_id, what="backfill")
    if row is None:
        is_short = len(backfill_id) < ID_PREFIX_CHARS_MIN
        hint = f"Give at least {ID_PREFIX_CHARS_MIN} characters of the id" if is_short else None
        raise NotFound("backfill", backfill_id, hint)
    return BACKFILL.read(row)
