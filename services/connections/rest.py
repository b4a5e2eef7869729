"""REST: requests to one address, with its authentication, by httpx.

An answer of 400 and above is an error, and so is a redirection: following one would take the
request, and its credentials, to where the settings do not say. The timeout counts for the whole of
a request, so a far end that answers byte by byte does not outlast it. Nothing is sent twice.
Proxies are what the settings say, never what the environment does.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict, Unpack

import httpx

from scheduler.model.json_values import shown
from scheduler.model.limits import (
    ANSWER_BODY_BYTES_MAX,
    BODY_SHOWN_CHARS,
    CONNECT_WAIT,
    SHARED_CLIENT_MAX,
)
from services.connections.errors import ConnectionFailed, StatusRefused, cause_of, timed_out
from services.connections.idempotency import current_key
from services.connections.kinds import Basic, Bearer, Header, RestConnection, title
from services.connections.references import Reference
from services.connections.secrets import Secrets
from services.connections.tls import trusted

IDEMPOTENCY_KEY = "Idempotency-Key"

_UNPACKED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_ERROR_STATUS = 400
_REDIRECTION = range(300, 400)
_NOT_MODIFIED = 304
_OF_THE_TIMEOUT = 0.9  # in which a connection must have come about


class Options(TypedDict, total=False):
    """What may go with a request; each is httpx's but the last two."""

    params: Mapping[str, Any]
    headers: Mapping[str, str]
    json: Any
    content: str | bytes
    data: Mapping[str, Any]
    files: Mapping[str, Any]
    timeout: timedelta  # in place of the connection's
    idempotency_key: str  # in place of the step's


