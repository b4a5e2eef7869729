"""`run list`, `show` and `output`: runs and their attempts from the views, output from the log."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, get_args

import click
from msgspec.structs import asdict

from projections import read_backfills, read_runs
from projections.rows import AttemptRow, RunRow, StepRow
from scheduler.log.contract import ContentState, Log
from scheduler.model.content import Payload, text_of
from scheduler.model.errors import NotFound
from scheduler.model.jobs import Cause
from scheduler.model.limits import SHOWN_ROWS_MAX
from scheduler.rules.run_state import RunStatus
from tools.cli.call import Call, pass_call
from tools.cli.harmless import safe
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, say, show_record, show_rows, shown
from tools.cli.reading import job_of, paged, reading, record_of

RUN_FIELDS = (
    "run",
    "job",
    "job_id",
    "fire_time",
    "due_time",
    "cause",
    "status",
    "attempts",
    "started_at",
    "ended_at",
    "error",
    "error_kind",
    "duration_us",
    "next_attempt_at",
    "window_start",
    "planned_at",
    "start_by",
    "result",
    "input",
    "failures",
    "crashes",
    "cancelling",
    "revision",
    "number",
    "of",
    "call",
    "backfill",
    "epoch",
    "actor",
    "reason",
    "service",
    "parent",
    "successor",
    "position",
)
LISTED = Shape(
    RUN_FIELDS, ("run", "job", "fire_time", "status", "attempts", "duration", "cause", "error")
)
SHOWN = Shape((*RUN_FIELDS, "attempt_list", "step_list"), ())
TOLD = tuple("duration" if name == "duration_us" else name for name in RUN_FIELDS)
OUTPUT = Shape(("run", "attempt", "lines", "dropped_bytes", "text"), ("text",))
LISTED_DEFAULT = 100


@prints("list")
@click.option("--job", metavar="JOB", help="Only those of this job.")
@click.option(
    "--status", type=click.Choice([*get_args(RunStatus), "open"]), help="Only those that stand so."
)
@click.option("--cause", type=click.Choice(get_args(Cause)), help="Only those with this cause.")
@click.option("--backfill", metavar="BACKFILL", help="Only those of this backfill.")
@click.option("--since", metavar="INSTANT", help="Only those planned later.")
@click.option("--until", metavar="INSTANT", help="Only those planned up to then.")
@click.option(
    "--limit",
    type=click.IntRange(1, SHOWN_ROWS_MAX),
    help=f"At most so many; {LISTED_DEFAULT} for people, all for scripts.",
    metavar="N",
)
@pass_call
def list_runs(
    call: Call,
    /,
    *,
    job: str | None,
    status: RunStatus | Literal["open"] | None,
    cause: Cause | None,
    backfill: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
) -> None:
    """List runs, the newest first."""
    is_for_people = call.form.kind == "people"
    first_at, last_at = call.span(since, until)
    count = limit or (LISTED_DEFAULT if is_for_people else SHOWN_ROWS_MAX)
    with reading(call) as opened:
        job_id = None if job is None else job_of(opened, job).job_id
        asker = None if backfill is None else read_backfills.backfill(opened.views, backfill)

        def page(after: tuple[datetime, int] | None, size: int) -> list[RunRow]:
            return read_runs.runs(
                opened.views,
                job=job_id,
                status=status,
                cause=cause,
                backfill=None if asker is None else asker.backfill,
                since=first_at,
                until=last_at,
                after=after,
                limit=size,
            )

        printed = 0

        def records() -> Iterator[Record]:
            nonlocal printed
            for row in paged(page, lambda row: row.key, count):
                printed += 1
                yield record_of(row)

        show_rows(call, LISTED, records())
    if is_for_people and limit is None and printed == LISTED_DEFAULT:
        note(f"The newest {LISTED_DEFAULT} are shown; for more: --limit N")


@prints("show")
@click.argument("run")
@pass_call
def show(call: Call, /, *, run: str) -> None:
    """Show one run and its attempts.

    The run is named by its id, or by the first 8 characters or more of it.
    """
    with reading(call) as opened:
        row = read_runs.run(opened.views, run)
        attempts = read_runs.attempts(opened.views, row)
        details = [told_text(opened.log, attempt.detail) for attempt in attempts]
        steps = read_runs.steps(opened.views, row)
    record = {
        **record_of(row),
        "attempt_list": [asdict(one) for one in attempts],
        "step_list": [asdict(one) for one in steps],
    }
    told = [f"{name}  {text}" for name in TOLD if (text := shown(record[name], call))]
    for attempt, detail in zip(attempts, details, strict=True):
        done = [step for step in steps if step.attempt == attempt.attempt]
        told += attempt_lines(call, attempt, done, detail)
    show_record(call, SHOWN, record, told)


def attempt_lines(
    call: Call, attempt: AttemptRow, steps: Sequence[StepRow], detail: str | None
) -> list[str]:
    """Return an attempt as people read it, with what it has done and where it failed."""
    ended = "" if attempt.ended_at is None else f", ended {shown(attempt.ended_at, call)}"
    outcome = attempt.outcome or "running"
    told = [
        f"attempt {attempt.attempt}: {outcome}, started {shown(attempt.started_at, call)}{ended}"
    ]
    told += [f'  step "{step.name}" done {shown(step.at, call)}' for step in steps]
    if attempt.error:
        told.append(f"  {attempt.error}")
    if attempt.retry_at is not None:
        told.append(f"  tried again at {shown(attempt.retry_at, call)}")
    if detail:
        told += [f"  | {line}" for line in detail.splitlines()]
    if attempt.output_lines:
        told.append(f"  {attempt.output_lines:,} lines of output: horolog run output {attempt.run}")
    return told


@prints("output")
@click.argument("run")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Of this one; else the last.")
@pass_call
def output(call: Call, /, *, run: str, attempt: int | None) -> None:
    """Print what a run's attempt wrote."""
    with reading(call) as opened:
        row = read_runs.run(opened.views, run)
        attempts = read_runs.attempts(opened.views, row)
        chosen = chosen_attempt(row, attempts, attempt)
        digest = chosen.output_digest
        raw = b"" if digest is None else opened.log.content(digest)
        state = None if digest is None else opened.log.content_state(digest)
    if raw is None:
        raise NotFound("output", row.run, why_gone(call, state))
    text = raw.decode(errors="replace")
    if call.form.kind == "people":
        for line in text.splitlines():
            say(safe(line, keep="\t"))
        if chosen.output_dropped_bytes:
            note(f"{chosen.output_dropped_bytes:,} bytes in the middle were not kept.")
        return
    record: Record = {
        "run": row.run,
        "attempt": chosen.attempt,
        "lines": chosen.output_lines or 0,
        "dropped_bytes": chosen.output_dropped_bytes or 0,
        "text": text,
    }
    show_record(call, OUTPUT, record)


def why_gone(call: Call, state: ContentState | None) -> str:
    """Return why an output cannot be read any more."""
    if state is None or state.kept_until is None:
        return "It was erased from the log"
    return f"The output was kept until {shown(state.kept_until, call)}"


def chosen_attempt(row: RunRow, attempts: list[AttemptRow], number: int | None) -> AttemptRow:
    """Return the attempt that was asked for, the last that wrote something when none was."""
    if number is None:
        written = [one for one in attempts if one.output_digest is not None]
        found = written or attempts
    else:
        found = [one for one in attempts if one.attempt == number]
    if not found:
        hint = f"It has {row.attempts}" if row.attempts else "None has started yet"
        raise NotFound("attempt", f"{number or 1}", hint)
    return found[-1]


def told_text(log: Log, payload: Payload | None) -> str | None:
    """Return a payload's text, its beginning when the rest was removed from the log."""
    if payload is None:
        return None
    raw = None if payload.digest is None else log.content(payload.digest)
    return text_of(payload, raw) or payload.head
