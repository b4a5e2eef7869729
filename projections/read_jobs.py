"""Questions about jobs, their changes and their misses, answered from the stable views.

Lists come in pages: `after` is the `key` of the last row seen, `limit` at most ROWS_PER_LIST_MAX.
Nothing is decided by what is read here.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Literal

from projections.contract import maybe_stamp, stamp
from projections.job_tables import JobStatus
from projections.rows import (
    CHANGE,
    JOB,
    MISS,
    SYSTEM,
    ChangeRow,
    JobRow,
    MissRow,
    SystemRow,
)
from projections.statements import Question
from scheduler.model.errors import Conflict, NotFound
from scheduler.model.jobs import JobId, RunId, SkipReason
from scheduler.model.limits import ID_PREFIX_CHARS_MIN, ROWS_PER_LIST_MAX, SUGGESTED_NAMES_MAX

PREFIX_END = "~"  # sorts after every character of an id


def jobs(
    connection: sqlite3.Connection,
    *,
    status: JobStatus | Literal["any"] | None = None,
    labels: Sequence[str] = (),
    search: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int = ROWS_PER_LIST_MAX,
) -> list[JobRow]:
    """Return jobs by name; all but the removed ones when no `status` is asked for.

    `labels` are "key" or "key=value", all of which a job bears; `search` is a part of a name,
    service or description, in any case.
    """
    question = Question(JOB.columns, "jobs")
    if status is None:
        question.where("status <> 'removed'")
    elif status != "any":
        question.where("status = ?", status)
    for label in labels:
        condition, values = of_label(label)
        question.where(condition, *values)
    if search:
        description = "coalesce(json_extract(definition, '$.description'), '')"
        text = f"lower(name || char(10) || service || char(10) || {description})"
        question.where(f"instr({text}, lower(?))", search)
    if after:
        question.where("(name, job_id) > (?, ?)", *after)
    return [JOB.read(row) for row in question.ask(connection, "name, job_id", limit)]


def of_label(label: str) -> tuple[str, tuple[str, ...]]:
    """Return the condition on jobs that bear a label, "key" or "key=value", and its values."""
    key, has_value, value = label.partition("=")
    labels = "SELECT 1 FROM json_each(definition, '$.labels') WHERE key = ?"
    if has_value:
        return f"EXISTS ({labels} AND value = ?)", (key, value)
    return f"EXISTS ({labels})", (key,)


def job(connection: sqlite3.Connection, name_or_id: str) -> JobRow:
    """Return the job that bears the name, or has the id, or bore the name last.

    At least ID_PREFIX_CHARS_MIN characters of an id will do when no other begins so.
    Raises: NotFound; Conflict, when several ids begin so.
    """
    for where in ("name = ? AND status <> 'removed'", "job_id = ?", "name = ?"):
        row = connection.execute(
            f"SELECT {JOB.columns} FROM jobs WHERE {where} ORDER BY position DESC LIMIT 1",
            (name_or_id,),
        ).fetchone()
        if row is not None:
            return JOB.read(row)
    row = one_by_prefix(
        connection, f"SELECT {JOB.columns} FROM jobs", "job_id", name_or_id, what="job"
    )
    if row is None:
        raise NotFound("job", name_or_id, _meant(connection, name_or_id))
    return JOB.read(row)


def one_by_prefix(
    connection: sqlite3.Connection, select: str, column: str, prefix: str, *, what: str
) -> tuple[object, ...] | None:
    """Return the only row whose id begins with `prefix`; None when it is too short or none does.

    Raises: Conflict, when several do.
    """
    if len(prefix) < ID_PREFIX_CHARS_MIN:
        return None
    rows = connection.execute(
        f"{select} WHERE {column} >= ? AND {column} < ? LIMIT 2", (prefix, prefix + PREFIX_END)
    ).fetchall()
    if len(rows) > 1:
        raise Conflict(f"several {what}s begin with {prefix!r}; give more of the id")
    return rows[0] if rows else None


def _meant(connection: sqlite3.Connection, name: str) -> str | None:
    """Return a hint with the names that look like the one that was asked for."""
    names = [
        known
        for (known,) in connection.execute(
            "SELECT name FROM jobs WHERE status <> 'removed' ORDER BY name LIMIT ?",
            (SUGGESTED_NAMES_MAX,),
        )
    ]
    close = get_close_matches(name, names, n=3)
    return f"Did you mean {' or '.join(close)}?" if close else None


def upcoming(connection: sqlite3.Connection, limit: int = ROWS_PER_LIST_MAX) -> list[JobRow]:
    """Return the jobs that have a next fire time, the earliest first."""
    question = Question(JOB.columns, "jobs")
    question.where("next_fire IS NOT NULL")
    return [JOB.read(row) for row in question.ask(connection, "next_fire, name", limit)]


def without_next_fire(connection: sqlite3.Connection) -> list[JobRow]:
    """Return active jobs that have no next fire time, by name: few, such as those held apart."""
    question = Question(JOB.columns, "jobs")
    question.where("status = ?", "active")
    question.where("next_fire IS NULL")
    return [JOB.read(row) for row in question.ask(connection, "name", ROWS_PER_LIST_MAX)]


def count_jobs(connection: sqlite3.Connection) -> dict[JobStatus, int]:
    """Return how many jobs there are of each status that occurs."""
    return dict(connection.execute("SELECT status, count(*) FROM jobs GROUP BY status"))


def system(connection: sqlite3.Connection) -> SystemRow | None:
    """Return how the whole stands; None when nothing was folded yet."""
    row = connection.execute(f"SELECT {SYSTEM.columns} FROM system").fetchone()
    return None if row is None else SYSTEM.read(row)


def misses(
    connection: sqlite3.Connection,
    *,
    job: JobId | None = None,
    reason: SkipReason | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: tuple[datetime, int] | None = None,
    limit: int = ROWS_PER_LIST_MAX,
) -> list[MissRow]:
    """Return the skips whose window meets (since, until], the latest first."""
    question = Question(MISS.columns, "misses")
    question.where("job_id = ?", job)
    question.where("reason = ?", reason)
    question.where("until > ?", maybe_stamp(since))
    question.where("after < ?", maybe_stamp(until))
    if after:
        question.where("(until, position) < (?, ?)", stamp(after[0]), after[1])
    return [MISS.read(row) for row in question.ask(connection, "until DESC, position DESC", limit)]


def history(
    connection: sqlite3.Connection,
    *,
    job: JobId | None = None,
    run: RunId | None = None,
    kind: str | None = None,
    before: int | None = None,
    limit: int = ROWS_PER_LIST_MAX,
) -> list[ChangeRow]:
    """Return the changes of a job, of a run, or all, the latest first; those before a position.

    `kind` is the type of the event that each of them is.
    """
    question = Question(CHANGE.columns, "changes")
    question.where("job_id = ?", job)
    question.where("run = ?", run)
    question.where("type = ?", kind)
    question.where("position < ?", before)
    return [CHANGE.read(row) for row in question.ask(connection, "position DESC", limit)]
