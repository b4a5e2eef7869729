"""`[connections.NAME]` tables in, connections out; every mistake is told with its path.

Each kind has one table of readers, which is the whole of what may be set for it. A value that may
be a secret is never repeated in a message: what was typed into `password`, and an address with a
password in it.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeVar

from scheduler.model.errors import BadInput, Problem
from scheduler.model.json_values import path_key, shown
from scheduler.model.limits import (
    CONNECTIONS_NAMED_MAX,
    HEADERS_SET_MAX,
    NAME_CHARS_MAX,
)
from scheduler.model.nearness import nearest
from scheduler.model.plain_values import Reader, flag, read_table, text
from services.connections.addresses import (
    REDIS_PORT,
    SMTP_PORTS,
    SQLITE,
    db,
    file,
    host,
    http_url,
    line,
    mailbox,
    port,
    redis_url,
    security,
    sql_url,
    timeout,
)
from services.connections.kinds import (
    AnyConnection,
    Auth,
    Basic,
    Bearer,
    Header,
    RedisConnection,
    RestConnection,
    SmtpConnection,
    SqlConnection,
)
from services.connections.references import HINT, Reference, is_reference, reference

KINDS: Final = ("rest", "redis", "smtp", "sql")

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_AUTH_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})

Made = TypeVar("Made")


def read_connections(value: object, path: str = "$.connections") -> tuple[AnyConnection, ...]:
    """Return the connections that a table of settings names.

    Raises: BadInput, with every problem there is.
    """
    if not isinstance(value, Mapping):
        raise BadInput.at(
            path, "is a table of connections, not a value.", 'Write [connections."NAME"]'
        )
    if len(value) > CONNECTIONS_NAMED_MAX:
        raise BadInput.at(path, f"has {len(value):,} entries; at most {CONNECTIONS_NAMED_MAX:,}.")
    found: list[AnyConnection] = []
    problems: list[Problem] = []
    for name, table in value.items():
        try:
            found.append(_connection(name, table, f"{path}.{path_key(name)}"))
        except BadInput as bad:
            problems += bad.problems
    if problems:
        raise BadInput(*problems)
    return tuple(found)


def _connection(name: object, table: object, path: str) -> AnyConnection:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise BadInput.at(path, "is no name for a connection: it must be printable.")
    if len(name) > NAME_CHARS_MAX:
        raise BadInput.at(path, f"has more than {NAME_CHARS_MAX} characters.")
    if not isinstance(table, Mapping):
        hint = f'Write [connections.{path_key(name)}] and below it kind = "rest"'
        raise BadInput.at(path, "is a connection: a table, not a value.", hint)
    match _kind(table.get("kind"), path):
        case "rest":
            return _rest(name, table, path)
        case "redis":
            return _redis(name, table, path)
        case "smtp":
            return _smtp(name, table, path)
        case _:
            return _sql(name, table, path)


def _kind(value: object, path: str) -> str:
    if value is None:
        raise BadInput.at(f"{path}.kind", "is missing.", f"One of: {', '.join(KINDS)}")
    if value not in KINDS:
        close = nearest(value, KINDS) if isinstance(value, str) else None
        hint = f"Did you mean {close}?" if close else f"Known: {', '.join(KINDS)}"
        raise BadInput.at(f"{path}.kind", f"there is no kind {shown(value)}.", hint)
    return str(value)


# -- the four kinds


def _rest(name: str, table: Mapping[str, object], path: str) -> RestConnection:
    secret = _secret_of(table)
    readers: dict[str, Reader] = {
        "url": http_url,
        "auth": partial(_auth, secret=secret),
        "headers": partial(_headers, secret=secret),
        "proxy": http_url,
        "ping": line,
    }
    found, problems = _fields(table, path, readers)
    problems += _missing("url", table, path, 'Add url = "https://…"')
    return _made(RestConnection, name, found, problems)


def _redis(name: str, table: Mapping[str, object], path: str) -> RedisConnection:
    readers: dict[str, Reader] = {
        "url": redis_url,
        "host": host,
        "port": port,
        "db": db,
        "username": line,
        "password": _secret_of(table),
        "tls": flag,
        "decode": flag,
    }
    found, problems = _fields(table, path, readers)
    url = found.pop("url", {})
    if isinstance(url, dict):
        problems += [
            Problem(f"{path}.{key}", "stands in url, too.", "Write it once")
            for key in found
            if key in url
        ]
        found |= url
    if "url" not in table:
        problems += _missing("host", table, path, 'Add host = "…", or url = "redis://…"')
    problems += _without_password(table, path)
    found.setdefault("port", REDIS_PORT)
    return _made(RedisConnection, name, found, problems)


def _smtp(name: str, table: Mapping[str, object], path: str) -> SmtpConnection:
    readers: dict[str, Reader] = {
        "host": host,
        "port": port,
        "security": security,
        "username": line,
        "password": _secret_of(table),
        "sender": mailbox,
    }
    found, problems = _fields(table, path, readers)
    problems += _missing("host", table, path, 'Add host = "…"')
    problems += _without_password(table, path)
    if "password" in table and "username" not in table:
        problems.append(Problem(f"{path}.username", "is missing: there is a password."))
    found.setdefault("port", SMTP_PORTS[str(found.get("security", "starttls"))])
    return _made(SmtpConnection, name, found, problems)


def _sql(name: str, table: Mapping[str, object], path: str) -> SqlConnection:
    readers: dict[str, Reader] = {
        "url": sql_url,
        "username": line,
        "password": _secret_of(table),
        "create": flag,
    }
    found, problems = _fields(table, path, readers)
    problems += _missing(
        "url", table, path, 'Add url = "sqlite:///file.db" or "postgresql://host/name"'
    )
    is_file = str(found.get("url", "")).startswith(SQLITE)
    for key, fits in (("username", not is_file), ("password", not is_file), ("create", is_file)):
        if key in found and "url" in found and not fits:
            kind = "a file of SQLite" if is_file else "a server"
            problems.append(Problem(f"{path}.{key}", f"means nothing for {kind}."))
    return _made(SqlConnection, name, found, problems)


def _fields(
    table: Mapping[str, object], path: str, readers: Mapping[str, Reader]
) -> tuple[dict[str, object], list[Problem]]:
    """Return what a table says, without its kind, and what is wrong with it."""
    common: dict[str, Reader] = {
        "kind": text,
        "timeout": timeout,
        "ca": file,
        "permissions": _permissions,
    }
    problems: list[Problem] = []
    found = read_table(table, path, {**common, **readers}, problems)
    for key in ("kind", "permissions"):
        found.pop(key, None)
    return found, problems


def _made(
    make: Callable[..., Made], name: str, found: Mapping[str, object], problems: list[Problem]
) -> Made:
    if problems:
        raise BadInput(*problems)
    return make(name=name, **found)


def _missing(key: str, table: Mapping[str, object], path: str, hint: str) -> list[Problem]:
    return [] if key in table else [Problem(f"{path}.{key}", "is missing.", hint)]


def _without_password(table: Mapping[str, object], path: str) -> list[Problem]:
    if "username" not in table or "password" in table:
        return []
    return [Problem(f"{path}.password", "is missing: there is a username.", HINT)]


# -- what goes with each connection, and each request


def _secret_of(table: Mapping[str, object]) -> Callable[[object, str], Reference]:
    """Return the reader of secrets for a table: whether their files may be shared stands in it."""
    return partial(reference, is_shared=table.get("permissions") == "any")


def _permissions(value: object, path: str) -> str:
    if not isinstance(value, str) or value not in {"owner", "any"}:
        raise BadInput.at(path, f'got {shown(value)} instead of "owner" or "any".')
    return str(value)


def _auth(value: object, path: str, *, secret: Callable[[object, str], Reference]) -> Auth:
    """Return who a REST request comes from."""
    if not isinstance(value, Mapping):
        hint = 'As in auth = { kind = "bearer", token = "env:TOKEN" }'
        raise BadInput.at(path, "is a table, not a value.", hint)
    makes: dict[str, tuple[Callable[..., Auth], dict[str, Reader]]] = {
        "basic": (Basic, {"username": line, "password": secret}),
        "bearer": (Bearer, {"token": secret}),
        "header": (Header, {"name": _header_name, "value": secret}),
    }
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in makes:
        close = nearest(kind, makes) if isinstance(kind, str) else None
        hint = f"Did you mean {close}?" if close else f"One of: {', '.join(makes)}"
        told = "is missing." if kind is None else f"there is no kind {shown(kind)}."
        raise BadInput.at(f"{path}.kind", told, hint)
    make, readers = makes[kind]
    problems: list[Problem] = []
    found = read_table(value, path, {"kind": text, **readers}, problems)
    problems += [Problem(f"{path}.{key}", "is missing.") for key in readers if key not in value]
    if problems:
        raise BadInput(*problems)
    del found["kind"]
    return make(**found)


def _headers(
    value: object, path: str, *, secret: Callable[[object, str], Reference]
) -> dict[str, str | Reference]:
    """Return what is sent with each REST request; a value may be a secret, by reference."""
    if not isinstance(value, Mapping):
        hint = 'As in headers = { Accept = "text/csv" }'
        raise BadInput.at(path, "is a table of texts, not a value.", hint)
    if len(value) > HEADERS_SET_MAX:
        raise BadInput.at(path, f"has {len(value)} entries; at most {HEADERS_SET_MAX}.")
    problems: list[Problem] = []
    found: dict[str, str | Reference] = {}
    for key, part in value.items():
        below = f"{path}.{path_key(key)}"
        try:
            name = _header_name(key, below)
            found[name] = secret(part, below) if is_reference(part) else _header(name, part, below)
        except BadInput as bad:
            problems += bad.problems
    if problems:
        raise BadInput(*problems)
    return found


def _header_name(value: object, path: str) -> str:
    name = text(value, path)
    if _HEADER_NAME.fullmatch(name) is None:
        raise BadInput.at(path, f"{shown(name)} is no name for a header.")
    return name


def _header(name: str, value: object, path: str) -> str:
    """Return a header's value. It is not repeated: it may be a secret that stands here wrongly."""
    if name.lower() in _AUTH_HEADERS:
        raise BadInput.at(path, "a secret is not written here.", HINT)
    if not isinstance(value, str) or not value.isprintable() or not value.isascii():
        raise BadInput.at(path, "is no text that a header can hold: printable ASCII.")
    return value
