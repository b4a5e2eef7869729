"""`backfill list` and `show`: how far backfills are, once or until they are over.

How long one still takes is reckoned as its plan was, from what is left, the job's usual duration
and the pace that is allowed; what it passes over takes no time, so it is at most that.
"""

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Final, Literal, get_args

import click
from msgspec.structs import asdict

from projections import read_backfills, read_jobs
from projections.backfills import BackfillStatus
from projections.rows import BackfillRow
from scheduler.model.errors import BadInput, Unreachable
from scheduler.model.limits import SHOWN_ROWS_MAX
from scheduler.model.written import format_instant
from tools.cli.backfill_plan import length_of
from tools.cli.call import Call, pass_call
from tools.cli.harmless import safe
from tools.cli.lengths import counted, spoken
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, show_record, show_rows
from tools.cli.reading import backfill_named, is_served, job_of, paged, reading, usual_duration

FIELDS: Final = (
    *("backfill", "job", "job_id", "status", "after", "until", "count", "looked_at", "planned"),
    *("passed", "succeeded", "failed", "cancelled", "held", "open", "cursor", "progress"),
    *("time_left", "only", "order", "concurrency", "per_minute", "callbacks", "left_out"),
    *("requested_at", "ended_at", "actor", "on_behalf_of", "reason", "position"),
)
LISTED: Final = Shape(
    FIELDS, ("backfill", "job", "status", "after", "until", "progress", "failed", "time_left")
)
SHOWN: Final = Shape(FIELDS, ())
ALL_PAUSED: Final = "Everything is paused, and this with it. Resume: horolog job resume --all"
EXIT_RUNS_FAILED: Final = 6
WATCH_S: Final = 1.0  # between two looks


@prints("list", *FIELDS)
@click.option("--job", metavar="JOB", help="Only those of this job.")
@click.option(
    "--status",
    type=click.Choice([*get_args(BackfillStatus), "open"]),
    help="Only those that stand so; open: not over.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, SHOWN_ROWS_MAX),
    default=SHOWN_ROWS_MAX,
    metavar="N",
    help="At most so many.",
)
@pass_call
def list_backfills(
    call: Call,
    /,
    *,
    job: str | None,
    status: BackfillStatus | Literal["open"] | None,
    limit: int,
) -> None:
    """List backfills and how far they are, the newest first."""
    with reading(call) as opened:
        job_id = None if job is None else job_of(opened, job).job_id

        def page(after: int | None, size: int) -> list[BackfillRow]:
            return read_backfills.backfills(
                opened.views, job=job_id, status=status, after=after, limit=size
            )

        rows = paged(page, lambda row: row.key, limit)
        show_rows(call, LISTED, (record_of(call, row) for row in rows))


@prints("show", *FIELDS)
@click.argument("backfill")
@click.option(
    "--watch", is_flag=True, help="Follow it until it is over; exit with 6 when runs failed."
)
@pass_call
def show(call: Call, /, *, backfill: str, watch: bool) -> int:
    """Show one backfill: what was asked for, how far it is, how long it still takes."""
    row = backfill_named(call, backfill)
    if not watch:
        show_record(call, SHOWN, record_of(call, row), lines_of(call, row))
        return 0
    if not row.is_over and not is_served(call):
        raise Unreachable(
            f"Nobody serves {call.settings.db}, so it does not move. Serve it: horolog serve"
        )
    return watched(call, row)


def watched(call: Call, row: BackfillRow) -> int:
    """Print how far a backfill is, again and again until it is over; return the exit code.

    On a terminal one line is drawn anew; in a pipe each change is a line of its own. As JSON only
    the end is printed, as JSON lines each change.
    """
    kind = call.form.kind
    if kind == "csv":
        raise BadInput.at("--csv", "is no form to follow something in.", "Use --jsonl")
    if not row.is_over and is_all_paused(call):
        note(ALL_PAUSED)
    last = row
    is_drawn = kind == "people" and sys.stdout.isatty()
    for number, last in enumerate(seen(call, row)):
        if kind == "jsonl":
            show_record(call, SHOWN, record_of(call, last))
        elif kind == "people":
            line = safe(progress_line(call, last))
            sys.stdout.write(f"\r\x1b[2K{line}" if is_drawn and number else line)
            sys.stdout.write("" if is_drawn else "\n")
            sys.stdout.flush()
    if is_drawn:
        sys.stdout.write("\n")
    if kind == "json":
        show_record(call, SHOWN, record_of(call, last))
    bad = bad_words(last)
    if bad:
        note(f"{bad}. See: horolog run list --backfill {last.backfill}")
    is_good = last.status == "finished" and not bad
    return 0 if is_good else EXIT_RUNS_FAILED


