"""What `job add` and `job edit` share: a definition from flags, and a refusal in the words typed.

The flags are two tables (`schedule_flags`, `policies`); `model.plain` makes the definition of them
and refuses what is wrong.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import click

from scheduler.model.errors import BadInput, Problem
from scheduler.model.jobs import Definition
from scheduler.model.plain import write_definition
from scheduler.model.zones import zone
from tools.cli.asking import ANSWER_FIELDS
from tools.cli.call import Call
from tools.cli.inputs import input_options, input_text
from tools.cli.options import Function, writes
from tools.cli.output import note
from tools.cli.policies import plain_policies, policy_options
from tools.cli.schedule_flags import plain_schedule, schedule_options

EXIT_WARNINGS = 10
PRIVATE = "(private)"  # stands for an input that is shown to nobody
INSTANTS = ("at", "anchor", "start_at", "end_at")
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
        message = READ_AS.sub(f"{at} {zone_given(call, given)}", problem.message, count=1)
        return problem._replace(message=message)
    return problem


def fields_given(call: Call, given: Mapping[str, object]) -> dict[str, object]:
    """Return what the flags say of a definition, in the plain form. Raises: BadInput."""
    for name in INSTANTS:
        value = given.get(name)
        if isinstance(value, str):
            call.refuse_moving(value, option="--" + name.replace("_", "-"))
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


def zone_given(call: Call, given: Mapping[str, object]) -> str:
    """Return the zone in which instants without an offset are read: --tz, else the viewer's."""
    tz = given["tz"]
    return zone(tz, path="--tz").key if isinstance(tz, str) else call.zone


def if_past_given(given: Mapping[str, object]) -> Literal["refuse", "run", "skip"]:
    """Return what becomes of a one-time job whose time has gone by."""
    match given["if_past"]:
        case "run":
            return "run"
        case "skip":
            return "skip"
        case _:
            return "refuse"


def warned(call: Call, meaning: Mapping[str, object], *, strict: bool) -> int:
    """Print the warnings of a definition for people, and return the exit code."""
    warnings = meaning["warnings"]
    if not isinstance(warnings, list) or not warnings:
        return 0
    if call.form.kind == "people":
        for text in warnings:
            note(f"Warning: {text}")
    return EXIT_WARNINGS if strict else 0
