import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from scheduler.model.limits import SQL_CONNECTIONS_MAX, SQL_ROWS_MAX
from services.connections.errors import ConnectionFailed
from services.connections.sql import Sql
from tests.services.connections.making import NAME, connections, used

ENDLESS = "WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"

Value = TypeVar("Value")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with orders.db in it, which has an empty table."""
    with closing(sqlite3.connect(tmp_path / "orders.db")) as database:
        database.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, amount TEXT UNIQUE) STRICT")
    return tmp_path


def sql(folder: Path, use: Callable[[Sql], Awaitable[Value]], **settings: object) -> Value:
    table = {"kind": "sql", "url": "sqlite:///orders.db", **settings}
    return used(connections(table, folder), use)


def refused(folder: Path, use: Callable[[Sql], Awaitable[object]], **settings: object) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        sql(folder, use, **settings)
    title = f'sql "{NAME}" (sqlite:///orders.db): '
    assert str(caught.value).startswith(title)
    return str(caught.value).removeprefix(title)


def amounts(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "orders.db")) as database:
        return [amount for (amount,) in database.execute("SELECT amount FROM orders ORDER BY id")]


def test_a_statement_is_committed_and_says_how_many_rows_it_changed(folder: Path) -> None:
    async def use(client: Sql) -> tuple[int, int, int]:
        return (
            await client.execute("INSERT INTO orders(amount) VALUES (?), (?)", ("10", "zażółć")),
            await client.execute("UPDATE orders SET amount = :a WHERE id = 1", {"a": "11"}),
            await client.execute("CREATE TABLE other(id)"),
        )

    assert (2, 1, 0) == sql(folder, use)
    assert ["11", "zażółć"] == amounts(folder)


def test_rows_have_the_names_of_their_columns(folder: Path) -> None:
    async def use(client: Sql) -> object:
        await client.execute("INSERT INTO orders(amount) VALUES ('10'), ('20')")
        rows = await client.fetch_all("SELECT id, amount AS how_much FROM orders ORDER BY id")
        returned = await client.fetch_all("INSERT INTO orders VALUES (9, '30') RETURNING id")
        nothing = await client.fetch_all("DELETE FROM orders WHERE id = 1")
        return rows, returned, nothing

    assert (
        [{"id": 1, "how_much": "10"}, {"id": 2, "how_much": "20"}],
        [{"id": 9}],
        [],
    ) == sql(folder, use)
    assert ["20", "30"] == amounts(folder)


def test_a_value_is_never_a_part_of_the_statement(folder: Path) -> None:
    hostile = "'); DROP TABLE orders; --"
    sql(folder, lambda client: client.execute("INSERT INTO orders(amount) VALUES (?)", [hostile]))
    assert [hostile] == amounts(folder)


def test_the_statements_of_a_transaction_are_committed_together(folder: Path) -> None:
    async def use(client: Sql) -> None:
        async with client.transaction() as transaction:
            await transaction.execute("INSERT INTO orders(amount) VALUES ('10')")
            assert [] == amounts(folder)
            assert [{"n": 1}] == await transaction.fetch_all("SELECT count(*) n FROM orders")

    sql(folder, use)
    assert ["10"] == amounts(folder)


def test_a_transaction_that_raises_leaves_nothing(folder: Path) -> None:
    async def use(client: Sql) -> None:
        async with client.transaction() as transaction:
            await transaction.execute("INSERT INTO orders(amount) VALUES ('10')")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        sql(folder, use)
    assert [] == amounts(folder)


def test_a_transaction_whose_statement_fails_leaves_nothing(folder: Path) -> None:
    async def use(client: Sql) -> None:
        async with client.transaction() as transaction:
            await transaction.execute("INSERT INTO orders(amount) VALUES ('10')")
            await transaction.execute("INSERT INTO orders(amount) VALUES ('10')")

    assert "IntegrityError: UNIQUE constraint failed: orders.amount" == refused(folder, use)
    assert [] == amounts(folder)


@pytest.mark.parametrize(
    ("statement", "cause"),
    [
        ("SELEC 1", 'OperationalError: near "SELEC": syntax error'),
        ("SELECT * FROM nowhere", "OperationalError: no such table: nowhere"),
    ],
)
def test_a_statement_that_is_refused_says_why(folder: Path, statement: str, cause: str) -> None:
    assert cause == refused(folder, lambda client: client.execute(statement))


def test_a_statement_without_end_is_interrupted(folder: Path) -> None:
    async def use(client: Sql) -> None:
        with pytest.raises(ConnectionFailed, match="no answer within 100ms"):
            await client.fetch_all(ENDLESS)
        # All threads of it are free again: as many more take no longer.
        results = await asyncio.gather(
            *(client.fetch_all(ENDLESS) for _ in range(SQL_CONNECTIONS_MAX)),
            return_exceptions=True,
        )
        assert all(isinstance(one, ConnectionFailed) for one in results)
        await client.execute("INSERT INTO orders(amount) VALUES ('after')")

    sql(folder, use, timeout="100ms")
    assert ["after"] == amounts(folder)


def test_a_service_that_is_cancelled_takes_its_statement_with_it(folder: Path) -> None:
    async def use(client: Sql) -> None:
        waiting = asyncio.ensure_future(client.fetch_all(ENDLESS))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await client.execute("INSERT INTO orders(amount) VALUES ('after')")

    sql(folder, use)
    assert ["after"] == amounts(folder)


def test_a_file_that_is_locked_is_told_as_such_within_the_timeout(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "orders.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        told = refused(folder, lambda client: client.execute("DELETE FROM orders"), timeout="200ms")
    assert told in {"OperationalError: database is locked", "no answer within 200ms"}


def test_more_statements_than_connections_wait_their_turn(folder: Path) -> None:
    async def use(client: Sql) -> None:
        insert = "INSERT INTO orders(amount) VALUES (?)"
        many = range(5 * SQL_CONNECTIONS_MAX)
        await asyncio.gather(*(client.execute(insert, (str(number),)) for number in many))

    sql(folder, use)
    assert 5 * SQL_CONNECTIONS_MAX == len(amounts(folder))


def test_when_all_connections_are_held_the_next_is_refused_in_time(folder: Path) -> None:
    async def use(client: Sql) -> None:
        async def hold(depth: int) -> None:
            if depth == 0:
                await client.fetch_all("SELECT 1")
                return
            async with client._session():  # noqa: SLF001  # a transaction would lock the file
                await hold(depth - 1)

        await hold(SQL_CONNECTIONS_MAX)

    assert "8 connections are in use, and none came free in time" == refused(
        folder, use, timeout="100ms"
    )


def test_too_many_rows_are_an_error(folder: Path) -> None:
    many = f"{ENDLESS.replace('count(*)', 'x')} LIMIT {SQL_ROWS_MAX + 1}"
    told = refused(folder, lambda client: client.fetch_all(many))
    assert "the answer has more than 100,000 rows" == told


def test_no_thread_is_left_when_the_connections_are_closed(folder: Path) -> None:
    before = set(threading.enumerate())
    sql(folder, lambda client: client.execute("DELETE FROM orders"))
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()


def test_a_ping_says_that_it_is_there(folder: Path) -> None:
    assert f'sql "{NAME}" (sqlite:///orders.db): answers' == sql(
        folder, lambda client: client.ping()
    )


def test_a_ping_of_what_is_no_database_fails(folder: Path) -> None:
    (folder / "orders.db").write_text("this is no database, however long it may be" * 100)
    told = refused(folder, lambda client: client.ping())
    assert "DatabaseError: file is not a database" == told
