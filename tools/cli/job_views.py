"""`job list`, `show` and `history`: jobs as they stand and as they came to be, from the views."""

from typing import Literal, get_args

import click

from projections import read_jobs
from projections.job_tables import JobStatus
from projections.rows import ChangeRow, JobRow, SystemRow
from scheduler.model.jobs import JobId
from scheduler.model.limits import SHOWN_ROWS_MAX
from scheduler.model.plain import write_definition
from scheduler.model.sentence import sentence
from tools.cli import fires
from tools.cli.bulk import label_option, refuse_no_labels
from tools.cli.call import Call, pass_call
from tools.cli.harmless import json_text, safe
from tools.cli.lengths import counted
from tools.cli.missing import Offered
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, show_record, show_rows, shown
from tools.cli.reading import job_of, paged, reading, standing_of
from tools.cli.standing import lines, preview
from tools.cli.state_words import change_of_state, pause_words, skipping_words
from tools.whole import next_run
from tools.whole import pause_words as whole_words

JOB_FIELDS = (
    "job",
    "job_id",
    "status",
    "service",
    "service_missing",
    "schedule",
    "timezone",
    "next_fire",
    "paused_until",
    "skipping",
    "last_run_fire",
    "runs",
    "revision",
    "labels",
    "description",
    "owner",
    "defined_at",
    "changed_at",
    "changed_by",
)
MISSING = "service missing"
LISTED = Shape(JOB_FIELDS, ("job", "status", "next_fire", "schedule", "service"))
SHOWN = Shape((*JOB_FIELDS, "definition", "fires", "policies", "warnings"), ())
CHANGE_FIELDS = (
    "position",
    "at",
    "type",
    "job_id",
    "run",
    "revision",
    "actor",
    "on_behalf_of",
    "reason",
    "channel",
    "changes",
    "before",
    "after",
    "detail",
)
CHANGES = Shape(CHANGE_FIELDS, ("position", "at", "type", "actor", "reason", "changes"))

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, SHOWN_ROWS_MAX),
    default=SHOWN_ROWS_MAX,
    metavar="N",
    help="At most so many.",
)


@prints("list", *LISTED.fields)
@click.option(
    "--status",
    type=click.Choice([*get_args(JobStatus), "any"]),
    help="Only these; else all but the removed ones.",
)
@label_option
@click.option("--search", metavar="TEXT", help="Only those with this in name or service.")
@limit_option
@pass_call
def list_jobs(
    call: Call,
    /,
    *,
    status: JobStatus | Literal["any"] | None,
    labels: tuple[str, ...],
    search: str | None,
    limit: int,
) -> None:
    """List the jobs."""
    refuse_no_labels(labels)
    with reading(call) as opened:

        def page(after: tuple[str, str] | None, count: int) -> list[JobRow]:
            return read_jobs.jobs(
                opened.views,
                status=status,
                labels=labels,
                search=search,
                after=after,
                limit=count,
            )

        offered = Offered(opened)
        rows = paged(page, lambda row: row.key, limit)
        whole = read_jobs.system(opened.views)
        show_rows(call, LISTED, (listed(call, row, whole, offered) for row in rows))
    paused = whole_words(whole, call.zone)
    if paused is not None:
        note(paused)


def listed(call: Call, row: JobRow, whole: SystemRow | None, offered: Offered) -> Record:
    """Return a job as a list has it; people see it when the server lacks its service."""
    record = {**job_record(call, row, whole), "service_missing": offered.lacks(row.service)}
    if record["service_missing"] and call.form.kind == "people":
        record["service"] = f"{row.service} ({MISSING})"
    return record


