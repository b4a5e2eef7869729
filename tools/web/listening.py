"""uvicorn on sockets that were bound before, on a thread of its own.

Binding comes first and is done elsewhere, so that a port that is taken is told before anything
starts. No header of a request is believed about who asks or what it came through.
"""

import asyncio
import threading
from collections.abc import Sequence
from socket import socket

import uvicorn
from starlette.types import ASGIApp

from scheduler.model.limits import CONNECTIONS_MAX, HTTP_STOP_PATIENCE


class Listener:
    """An application, served."""

    def __init__(
        self,
        app: ASGIApp,
        bound: Sequence[socket],
        *,
        protocol: type[asyncio.Protocol],
        name: str,
    ) -> None:
        """Prepare; `name` is the thread's. Nothing is answered before `start`."""
        self._bound = list(bound)
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # a header could name another client
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=int(HTTP_STOP_PATIENCE.total_seconds()),
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Serve from now on; connections made since the sockets were bound are taken up."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections, let answers end, and wait for that."""
        self._server.should_exit = True
        if self._thread.ident is not None:  # it was started
            self._thread.join()
        for one in self._bound:
            one.close()

    def _run(self) -> None:
        self._server.run(sockets=self._bound)
