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
from tools.cli.lengths import counted
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, show_rows
from tools.cli.reading import job_of, paged, reading, record_of
from tools.cli.skip_words import REASONS, command_for

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
    all of it since.
    """
    first_at, last_at = call.span(since, until)
    with reading(call) as opened:
        chosen = None if job is None else job_of(opened, job)
        job_id = None if chosen is None else chosen.job_id
        seen = Seen()

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

        def records() -> Iterator[Record]:
            for row in paged(page, lambda row: row.key, limit):
                seen.add(row)
                yield {**record_of(row), "because": REASONS[row.reason]}

        show_rows(call, SHAPE, records())
    if call.form.kind == "people":
        note(f"{counted(seen.total, 'fire time')} in all.")
        if chosen is not None and chosen.status != "removed" and seen.owed is not None:
            note(f"To run them: {command_for(chosen.name, *seen.owed)}")


class Seen:
    """What a list of misses comes to: how many, and the span of those that may yet be run."""

    def __init__(self) -> None:
        self.total = 0
        self.owed: tuple[datetime, datetime] | None = None  # (after, until]

    def add(self, row: MissRow) -> None:
        """Take one more miss in; what was left out on purpose or is backfilled is not owed."""
        self.total += row.count
        if row.backfill is None and row.reason not in {"excluded", "skip-next"}:
            after, until = self.owed or (row.after, row.until)
            self.owed = min(after, row.after), max(until, row.until)
