"""How many are served at once, and how long a stop waits for the last answers."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tools.addresses import Address
from tools.web.listening import Listener
from tools.web.tcp import PatientProtocol, address_of, bind_local

FREE = Address("127.0.0.1", 0)
ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE_S = 30


@contextmanager
def serving(endpoint: object) -> Iterator[tuple[Address, Listener]]:
    """Yield where an application of one endpoint listens, and its listener."""
    bound = bind_local(FREE)
    app = Starlette(routes=[Route("/", endpoint)])  # type: ignore[arg-type]  # whatever is called
    listener = Listener(app, [bound], protocol=PatientProtocol, name="test-listening")
    address = address_of(bound)
    listener.start()
    try:
        yield address, listener
    finally:
        listener.stop()


def status_of(connection: socket.socket) -> bytes:
    """Ask on a connection; return the status that is answered."""
    connection.sendall(ASKED)
    return connection.recv(65_536).split()[1]


def test_a_connection_beyond_so_many_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.web.listening.CONNECTIONS_MAX", 3)
    with serving(lambda _: PlainTextResponse("hello")) as (address, _), ExitStack() as stack:
        statuses = [
            status_of(stack.enter_context(socket.create_connection(address, timeout=PATIENCE_S)))
            for _ in range(3)
        ]
    assert [b"200", b"200", b"503"] == statuses


def test_a_stop_does_not_wait_for_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.web.listening.HTTP_STOP_PATIENCE", timedelta(0))
    asked = threading.Event()

    async def endless(_: Request) -> PlainTextResponse:
        asked.set()
        await asyncio.Event().wait()
        return PlainTextResponse("at last")

    with (
        serving(endless) as (address, listener),
        socket.create_connection(address, timeout=PATIENCE_S) as connection,
    ):
        connection.sendall(ASKED)
        assert asked.wait(PATIENCE_S)
        listener.stop()
        assert b"at last" not in connection.recv(65_536)
