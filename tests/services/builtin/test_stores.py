import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import services.builtin.stores  # noqa: F401  # it registers
from services.connections.kinds import RedisConnection, SqlConnection
from services.outcomes import Fatal
from tests.servers import HERE, RedisServer
from tests.services.builtin.making import called
from tests.services.builtin.stored import stored


@pytest.fixture
def store(redis_server: RedisServer) -> RedisConnection:
    return RedisConnection(name="Store", host=HERE, port=redis_server.port)


@pytest.fixture
def table(tmp_path: Path) -> SqlConnection:
    with closing(sqlite3.connect(tmp_path / "table.db")) as made:
        made.execute("CREATE TABLE fruit(name TEXT, count)")
    return SqlConnection(name="Table", url=f"sqlite:///{tmp_path}/table.db")


def fruit(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "table.db")) as opened:
        return list(opened.execute("SELECT name, count FROM fruit"))


@pytest.mark.parametrize("value", ["text", "1e3", "5", 5])
def test_a_value_is_stored_as_it_was_given(store: RedisConnection, value: object) -> None:
    called("redis.set", {"redis": "Store", "key": "stores.a", "value": value}, store)
    assert str(value) == asyncio.run(stored(store, "stores.a"))


def test_a_value_may_expire(store: RedisConnection, redis_server: RedisServer) -> None:
    given = {"redis": "Store", "key": "stores.b", "value": "x", "expire_s": 1_000}
    called("redis.set", given, store)
    import redis

    with redis.Redis(port=redis_server.port) as client:
        assert 990 < int(str(client.ttl("stores.b"))) <= 1_000


def test_a_value_of_the_wrong_kind_is_named(store: RedisConnection) -> None:
    with pytest.raises(Fatal, match=r"\$\.value"):
        called("redis.set", {"redis": "Store", "key": "stores.c", "value": [1]}, store)


def test_values_are_bound_by_place_and_never_written_into_the_text(
    table: SqlConnection, tmp_path: Path
) -> None:
    nasty = "'); DROP TABLE fruit; --"
    given = {
        "sql": "Table",
        "statement": "INSERT INTO fruit VALUES (?, ?)",
        "parameters": [nasty, "7"],
    }
    assert {"rows": 1} == called("sql.execute", given, table)
    assert [(nasty, "7")] == fruit(tmp_path)


def test_values_are_bound_by_name(table: SqlConnection, tmp_path: Path) -> None:
    given = {
        "sql": "Table",
        "statement": "INSERT INTO fruit VALUES (:name, :count)",
        "parameters": {"name": "fig", "count": None},
    }
    assert {"rows": 1} == called("sql.execute", given, table)
    assert [("fig", None)] == fruit(tmp_path)


def test_the_result_says_how_many_rows_changed(table: SqlConnection) -> None:
    given = {"sql": "Table", "statement": "DELETE FROM fruit"}
    assert {"rows": 0} == called("sql.execute", given, table)


def test_a_missing_statement_is_named(table: SqlConnection) -> None:
    with pytest.raises(Fatal, match="`statement`"):
        called("sql.execute", {"sql": "Table"}, table)
