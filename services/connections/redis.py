"""Redis: the client of redis-py, with errors that say which connection failed and why.

It is that client, so every command it knows is there. Its own retries are off: a command that was
sent may have been carried out, so whether to send it again is the job's decision and not a
library's. The password is read again for each new connection of its pool.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import certifi
from redis.asyncio import BlockingConnectionPool, Connection, SSLConnection
from redis.asyncio import Redis as Client
from redis.asyncio.client import Pipeline as ClientPipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

from scheduler.model.errors import BadInput
from scheduler.model.limits import CONNECT_WAIT, SHARED_CLIENT_MAX
from services.connections.errors import ConnectionFailed, cause_of, timed_out
from services.connections.kinds import RedisConnection, title
from services.connections.references import Reference
from services.connections.secrets import Secrets

_RESP2 = 2  # every server speaks it


class Redis(Client):
    """One database of a Redis server."""

    def __init__(self, connection: RedisConnection, secrets: Secrets, base_dir: Path) -> None:
        self._settings = connection
        super().__init__(connection_pool=_pool(connection, secrets, base_dir))
        self.auto_close_connection_pool = True  # the pool is ours alone

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # as the client's own
        """Send one command; return what it is answered with.

        Raises: ConnectionFailed, when it is not; ResponseError, when the answer is an error.
        """
        async with _told_plainly(self._settings):
            return await super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]  # it has no types

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "Pipeline":  # noqa: FBT001, FBT002  # as the client's own
        """Return what gathers commands, to send them together."""
        return Pipeline(self, transaction=transaction, shard_hint=shard_hint)

    async def ping(self, **_: Any) -> str:  # type: ignore[override]  # noqa: ANN401  # what every connection's ping returns
        """Ask whether it is there; return what it said. Raises: ConnectionFailed."""
        await self.execute_command("PING")
        return f"{title(self._settings)}: answers PONG"


class Pipeline(ClientPipeline):
    """Commands that are sent together."""

    def __init__(self, client: Redis, *, transaction: bool, shard_hint: str | None) -> None:
        self._settings = client._settings  # noqa: SLF001  # a part of it
        super().__init__(client.connection_pool, client.response_callbacks, transaction, shard_hint)

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002  # as the client's own
        """Send what was gathered; return the answers. Raises: as `Redis.execute_command`."""
        async with _told_plainly(self._settings):
            return await super().execute(raise_on_error)


class _Login(CredentialProvider):
    """Says who we are at each new connection, with the password as it is then."""

    def __init__(self, username: str | None, password: Reference, secrets: Secrets) -> None:
        self._username = username
        self._password = password
        self._secrets = secrets

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        try:
            password = self._secrets.read(self._password)
        except BadInput as bad:
            # Only for an error of its own does the client drop a connection that is not logged in.
            raise AuthenticationError(str(bad)) from bad
        return (password,) if self._username is None else (self._username, password)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()


def _pool(connection: RedisConnection, secrets: Secrets, base_dir: Path) -> BlockingConnectionPool:
    timeout_s = connection.timeout.total_seconds()
    login = None
    if connection.password is not None:
        login = _Login(connection.username, connection.password, secrets)
    encrypted: dict[str, Any] = {}
    if connection.tls:
        ca = certifi.where() if connection.ca is None else str(base_dir / connection.ca)
        encrypted = {"connection_class": SSLConnection, "ssl_ca_certs": ca}
    return BlockingConnectionPool(
        max_connections=SHARED_CLIENT_MAX,
        timeout=timeout_s,
        **{"connection_class": Connection, **encrypted},
        host=connection.host,
        port=connection.port,
        db=connection.db,
        credential_provider=login,
        decode_responses=connection.decode,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(CONNECT_WAIT.total_seconds(), timeout_s),
        retry=Retry(NoBackoff(), 0),
        protocol=_RESP2,
    )


@asynccontextmanager
async def _told_plainly(connection: RedisConnection) -> AsyncIterator[None]:
    """Bound the time and turn the client's errors about a connection into ours."""
    try:
        async with asyncio.timeout(connection.timeout.total_seconds()):
            yield
    except AuthenticationError as error:
        if isinstance(error.__cause__, BadInput):
            raise error.__cause__ from None
        raise ConnectionFailed(title(connection), f"not logged in: {error}") from error
    except (NoAnswer, TimeoutError) as error:
        is_early = "connecting" in str(error)
        length = min(CONNECT_WAIT, connection.timeout) if is_early else connection.timeout
        raise ConnectionFailed(title(connection), timed_out(length)) from error
    except (NoConnection, OSError) as error:
        raise ConnectionFailed(title(connection), cause_of(error)) from error
