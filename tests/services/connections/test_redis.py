import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from redis.exceptions import ResponseError

from scheduler.model.errors import BadInput
from scheduler.model.limits import SHARED_CLIENT_MAX
from services.connections.errors import ConnectionFailed
from services.connections.redis import Redis
from tests.servers import CERTIFICATE, HERE, PATIENCE_S, RedisServer, deaf, free_port, tls_before
from tests.services.connections.making import NAME, connections, used

Value = TypeVar("Value")


def redis(port: int, use: Callable[[Redis], Awaitable[Value]], **settings: object) -> Value:
    return used(connections({"kind": "redis", "host": HERE, "port": port, **settings}), use)


def refused(port: int, use: Callable[[Redis], Awaitable[object]], **settings: object) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        redis(port, use, **settings)
    title = f'redis "{NAME}" ({settings.get("host", HERE)}:{port}/{settings.get("db", 0)}): '
    assert str(caught.value).startswith(title)
    return str(caught.value).removeprefix(title)


async def get(client: Redis) -> object:
    return await client.get("key")


async def together(client: Redis) -> object:
    pipeline = client.pipeline(transaction=False)
    pipeline.incr("key")
    return await pipeline.execute()


def test_a_text_is_stored_and_read_as_it_was(redis_server: RedisServer) -> None:
    text = "id,amount\r\n1,10\nzażółć\0"

    async def use(client: Redis) -> object:
        await client.set("newest.data", text)
        return await client.get("newest.data")

    assert text == redis(redis_server.port, use)


def test_values_may_be_bytes(redis_server: RedisServer) -> None:
    async def use(client: Redis) -> object:
        await client.set("bytes", b"\xff\x00")
        return await client.get("bytes")

    assert b"\xff\x00" == redis(redis_server.port, use, decode=False)


def test_each_database_is_its_own(redis_server: RedisServer) -> None:
    async def use(client: Redis) -> object:
        await client.set("own", "1")
        return await client.get("own")

    assert "1" == redis(redis_server.port, use, db=3)
    assert redis(redis_server.port, lambda client: client.get("own"), db=4) is None


def test_commands_may_be_sent_together(redis_server: RedisServer) -> None:
    async def use(client: Redis) -> object:
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.set("together", "1")
            pipeline.incr("together")
            return await pipeline.execute()

    assert [True, 2] == redis(redis_server.port, use)


def test_an_answer_that_is_an_error_is_the_clients_own(redis_server: RedisServer) -> None:
    async def use(client: Redis) -> object:
        await client.set("text", "a")
        return await client.incr("text")

    with pytest.raises(ResponseError, match="not an integer"):
        redis(redis_server.port, use)


def test_a_port_on_which_nothing_listens_is_told_as_such() -> None:
    assert "the connection was refused: nothing listens there" == refused(free_port(), get)


def test_a_server_that_never_says_a_word_is_not_waited_for_longer() -> None:
    with deaf() as port:
        assert "no answer within 200ms" == refused(port, get, timeout="200ms")
        told = refused(port, together, timeout="200ms")
        assert "no answer within 200ms" == told


def test_a_server_that_died_meanwhile_is_told_as_such_and_found_again_when_it_is_back() -> None:
    with RedisServer() as server:

        async def use(client: Redis) -> object:
            await client.set("key", "1")
            server.kill()
            with pytest.raises(ConnectionFailed, match="redis"):
                await client.get("key")
            server.start()
            return await client.get("key")

        assert redis(server.port, use) is None


def test_a_command_is_sent_once_even_when_its_answer_is_lost() -> None:
    with hanging_up() as (port, heard):
        refused(port, lambda client: client.incr("key"))
        refused(port, together)
    assert 2 == b"".join(heard).count(b"INCR")


# -- login


def test_a_password_is_read_again_for_each_new_connection(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.touch(0o600)
    with RedisServer(password="open barley") as server:
        settings = {"kind": "redis", "host": HERE, "port": server.port, "password": "file:pw"}
        made = connections(settings, tmp_path)

        async def use(client: Redis) -> None:
            file.write_text("open sesame\n")
            with pytest.raises(ConnectionFailed, match=r"not logged in: .*password"):
                await client.set("key", "1")
            file.chmod(0o644)
            with pytest.raises(BadInput, match=r"file:pw can be read by everyone \(0644\)"):
                await client.set("key", "1")
            file.chmod(0o600)
            file.write_text("open barley\n")
            await client.set("key", "1")

        used(made, use)
    assert "‹secret:pw›, ‹secret:pw›" == made.secrets.redact("open sesame, open barley")


def test_a_missing_password_is_told_as_such() -> None:
    with RedisServer(password="open sesame") as server:
        assert "not logged in: Authentication required." == refused(server.port, get)


def test_a_user_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "open sesame")
    login = {"username": "ali", "password": "env:PW"}
    with RedisServer() as server:

        async def admit(client: Redis) -> None:
            await client.execute_command(
                "ACL", "SETUSER", "ali", "on", ">open sesame", "+@all", "~*"
            )

        async def who(client: Redis) -> object:
            return await client.execute_command("ACL", "WHOAMI")

        assert refused(server.port, get, **login).startswith("not logged in: ")
        redis(server.port, admit)
        assert "ali" == redis(server.port, who, **login)


# -- encryption


def test_a_certificate_of_the_users_own_is_trusted_when_it_is_named(
    redis_server: RedisServer,
) -> None:
    with tls_before(redis_server.port) as port:
        encrypted = {"host": "localhost", "tls": True}
        assert "PONG" in redis(port, lambda client: client.ping(), ca=str(CERTIFICATE), **encrypted)
        assert refused(port, get, **encrypted).startswith("its certificate does not verify: ")


# -- many at once


def test_more_commands_than_connections_wait_their_turn(redis_server: RedisServer) -> None:
    async def open_now(client: Redis) -> int:
        return int((await client.info("clients"))["connected_clients"])

    async def use(client: Redis) -> tuple[object, bool]:
        await client.delete("many")
        others = await open_now(client) - 1  # some that were left may go meanwhile
        await asyncio.gather(*(client.incr("many") for _ in range(3 * SHARED_CLIENT_MAX)))
        are_few = await open_now(client) - others <= SHARED_CLIENT_MAX
        return await client.get("many"), are_few

    assert (str(3 * SHARED_CLIENT_MAX), True) == redis(redis_server.port, use)


# -- ping


def test_a_ping_says_that_it_is_there(redis_server: RedisServer) -> None:
    assert f'redis "{NAME}" ({HERE}:{redis_server.port}/0): answers PONG' == redis(
        redis_server.port, lambda client: client.ping()
    )


def test_a_ping_that_finds_nobody_fails() -> None:
    assert "nothing listens there" in refused(free_port(), lambda client: client.ping())


@contextmanager
def hanging_up() -> Iterator[tuple[int, list[bytes]]]:
    """Yield a port that answers whatever it hears with OK, but hangs up when it hears INCR."""
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE_S)
                while chunk := connection.recv(65_536):
                    heard.append(chunk)
                    if b"INCR" in chunk:
                        break
                    connection.sendall(b"+OK\r\n" * chunk.count(b"*"))

    with socket.create_server((HERE, 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1]), heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
