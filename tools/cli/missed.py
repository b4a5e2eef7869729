"""`missed`: fire times that did not become runs, each window with reason and exact count."""

from collections.abc import Iterator
from datetime import datetime
from typing import get_args

import click

from projections import read_jobs
from projections.rows import MissRow
from scheduler.model.jobs import SkipReason
from scheduler.model.limits import SHOWN_ROWS_MAX
from tools.cli.call import Call, pass_call
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, show_rows
from tools.cli.reading import job_of, paged, reading, record_of
from tools.cli.skip_words import REASONS

FIELDS = (
    *("job", "after", "until", "count", "reason", "because", "backfill"),
    *("job_id", "at", "position"),
)
SHAPE = Shape(
    FIELDS, ("job", "after", "until", "count", "reason", "position", "because", "backfill")
)


@prints("missed")
@click.argument("job", required=False)
@click.option("--reason", type=click.Choice(get_args(SkipReason)), help="Only for this reason.")
@click.option("--since", metavar="INSTANT", help="Only what lies later.")
@click.option("--until", metavar="INSTANT", help="Only what lies before.")
@click.option(
    "--limit",
    type=click.IntRange(1, SHOWN_ROWS_MAX),
    default=SHOWN_ROWS_MAX,
    metavar="N",
    help="At most so many.",
)
@pass_call
def missed(
    call: Call,
    /,
    *,
    job: str | None,
    reason: SkipReason | None,
    since: str | None,
    until: str | None,
    limit: int,
) -> None:
    """List the fire times that did not become runs.

    Each line is a window (after, until], the latest first, with the last backfill that went over
    all of it since. To run them: horolog backfill start JOB --from INSTANT --until INSTANT
    """
    first_at = None if since is None else call.instant_after(since, option="--since")
    last_at = None if until is None else call.instant(until, option="--until")
    with reading(call) as opened:
        job_id = None if job is None else job_of(opened, job).job_id

        def page(after: tuple[datetime, int] | None, size: int) -> list[MissRow]:
            return read_jobs.misses(
                opened.views,
                job=job_id,
                reason=reason,
                since=first_at,
                until=last_at,
                after=after,
                limit=size,
            )

        total = 0

        def records() -> Iterator[Record]:
            nonlocal total
            for row in paged(page, lambda row: row.key, limit):
                total += row.count
                yield {**record_of(row), "because": REASONS[row.reason]}

        show_rows(call, SHAPE, records())
    if call.form.kind == "people":
        note(f"{total:,} fire time{'s' if total != 1 else ''} in all.")
