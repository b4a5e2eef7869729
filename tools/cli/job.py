"""`job add` and `job edit`: a definition from flags, and what it will mean.

The flags are two tables (`schedule_flags`, `policies`); `model.plain` makes the definition of them
and refuses what is wrong. What is printed is reckoned from the definition that the log has
accepted, not from what was typed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import click

from scheduler.model.commands import DefineJob, ReviseJob
from scheduler.model.errors import BadInput, Problem
from scheduler.model.events import JobDefined, JobRevised
from scheduler.model.jobs import Definition, JobId
from scheduler.model.plain import read_changes, read_definition, write_definition
from scheduler.model.zones import zone
from tools.cli.asking import ANSWER_FIELDS, answer, ask, serving_notes
from tools.cli.call import Call, pass_call
from tools.cli.harmless import json_text
from tools.cli.inputs import input_options, input_text
from tools.cli.options import Function, writes
from tools.cli.output import note
from tools.cli.policies import plain_policies, policy_options
from tools.cli.reading import job_named, standing_of
from tools.cli.schedule_flags import plain_schedule, refuse_unquoted, schedule_options
from tools.cli.standing import PREVIEW_FIELDS, Standing, lines, notes_of, preview

EXIT_WARNINGS = 10
PRIVATE = "(private)"  # stands for an input that is shown to nobody
LOCAL = re.compile(r"[0-9-]{10}([T ][0-9:.]+)?", re.ASCII)  # an instant typed without its offset
READ_AS = re.compile(r"^[0-9-]{10}T[0-9:]{8}Z", re.ASCII)  # the same as it was read


def defines(name: str, *fields: str) -> Callable[[Function], click.Command]:
    """Make a verb that takes every part of a definition as a flag."""

    def made(function: Function) -> click.Command:
        command = writes(name, *fields, *ANSWER_FIELDS, has_tz=False)(function)
        own = [
            *schedule_options(),
            *input_options(),
            *policy_options(),
            click.Option(["--unchecked"], is_flag=True, help="Let an unknown service pass."),
            click.Option(["--strict"], is_flag=True, help="Exit with 10 when there are warnings."),
        ]
        arguments = [one for one in command.params if isinstance(one, click.Argument)]
        command.params = [*arguments, *own, *command.params[len(arguments) :]]
        return command

    return made


@defines("add", *PREVIEW_FIELDS)
@click.argument("name")
@click.argument("service")
@click.argument("extra", nargs=-1, metavar="")
@pass_call
def add(call: Call, /, *, name: str, service: str, extra: tuple[str, ...], **given: object) -> int:
    """Add a job.

    Exactly one of --cron, --every, --at and --manual says when it fires.
    """
    cron = given["cron"]
    refuse_unquoted(cron if isinstance(cron, tuple) else (), extra)
    plain = {"name": name, "service": service, **_fields_given(given)}
    schedule = plain.get("schedule")
    if isinstance(schedule, dict) and "cron" in schedule:
        schedule.setdefault("timezone", call.settings.timezone)
    with told_as_typed(call, given):
        definition, contents = read_definition(plain, now=call.now, timezone=_zone(call, given))
        command = DefineJob(
            job=JobId(call.clock.new_id()), definition=definition, if_past=_if_past(given)
        )
        told = ask(call, command, contents=contents, unchecked=bool(given["unchecked"]))
    standing, is_new = None, False
    for fact in told.facts:
        event = fact.event
        if isinstance(event, JobDefined):
            standing = Standing(
                job=event.job,
                definition=event.definition,
                cursor=event.cursor,
                is_over=event.exhausted,
            )
            is_new = True
    if standing is None:
        standing = standing_of(job_named(call, name))
    meaning = preview(standing, call)
    notes = [
        *notes_of(call, standing, is_new=is_new, has_timeout=given["timeout"] is not None),
        *serving_notes(call),
    ]
    shown = lines(standing, call)
    if not is_new:
        shown = ["Nothing changed: the job stands so already.", *shown]
    answer(call, told, shown, facts=meaning, notes=notes, dry_lines=shown)
    return _warned(call, meaning, strict=bool(given["strict"]))


@defines("edit", *PREVIEW_FIELDS, "changes")
@click.argument("name", metavar="JOB")
@click.option("--service", metavar="NAME", help="The service that does the work.")
@click.option("--no-input", is_flag=True, help="Take the input away.")
@pass_call
def edit(call: Call, /, *, name: str, service: str | None, no_input: bool, **given: object) -> int:
    """Change what is named of a job's definition.

    What is not named stays. What is due before the change is decided first, by the old definition.
    """
    row = job_named(call, name)
    before = row.definition
    changes = _fields_given(given)
    if service is not None:
        changes["service"] = service
    if no_input:
        changes["input"] = None
    with told_as_typed(call, given):
        definition, contents = read_changes(
            before, changes, now=call.now, timezone=_zone(call, given)
        )
        command = ReviseJob(
            job=JobId(row.job_id),
            definition=definition,
            if_past=_if_past(given),
            if_version=row.version,
        )
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
                is_over=event.exhausted,
            )
            differences = differing(before, event.definition)
    meaning = {**preview(standing, call), "changes": differences}
    shown = [
        f"{field}: {json_text(was)} → {json_text(now)}" for field, (was, now) in differences.items()
    ]
    if not told.facts:
        shown = ["Nothing changed: the job stands so already."]
    notes = notes_of(call, standing, is_new=False, has_timeout=given["timeout"] is not None)
    shown += lines(standing, call)
    answer(call, told, shown, facts=meaning, notes=notes, dry_lines=shown)
    return _warned(call, meaning, strict=bool(given["strict"]))


def differing(before: Definition, after: Definition) -> dict[str, tuple[object, object]]:
    """Return the fields two definitions differ in, as they were and are, in plain form."""
    was, now = write_definition(before, is_full=True), write_definition(after, is_full=True)
    found = {
        field: (was.get(field), now.get(field))
        for field in {**was, **now}
        if was.get(field) != now.get(field)
    }
    if "input" in found and (before.private or after.private):
        found["input"] = (PRIVATE, PRIVATE)
    return found


@contextmanager
def told_as_typed(call: Call, given: Mapping[str, object]) -> Iterator[None]:
    """Have a refusal of an interval or instant show what was typed, not what it was read as."""
    try:
        yield
    except BadInput as bad:
        raise BadInput(*(_as_typed(call, problem, given) for problem in bad.problems)) from None


def _as_typed(call: Call, problem: Problem, given: Mapping[str, object]) -> Problem:
    every, at = given["every"], given["at"]
    if problem.path == "$.schedule" and problem.message == "is missing.":
        return problem._replace(
            hint="Say when: --cron, --every, --at, or --manual for by hand only"
        )
    if problem.path == "$.schedule.every" and isinstance(every, str):
        message = problem.message.removeprefix(f'"{every}": ')
        return Problem(f"--every {every}", message, problem.hint)
    if problem.path == "$.schedule.at" and isinstance(at, str) and LOCAL.fullmatch(at):
        message = READ_AS.sub(f"{at} {_zone(call, given)}", problem.message, count=1)
        return problem._replace(message=message)
    return problem


def _fields_given(given: Mapping[str, object]) -> dict[str, object]:
    """Return what the flags say of a definition, in the plain form."""
    plain = plain_policies(given)
    schedule = plain_schedule(given)
    if schedule:
        plain["schedule"] = schedule
    text, file = given["input"], given["input_file"]
    typed = input_text(
        text if isinstance(text, str) else None, file if isinstance(file, str) else None
    )
    if typed is not None:
        plain["input"] = typed
    return plain


def _zone(call: Call, given: Mapping[str, object]) -> str:
    """Return the zone in which instants without an offset are read: --tz, else the viewer's."""
    tz = given["tz"]
    return zone(tz, path="--tz").key if isinstance(tz, str) else call.zone


def _if_past(given: Mapping[str, object]) -> Literal["refuse", "run", "skip"]:
    match given["if_past"]:
        case "run":
            return "run"
        case "skip":
            return "skip"
        case _:
            return "refuse"


def _warned(call: Call, meaning: Mapping[str, object], *, strict: bool) -> int:
    """Print the warnings of a definition for people, and return the exit code."""
    warnings = meaning["warnings"]
    if not isinstance(warnings, list) or not warnings:
        return 0
    if call.form.kind == "people":
        for text in warnings:
            note(f"Warning: {text}")
    return EXIT_WARNINGS if strict else 0
