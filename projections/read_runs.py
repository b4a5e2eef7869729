"""Questions about runs and their attempts, answered from the stable views.

Lists come in pages: `after` is the `key` of the last row seen, `limit` at most ROWS_PER_LIST_MAX.
Nothing is decided by what is read here.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from projections.contract import maybe_stamp, stamp
from projections.read_jobs import of_label, one_by_prefix
from projections.rows import ATTEMPT, RUN, STEP, AttemptRow, RunRow, StepRow
from projections.statements import Question
from scheduler.model.errors import NotFound
from scheduler.model.jobs import BackfillId, Cause, JobId
from scheduler.model.limits import ID_PREFIX_CHARS_MIN, ROWS_PER_LIST_MAX
from scheduler.rules.run_state import RunStatus

OPEN: Final = "'waiting', 'running', 'retrying', 'abandoned'"


def runs(
    connection: sqlite3.Connection,
    *,
    job: JobId | None = None,
    status: RunStatus | Literal["open"] | None = None,
    cause: Cause | None = None,
    backfill: BackfillId | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: tuple[datetime, int] | None = None,
    limit: int = ROWS_PER_LIST_MAX,
) -> list[RunRow]:
    """Return the runs planned in (since, until], the latest first."""
    question = Question(RUN.columns, "runs")
    question.where("job_id = ?", job)
    if status == "open":
        question.where(f"status IN ({OPEN})")
    else:
        question.where("status = ?", status)
    if status not in {None, "succeeded"}:
        question.where("status <> 'succeeded'")  # said again for the index of the few others
    question.where("cause = ?", cause)
    question.where("backfill = ?", backfill)
    question.where("planned_at > ?", maybe_stamp(since))
    question.where("planned_at <= ?", maybe_stamp(until))
    if after:
        question.where("(planned_at, position) < (?, ?)", stamp(after[0]), after[1])
    rows = question.ask(connection, "planned_at DESC, position DESC", limit)
    return [RUN.read(row) for row in rows]


def mendable(
    connection: sqlite3.Connection,
    *statuses: Literal["failed", "expired", "held"],
    job: JobId | None = None,
    labels: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
) -> list[RunRow]:
    """Return the runs planned in (since, until] that stand so, the earliest first.

    Only such as a person can still do something about: the last of their stream, and of no job that
    was removed. `labels` are "key" or "key=value", all of which the job bears.
    """
    question = Question(RUN.columns, "runs")
    marks = ", ".join("?" * len(statuses))
    question.where(f"status IN ({marks}) AND status <> 'succeeded'", *statuses)
    question.where("job_id = ?", job)
    question.where("planned_at > ?", maybe_stamp(since))
    question.where("planned_at <= ?", maybe_stamp(until))
    question.where("NOT EXISTS (SELECT 1 FROM runs AS later WHERE later.of = runs.run)")
    borne = [of_label(label) for label in labels]
    jobs = " AND ".join(["status <> 'removed'", *(condition for condition, _ in borne)])
    or_none = "" if labels else "job_id = '' OR "  # a call has no job, and so no label
    values = [value for _, found in borne for value in found]
    question.where(f"({or_none}job_id IN (SELECT job_id FROM jobs WHERE {jobs}))", *values)
    return [RUN.read(row) for row in question.ask(connection, "planned_at, position", limit)]


def run(connection: sqlite3.Connection, run_id: str) -> RunRow:
    """Return a run by its id, or by the beginning of it when no other begins so.

    Raises: NotFound; Conflict, when several ids begin so.
    """
    select = f"SELECT {RUN.columns} FROM runs"
    row = connection.execute(f"{select} WHERE run = ?", (run_id,)).fetchone()
    if row is None:
        row = one_by_prefix(connection, select, "run", run_id, what="run")
    if row is None:
        is_short = len(run_id) < ID_PREFIX_CHARS_MIN
        hint = f"Give at least {ID_PREFIX_CHARS_MIN} characters of the id" if is_short else None
        raise NotFound("run", run_id, hint)
    return RUN.read(row)


def attempts(connection: sqlite3.Connection, run: RunRow) -> list[AttemptRow]:
    """Return the attempts of a run, the first one first."""
    question = Question(ATTEMPT.columns, "attempts")
    question.where("run_position = ?", run.position)
    return [ATTEMPT.read(row) for row in question.ask(connection, "attempt", ROWS_PER_LIST_MAX)]


def steps(connection: sqlite3.Connection, run: RunRow) -> list[StepRow]:
    """Return the finished steps of a run, in the order in which they were done."""
    question = Question(STEP.columns, "steps")
    question.where("run_position = ?", run.position)
    return [STEP.read(row) for row in question.ask(connection, "position", ROWS_PER_LIST_MAX)]


def count_unfinished(connection: sqlite3.Connection) -> dict[RunStatus, int]:
    """Return how many runs there are of each status that occurs, but succeeded ones."""
    return dict(
        connection.execute(
            "SELECT status, count(*) FROM runs WHERE status <> 'succeeded' GROUP BY status"
        )
    )
