"""Real servers for the ready-made services."""

from collections.abc import Iterator

import pytest

from tests.servers import Mail, RedisServer, Web


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[Mail]:
    with Mail() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server
