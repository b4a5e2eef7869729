"""`job edit`: a change of one job's definition, or the same change of every job that bears a label.

What is named is changed and what is not named stays, job by job; what the change means is reckoned
from the definition that the log has accepted.
"""

from collections.abc import Mapping, Sequence

import click

from projections.rows import JobRow
from scheduler.model.commands import ReviseJob
from scheduler.model.content import Contents
from scheduler.model.errors import BadInput
from scheduler.model.events import JobDefined, JobRevised
from scheduler.model.jobs import Definition, JobId
from scheduler.model.plain import read_changes
from scheduler.model.streams import job_stream
from tools.cli.asking import answer, ask
from tools.cli.bulk import Deed, do
from tools.cli.call import Call, pass_call
from tools.cli.definitions import (
    defines,
    differing,
    fields_given,
    if_past_given,
    told_as_typed,
    warned,
    zone_given,
)
from tools.cli.harmless import json_text
from tools.cli.occurrence import stream_of
from tools.cli.reading import job_to_change, log_of, standing_of
from tools.cli.standing import PREVIEW_FIELDS, Standing, lines, notes_of, preview
from tools.wishes import Told


@defines("edit", *PREVIEW_FIELDS, "changes", "error")
@click.argument("name", metavar="JOB", required=False)
@click.option(
    "--labelled",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Every job that bears this label; may be repeated: all of them.",
)
@click.option("--service", metavar="NAME", help="The service that does the work.")
@click.option("--no-input", is_flag=True, help="Take the input away.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask back at a terminal.")
@pass_call
def edit(
    call: Call,
    /,
    *,
    name: str | None,
    labelled: tuple[str, ...],
    service: str | None,
    no_input: bool,
    yes: bool,
    **given: object,
) -> int:
    """Change what is named of a job's definition.

    What is not named stays. What is due before the change is decided first, by the old definition.
    """
    changes = fields_given(call, given)
    if service is not None:
        changes["service"] = service
    if no_input:
        changes["input"] = None
    refuse_no_job(name, labelled, changes)
    if labelled:
        question = "" if yes else "Change {} jobs?"
        return edit_each(call, labelled, changes, given, question=question)
    row = job_to_change(call, name or "")
    with told_as_typed(call, given):
        command, contents = revision(call, row, changes, given)
        told = ask(call, command, contents=contents, unchecked=bool(given["unchecked"]))
    standing, differences = standing_of(row), {}
    for fact in told.facts:
        event = fact.event
        if isinstance(event, JobRevised):
            standing = Standing(
                job=event.job,
                definition=event.definition,
                cursor=event.effective_at,
                planned=row.planned,
                skipping=row.skipping,
                is_over=event.exhausted,
            )
            differences = differences_of(call, row, told)
    meaning = {**preview(standing, call), "changes": differences, "error": None}
    shown = changed_lines(differences)
    if not told.facts:
        shown = ["Nothing changed: the job stands so already."]
    notes = notes_of(call, standing, is_new=False, has_timeout=given["timeout"] is not None)
    shown += lines(standing, call)
    answer(call, told, shown, facts=meaning, notes=notes, dry_lines=shown)
    return warned(call, meaning, strict=bool(given["strict"]))


def refuse_no_job(name: str | None, labelled: Sequence[str], changes: Mapping[str, object]) -> None:
    """Refuse an edit of no job in particular, and one of many that changes nothing."""
    if (name is None) == (not labelled):
        raise BadInput.at(
            "JOB", "name one job, or choose many by --labelled.", "--label gives a job a label"
        )
    if labelled and not changes:
        raise BadInput.at("--labelled", "chooses jobs, but nothing is to be changed of them.")


def edit_each(
    call: Call,
    labels: Sequence[str],
    changes: Mapping[str, object],
    given: Mapping[str, object],
    *,
    question: str,
) -> int:
    """Change the same of every job that bears the labels; return the exit code."""

    def command(row: JobRow) -> tuple[ReviseJob, Contents]:
        with told_as_typed(call, given):
            return revision(call, row, changes, given)

    def line(row: JobRow, told: Told) -> str:
        changed = changed_lines(differences_of(call, row, told))
        return f"{row.name}: {'; '.join(changed) or 'stands so already.'}"

    deed = Deed(
        command=command,
        line=line,
        facts=lambda row, told: {"changes": differences_of(call, row, told)},
        question=question,
        unchecked=bool(given["unchecked"]),
    )
    return do(call, None, labels, deed)


def revision(
    call: Call, row: JobRow, changes: Mapping[str, object], given: Mapping[str, object]
) -> tuple[ReviseJob, Contents]:
    """Return the wish to change a job as it stands now, with the content it brings.

    Under a key it names no version: a repeat would name that which the first call made.
    """
    definition, contents = read_changes(
        row.definition, changes, now=call.now, timezone=zone_given(call, given)
    )
    command = ReviseJob(
        job=JobId(row.job_id),
        definition=definition,
        if_past=if_past_given(given),
        if_version=row.version if call.key is None else None,
    )
    return command, contents


def differences_of(call: Call, row: JobRow, told: Told) -> dict[str, tuple[object, object]]:
    """Return the fields that an edit changed, when it was first asked for."""
    for fact in told.facts:
        if isinstance(fact.event, JobRevised):
            before = definition_before(call, row, told.first) if told.repeated else row.definition
            return differing(before, fact.event.definition)
    return {}


def definition_before(call: Call, row: JobRow, position: int | None) -> Definition:
    """Return how a job was defined when what stands at a position was decided."""
    before = row.definition
    with log_of(call) as log:
        for recorded in stream_of(log, job_stream(JobId(row.job_id))):
            if position is not None and recorded.position >= position:
                break
            if isinstance(recorded.event, JobDefined | JobRevised):
                before = recorded.event.definition
    return before


def changed_lines(differences: Mapping[str, tuple[object, object]]) -> list[str]:
    """Return a line for each field that was changed."""
    return [
        f"{field}: {json_text(was)} → {json_text(now)}" for field, (was, now) in differences.items()
    ]
