"""What one verb does to one job by its name, or to every job that bears its labels.

Each job is decided for itself: a call about many is repeatable, not atomic, and says so. Which jobs
are meant is seen before anything is done; whoever wants to see no more than that says --dry-run.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import click

from projections import read_jobs
from projections.rows import JobRow
from scheduler.model.commands import AnyCommand
from scheduler.model.content import Contents
from scheduler.model.errors import BadInput, HorologError, NotFound
from scheduler.model.json_values import shown
from scheduler.model.limits import JOBS_PER_BULK_MAX, PROBLEMS_TOLD_MAX
from tools.app import open_wishes
from tools.cli.asking import ANSWER_FIELDS, answer, answered, ask, confirmed, with_own_key
from tools.cli.call import Call
from tools.cli.harmless import safe
from tools.cli.output import Record, Shape, chosen_fields, note, say, show_rows
from tools.cli.reading import job_to_change, paged, reading
from tools.wishes import Told, Wish

BULK_FIELDS = ("job", "job_id", "error", *ANSWER_FIELDS)  # and those of the verb's own

labels_option = click.option(
    "--label",
    "--labelled",
    "labels",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Every job that bears this label; may be repeated: all of them.",
)
label_option = click.option(
    "--label",
    "--labelled",
    "labels",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Only those that bear this label; may be repeated.",
)


class Deed(NamedTuple):
    """What a verb does to a job, and how it tells what came of it."""

    command: Callable[[JobRow], tuple[AnyCommand, Contents]]
    line: Callable[[JobRow, Told], str]
    facts: Callable[[JobRow, Told], Mapping[str, object]]  # of its own, beside BULK_FIELDS
    question: str = ""  # asked back at a terminal before many are changed; {} is how many
    unchecked: bool = False
    flags: Mapping[str, str] = {}  # of fields that a refusal names, as they were typed


def refuse_no_labels(labels: Sequence[str]) -> None:
    """Refuse a label that names no key: it would choose every job, or none."""
    for label in labels:
        if not label.partition("=")[0].strip():
            raise BadInput.at(
                "--label", f"got {shown(label)}.", "Write it as in --label team=sales"
            )


def do(call: Call, job: str | None, labels: Sequence[str], deed: Deed) -> int:
    """Do something to the job that is named, or to each that bears the labels.

    Returns: the exit code. Raises: BadInput, when both are given or neither; NotFound.
    """
    refuse_no_labels(labels)
    if (job is None) == (not labels):
        raise BadInput.at("JOB", "name one job, or choose many by --label.")
    if job is None:
        return do_each(call, labelled(call, labels), deed)
    row = job_to_change(call, job)
    command, contents = deed.command(row)
    try:
        told = ask(call, command, contents=contents, unchecked=deed.unchecked)
    except HorologError as error:
        raise as_typed(call, error, deed) from None
    facts = {"job": row.name, "job_id": row.job_id, "error": None, **deed.facts(row, told)}
    answer(call, told, [deed.line(row, told)], facts=facts)
    return 0


def labelled(call: Call, labels: Sequence[str]) -> list[JobRow]:
    """Return the jobs that bear all the labels, by name.

    Raises: NotFound, when none does; BadInput, when more do than may be changed at once.
    """
    with reading(call) as opened:
        rows = list(
            paged(
                lambda after, size: read_jobs.jobs(
                    opened.views, labels=labels, after=after, limit=size
                ),
                lambda row: row.key,
                JOBS_PER_BULK_MAX + 1,
            )
        )
    if not rows:
        raise NotFound("job that bears", " and ".join(labels), "See: horolog job list")
    if len(rows) > JOBS_PER_BULK_MAX:
        raise BadInput.at(
            "--label",
            f"more than {JOBS_PER_BULK_MAX:,} jobs bear it, and no more are changed at once.",
            "Narrow it by another --label",
        )
    return rows


def do_each(call: Call, rows: Sequence[JobRow], deed: Deed) -> int:
    """Do something to each of many jobs; return the exit code of the first that failed, else 0."""
    own = tuple(deed.facts(rows[0], Told()))
    shape = Shape(("job", "job_id", "error", *own, *ANSWER_FIELDS), ("job", "changed", "error"))
    chosen_fields(call.form.fields, shape)
    wishes = wishes_for(call, rows, deed)
    if deed.question and not call.dry_run and not confirmed(deed.question.format(f"{len(rows):,}")):
        return 1
    with open_wishes(call.settings, clock=call.clock) as asked:
        answers = asked.ask_all(wishes)
    answers = [
        as_typed(call, one, deed) if isinstance(one, HorologError) else one for one in answers
    ]
    pairs = list(zip(rows, answers, strict=True))
    failures = [one for _, one in pairs if isinstance(one, HorologError)]
    if call.form.kind != "people":
        show_rows(call, shape, [record_of(call, row, one, deed) for row, one in pairs])
        return failures[0].exit_code if failures else 0
    if len(failures) == len(pairs) and len({str(one) for one in failures}) == 1:
        raise failures[0]  # the same is wrong with all: it is told once
    for row, one in pairs:
        if isinstance(one, HorologError):
            note(f"{row.name}: {one}")
        else:
            say(safe(dry_line(row, one) if call.dry_run else deed.line(row, one)))
    if call.dry_run:
        note("Nothing was stored.")
    if failures:
        others = "" if len(failures) == len(pairs) else "; the others are done"
        note(
            f"{len(failures):,} of {len(pairs):,} failed{others}. Each job is decided for itself: "
            "the call can be repeated"
        )
    return failures[0].exit_code if failures else 0


def wishes_for(call: Call, rows: Sequence[JobRow], deed: Deed) -> list[Wish]:
    """Return a wish for each job.

    Raises: BadInput, when what is wished cannot be of one of them: then nothing is done at all.
    """
    commands: list[tuple[AnyCommand, Contents]] = []
    refusals: dict[str, BadInput] = {}
    for row in rows:
        try:
            commands.append(deed.command(row))
        except BadInput as bad:
            refusals[row.name] = bad
    if refusals:
        raise refusal_of(refusals, is_everywhere=len(refusals) == len(rows))
    return [
        Wish(
            command=command,
            contents=contents,
            key=None if call.key is None else f"{call.key}/{row.job_id}",
            reason=call.why(),
            on_behalf_of=call.actor,
            unchecked=deed.unchecked,
            dry_run=call.dry_run,
        )
        for row, (command, contents) in zip(rows, commands, strict=True)
    ]


def refusal_of(refusals: Mapping[str, BadInput], *, is_everywhere: bool) -> BadInput:
    """Return what is wrong: once when it is wrong for every job alike, else by the jobs' names."""
    first = next(iter(refusals.values()))
    if is_everywhere and all(bad.problems == first.problems for bad in refusals.values()):
        return first
    problems = [
        problem._replace(path=f"{name}: {problem.path}")
        for name, bad in refusals.items()
        for problem in bad.problems
    ]
    return BadInput(*problems[:PROBLEMS_TOLD_MAX])


def as_typed(call: Call, error: HorologError, deed: Deed) -> HorologError:
    """Return a refusal that names what was typed: the flag of a field, the key of each of many."""
    error = with_own_key(call, error)
    if not isinstance(error, BadInput):
        return error
    return BadInput(
        *(one._replace(path=deed.flags.get(one.path, one.path)) for one in error.problems)
    )


def record_of(call: Call, row: JobRow, one: Told | HorologError, deed: Deed) -> Record:
    """Return what became of one job as scripts read it."""
    told = one if isinstance(one, Told) else Told()
    return {
        "job": row.name,
        "job_id": row.job_id,
        "error": str(one) if isinstance(one, HorologError) else None,
        **deed.facts(row, told),
        **answered(call, told),
    }


def dry_line(row: JobRow, told: Told) -> str:
    """Return which events a job would have, on one line."""
    events = ", ".join(fact.type for fact in told.facts)
    return f"{row.name}: {events or 'nothing would change'}"
