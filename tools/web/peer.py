"""uvicorn on a Unix socket that we bind, with the user at the other end as the client.

Who asks is read from the kernel when the connection is made; no header can say otherwise. The
socket is bound under a narrow mode and opened to a group only afterwards, so there is no moment at
which anybody else may connect.
"""

import asyncio
import grp
import os
import socket
from contextlib import suppress
from pathlib import Path

from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from scheduler.model.errors import BadInput, Conflict
from scheduler.model.limits import SOCKET_BACKLOG
from tools.principals import peer_uid, principal
from tools.web.listening import Listener


class PeerProtocol(H11Protocol):
    """HTTP/1.1 whose client is a user of this machine."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Take a connection, and note whose it is."""
        super().connection_made(transport)
        try:
            self.client = (principal(peer_uid(transport.get_extra_info("socket"))), 0)
        except OSError:  # it has gone again
            transport.abort()


class SocketServer(Listener):
    """An application served on a Unix socket."""

    def __init__(self, app: ASGIApp, bound: socket.socket) -> None:
        super().__init__(app, [bound], protocol=PeerProtocol, name="horolog-http")
        self._path = Path(bound.getsockname())

    def stop(self) -> None:
        """Take no more connections, let answers end, and wait for that; the socket's file goes."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        super().stop()


def bind(path: Path, *, mode: int, group: str | None) -> socket.socket:
    """Return a Unix socket that listens at `path`; what an owner before us left there is removed.

    Only the owner of the log calls this, so a file that is there belongs to nobody. Raises:
    BadInput, when there is no such group or we are not in it; Conflict, when it cannot be bound.
    """
    gid = None if group is None else _group_id(group)
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            bound.bind(str(path))
        finally:
            os.umask(before)
        if gid is not None:
            os.chown(path, -1, gid)
        path.chmod(mode)
        bound.listen(SOCKET_BACKLOG)
    except PermissionError:
        bound.close()
        path.unlink(missing_ok=True)
        raise BadInput.at(
            "socket.group", f"you may not give the socket to group {group!r}."
        ) from None
    except OSError as error:
        bound.close()
        raise Conflict(f"The socket {path} cannot be bound: {error.strerror}") from None
    return bound


def _group_id(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise BadInput.at("socket.group", f"there is no group {group!r} on this machine.") from None
