"""The kinds of connection, and what there is to be set for each.

Records only: how they are read from a settings file is `reading`'s, what is done with them that of
the client of the kind. They hold references to secrets and never a secret, so they may be handed to
a child or shown to a person as they are.

Children import this file: it must stay quick to import.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from msgspec import Struct

from scheduler.model.limits import CONNECTION_TIMEOUT_DEFAULT
from services.connections.references import Reference
from services.permissions import Permissions

Kind = Literal["rest", "redis", "smtp", "sql"]
Security = Literal["plain", "tls", "starttls"]


class Basic(Struct, frozen=True, kw_only=True, tag_field="kind", tag="basic"):
    """A user name and a password with each request."""

    username: str
    password: Reference


class Bearer(Struct, frozen=True, kw_only=True, tag_field="kind", tag="bearer"):
    """A token with each request."""

    token: Reference


class Header(Struct, frozen=True, kw_only=True, tag_field="kind", tag="header"):
    """A secret in a header of the far end's own."""

    name: str
    value: Reference


Auth = Basic | Bearer | Header


class Connection(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every kind has."""

    name: str
    timeout: timedelta = CONNECTION_TIMEOUT_DEFAULT  # of all of one request, mail or statement
    ca: str | None = None  # a file of certificates to trust beside the system's

    @property
    def where(self) -> str:
        """Return the far end, as it may stand in a message."""
        raise NotImplementedError

    def references(self) -> Iterator[Reference]:
        """Yield the secrets it needs."""
        yield from ()


class RestConnection(Connection, frozen=True, kw_only=True, tag="rest"):
    """An HTTP interface below one address."""

    url: str
    auth: Auth | None = None
    headers: dict[str, str | Reference] = {}
    proxy: str | None = None
    ping: str = ""  # the path that a ping asks for

    @property
    def where(self) -> str:
        """Return the address."""
        return self.url

    def references(self) -> Iterator[Reference]:
        """Yield the secrets of `auth` and `headers`."""
        match self.auth:
            case Basic(password=secret) | Bearer(token=secret) | Header(value=secret):
                yield secret
            case None:
                pass
        yield from (value for value in self.headers.values() if isinstance(value, Reference))


class RedisConnection(Connection, frozen=True, kw_only=True, tag="redis"):
    """A Redis server."""

    host: str
    port: int
    db: int = 0
    username: str | None = None
    password: Reference | None = None
    tls: bool = False
    decode: bool = True  # values are text; False: bytes

    @property
    def where(self) -> str:
        """Return host, port and database."""
        return f"{_address(self.host, self.port)}/{self.db}"

    def references(self) -> Iterator[Reference]:
        """Yield the password."""
        if self.password is not None:
            yield self.password


class SmtpConnection(Connection, frozen=True, kw_only=True, tag="smtp"):
    """A mail server that takes mail for others."""

    host: str
    port: int
    security: Security = "starttls"
    username: str | None = None
    password: Reference | None = None
    sender: str | None = None  # of mails that name none

    @property
    def where(self) -> str:
        """Return host and port."""
        return _address(self.host, self.port)

    def references(self) -> Iterator[Reference]:
        """Yield the password."""
        if self.password is not None:
            yield self.password


class SqlConnection(Connection, frozen=True, kw_only=True, tag="sql"):
    """A database: a file of SQLite, or a PostgreSQL server."""

    url: str
    username: str | None = None
    password: Reference | None = None
    create: bool = False  # a file of SQLite that is not there is made

    @property
    def where(self) -> str:
        """Return the address."""
        return self.url

    def references(self) -> Iterator[Reference]:
        """Yield the password."""
        if self.password is not None:
            yield self.password


AnyConnection = RestConnection | RedisConnection | SmtpConnection | SqlConnection


class ConnectionSettings(Struct, frozen=True, kw_only=True):
    """All that is needed to make the same connections elsewhere."""

    connections: tuple[AnyConnection, ...] = ()
    base_dir: str = ""  # the folder that paths in the settings start from
    file: str = "horolog.toml"  # what the settings are called, for messages
    log: str | None = None  # the log's own file, which no connection may open
    permissions: Permissions = Permissions()  # what ready-made services may do


def kind_of(connection: Connection) -> Kind:
    """Return the kind of a connection by its name in the settings."""
    match connection:
        case RestConnection():
            return "rest"
        case RedisConnection():
            return "redis"
        case SmtpConnection():
            return "smtp"
        case _:
            return "sql"


def title(connection: Connection) -> str:
    """Return what a message calls a connection."""
    return f'{kind_of(connection)} "{connection.name}" ({connection.where})'


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
