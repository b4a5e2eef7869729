"""Which content a run or a job has brought into the log, so that it can be erased.

Read from the events themselves, not from the views: what an event names is there, however often the
run was tried. Content is kept once: two runs that wrote the same lines name the same.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from projections import read_runs
from projections.rows import JobRow, RunRow
from scheduler.log.codec import digests_of
from scheduler.log.contract import Log, Recorded
from scheduler.model import events as e
from scheduler.model.limits import SHOWN_ROWS_MAX
from scheduler.model.streams import job_stream
from tools.cli.reading import paged
from tools.reading import Reading


class Holdings(NamedTuple):
    """The digests that may go, and how many of those looked at may not."""

    digests: tuple[str, ...]
    needed: int = 0  # named by newer runs, by open ones, or by the job as it is


def of_run(log: Log, run: RunRow) -> Holdings:
    """Return what a run's events name: its own input, results, tracebacks and output."""
    named: dict[str, None] = {}
    for recorded in recorded_in(log, run.stream):
        event = recorded.event
        if isinstance(event, e.RunEvent | e.ServiceCalled) and event.run == run.run:
            named.update(dict.fromkeys(digests_of(event)))
    return Holdings(tuple(named))


def of_job(opened: Reading, job: JobRow, ended_by: datetime | None) -> Holdings:
    """Return what a job and its runs name and do not need any more.

    With `ended_by`, only what was over by then: runs that had ended, inputs that had been replaced.
    """
    wanted: dict[str, None] = {}
    needed: set[str] = set()
    for digests, over_at in (*of_definitions(opened.log, job), *of_runs(opened, job)):
        if over_at is not None and (ended_by is None or over_at <= ended_by):
            wanted.update(dict.fromkeys(digests))
        else:
            needed.update(digests)
    free = tuple(digest for digest in wanted if digest not in needed)
    return Holdings(free, len(needed))


def of_definitions(log: Log, job: JobRow) -> Iterator[tuple[list[str], datetime | None]]:
    """Yield the input of each revision of a job, and when it was replaced; None for the present."""
    changes = [
        recorded
        for recorded in recorded_in(log, job_stream(job.job_id))
        if isinstance(recorded.event, e.JobDefined | e.JobRevised | e.JobRemoved)
    ]
    for one, next_one in pairwise(changes):
        yield digests_of(one.event), next_one.recorded_at
    yield digests_of(changes[-1].event), None


def of_runs(opened: Reading, job: JobRow) -> Iterator[tuple[list[str], datetime | None]]:
    """Yield what each run of a job names, and when it ended; None for an open one."""

    def page(after: tuple[datetime, int] | None, size: int) -> list[RunRow]:
        return read_runs.runs(opened.views, job=job.job_id, after=after, limit=size)

    for run in paged(page, lambda row: row.key, SHOWN_ROWS_MAX):
        yield list(of_run(opened.log, run).digests), run.ended_at


def recorded_in(log: Log, stream: str) -> Iterator[Recorded]:
    """Yield the events of a stream, page by page."""
    after = 0
    while page := log.read(after=after, stream=stream):
        yield from page
        after = page[-1].position
