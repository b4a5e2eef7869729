import msgspec
import pytest

from services.connections.kinds import (
    AnyConnection,
    ConnectionSettings,
    RedisConnection,
    RestConnection,
    SmtpConnection,
    SqlConnection,
    kind_of,
    title,
)
from services.connections.reading import read_connections

REST = RestConnection(name="a", url="https://h/v1")
REDIS = RedisConnection(name="b", host="::1", port=6379, db=2)
SMTP = SmtpConnection(name="c", host="h", port=25)
SQL = SqlConnection(name="d", url="sqlite:///a.db")


@pytest.mark.parametrize(
    ("connection", "kind", "told"),
    [
        (REST, "rest", 'rest "a" (https://h/v1)'),
        (REDIS, "redis", 'redis "b" ([::1]:6379/2)'),
        (SMTP, "smtp", 'smtp "c" (h:25)'),
        (SQL, "sql", 'sql "d" (sqlite:///a.db)'),
    ],
)
def test_a_connection_is_called_by_kind_name_and_place(
    connection: AnyConnection, kind: str, told: str
) -> None:
    assert (kind, told) == (kind_of(connection), title(connection))


def test_every_secret_of_a_connection_is_among_its_references() -> None:
    table = {
        "rest": {
            "kind": "rest",
            "url": "http://h",
            "auth": {"kind": "header", "name": "X", "value": "env:A1"},
            "headers": {"Y": "env:A2", "Z": "text"},
        },
        "basic": {
            "kind": "rest",
            "url": "http://h",
            "auth": {"kind": "basic", "username": "ali", "password": "env:A3"},
        },
        "bearer": {
            "kind": "rest",
            "url": "http://h",
            "auth": {"kind": "bearer", "token": "env:A4"},
        },
        "redis": {"kind": "redis", "host": "h", "password": "env:A5"},
        "smtp": {"kind": "smtp", "host": "h", "username": "ali", "password": "env:A6"},
        "sql": {"kind": "sql", "url": "postgresql://h/a", "password": "env:A7"},
        "none": {"kind": "redis", "host": "h"},
    }
    found = [one.name for known in read_connections(table) for one in known.references()]
    assert ["A1", "A2", "A3", "A4", "A5", "A6", "A7"] == found


def test_settings_arrive_in_a_child_as_they_were() -> None:
    table = {"kind": "rest", "url": "http://h", "headers": {"Y": "env:A2", "Z": "text"}}
    known = (*read_connections({"e": table}), REST, REDIS, SMTP, SQL)
    settings = ConnectionSettings(connections=known, base_dir="/x", file="h.toml", log="/x/h.db")
    sent = msgspec.msgpack.encode(settings)
    assert settings == msgspec.msgpack.decode(sent, type=ConnectionSettings)
