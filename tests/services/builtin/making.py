"""A ready-made service called as a worker calls it, with real connections and what is allowed."""

import asyncio

import msgspec

from services.connections.catalog import Connections
from services.connections.kinds import AnyConnection, ConnectionSettings
from services.context import Context
from services.permissions import Permissions
from services.registry import DEFAULT
from tests.services.making import invocation


def context(
    given: object,
    *connections: AnyConnection,
    permissions: Permissions = Permissions(),  # noqa: B008  # it is immutable
) -> Context:
    """Return the context of an attempt whose input is `given`: None for none, a text as it is."""
    text = given if given is None or isinstance(given, str) else msgspec.json.encode(given).decode()
    reach = Connections(ConnectionSettings(connections=connections, permissions=permissions))
    is_text = given is None or isinstance(given, str)
    made = invocation(input_text=text, input_kind="text" if is_text else "json")
    return Context(made, reach=reach)


async def carried_out(service: str, ctx: Context) -> object:
    """Call a service on the running loop and close what it used."""
    found = DEFAULT.get(service)
    assert found is not None
    try:
        return await found.call_async(ctx)
    finally:
        reach = ctx._reach  # noqa: SLF001  # it is what `context` put there
        assert isinstance(reach, Connections)
        await reach.close_here()


def called(
    service: str,
    given: object,
    *connections: AnyConnection,
    permissions: Permissions = Permissions(),  # noqa: B008  # it is immutable
) -> object:
    """Call a service once and return what it returns."""
    ctx = context(given, *connections, permissions=permissions)
    return asyncio.run(carried_out(service, ctx))