def seen(call: Call, row: BackfillRow) -> Iterator[BackfillRow]:
    """Yield a backfill at first, whenever it has changed, and when it is over."""
    yield row
    was_served = True
    while not row.is_over:
        rest()
        served = is_served(call)
        if was_served and not served:
            note("The server has gone; this goes on when the log is served again.")
        was_served = served
        now = backfill_named(call, row.backfill)
        if now != row:
            row = now
            yield row


def is_all_paused(call: Call) -> bool:
    """Return whether everything is paused, so that no backfill moves."""
    with reading(call) as opened:
        whole = read_jobs.system(opened.views)
    return whole is not None and whole.paused_at is not None


def rest() -> None:
    """Let a moment go by between two looks."""
    time.sleep(WATCH_S)


def bad_words(row: BackfillRow) -> str:
    """Return how many of its runs did not succeed, in words; nothing when all have."""
    counts = (("failed", row.failed), ("cancelled", row.cancelled), ("held", row.held))
    told = ", ".join(f"{count:,} {how}" for how, count in counts if count)
    return f"Of {counted(row.planned, 'run')} {told}" if told else ""


def record_of(call: Call, row: BackfillRow) -> Record:
    """Return a backfill as scripts read it."""
    return {
        **asdict(row),
        "progress": f"{row.looked_at:,}/{row.count:,}",
        "time_left": time_left(call, row),
    }


def time_left(call: Call, row: BackfillRow) -> timedelta | None:
    """Return how long a backfill still takes, at most; None when it rests or that is not known."""
    if row.status != "running":
        return None
    return length_of(
        row.count - row.looked_at + row.open,
        usual=usual_duration(call, row.job_id),
        concurrency=row.concurrency,
        per_minute=row.per_minute,
    )


def lines_of(call: Call, row: BackfillRow) -> Iterator[str]:
    """Yield a backfill for people."""
    first, last = format_instant(row.after, call.zone), format_instant(row.until, call.zone)
    by = f" by {row.actor}" if row.actor else ""
    why = f" ({row.reason})" if row.reason else ""
    yield f"backfill {row.backfill} of {row.job}: {row.status}"
    yield f"  asked for {format_instant(row.requested_at, call.zone)}{by}{why}"
    rate = "" if row.per_minute is None else f", {row.per_minute:,} a minute at most"
    yield f"  after {first} up to {last}: {counted(row.count, 'occurrence')}"
    yield f"  {row.only}, {row.order} first, {row.concurrency:,} at a time{rate}"
    if row.left_out:
        yield f"  {row.left_out:,} left out: someone had asked to skip them"
    yield f"  {progress_line(call, row)}"
    if not row.is_over and is_all_paused(call):
        yield f"  {ALL_PAUSED}"
    if row.ended_at is not None:
        yield f"  over since {format_instant(row.ended_at, call.zone)}"
    if row.failed or row.held:
        yield f"  See: horolog run list --backfill {row.backfill}"


def progress_line(call: Call, row: BackfillRow) -> str:
    """Return how far a backfill is, in one line."""
    counts = (
        ("succeeded", row.succeeded),
        ("failed", row.failed),
        ("cancelled", row.cancelled),
        ("held", row.held),
        ("open", row.open),
    )
    runs = ", ".join(f"{count:,} {how}" for how, count in counts if count)
    line = f"{row.looked_at:,} of {row.count:,} looked at, {counted(row.planned, 'run')}"
    line += f": {runs}" if runs else ""
    if row.status != "running":
        return f"{line} · {row.status}"
    left = time_left(call, row)
    return line if left is None else f"{line} · at most about {spoken(left)} left"
