"""A wish on its way out and the answer on its way to the screen: what all writing verbs share.

A verb makes a command; here it is sent with who and why, and what came of it is printed: the events
on a dry run, the verb's own lines otherwise. Who decides (a server over its socket, or this
process) is `tools.app`'s matter.
"""

import sys
from collections.abc import Mapping, Sequence

import click

from scheduler.model.commands import AnyCommand
from scheduler.model.content import Contents
from scheduler.model.errors import HorologError, KeyReused
from tools.app import open_wishes
from tools.cli.call import Call
from tools.cli.harmless import json_text
from tools.cli.output import Record, Shape, note, say, show_record
from tools.cli.reading import is_served
from tools.wishes import Told

ANSWER_FIELDS = ("changed", "dry_run", "first", "last", "events", "notes")
JOB_FIELDS = ("job", "job_id", *ANSWER_FIELDS)
RUN_FIELDS = ("run", "job", "job_id", *ANSWER_FIELDS)
NOBODY_SERVES = "Nothing fires until `horolog serve` runs."


def ask(
    call: Call,
    command: AnyCommand,
    *,
    contents: Contents | None = None,
    stream: str | None = None,
    unchecked: bool = False,
) -> Told:
    """Send one wish and return what came of it; on a dry run, what would."""
    with open_wishes(call.settings, clock=call.clock) as wishes:
        return wishes.ask(
            command,
            reason=call.why(),
            on_behalf_of=call.actor,
            key=call.key,
            contents=contents or {},
            stream=stream,
            dry_run=call.dry_run,
            unchecked=unchecked,
        )


def answer(
    call: Call,
    told: Told,
    lines: Sequence[str],
    *,
    facts: Mapping[str, object],
    notes: Sequence[str] = (),
    dry_lines: Sequence[str] = (),
) -> None:
    """Print what came of a wish: `lines` for people, `facts` and the events for scripts.

    On a dry run people see the events that would be stored, and `dry_lines`.
    """
    record: Record = {**facts, **answered(call, told), "notes": list(notes)}
    shape = Shape((*facts, *ANSWER_FIELDS), tuple(facts))
    if call.form.kind != "people":
        show_record(call, shape, record)
        return
    if call.dry_run:
        for fact in told.facts:
            say(f"{fact.type}  {fact.stream}  {json_text(fact.body)}")
        note("Nothing was stored." if told.facts else "Nothing would change.")
    show_record(call, shape, record, dry_lines if call.dry_run else lines)
    for text in notes:
        note(text)


def answered(call: Call, told: Told) -> Record:
    """Return what every wish's answer has, under the names of ANSWER_FIELDS."""
    return {
        "changed": bool(told.facts) and not call.dry_run,
        "dry_run": call.dry_run,
        "first": told.first,
        "last": told.last,
        "events": [
            {"stream": fact.stream, "type": fact.type, "body": fact.body} for fact in told.facts
        ],
        "notes": [],
    }


def with_own_key(call: Call, error: HorologError) -> HorologError:
    """Return a refusal that names the key that was typed, of which each of many has its own."""
    return error if call.key is None or not isinstance(error, KeyReused) else KeyReused(call.key)


def confirmed(question: str) -> bool:
    """Ask a person at a terminal; without one, the call itself was the answer."""
    return not sys.stdin.isatty() or click.confirm(question, err=True)


def serving_notes(call: Call) -> list[str]:
    """Return that nobody carries out what the log plans, when that is so."""
    return [] if is_served(call) else [NOBODY_SERVES]
