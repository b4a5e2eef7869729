"""TCP ports: bound before anything starts, refused to strangers, patient for so long and no longer.

There are no tokens, so whoever reaches a port may read what is answered there. The port of
`--listen` therefore stays on this machine; that of `--probe-listen` may be anybody's, for it will
never answer more than how the server does.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address

from uvicorn.protocols.http.h11_impl import H11Protocol

from scheduler.model.errors import BadInput, Conflict, HorologError, NotAuthorised, Refused
from scheduler.model.limits import REQUEST_PATIENCE, SOCKET_BACKLOG
from tools.addresses import PORT_MAX, Address, read_address

Resolved = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]


class PatientProtocol(H11Protocol):
    """HTTP/1.1 whose requests have to arrive in time: a connection is not held by silence."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Take a connection and wait for its first request."""
        super().connection_made(transport)
        self._await_request()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._await_request()

    def _await_request(self) -> None:
        self.loop.call_later(REQUEST_PATIENCE.total_seconds(), self._give_up, self.cycle)

    def _give_up(self, before: object) -> None:
        if self.cycle is before:  # no request has come since
            self.transport.abort()


def bind_local(address: Address) -> socket.socket:
    """Return a socket that listens on a port of this machine, for this machine alone.

    Raises: Refused, when others could reach it; and as `bind_any` does.
    """
    found = resolved(address, "--listen")
    if not all(ip_address(str(place[0]).partition("%")[0]).is_loopback for _, place in found):
        other = Address(address.host, min(address.port + 1, PORT_MAX))
        raise Refused(
            f"Refusing to listen on {address}: there are no tokens. Only for probes and scrapes:"
            f" --probe-listen {other}"
        )
    return bind(address, found[0], "--listen")


def bind_any(address: Address) -> socket.socket:
    """Return a socket that listens where others may reach it.

    Raises: BadInput, when there is no such host or address here; Conflict, when the port is in use;
    NotAuthorised.
    """
    return bind(address, resolved(address, "--probe-listen")[0], "--probe-listen")


def resolved(address: Address, option: str) -> list[Resolved]:
    """Return what a host stands for, at least one.

    Raises: BadInput.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:  # the latter of a name that cannot be one
        raise BadInput.at(option, f"there is no host {address.host!r} ({error}).") from None
    return [(family, place) for family, _, _, _, place in found]


def bind(address: Address, place: Resolved, option: str) -> socket.socket:
    """Return a socket that is bound and listens."""
    family, name = place
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or a restart would wait
        bound.bind(name)
        bound.listen(SOCKET_BACKLOG)
    except OSError as error:
        bound.close()
        raise refusal(error, address, option) from None
    return bound


def refusal(error: OSError, address: Address, option: str) -> HorologError:
    """Return what to tell of a port that cannot be bound."""
    if error.errno == errno.EADDRINUSE:
        other = Address(address.host, min(address.port + 10, PORT_MAX))
        return Conflict(
            f"Port {address.port} of {address.host} is in use by another process. Take another:"
            f" {option} {other}, or do without: {option} none"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return NotAuthorised(f"You may not listen on {address}: {error.strerror}")
    return BadInput.at(option, f"{address} cannot be listened on: {error.strerror}.")


def address_of(bound: socket.socket) -> Address:
    """Return where a socket really listens: port 0 has become one that was free."""
    host, port = bound.getsockname()[:2]
    return Address(host, port)


class Ports:
    """The TCP ports of one server: all of them bound, or none."""

    def __init__(self, listen: str | None, probe_listen: str | None) -> None:
        """Bind what is written as HOST:PORT; nothing for None and for "none".

        Raises: as `bind_local` and `bind_any` do; then none is left bound.
        """
        self.sockets: list[socket.socket] = []
        self._told: list[str] = []
        try:
            self._open("http", listen, "--listen", bind_local)
            self._open("probes", probe_listen, "--probe-listen", bind_any)
        except BaseException:
            self.close()
            raise

    def _open(
        self,
        what: str,
        written: str | None,
        option: str,
        bind_to: Callable[[Address], socket.socket],
    ) -> None:
        address = None if written is None else read_address(written, option)
        if address is not None:
            bound = bind_to(address)
            self.sockets.append(bound)
            self._told.append(f"{what} {address_of(bound)}")

    def close(self) -> None:
        """Let go of the ports."""
        for bound in self.sockets:
            bound.close()

    def __str__(self) -> str:
        """Return where the server listens, to be put behind what else it says."""
        return "".join(f" · {told}" for told in self._told)
