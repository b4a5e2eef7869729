"""How the two databases are opened and interrupted; in all else they are one (DB-API).

A connection commits each statement by itself unless it was told to begin. Horolog's own log is
refused: one process that opens and closes that file a second time loses its locks, and another that
writes to it would be a second writer.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from scheduler.model.limits import CONNECT_WAIT
from services.connections.addresses import SQLITE
from services.connections.errors import ConnectionFailed, cause_of
from services.connections.kinds import SqlConnection, title
from services.connections.secrets import Secrets

Parameters = Sequence[Any] | Mapping[str, Any]

_BESIDE_A_LOG = ("", "-wal", "-shm", "-journal", ".views", ".views-wal", ".views-shm", ".lock")
_LOCKED_FOR = 0.9  # of the timeout: so that SQLite says that the file is locked before we say less
_LOOK = "SELECT count(*) FROM sqlite_master"  # reads the file; SELECT 1 would not
_NO_DRIVER = "needs a driver: pip install 'psycopg[binary]'"


class Cursor(Protocol):
    """What a statement is carried out by."""

    @property
    def description(self) -> Any:  # noqa: ANN401  # a list of columns, or None
        """Return the columns of the answer, None when there is none."""

    @property
    def rowcount(self) -> int:
        """Return how many rows were changed."""

    def execute(self, sql: str, parameters: Any = ..., /) -> object:  # noqa: ANN401  # the driver's own
        """Carry out one statement."""

    def fetchmany(self, size: int = ..., /) -> Sequence[Sequence[Any]]:
        """Return the next rows."""


class Database(Protocol):
    """An open connection of a driver."""

    def cursor(self) -> Cursor:
        """Return what carries out one statement."""

    def close(self) -> None:
        """Let go of it."""


class Opened(NamedTuple):
    """An open connection, and how it is used."""

    database: Database
    interrupt: Callable[[], object]  # from any thread: what it is doing ends with an error
    begin: str  # the statement that begins a transaction
    look: str  # a statement that shows that it is what it should be
    error: type[Exception]  # what the driver raises


class Driver:
    """Opens one database, as often as it is asked to."""

    def __init__(
        self, connection: SqlConnection, secrets: Secrets, base_dir: Path, log: Path | None
    ) -> None:
        self._connection = connection
        self._secrets = secrets
        self._base_dir = base_dir
        self._ours = frozenset() if log is None else _files_of(log)

    def open(self) -> Opened:
        """Return a new connection; it waits. Raises: ConnectionFailed, BadInput."""
        is_file = self._connection.url.startswith(SQLITE)
        return self._open_sqlite() if is_file else self._open_postgresql()

    def _open_sqlite(self) -> Opened:
        file = self._base_dir / unquote(self._connection.url.removeprefix(SQLITE))
        if str(file.resolve()) in self._ours:
            raise self._failed("this is Horolog's own log or beside it: keep your tables elsewhere")
        if not self._connection.create and not file.is_file():
            raise self._failed("there is no such file; create = true makes one")
        mode = "rwc" if self._connection.create else "rw"
        try:
            database = sqlite3.connect(
                f"{file.resolve().as_uri()}?mode={mode}",
                uri=True,
                timeout=self._connection.timeout.total_seconds() * _LOCKED_FOR,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise self._failed(cause_of(error)) from error
        database.set_authorizer(self._permit)
        return Opened(database, database.interrupt, "BEGIN IMMEDIATE", _LOOK, sqlite3.Error)

    def _permit(self, action: int, name: str | None, *_: str | None) -> int:
        """Let SQLite do anything but open our files beside its own."""
        if action != sqlite3.SQLITE_ATTACH or not self._ours:
            return sqlite3.SQLITE_OK
        if name is None:  # reckoned only when it runs
            return sqlite3.SQLITE_DENY
        file = unquote(name.partition("?")[0]) if name.startswith("file:") else name
        is_ours = str(Path(file.removeprefix("file:")).resolve()) in self._ours
        return sqlite3.SQLITE_DENY if is_ours else sqlite3.SQLITE_OK

    def _open_postgresql(self) -> Opened:
        connection = self._connection
        try:
            psycopg = import_module("psycopg")
        except ImportError:
            raise self._failed(_NO_DRIVER) from None
        parts = urlsplit(connection.url)
        password = None if connection.password is None else self._secrets.read(connection.password)
        wait = min(CONNECT_WAIT, connection.timeout)
        try:
            database = psycopg.connect(
                host=parts.hostname,
                port=parts.port,
                dbname=unquote(parts.path.removeprefix("/")),
                user=connection.username,
                password=password,
                **self._encrypted(),
                connect_timeout=max(2, round(wait.total_seconds())),  # libpq takes no less
                autocommit=True,
            )
        except psycopg.Error as error:
            raise self._failed(cause_of(error)) from error
        return Opened(database, database.cancel, "BEGIN", "SELECT 1", psycopg.Error)

    def _encrypted(self) -> dict[str, str]:
        ca = self._connection.ca
        if ca is None:
            return {}  # as libpq does by itself: encrypted when the server can
        return {"sslmode": "verify-full", "sslrootcert": str(self._base_dir / ca)}

    def _failed(self, cause: str) -> ConnectionFailed:
        return ConnectionFailed(title(self._connection), cause)


def _files_of(log: Path) -> frozenset[str]:
    real = log.resolve()
    return frozenset(f"{real}{suffix}" for suffix in _BESIDE_A_LOG)
