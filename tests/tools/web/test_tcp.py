"""A port is bound before anything starts, or refused; nobody holds a connection by silence."""

import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from scheduler.model.errors import BadInput, Conflict, NotAuthorised, Refused
from tools.addresses import Address
from tools.web import tcp
from tools.web.listening import Listener
from tools.web.tcp import PatientProtocol, Ports, address_of, bind_any, bind_local, refusal

FREE = Address("127.0.0.1", 0)


def test_a_port_of_this_machine_is_bound_and_told() -> None:
    with bind_local(FREE) as bound:
        address = address_of(bound)
        assert "127.0.0.1" == address.host
        with socket.create_connection(address, timeout=10):
            pass


def test_a_name_of_this_machine_will_do() -> None:
    with bind_local(Address("localhost", 0)) as bound:
        assert address_of(bound).host in {"127.0.0.1", "::1"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104  # what is refused
def test_a_port_that_others_could_reach_is_refused_without_tokens(host: str) -> None:
    with pytest.raises(Refused) as error:
        bind_local(Address(host, 8321))
    shown = f"[{host}]" if ":" in host else host
    assert (
        f"Refusing to listen on {shown}:8321: there are no tokens. Only for probes and scrapes:"
        f" --probe-listen {shown}:8322"
    ) == str(error.value)
    assert 2 == error.value.exit_code


def test_probes_may_be_reached_by_others() -> None:
    with bind_any(Address("0.0.0.0", 0)) as bound:  # noqa: S104  # that is what it is for
        assert "0.0.0.0" == address_of(bound).host  # noqa: S104  # as above


def test_a_port_in_use_is_named_with_what_to_type_instead() -> None:
    with bind_local(FREE) as bound:
        address = address_of(bound)
        with pytest.raises(Conflict) as error:
            bind_local(address)
    port = address.port
    assert (
        f"Port {port} of 127.0.0.1 is in use by another process. Take another:"
        f" --listen 127.0.0.1:{min(port + 10, 65_535)}, or do without: --listen none"
    ) == str(error.value)


def test_a_host_that_cannot_be_is_refused() -> None:
    with pytest.raises(BadInput, match=r"--probe-listen: there is no host 'a\.\.b'"):
        bind_any(Address("a..b", 80))


def test_a_host_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(BadInput, match=r"--listen: there is no host 'web-9' .*not known"):
        bind_local(Address("web-9", 80))


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(BadInput, match=r"--probe-listen: 192\.0\.2\.1:0 cannot be listened on"):
        bind_any(Address("192.0.2.1", 0))


def test_a_port_that_only_root_may_have_is_not_authorised() -> None:
    told = refusal(PermissionError(13, "Permission denied"), Address("localhost", 80), "--listen")
    assert isinstance(told, NotAuthorised)
    assert "You may not listen on localhost:80: Permission denied" == str(told)


def test_both_ports_are_bound_or_none() -> None:
    with bind_local(FREE) as taken:
        free = bind_local(FREE)
        address = address_of(free)
        free.close()
        with pytest.raises(Conflict):
            Ports(str(address), str(address_of(taken)))
    with bind_local(address):  # it was let go of
        pass


def test_ports_say_where_they_are() -> None:
    with closing(Ports("127.0.0.1:0", "127.0.0.1:0")) as ports:
        first, second = map(address_of, ports.sockets)
        assert f" · http {first} · probes {second}" == str(ports)


@pytest.mark.parametrize("written", [None, "none"])
def test_without_an_address_nothing_is_bound(written: str | None) -> None:
    ports = Ports(written, None)
    assert ([], "") == (ports.sockets, str(ports))


# -- silence


def answer(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """Return where an application listens that has hardly any patience."""
    monkeypatch.setattr(tcp, "REQUEST_PATIENCE", timedelta(seconds=0.5))
    bound = bind_local(FREE)
    app = Starlette(routes=[Route("/", answer)])
    listener = Listener(app, [bound], protocol=PatientProtocol, name="test-tcp")
    address = address_of(bound)
    listener.start()
    yield address
    listener.stop()


def read_to_the_end(connection: socket.socket) -> bytes:
    """Return all that comes until the other side lets go."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_connection_without_a_whole_request_is_closed(port: Address, sent: bytes) -> None:
    with socket.create_connection(port, timeout=30) as connection:
        connection.sendall(sent)
        assert b"" == read_to_the_end(connection)


def test_a_connection_that_goes_on_with_half_a_request_is_closed(port: Address) -> None:
    with socket.create_connection(port, timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        found = b""
        while not found.endswith(b"hello"):
            part = connection.recv(65_536)
            assert part, found
            found += part
        connection.sendall(b"GET / HT")
        assert b"" == read_to_the_end(connection)
