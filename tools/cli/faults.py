"""What a person is told when a call goes wrong: one sentence or JSON object, and the exit code.

Everything raised on purpose knows its sentence and its code already; here stand the ones others
raise (click, the file system, SQLite). What is left is a defect of ours: it is told as such, and
HOROLOG_TRACEBACK=1 shows where.
"""

import os
import sqlite3
import sys
import traceback
from typing import NamedTuple

import click

from scheduler.model.errors import BadInput, HorologError, NotFound, Problem
from tools.cli.harmless import json_text
from tools.cli.output import note

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2


class Fault(NamedTuple):
    """What went wrong, as it is told."""

    exit_code: int
    problems: tuple[Problem, ...]  # with an empty path when no field is to blame


def fault_of(error: BaseException) -> Fault:
    """Return what is told about an error."""
    match error:
        case BadInput(problems=problems) if problems:
            return Fault(error.exit_code, problems)
        case NotFound():
            return Fault(error.exit_code, (Problem("", sentence(str(error))),))
        case HorologError():  # its sentence may begin with a name, which is not ours to spell
            return Fault(error.exit_code, (Problem("", str(error)),))
        case click.UsageError():
            return Fault(EXIT_BAD_INPUT, (usage_problem(error),))
        case click.ClickException():
            return Fault(error.exit_code, (Problem("", sentence(error.format_message())),))
        case OSError():
            return Fault(EXIT_FAILED, (Problem("", system_sentence(error)),))
        case sqlite3.Error():
            return Fault(EXIT_FAILED, (Problem("", f"SQLite: {sentence(str(error))}"),))
        case _:
            what = f"{type(error).__name__}: {error}"
            hint = "HOROLOG_TRACEBACK=1 shows where."
            return Fault(EXIT_FAILED, (Problem("", f"This is a defect of Horolog: {what}.", hint),))


def usage_problem(error: click.UsageError) -> Problem:
    """Return what click found wrong, with the option or argument as the path."""
    path = ""
    param = getattr(error, "param", None)
    if isinstance(param, click.Parameter):
        path = max(param.opts, key=len) if isinstance(param, click.Option) else str(param.name)
        path = path if path.startswith("-") else path.upper()
    elif isinstance(error, click.NoSuchOption | click.BadOptionUsage):
        path = error.option_name
    message = error.message if path and error.message else error.format_message()
    where = error.ctx.command_path if error.ctx else "horolog"
    if isinstance(error, click.MissingParameter):
        message = " ".join(message.split())  # click lists choices on lines of their own
    return Problem(path, sentence(message), f"See: {where} --help")


def system_sentence(error: OSError) -> str:
    """Return what the system refused, with the file it was about."""
    what = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {what}" if error.filename else what


def sentence(text: str) -> str:
    """Return `text` with its first letter large."""
    return text[:1].upper() + text[1:]


def tell(error: BaseException, *, as_json: bool) -> int:
    """Print what went wrong and return the exit code."""
    fault = fault_of(error)
    if os.environ.get("HOROLOG_TRACEBACK"):
        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        note(json_text({"error": json_fault(fault)}))
    else:
        for problem in fault.problems:
            note(str(problem) if problem.path else line_of(problem))
    return fault.exit_code


def json_fault(fault: Fault) -> dict[str, object]:
    """Return a fault as scripts read it: the first problem, and all of them when there are more."""
    told: list[dict[str, object]] = [
        {"path": problem.path or None, "message": problem.message, "hint": problem.hint}
        for problem in fault.problems
    ]
    return told[0] if len(told) == 1 else {**told[0], "problems": told}


def line_of(problem: Problem) -> str:
    """Return a problem that no field is to blame for."""
    return f"{problem.message} {problem.hint}" if problem.hint else problem.message
