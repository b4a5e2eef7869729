"""What arrives in a request: its body, bounded and strict, and its query, each key once."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from scheduler.model.errors import BadInput
from scheduler.model.json_values import read_json, shown
from scheduler.model.limits import BODY_BYTES_MAX
from tools.web.routes import DRY_RUN, KEY_HEADER
from tools.wishes import checked_key


async def raw_body(request: Request) -> bytes:
    """Return the bytes of a body, read no further than its bound.

    Raises: HTTPException (413), when there is more.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise HTTPException(413, f"The request has more than {BODY_BYTES_MAX:,} bytes")
        parts.append(part)
    return b"".join(parts)


def value_of(raw: bytes) -> object:
    """Return the JSON value of a body, None when it is empty.

    Raises: BadInput.
    """
    return read_json(raw) if raw.strip() else None


def key_of(request: Request) -> str | None:
    """Return the request's key, None when it has none.

    Raises: BadInput.
    """
    keys = request.headers.getlist(KEY_HEADER)
    if not keys:
        return None
    if len(keys) > 1:
        raise BadInput.at(KEY_HEADER, "stands twice.")
    return checked_key(keys[0], KEY_HEADER)


def is_dry_run(request: Request) -> bool:
    """Return whether the request wants to know only what would happen.

    Raises: BadInput.
    """
    said = query_of(request, {DRY_RUN}).get(DRY_RUN, "false")
    if said not in {"true", "false"}:
        raise BadInput.at(DRY_RUN, f"{shown(said)} is neither true nor false.")
    return said == "true"


def query_of(request: Request, known: set[str]) -> dict[str, str]:
    """Return the query, each of whose keys is known and stands once.

    Raises: BadInput.
    """
    found: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        if key not in known:
            names = ", ".join(sorted(known)) or "none"
            raise BadInput.at(f"?{key}", "is not a parameter.", f"Known: {names}")
        if key in found:
            raise BadInput.at(f"?{key}", "stands twice.")
        found[key] = value
    return found
