"""How an answer is printed: for people, as JSON, JSON lines or CSV; safe to read in any form.

A verb hands over records (plain dictionaries) and a `Shape`: all the fields there are, and the few
that people see in columns. On a terminal they become a table, in a pipe tab-separated text with a
header. Control characters that a job's name or a service's output may hold are shown as escapes,
and CSV cells that a spreadsheet would take for a formula get an apostrophe. Times are UTC in JSON
and CSV and stand in the call's zone for people.
"""

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from scheduler.model.errors import BadInput
from scheduler.model.written import format_duration, format_instant
from tools.cli.call import Call
from tools.cli.harmless import json_text, safe

Record = Mapping[str, object]

FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Shape(NamedTuple):
    """The fields of a record: all of them, and those that people see in columns."""

    fields: tuple[str, ...]
    columns: tuple[str, ...]


def show_rows(call: Call, shape: Shape, rows: Iterable[Record]) -> None:
    """Print records in the form that was asked for; JSON lines, CSV and tabs as they come."""
    form = call.form
    match form.kind:
        case "json":
            chosen = chosen_fields(form.fields, shape)
            say(json_text([plain(row, chosen) for row in rows], indent=sys.stdout.isatty()))
        case "jsonl":
            for row in rows:
                say(json_text(plain(row, shape.fields)))
        case "csv":
            _csv(shape.fields, rows)
        case "people" if sys.stdout.isatty():
            from tools.cli.terminal import table

            table(shape.columns, ([shown(row[c], call) for c in shape.columns] for row in rows))
        case "people":
            say("\t".join(shape.columns))
            for row in rows:
                say("\t".join(safe(shown(row[column], call)) for column in shape.columns))


def show_record(
    call: Call, shape: Shape, record: Record, lines: Iterable[str] | None = None
) -> None:
    """Print one record; people get `lines`, else each column on a line of its own."""
    form = call.form
    if form.kind == "json":
        chosen = chosen_fields(form.fields, shape)
        say(json_text(plain(record, chosen), indent=sys.stdout.isatty()))
    elif form.kind != "people":
        show_rows(call, shape, [record])
    elif lines is not None:
        for line in lines:
            say(safe(line))
    else:
        for line in pairs(call, shape, record):
            say(line)


def pairs(call: Call, shape: Shape, record: Record) -> Iterable[str]:
    """Yield a record's columns for people, one on a line; what is not set is left out."""
    width = max(map(len, shape.columns), default=0)
    for name in shape.columns:
        text = safe(shown(record[name], call))
        if text and sys.stdout.isatty():
            yield f"{name:<{width}}  {text}"
        elif text:
            yield f"{name}\t{text}"


def chosen_fields(asked: tuple[str, ...], shape: Shape) -> tuple[str, ...]:
    """Return the fields that --json names, all when it names none.

    Raises: BadInput, for a field there is not.
    """
    for name in asked:
        if name not in shape.fields:
            known = ", ".join(shape.fields)
            raise BadInput.at("--json", f"there is no field {safe(name)!r}.", f"Known: {known}")
    return asked or shape.fields


def plain(record: Record, fields: tuple[str, ...]) -> dict[str, object]:
    """Return the chosen fields as JSON has them: lengths of time as text, instants in UTC."""
    return {
        name: format_duration(value) if isinstance(value, timedelta) else value
        for name in fields
        for value in (record[name],)
    }


def shown(value: object, call: Call) -> str:
    """Return a value as people read it."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case datetime():
            return format_instant(value, call.zone)
        case timedelta():
            return format_duration(value)
        case int() | float():
            return str(value)
        case _:
            return json_text(value)


def say(line: str) -> None:
    """Print a line of the answer; harmful characters must be escaped before."""
    sys.stdout.write(line + "\n")


def note(line: str) -> None:
    """Print a message about the answer, apart from it."""
    sys.stderr.write(safe(line, keep="\n") + "\n")


def _csv(fields: tuple[str, ...], rows: Iterable[Record]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(fields)
    for row in rows:
        writer.writerow([cell(value) for value in plain(row, fields).values()])


def cell(value: object) -> str:
    """Return a value as a CSV cell: text that a spreadsheet would reckon with is quoted."""
    match value:
        case None:
            return ""
        case str():
            text = safe(value, keep="\n\t")
            return f"'{text}" if text.startswith(FORMULA) else text
        case datetime():
            return str(msgspec.to_builtins(value))
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return json_text(value)
