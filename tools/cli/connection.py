"""`connection list` and `ping`: what services reach the world by, and whether it is there.

A ping is made by this process, with the secrets as they are now: it says whether the settings are
right, not how the server does.
"""

import asyncio
from collections.abc import Sequence

import click

from scheduler.model.errors import BadInput, HorologError
from services.connections.catalog import Connections
from services.connections.errors import ConnectionFailed, UnknownConnection
from services.connections.kinds import kind_of
from tools.cli.call import Call, pass_call
from tools.cli.options import prints
from tools.cli.output import Record, Shape, show_rows
from tools.connecting import connections_of

EXIT_FAILED = 1
LISTED = Shape(
    ("connection", "kind", "where", "timeout", "secrets"),
    ("connection", "kind", "where", "secrets"),
)
PINGED = Shape(("connection", "ok", "message"), ("connection", "ok", "message"))


@prints("list")
@pass_call
def list_connections(call: Call, /) -> None:
    """List the connections of the settings.

    Secrets by where they are to be found.
    """
    records: list[Record] = [
        {
            "connection": one.name,
            "kind": kind_of(one),
            "where": one.where,
            "timeout": one.timeout,
            "secrets": ", ".join(map(str, one.references())),
        }
        for one in call.settings.connections
    ]
    show_rows(call, LISTED, records)


@prints("ping")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All connections of the settings.")
@pass_call
def ping(call: Call, /, *, names: tuple[str, ...], is_all: bool) -> int:
    """Ask the far end of connections whether it is there.

    Exits with 1 when one is not.
    """
    if bool(names) == is_all:
        raise BadInput.at("NAME", "name connections, or say --all.")
    connections = connections_of(call.settings, call.clock)
    known = connections.names()
    for name in names:
        if name not in known:
            shown = ", ".join(known) or "none"
            raise BadInput.at("NAME", f'there is no connection "{name}".', f"Known: {shown}")
    records = asyncio.run(pinged(connections, names or known))
    show_rows(call, PINGED, records)
    return 0 if all(record["ok"] for record in records) else EXIT_FAILED


async def pinged(connections: Connections, names: Sequence[str]) -> list[Record]:
    """Return how each connection answered; all are asked at once."""
    try:
        return await asyncio.gather(*(answered(connections, name) for name in names))
    finally:
        await connections.close_here()


async def answered(connections: Connections, name: str) -> Record:
    """Return how one connection answered."""
    try:
        message = await connections.ping(name)
    except (ConnectionFailed, UnknownConnection, HorologError) as error:
        why = connections.secrets.redact(str(error))
        return {"connection": name, "ok": False, "message": why}
    return {"connection": name, "ok": True, "message": message}
