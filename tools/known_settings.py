"""Settings as they may be known: to people by `config show`, to the log by a digest and by names.

A secret is never in them, only where it is to be found; the log gets less still, since it is read
by more people than the settings are, and is kept for ever.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from scheduler.model.content import digest_of
from scheduler.model.system_events import FarEnd
from scheduler.model.written import format_duration
from services.connections.kinds import (
    AnyConnection,
    RedisConnection,
    RestConnection,
    SmtpConnection,
    SqlConnection,
    kind_of,
)
from services.connections.references import Reference
from tools.settings import CONCURRENCY, CONNECTIONS, FIELDS, Settings

HOST_CHARS_MAX = 255  # of a name in DNS


def plain_settings(settings: Settings) -> dict[str, object]:
    """Return every setting by its path in the file, as JSON has it."""
    plain = {path: _plain(path, getattr(settings, field)) for path, field in FIELDS.items()}
    plain[CONCURRENCY] = settings.concurrency
    plain[CONNECTIONS] = {one.name: plain_connection(one) for one in settings.connections}
    return plain


def plain_connection(connection: AnyConnection) -> dict[str, object]:
    """Return what is set of a connection, secrets by their references."""
    told = msgspec.to_builtins(_with_names(connection))
    return {name: value for name, value in told.items() if name != "name" and value is not None}


def digest_of_settings(settings: Settings) -> str:
    """Return the digest by which two servers' settings are compared."""
    return digest_of(msgspec.json.encode(plain_settings(settings), order="sorted"))


def far_ends(connections: Sequence[AnyConnection]) -> tuple[FarEnd, ...]:
    """Return the connections as the log may know them."""
    return tuple(FarEnd(one.name, kind_of(one), host_of(one)) for one in connections)


def host_of(connection: AnyConnection) -> str:
    """Return the host of a connection, empty for a file."""
    match connection:
        case RestConnection(url=url) | SqlConnection(url=url):
            host = urlsplit(url).hostname or ""
        case RedisConnection(host=host) | SmtpConnection(host=host):
            pass
    return host[:HOST_CHARS_MAX]


def _with_names(value: object) -> object:
    """Return a record as builtins, each reference as it stands in the settings."""
    match value:
        case Reference():
            return str(value)
        case timedelta():
            return format_duration(value)
        case msgspec.Struct():
            tag = value.__struct_config__.tag
            fields = {name: _with_names(getattr(value, name)) for name in value.__struct_fields__}
            return fields if tag is None else {"kind": tag, **fields}
        case dict():
            return {name: _with_names(part) for name, part in value.items()}
        case _:
            return value


def _plain(path: str, value: object) -> object:
    match value:
        case Path():
            return str(value)
        case timedelta():
            return format_duration(value)
        case tuple():
            return list(value)
        case int() if path == "socket.mode":
            return f"{value:04o}"
        case _:
            return value
