"""`config check` and `show`: the settings as this machine reads them, with no secret in them."""

import os

from scheduler.model.errors import BadInput
from tools.cli.call import Call, pass_call
from tools.cli.harmless import json_text, safe
from tools.cli.options import prints
from tools.cli.output import Record, Shape, say, show_record
from tools.connecting import connections_of
from tools.known_settings import plain_settings
from tools.settings import CONCURRENCY, CONNECTIONS, KEYS

SHOWN = Shape(("file", *KEYS, CONCURRENCY, CONNECTIONS), ())
CHECKED = Shape(("file", "connections", "secrets"), ("file", "connections", "secrets"))


@prints("check")
@pass_call
def check(call: Call, /) -> None:
    """Check the settings, and that every secret they name can be read.

    What is wrong is told, each by its path, with exit code 2.
    """
    settings = call.settings
    connections = connections_of(settings, call.clock)
    problems = connections.read_secrets()
    if problems:
        raise BadInput(*problems)
    secrets = sum(len(list(one.references())) for one in settings.connections)
    record: Record = {
        "file": None if settings.file is None else str(settings.file),
        "connections": len(settings.connections),
        "secrets": secrets,
    }
    where = settings.file or "No settings file: all is as by default"
    found = f"{len(settings.connections)} connections, {secrets} secrets"
    show_record(call, CHECKED, record, [f"{where}: nothing is wrong ({found})"])


@prints("show")
@pass_call
def show(call: Call, /) -> None:
    """Show every setting as it counts here.

    Options and the environment are counted in; secrets stand as where they are to be found.
    """
    plain = plain_settings(call.settings)
    file = call.settings.file
    record: Record = {"file": None if file is None else os.path.realpath(file), **plain}
    show_record(call, SHOWN, record, [])
    if call.form.kind == "people":
        say(f"# {safe(str(record['file'] or 'defaults only'))}")
        for path in KEYS:
            say(f"{path} = {safe(json_text(plain[path]))}")
        say(f"{CONCURRENCY} = {safe(json_text(plain[CONCURRENCY]))}")
        for one in call.settings.connections:
            told = plain[CONNECTIONS]
            shown = told[one.name] if isinstance(told, dict) else None
            say(f"{CONNECTIONS}.{safe(json_text(one.name))} = {safe(json_text(shown))}")
