"""SQL: statements and transactions on SQLite or PostgreSQL, by drivers that wait, on threads.

Each statement has a connection of its own, and so has each transaction; a database that was
restarted, or a password that was changed, is met by the next one. What does not end within the
timeout is interrupted; its thread is a daemon, so that it keeps nothing from ending.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from scheduler.model.limits import SQL_CONNECTIONS_MAX, SQL_ROWS_MAX
from services.connections.drivers import Cursor, Driver, Opened, Parameters
from services.connections.errors import ConnectionFailed, timed_out
from services.connections.kinds import SqlConnection, title
from services.connections.secrets import Secrets
from services.threads import Threads

Value = TypeVar("Value")
Work = Callable[[], None]
Rows = list[dict[str, Any]]


class Sql:
    """One database."""

    def __init__(
        self, connection: SqlConnection, secrets: Secrets, base_dir: Path, log: Path | None
    ) -> None:
        self._connection = connection
        self._driver = Driver(connection, secrets, base_dir, log)
        self._free = asyncio.Semaphore(SQL_CONNECTIONS_MAX)
        self._threads: Threads[Work] = Threads(
            _carry_out, threads_max=SQL_CONNECTIONS_MAX, name="horolog-sql"
        )
        self._interrupts: Threads[Work] = Threads(
            _carry_out, threads_max=SQL_CONNECTIONS_MAX, name="horolog-sql-interrupt"
        )

    async def execute(self, sql: str, parameters: Parameters | None = None) -> int:
        """Carry out one statement and commit it; return how many rows it changed.

        Values are bound, never written into the statement: `?` or `:name` for SQLite, `%s` or
        `%(name)s` for PostgreSQL. Raises: ConnectionFailed.
        """
        async with self._session() as session:
            return await session.execute(sql, parameters)

    async def fetch_all(self, sql: str, parameters: Parameters | None = None) -> Rows:
        """Carry out one statement, commit it, and return its rows by the names of their columns.

        Raises: ConnectionFailed, also when there are more than 100,000 rows.
        """
        async with self._session() as session:
            return await session.fetch_all(sql, parameters)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Session"]:
        """Yield what carries out statements that are committed together, at the end of the block.

        None of them is when the block raises. Raises: ConnectionFailed.
        """
        async with self._session() as session:
            await session.begin()
            try:
                yield session
            except BaseException:
                with suppress(ConnectionFailed):  # what is closed is rolled back, too
                    await session.execute("ROLLBACK")
                raise
            await session.execute("COMMIT")

    async def ping(self) -> str:
        """Ask the database something; return that it answered. Raises: ConnectionFailed."""
        async with self._session() as session:
            await session.look()
        return f"{title(self._connection)}: answers"

    async def aclose(self) -> None:
        """End the threads that wait for work."""
        self._threads.close()
        self._interrupts.close()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator["Session"]:
        """Yield a session once one may be open; it ends with the block."""
        try:
            async with asyncio.timeout(self._connection.timeout.total_seconds()):
                await self._free.acquire()
        except TimeoutError:
            busy = f"{SQL_CONNECTIONS_MAX} connections are in use, and none came free in time"
            raise ConnectionFailed(title(self._connection), busy) from None
        session = Session(self._connection, self._driver, self._threads, self._interrupts)
        try:
            yield session
        finally:
            self._free.release()
            await session.end()


class Session:
    """One connection to the database, opened by its first statement."""

    def __init__(
        self,
        connection: SqlConnection,
        driver: Driver,
        threads: Threads[Work],
        interrupts: Threads[Work],
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._threads = threads
        self._interrupts = interrupts
        self._opened: Opened | None = None
        self._is_given_up = False
        self._in_use = threading.Lock()  # by the one thread that works on it

    async def execute(self, sql: str, parameters: Parameters | None = None) -> int:
        """Carry out one statement; return how many rows it changed. Raises: ConnectionFailed."""
        return await self._in_thread(lambda opened: _changed(_cursor(opened, sql, parameters)))

    async def fetch_all(self, sql: str, parameters: Parameters | None = None) -> Rows:
        """Carry out one statement; return its rows by the names of their columns.

        Raises: ConnectionFailed, also when there are more than 100,000 rows.
        """
        rows = await self._in_thread(lambda opened: _rows(_cursor(opened, sql, parameters)))
        if len(rows) > SQL_ROWS_MAX:
            raise self._failed(f"the answer has more than {SQL_ROWS_MAX:,} rows")
        return rows

    async def begin(self) -> None:
        """Begin a transaction."""
        await self._in_thread(lambda opened: _changed(_cursor(opened, opened.begin, None)))

    async def look(self) -> None:
        """Ask for something that every database has."""
        await self._in_thread(lambda opened: _rows(_cursor(opened, opened.look, None)))

    async def end(self) -> None:
        """Close the connection."""
        if self._opened is not None and not self._is_given_up:
            with suppress(ConnectionFailed):
                await self._in_thread(lambda opened: opened.database.close())

    async def _in_thread(self, work: Callable[[Opened], Value]) -> Value:
        """Return what the work returns, done on a thread. Raises: ConnectionFailed, BadInput."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Value] = loop.create_future()

        def carry_out() -> None:
            try:
                value = self._worked(work)
            except Exception as error:  # noqa: BLE001  # it belongs to whoever waits
                settle = partial(_fail, done, error)
            else:
                settle = partial(_succeed, done, value)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle)

        self._threads.put([carry_out])
        try:
            async with asyncio.timeout(self._connection.timeout.total_seconds()):
                return await done
        except TimeoutError:
            self._give_up()
            raise self._failed(timed_out(self._connection.timeout)) from None
        except asyncio.CancelledError:
            self._give_up()
            raise

    def _worked(self, work: Callable[[Opened], Value]) -> Value:
        with self._in_use:
            if self._is_given_up:
                raise self._failed("it was given up")
            if self._opened is None:
                self._opened = self._driver.open()
            try:
                return work(self._opened)
            except self._opened.error as error:
                raise self._failed(f"{type(error).__name__}: {_first_line(error)}") from error

    def _give_up(self) -> None:
        """Have what it is doing interrupted, and the connection closed when that has ended."""
        self._is_given_up = True
        self._interrupts.put([self._interrupt])

    def _interrupt(self) -> None:
        if self._opened is not None:
            self._opened.interrupt()
        with self._in_use:
            if self._opened is not None:
                self._opened.database.close()

    def _failed(self, cause: str) -> ConnectionFailed:
        return ConnectionFailed(title(self._connection), cause)


def _cursor(opened: Opened, sql: str, parameters: Parameters | None) -> Cursor:
    """Return the cursor that has carried out a statement."""
    cursor = opened.database.cursor()
    if parameters is None:
        cursor.execute(sql)
    else:
        cursor.execute(sql, parameters)
    return cursor


def _changed(cursor: Cursor) -> int:
    return max(cursor.rowcount, 0)


def _rows(cursor: Cursor) -> Rows:
    """Return the rows, one more than there may be when there are too many."""
    if cursor.description is None:
        return []
    columns = [column[0] for column in cursor.description]
    rows = cursor.fetchmany(SQL_ROWS_MAX + 1)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _succeed(done: "asyncio.Future[Value]", value: Value) -> None:
    if not done.done():
        done.set_result(value)


def _fail(done: "asyncio.Future[Value]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _carry_out(work: Work) -> None:
    work()
