"""Single values of a connection's settings: one reader per kind of value.

As in `scheduler.model.plain_values`, a reader takes a value and the path it stands at, and returns
what the connection uses or raises BadInput. An address is never repeated in a message: it may hold
a password.
"""

import re
from datetime import timedelta
from typing import Final
from urllib.parse import SplitResult, urlsplit

from scheduler.model.errors import BadInput
from scheduler.model.json_values import shown
from scheduler.model.limits import CONNECTION_TIMEOUT_MAX
from scheduler.model.nearness import nearest
from scheduler.model.plain_values import length, text, whole
from scheduler.model.written import format_duration
from services.connections.references import is_reference

REDIS_PORT: Final = 6379
SMTP_PORTS: Final = {"plain": 25, "tls": 465, "starttls": 587}
SQLITE: Final = "sqlite:///"

_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?", re.ASCII)
_MAILBOX = re.compile(r"[^\s@<>]+@[^\s@<>]+|[^<>@]*<[^\s@<>]+@[^\s@<>]+>")
_PORT_MAX = 65_535
_DB_MAX = 2**31 - 1
_DB_DIGITS_MAX = 20  # of one in an address


def line(value: object, path: str) -> str:
    """Return a text that is not empty and can be printed on a line."""
    printable = text(value, path)
    if not printable or not printable.isprintable():
        raise BadInput.at(path, f"got {shown(printable)} instead of a printable text.")
    return printable


def file(value: object, path: str) -> str:
    """Return the path of a file."""
    name = line(value, path)
    if is_reference(name):
        raise BadInput.at(path, "is the path of a file, without file: before it.")
    return name


def timeout(value: object, path: str) -> timedelta:
    """Return how long something may take; it is more than nothing."""
    most = length(value, path)
    if not timedelta(0) < most <= CONNECTION_TIMEOUT_MAX:
        longest = format_duration(CONNECTION_TIMEOUT_MAX)
        raise BadInput.at(path, f"must be more than 0 and at most {longest}.")
    return most


def host(value: object, path: str) -> str:
    """Return the name or the address of a host."""
    named = line(value, path)
    if _HOST.fullmatch(named) is None:
        hint = "Write the name or the address alone; port and password have settings of their own"
        raise BadInput.at(path, "is no name or address of a host.", hint)
    return named


def port(value: object, path: str) -> int:
    """Return the number of a port."""
    number = whole(value, path)
    if not 1 <= number <= _PORT_MAX:
        raise BadInput.at(path, f"got {number} instead of a port: 1 to {_PORT_MAX:,}.")
    return number


def db(value: object, path: str) -> int:
    """Return the number of a Redis database."""
    number = whole(value, path)
    if not 0 <= number <= _DB_MAX:
        raise BadInput.at(path, f"got {number} instead of a number from 0 on.")
    return number


def security(value: object, path: str) -> str:
    """Return how a mail server is to be talked to."""
    if not isinstance(value, str) or value not in SMTP_PORTS:
        close = nearest(value, SMTP_PORTS) if isinstance(value, str) else None
        hint = f"Did you mean {close}?" if close else f"One of: {', '.join(SMTP_PORTS)}"
        raise BadInput.at(path, f"got {shown(value)}.", hint)
    return value


def mailbox(value: object, path: str) -> str:
    """Return an address for mail, with or without a name before it."""
    named = line(value, path)
    if _MAILBOX.fullmatch(named) is None:
        hint = "As in jobs@example.com or Jobs <jobs@example.com>"
        raise BadInput.at(path, f"{shown(named)} is no address for mail.", hint)
    return named


def _url(value: object, path: str, schemes: tuple[str, ...]) -> SplitResult:
    """Return the parts of an address that holds no password. It is not repeated: it may."""
    url = value if isinstance(value, str) else ""
    hint = f"It begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if " " in url or not url.isprintable() or "://" not in url:
        raise BadInput.at(path, "is no address.", hint)
    try:
        parts = urlsplit(url)
        _ = parts.port  # reads it
    except ValueError as error:
        raise BadInput.at(path, f"is no address: {_told(error)}.", hint) from None
    if "@" in parts.netloc:
        raise BadInput.at(
            path, "holds a user name or a password.", "Set username and password apart"
        )
    if parts.scheme not in schemes:
        raise BadInput.at(path, f"{shown(parts.scheme)} is none of its schemes.", hint)
    if parts.fragment:
        raise BadInput.at(path, "has a part after #, which no server sees.")
    return parts


def _told(error: ValueError) -> str:
    return "its port is none" if "ort" in str(error) else "it cannot be read"


def http_url(value: object, path: str) -> str:
    """Return the address of an HTTP interface."""
    parts = _url(value, path, ("https", "http"))
    if not parts.hostname:
        raise BadInput.at(path, "names no host.", "As in https://api.example.com/v1")
    return parts.geturl()


def redis_url(value: object, path: str) -> dict[str, object]:
    """Return the fields that a Redis address stands for."""
    parts = _url(value, path, ("redis", "rediss"))
    if not parts.hostname:
        raise BadInput.at(path, "names no host.", "As in redis://localhost:6379/0")
    digits = parts.path.removeprefix("/")
    if parts.query or (digits and not (digits.isascii() and digits.isdecimal())):
        hint = "As in redis://localhost:6379/0"
        raise BadInput.at(path, "has more than host, port and database.", hint)
    return {
        "host": parts.hostname,
        "port": parts.port or REDIS_PORT,
        "db": db(int(digits[:_DB_DIGITS_MAX] or 0), path),
        "tls": parts.scheme == "rediss",
    }


def sql_url(value: object, path: str) -> str:
    """Return the address of a database; a path of SQLite stands behind SQLITE as it is."""
    parts = _url(value, path, ("sqlite", "postgresql"))
    if parts.query:
        raise BadInput.at(path, "has a part after ?, which is not understood here.")
    if parts.scheme == "sqlite":
        if parts.netloc or not parts.path.removeprefix("/"):
            hint = "Three slashes before a relative path, four before an absolute one"
            raise BadInput.at(path, "names no file.", f"{hint}: sqlite:///orders.db")
        if parts.path == "/:memory:":
            raise BadInput.at(path, "names no file: each statement would meet an empty database.")
        return f"{SQLITE}{parts.path.removeprefix('/')}"
    if not parts.hostname or not parts.path.removeprefix("/"):
        raise BadInput.at(path, "names no host or no database.", "As in postgresql://host/name")
    return parts.geturl()