@prints("show", *SHOWN.fields)
@click.argument("job")
@pass_call
def show(call: Call, /, *, job: str) -> None:
    """Show one job: its definition and its state."""
    with reading(call) as opened:
        row = job_of(opened, job)
        is_missing = Offered(opened).lacks(row.service)
        pauses = read_jobs.history(opened.views, job=row.job_id, kind="job-paused", limit=1)
        whole = read_jobs.system(opened.views)
    standing = standing_of(row, whole)
    meaning = preview(standing, call)
    record: Record = {
        **job_record(call, row, whole),
        "service_missing": is_missing,
        "definition": write_definition(row.definition, is_full=True),
        "fires": meaning["fires"],
        "policies": meaning["policies"],
        "warnings": meaning["warnings"],
    }
    told = told_lines(call, row, lines(standing, call))
    if row.status == "paused":
        told.append(f"  {pause_words(call, row, next(iter(pauses), None))}")
    paused = whole_words(whole, call.zone)
    if paused is not None:
        told.append(f"  {paused}")
    if row.skipping:
        told.append(f"  {skipping_words(call, row.skipping)}")
    if is_missing:
        told.append(f"  {MISSING}")
    show_record(call, SHOWN, record, told)


def told_lines(call: Call, row: JobRow, meaning: list[str]) -> list[str]:
    """Return a job as people read it."""
    by = f" by {row.actor}" if row.actor else ""
    changed = shown(row.changed_at, call)
    told = [
        *meaning,
        (
            f"status {row.status} · service {row.service} · "
            f"{counted(row.planned, 'run')} planned by schedule"
        ),
        f"id {row.job_id} · revision {row.revision}, {changed}{by}",
    ]
    definition = write_definition(row.definition)
    for name in ("name", "service", "schedule"):
        definition.pop(name, None)
    told += [f"  {name} = {json_text(value)}" for name, value in definition.items()]
    return told


@prints("history", *CHANGES.fields)
@click.argument("job")
@limit_option
@pass_call
def history(call: Call, /, *, job: str, limit: int) -> None:
    """Show who changed a job, when and how.

    The newest change first.
    """
    with reading(call) as opened:
        row = job_of(opened, job)

        def page(before: int | None, count: int) -> list[ChangeRow]:
            return read_jobs.history(
                opened.views, job=JobId(row.job_id), before=before, limit=count
            )

        changes = paged(page, lambda change: change.position, limit)
        show_rows(call, CHANGES, (change_record(call, change) for change in changes))


def job_record(call: Call, row: JobRow, whole: SystemRow | None) -> Record:
    """Return a job as scripts read it."""
    definition = row.definition
    timezone = fires.zone_of(definition.schedule, call.zone)
    return {
        "job": row.name,
        "job_id": row.job_id,
        "status": row.status,
        "service": row.service,
        "schedule": sentence(definition.schedule, zone=timezone),
        "timezone": timezone,
        "next_fire": next_run(row, whole),
        "paused_until": row.paused_until,
        "skipping": row.skipping,
        "last_run_fire": row.last_run_fire,
        "runs": row.planned,
        "revision": row.revision,
        "labels": definition.labels,
        "description": definition.description,
        "owner": definition.owner,
        "defined_at": row.defined_at,
        "changed_at": row.changed_at,
        "changed_by": row.actor,
    }


def change_record(call: Call, change: ChangeRow) -> Record:
    """Return a change as scripts read it."""
    was = None if change.before is None else write_definition(change.before, is_full=True)
    now = None if change.after is None else write_definition(change.after, is_full=True)
    record: dict[str, object] = {
        name: getattr(change, name) for name in CHANGE_FIELDS if name != "changes"
    }
    told = change_words(call, was, now, change.detail)
    record |= {"before": was, "after": now, "changes": told}
    return record


def change_words(
    call: Call,
    was: dict[str, object] | None,
    now: dict[str, object] | None,
    detail: dict[str, object] | None,
) -> str:
    """Return in one line what a change changed."""
    if now is None:
        words = change_of_state(call, detail or {})
        return words if words is not None else json_text(detail) if detail else ""
    if was is None:
        return json_text(now.get("schedule"))
    return "; ".join(
        f"{field}: {safe(json_text(was.get(field)))} → {safe(json_text(now.get(field)))}"
        for field in {**was, **now}
        if was.get(field) != now.get(field)
    )
