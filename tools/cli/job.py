"""`job add`: a definition from flags, and what it will mean.

What is printed is reckoned from the definition that the log has accepted, not from what was typed.
"""

import click

from scheduler.model.commands import DefineJob
from scheduler.model.events import JobDefined
from scheduler.model.jobs import JobId
from scheduler.model.plain import read_definition
from tools.cli.asking import answer, ask, serving_notes
from tools.cli.call import Call, pass_call
from tools.cli.definitions import (
    defines,
    fields_given,
    if_past_given,
    told_as_typed,
    warned,
    zone_given,
)
from tools.cli.reading import job_named, standing_of
from tools.cli.schedule_flags import refuse_unquoted
from tools.cli.standing import PREVIEW_FIELDS, Standing, lines, notes_of, preview


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
    plain = {"name": name, "service": service, **fields_given(call, given)}
    schedule = plain.get("schedule")
    if isinstance(schedule, dict) and "cron" in schedule:
        schedule.setdefault("timezone", call.settings.timezone)
    with told_as_typed(call, given):
        definition, contents = read_definition(
            plain, now=call.now, timezone=zone_given(call, given)
        )
        command = DefineJob(
            job=JobId(call.clock.new_id()), definition=definition, if_past=if_past_given(given)
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
    return warned(call, meaning, strict=bool(given["strict"]))