class Rest:
    """One HTTP interface; `path` is always below the connection's own address."""

    def __init__(self, connection: RestConnection, secrets: Secrets, base_dir: Path) -> None:
        self._connection = connection
        self._secrets = secrets
        self._url = httpx.URL(connection.url)
        self._client = httpx.AsyncClient(
            auth=_Credentials(connection, secrets),
            verify=trusted(connection, base_dir),
            timeout=_to_connect(connection.timeout),
            limits=httpx.Limits(max_connections=SHARED_CLIENT_MAX),
            proxy=connection.proxy,
            trust_env=False,
        )

    async def get(self, path: str = "", **options: Unpack[Options]) -> httpx.Response:
        """Send a GET; see `request`."""
        return await self.request("GET", path, **options)

    async def post(self, path: str = "", **options: Unpack[Options]) -> httpx.Response:
        """Send a POST; see `request`."""
        return await self.request("POST", path, **options)

    async def put(self, path: str = "", **options: Unpack[Options]) -> httpx.Response:
        """Send a PUT; see `request`."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str = "", **options: Unpack[Options]) -> httpx.Response:
        """Send a PATCH; see `request`."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str = "", **options: Unpack[Options]) -> httpx.Response:
        """Send a DELETE; see `request`."""
        return await self.request("DELETE", path, **options)

    async def get_text(self, path: str = "", **options: Unpack[Options]) -> str:
        """Return the text that a GET is answered with, exactly; see `request`.

        It is read as the answer says it is written, else as UTF-8. Raises: ConnectionFailed, when
        it is not written so.
        """
        answer = await self.get(path, **options)
        encoding = answer.encoding or "utf-8"
        try:
            return answer.content.decode(encoding)
        except UnicodeDecodeError as error:
            raise self._failed(answer.request, f"byte {error.start} is not {encoding}") from None

    async def get_bytes(self, path: str = "", **options: Unpack[Options]) -> bytes:
        """Return the bytes that a GET is answered with; see `request`."""
        return (await self.get(path, **options)).content

    async def get_json(self, path: str = "", **options: Unpack[Options]) -> Any:  # noqa: ANN401  # bytes arrive
        """Return the JSON that a GET is answered with; see `request`.

        Raises: ConnectionFailed, when it is none.
        """
        answer = await self.get(path, **options)
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError) as error:
            raise self._failed(answer.request, f"the answer is not JSON: {error}") from None

    async def request(
        self, method: str, path: str = "", **options: Unpack[Options]
    ) -> httpx.Response:
        """Send a request to `path` below the connection's address; return the answer, read whole.

        Inside a step the step's own key is sent as `Idempotency-Key`.

        Raises: StatusRefused, for 400 and above and for a redirection; ConnectionFailed.
        """
        url = self._below(path)
        if "params" in options:
            url = url.copy_merge_params(options["params"])
        headers = {**self._own_headers(), **options.get("headers", {})}
        key = options.get("idempotency_key") or current_key()
        if key is not None:
            headers[IDEMPOTENCY_KEY] = key
        timeout = options.get("timeout", self._connection.timeout)
        request = self._client.build_request(
            method,
            url,
            timeout=_to_connect(timeout),
            headers=headers,
            json=options.get("json"),
            content=options.get("content"),
            data=options.get("data"),
            files=options.get("files"),
        )
        async with self._answer_to(request, timeout) as answer:
            body = await self._body(answer)
        return _whole(answer, body)

    async def ping(self) -> str:
        """Ask for the address, or for the path `ping` of the settings; return what it said.

        Raises: StatusRefused, ConnectionFailed.
        """
        request = self._client.build_request(
            "GET",
            self._below(self._connection.ping),
            headers=self._own_headers(),
        )
        async with self._answer_to(request, self._connection.timeout) as answer:
            status = f"{answer.status_code} {answer.reason_phrase}".strip()
        return f"{title(self._connection)}: answers {status}"

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _answer_to(
        self, request: httpx.Request, timeout: timedelta
    ) -> AsyncIterator[httpx.Response]:
        """Send the request; yield its answer, of which the body has not been read."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                answer = await self._client.send(request, stream=True)
                try:
                    await self._refuse(answer)
                    yield answer
                finally:
                    await answer.aclose()
        except httpx.ConnectTimeout:
            raise self._failed(request, timed_out(min(CONNECT_WAIT, timeout))) from None
        except (TimeoutError, httpx.TimeoutException):
            raise self._failed(request, timed_out(timeout)) from None
        except httpx.HTTPError as error:
            raise self._failed(request, cause_of(error)) from error

    async def _refuse(self, answer: httpx.Response) -> None:
        """Raise StatusRefused unless the answer is a success."""
        status = answer.status_code
        is_redirection = status in _REDIRECTION and status != _NOT_MODIFIED
        if status < _ERROR_STATUS and not is_redirection:
            return
        body = await _beginning(answer)
        told = f"{status} {answer.reason_phrase}".strip()
        if is_redirection:
            there = shown(answer.headers.get("location", "nowhere")).strip('"')
            told = f"{told}: it points to {there}; redirections are not followed"
        elif body:
            told = f"{told}: {body}"
        raise StatusRefused(self._title(answer.request), told, status=status, body=body)

    async def _body(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > ANSWER_BODY_BYTES_MAX:
                cause = f"the answer has more than {ANSWER_BODY_BYTES_MAX:,} bytes"
                raise self._failed(answer.request, cause)
        return bytes(body)

    def _below(self, path: str) -> httpx.URL:
        """Return the address of a path below our own.

        Raises: ValueError, for another address: our credentials are not meant for it.
        """
        if not path:
            return self._url
        if "://" in path.partition("?")[0]:
            raise ValueError(
                f"{shown(path)} is an address of its own; give the path below {self._url}"
            )
        below, _, query = path.partition("?")
        own, _, own_query = self._url.raw_path.decode("ascii").partition("?")
        whole = f"{own.rstrip('/')}/{below.lstrip('/')}" if below else own
        queries = "&".join(part for part in (own_query, query) if part)
        return self._url.copy_with(path=whole, query=queries.encode() if queries else None)

    def _own_headers(self) -> dict[str, str]:
        return {
            name: self._secrets.read(value) if isinstance(value, Reference) else value
            for name, value in self._connection.headers.items()
        }

    def _title(self, request: httpx.Request) -> str:
        url = request.url.copy_with(query=None, fragment=None)
        return f'rest "{self._connection.name}" ({request.method} {url})'

    def _failed(self, request: httpx.Request, cause: str) -> ConnectionFailed:
        return ConnectionFailed(self._title(request), cause)


class _Credentials(httpx.Auth):
    """Puts into each request who sends it; a rotated secret counts from the next one on."""

    def __init__(self, connection: RestConnection, secrets: Secrets) -> None:
        self._auth = connection.auth
        self._secrets = secrets

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        match self._auth:
            case Basic(username=username, password=password):
                basic = httpx.BasicAuth(username, self._secrets.read(password))
                request = next(basic.auth_flow(request))
                encoded = request.headers["authorization"].partition(" ")[2]
                self._secrets.remember(password.name, encoded)
            case Bearer(token=token):
                request.headers["authorization"] = f"Bearer {self._secrets.read(token)}"
            case Header(name=name, value=value):
                request.headers[name] = self._secrets.read(value)
            case None:
                pass
        yield request


def _to_connect(timeout: timedelta) -> httpx.Timeout:
    """Return how long httpx may take to connect; all else is bounded by us.

    A little less than there is: one that is cancelled in its handshake stays open for a while.
    """
    return httpx.Timeout(None, connect=min(CONNECT_WAIT, timeout * _OF_THE_TIMEOUT).total_seconds())


async def _beginning(answer: httpx.Response) -> str:
    """Return the first part of a body that says why something was refused."""
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > 4 * BODY_SHOWN_CHARS:  # a character has at most four bytes
            break
    text = body.decode(answer.encoding or "utf-8", "replace")
    line = " ".join(text.split())[:BODY_SHOWN_CHARS]
    return "".join(character if character.isprintable() else "?" for character in line)


def _whole(answer: httpx.Response, body: bytes) -> httpx.Response:
    """Return the answer with its body, which is unpacked already."""
    headers = [
        (name, value)
        for name, value in answer.headers.raw
        if name.decode().lower() not in _UNPACKED
    ]
    return httpx.Response(
        answer.status_code,
        headers=headers,
        content=body,
        request=answer.request,
        extensions=answer.extensions,
    )
