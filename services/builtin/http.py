"""`http.request`: one request to any address that the settings do not forbid.

A job's author may not be who runs the server, so addresses of the server's own network (private,
loopback, link-local and the like) are refused unless `[http_request] allow_private` says otherwise.
The name is resolved once, every address it has is checked, and the request goes to that address:
a name that answers differently the second time gains nothing. Redirects are refused, or each is
checked.
"""

import asyncio
import socket
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin

import msgspec

from scheduler.model.limits import HTTP_ANSWER_BYTES_MAX, HTTP_REDIRECTS_MAX, HTTP_TIMEOUT_MAX
from services.builtin.inputs import read
from services.context import Context
from services.outcomes import Fatal
from services.registry import service

ERROR_STATUS = 400
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ASKS_AGAIN = frozenset({301, 302, 303})  # without the body, as browsers do
SHOWN_ELSEWHERE = frozenset({"idempotency-key", "content-type", "accept", "user-agent"})
SHOWN_CHARS = 300  # of an answer, in a message
SCHEMES = frozenset({"http", "https"})


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request, and which status counts as success."""

    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    body: str | None = None
    json: Any = None
    expect: list[int] = []  # else everything below 400
    timeout_s: float = 30.0


class HttpFailed(Exception):
    """The far end refused, or could not be reached."""


@service("http.request")
async def request(ctx: Context) -> dict[str, object]:
    """Send an HTTP request; the result is the status and the text of the answer."""
    import httpx

    wanted = read(ctx, Request)
    if not 0 < wanted.timeout_s <= HTTP_TIMEOUT_MAX.total_seconds():
        raise Fatal(f"$.input.timeout_s: must lie in 0 to {HTTP_TIMEOUT_MAX.total_seconds():g}")
    if wanted.body is not None and wanted.json is not None:
        raise Fatal("$.input.json: a request has a body or json, not both")
    about = f"{wanted.method.upper()} {wanted.url}"
    try:
        async with (
            asyncio.timeout(wanted.timeout_s),
            httpx.AsyncClient(timeout=wanted.timeout_s, trust_env=False) as client,
        ):
            return await _answered(ctx, client, wanted)
    except TimeoutError:
        raise HttpFailed(f"{about}: no whole answer within {wanted.timeout_s:g} s") from None
    except httpx.HTTPError as error:
        raise HttpFailed(f"{about}: {str(error) or type(error).__name__}") from error
    except UnicodeError as error:
        raise Fatal(f"$.input.headers: {error}") from None


async def _answered(ctx: Context, client: Any, wanted: Request) -> dict[str, object]:  # noqa: ANN401  # httpx is imported late
    """Send the request, and again wherever it is sent on to, as far as that is allowed."""
    url, method = wanted.url, wanted.method.upper()
    content = wanted.body if wanted.json is None else msgspec.json.encode(wanted.json)
    headers = _headers(ctx, wanted)
    first = None
    for _ in range(HTTP_REDIRECTS_MAX + 1):
        target, extensions, host = await resolved(
            url, is_private_allowed=ctx.permissions.private_addresses
        )
        first = first or host
        if host != first:  # what opens one door is not shown at another
            headers = {name: headers[name] for name in headers if name in SHOWN_ELSEWHERE}
        asked = client.build_request(
            method,
            target,
            headers={**headers, "host": host},
            content=content,
            extensions=extensions,
        )
        answer = await client.send(asked, stream=True)
        try:
            text = await _text(answer, f"{method} {url}")
        finally:
            await answer.aclose()
        status = answer.status_code
        if status not in REDIRECTS or status in wanted.expect:
            return _checked(status, text, wanted, f"{method} {url}")
        location = answer.headers.get("location", "")
        if not ctx.permissions.redirects:
            raise HttpFailed(
                f"{method} {url}: answered {status}, a redirect to {location!r}. "
                "To follow redirects:  [http_request]  allow_redirects = true"
            )
        url = urljoin(url, location)
        if status in ASKS_AGAIN and method != "HEAD":
            method, content = "GET", None
    raise HttpFailed(f"{method} {wanted.url}: more than {HTTP_REDIRECTS_MAX} redirects")


def _headers(ctx: Context, wanted: Request) -> dict[str, str]:
    """Return the headers by names in small letters: a name is sent once."""
    headers = {"idempotency-key": ctx.idempotency_key}
    if wanted.json is not None:
        headers["content-type"] = "application/json"
    return headers | {name.lower(): value for name, value in wanted.headers.items()}


async def _text(answer: Any, about: str) -> str:  # noqa: ANN401  # httpx is imported late
    """Return the text of an answer. Raises: HttpFailed, as soon as it is too long."""
    taken = bytearray()
    async for chunk in answer.aiter_bytes():
        taken += chunk
        if len(taken) > HTTP_ANSWER_BYTES_MAX:
            raise HttpFailed(f"{about}: the answer has more than {HTTP_ANSWER_BYTES_MAX:,} bytes")
    try:
        return taken.decode(answer.encoding or "utf-8", "replace")
    except LookupError:  # the far end names an encoding that nobody knows
        return taken.decode("utf-8", "replace")


def _checked(status: int, text: str, wanted: Request, about: str) -> dict[str, object]:
    is_good = status in wanted.expect if wanted.expect else status < ERROR_STATUS
    if not is_good:
        raise HttpFailed(f"{about}: answered {status}: {text[:SHOWN_CHARS]}")
    return {"status": status, "body": text}


async def resolved(url: str, *, is_private_allowed: bool) -> tuple[str, dict[str, Any], str]:
    """Return the URL by address, what TLS must check it against, and the `Host` to ask for.

    Raises: Fatal, when it is no http(s) URL or leads into a private network; HttpFailed, when the
    name is unknown.
    """
    import httpx

    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Fatal(f"$.input.url: {url!r} is no URL ({error})") from None
    if parsed.scheme not in SCHEMES or not parsed.host:
        raise Fatal(f"$.input.url: {url!r} is no http or https URL")
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            parsed.host, port, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:  # the second: a label that no name can have
        raise HttpFailed(f"{url}: {parsed.host} is not known ({error})") from error
    addresses = [ip_address(str(one[4][0]).split("%")[0]) for one in found]
    if not is_private_allowed:
        for address in addresses:
            if not address.is_global or address.is_multicast:
                raise Fatal(
                    f"$.input.url: {parsed.host} is {address}, an address of a private network. "
                    "To allow that:  [http_request]  allow_private = true"
                )
    address = addresses[0]
    return (
        str(parsed.copy_with(host=str(address), port=port)),
        {"sni_hostname": parsed.raw_host.decode("ascii")},
        parsed.netloc.decode("ascii"),
    )
