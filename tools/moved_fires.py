"""Which fire times ahead are no longer where they were: a stored schedule, read again today.

An upgrade of croniter, of the zone data or of Horolog may move the fires of a job that nobody has
touched. What they are compared with was noted by the last server that stopped in order
(`executor.forecast`); what was not noted is said to be unknown, never to be right.
"""

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from projections import read_jobs
from projections.rows import JobRow
from scheduler.executor import forecast
from scheduler.executor.forecast import Forecast, Moved
from scheduler.model.errors import BadInput
from scheduler.model.jobs import Definition
from scheduler.model.limits import ROWS_PER_LIST_MAX
from scheduler.model.schedules import Cron
from scheduler.model.validation import validate

FIRING = frozenset({"active", "paused"})  # the jobs that may still fire by themselves


class Look(NamedTuple):
    """What became of the fire times ahead of one job."""

    name: str
    problem: str = ""  # why the schedule cannot be read here
    moved: Moved | None = None  # None: it cannot be told
    by: str = ""  # the versions that differ from those that foresaw

    def __str__(self) -> str:
        if self.problem:
            return f"job {self.name} cannot be reckoned here: {self.problem}"
        gone, new = self.moved or Moved((), ())
        count = max(len(gone), len(new))
        one = " and ".join(
            f"{fires[0]:%Y-%m-%dT%H:%M:%SZ} {what}"
            for fires, what in ((gone, "is none any more"), (new, "is new"))
            if fires
        )
        of = f"{count} of the fire times ahead of job {self.name}"
        return f"{of} moved{self.by}: {one}. See: horolog next {self.name}"


def look(connection: sqlite3.Connection, now: datetime, versions: dict[str, str]) -> Iterator[Look]:
    """Yield what became of each job that may still fire and whose schedule a zone has a part in."""
    noted = forecast.noted(connection)
    for row in _jobs(connection):
        if row.status not in FIRING:
            continue
        try:
            validate(row.definition)
            if isinstance(row.schedule, Cron):
                yield _compared(row, row.schedule, noted.get(row.schedule), now, versions)
        except BadInput as bad:
            yield Look(row.name, problem=str(bad))


def _compared(
    row: JobRow, schedule: Cron, foreseen: Forecast | None, now: datetime, versions: dict[str, str]
) -> Look:
    if foreseen is None:
        return Look(row.name)
    moved = forecast.moved(schedule, foreseen, now)
    if moved is not None:
        moved = Moved(*(_within(row.definition, fires) for fires in moved))
    changed = [
        f"{name} {foreseen.versions.get(name)} was, {number} is"
        for name, number in versions.items()
        if foreseen.versions.get(name) != number
    ]
    return Look(row.name, moved=moved, by=f" ({', '.join(changed)})" if changed else "")


def _within(definition: Definition, fires: tuple[datetime, ...]) -> tuple[datetime, ...]:
    """Return the fires that lie in a job's bounds."""
    first, last = definition.start_at, definition.end_at
    return tuple(
        fire
        for fire in fires
        if (first is None or first <= fire) and (last is None or fire <= last)
    )


def _jobs(connection: sqlite3.Connection) -> Iterator[JobRow]:
    """Yield all jobs, page by page."""
    after: tuple[str, str] | None = None
    while page := read_jobs.jobs(connection, after=after, limit=ROWS_PER_LIST_MAX):
        yield from page
        after = page[-1].key
