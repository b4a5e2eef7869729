"""All connections of the settings, by name: made on first use, shared, closed at the end.

A client belongs to the event loop it was made on, so there is one of each for every loop that asks.
Code that runs on a loop gets the client itself, code that does not gets it with calls that wait;
so the same line, but for its `await`, stands in an async service and in a plain function. Client
libraries are imported when the first connection of their kind is used.

Children import this file: it must stay quick to import.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from scheduler.model.errors import Problem
from scheduler.model.limits import CLOSE_WAIT, KNOWN_SHOWN_MAX
from scheduler.model.nearness import nearest
from services.connections.errors import UnknownConnection
from services.connections.kinds import (
    AnyConnection,
    ConnectionSettings,
    Kind,
    RedisConnection,
    RestConnection,
    SmtpConnection,
    SqlConnection,
    kind_of,
)
from services.connections.secrets import Secrets
from services.loops import running_loop
from services.permissions import Permissions

_EXAMPLES: dict[Kind, str] = {
    "rest": 'url = "https://…"',
    "redis": 'url = "redis://…"',
    "smtp": 'host = "…"',
    "sql": 'url = "sqlite:///…"',
}


class Client(Protocol):
    """What every kind of client can do."""

    async def ping(self) -> str:
        """Return, in a sentence, that the far end is there. Raises: ConnectionFailed, BadInput."""

    async def aclose(self) -> None:
        """Let go of everything."""


class Named:
    """The connections of one kind, by their names in the settings."""

    def __init__(self, connections: "Connections", kind: Kind) -> None:
        self._connections = connections
        self._kind = kind

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # to be awaited or not, see above
        """Return the connection of this name. Raises: UnknownConnection."""
        return self._connections.client(name, self._kind)

    def __contains__(self, name: object) -> bool:
        return any(name == known for known in self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._connections.names(self._kind))


class Connections:
    """The connections of one settings file; any thread may ask for them."""

    def __init__(
        self,
        settings: ConnectionSettings | None = None,
        *,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Make nothing yet. `now` dates the mails; without it the server does."""
        self.settings = settings or ConnectionSettings()
        self.now = now
        self._base_dir = Path(self.settings.base_dir)
        self.secrets = Secrets(self._base_dir)
        self._by_name = {one.name: one for one in self.settings.connections}
        self._clients: dict[Any, dict[str, Any]] = {}  # event loop -> name -> client
        self._waiting: Any = None  # the loop of those who do not run on one
        self._lock = threading.Lock()

    @classmethod
    def from_settings(
        cls,
        table: object,
        base_dir: Path,
        *,
        now: Callable[[], datetime] | None = None,
        log: Path | None = None,
    ) -> "Connections":
        """Return the connections of a table of settings; paths in it start from `base_dir`.

        Raises: BadInput, with every problem there is.
        """
        from services.connections.reading import read_connections

        settings = ConnectionSettings(
            connections=read_connections(table),
            base_dir=str(base_dir),
            log=None if log is None else str(log),
        )
        return cls(settings, now=now)

    @property
    def permissions(self) -> Permissions:
        """What the settings allow the ready-made services to do."""
        return self.settings.permissions

    def names(self, kind: Kind | None = None) -> list[str]:
        """Return the names of all connections, or of those of one kind, in the settings' order."""
        found = self._by_name.values()
        return [one.name for one in found if kind is None or kind_of(one) == kind]

    def named(self, kind: Kind) -> Named:
        """Return the connections of one kind."""
        return Named(self, kind)

    def client(self, name: str, kind: Kind | None = None) -> Any:  # noqa: ANN401  # one of four
        """Return the client of this name: on an event loop its own, elsewhere one whose calls wait.

        Raises: UnknownConnection, when the settings have none of this name, or of this kind.
        """
        connection = self._found(name, kind)
        loop = running_loop()
        if loop is not None:
            return self._client_on(loop, connection)
        from services.connections.blocking import Blocking, Loop

        with self._lock:
            waiting = self._waiting = self._waiting or Loop()
        return Blocking(waiting.run(lambda: self.client(name)), waiting)

    async def ping(self, name: str) -> str:
        """Return, in a sentence, that the far end of this connection is there.

        Raises: UnknownConnection, ConnectionFailed; BadInput, when a secret cannot be read.
        """
        client: Client = self._client_on(running_loop(), self._found(name, None))
        return await client.ping()

    def read_secrets(self) -> list[Problem]:
        """Read and remember every secret of the settings; return what is wrong with them.

        What is remembered is kept out of all that is stored, whoever came by it, and how.
        """
        known = [reference for one in self._by_name.values() for reference in one.references()]
        return self.secrets.read_all(known)

    async def close_here(self) -> None:
        """Close the clients of the running event loop, in a moment at most."""
        import asyncio

        with self._lock:
            clients = self._clients.pop(running_loop(), {})
        if clients:
            parting = [asyncio.ensure_future(client.aclose()) for client in clients.values()]
            await asyncio.wait(parting, timeout=CLOSE_WAIT.total_seconds())
            await asyncio.sleep(0)  # what was closed is let go of in the loop's next turn

    def close(self) -> None:
        """Close what plain functions used; afterwards they get nothing."""
        with self._lock:
            waiting = self._waiting
        if waiting is not None:
            waiting.close(self.close_here)

    def _found(self, name: str, kind: Kind | None) -> AnyConnection:
        found = self._by_name.get(name)
        if found is None:
            raise UnknownConnection(self._unknown(name, kind))
        if kind is not None and kind_of(found) != kind:
            has = kind_of(found)
            raise UnknownConnection(
                f'connection "{name}" is of kind {has}, not {kind}: ctx.{has}["{name}"]'
            )
        return found

    def _unknown(self, name: str, kind: Kind | None) -> str:
        names = self.names()
        shown = ", ".join(names[:KNOWN_SHOWN_MAX]) or "none"
        more = len(names) - KNOWN_SHOWN_MAX
        rest = f" and {more} more" if more > 0 else ""
        wanted = kind or "rest"
        close = nearest(name, names)
        advice = (
            f'Did you mean "{close}"?'
            if close is not None
            else f'Add it:  [connections."{name}"]  kind = "{wanted}"  {_EXAMPLES[wanted]}'
        )
        return (
            f'needs connection "{name}"; {self.settings.file} has none of that name'
            f" (it has: {shown}{rest}). {advice}"
        )

    def _client_on(self, loop: object, connection: AnyConnection) -> Any:  # noqa: ANN401  # one of four
        with self._lock:
            clients = self._clients.get(loop)
            if clients is None:
                for ended in [one for one in self._clients if one.is_closed()]:
                    del self._clients[ended]  # a plain function's own, come and gone
                clients = self._clients[loop] = {}
            client = clients.get(connection.name)
            if client is None:
                client = clients[connection.name] = self._made(connection)
            return client

    def _made(self, connection: AnyConnection) -> Client:
        secrets, base_dir = self.secrets, self._base_dir
        match connection:
            case RestConnection():
                from services.connections.rest import Rest

                return Rest(connection, secrets, base_dir)
            case RedisConnection():
                from services.connections.redis import Redis

                return Redis(connection, secrets, base_dir)
            case SmtpConnection():
                from services.connections.smtp import Smtp

                return Smtp(connection, secrets, base_dir, self.now)
            case SqlConnection():
                from services.connections.sql import Sql

                log = self.settings.log
                return Sql(connection, secrets, base_dir, None if log is None else Path(log))
