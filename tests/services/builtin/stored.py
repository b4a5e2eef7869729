"""What stands in Redis, read with a client of its own."""

from services.connections.catalog import Connections
from services.connections.kinds import ConnectionSettings, RedisConnection


async def stored(connection: RedisConnection, key: str) -> str | None:
    """Return the value of a key, None when there is none."""
    reach = Connections(ConnectionSettings(connections=(connection,)))
    try:
        found = await reach.client(connection.name).get(key)
    finally:
        await reach.close_here()
    assert found is None or isinstance(found, str)
    return found
