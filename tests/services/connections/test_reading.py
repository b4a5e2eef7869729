import tomllib
from datetime import timedelta

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.limits import (
    CONNECTION_TIMEOUT_DEFAULT,
    CONNECTIONS_NAMED_MAX,
    HEADERS_SET_MAX,
    NAME_CHARS_MAX,
)
from services.connections.kinds import (
    Basic,
    Bearer,
    Header,
    RedisConnection,
    RestConnection,
    SmtpConnection,
    SqlConnection,
)
from services.connections.reading import read_connections
from services.connections.references import HINT, Reference

WRITE_A_TABLE = 'Write [connections.y] and below it kind = "rest"'
ALL = """
["My Data Source"]
kind = "rest"
url = "https://api.example.com/v1?format=csv"
auth = { kind = "basic", username = "ali", password = "env:PW" }
headers = { Accept = "text/csv", "X-Key" = "file:key" }
proxy = "http://proxy.example.com:3128"
ping = "/health"
timeout = "10s"
ca = "ca.pem"
permissions = "any"
[default]
kind = "redis"
url = "rediss://redis.example.com/2"
username = "ali"
password = "credential:redis"
decode = false
["My SMTP"]
kind = "smtp"
host = "mail.example.com"
port = 2525
security = "tls"
username = "jobs"
password = "file:secrets/smtp"
sender = "Jobs <jobs@example.com>"
[orders]
kind = "sql"
url = "postgresql://db.example.com:5433/orders"
username = "ali"
password = "env:PW"
"""


def secret(scheme: str, name: str, path: str, *, is_shared: bool = False) -> Reference:
    assert scheme in {"env", "file", "credential"}
    return Reference(scheme, name, path, is_shared)  # type: ignore[arg-type]  # checked above


def refused(text: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read_connections(tomllib.loads(text))
    return [str(problem) for problem in caught.value.problems]


def problem(table: str) -> str:
    """Return the one problem of a connection called x, without its path."""
    (told,) = refused(f"[x]\n{table}")
    return told.removeprefix("$.connections.x")


def test_every_setting_of_every_kind_is_read() -> None:
    assert (
        RestConnection(
            name="My Data Source",
            url="https://api.example.com/v1?format=csv",
            auth=Basic(
                username="ali",
                password=secret(
                    "env", "PW", '$.connections."My Data Source".auth.password', is_shared=True
                ),
            ),
            headers={
                "Accept": "text/csv",
                "X-Key": secret(
                    "file", "key", '$.connections."My Data Source".headers."X-Key"', is_shared=True
                ),
            },
            proxy="http://proxy.example.com:3128",
            ping="/health",
            timeout=timedelta(seconds=10),
            ca="ca.pem",
        ),
        RedisConnection(
            name="default",
            host="redis.example.com",
            port=6379,
            db=2,
            tls=True,
            username="ali",
            password=secret("credential", "redis", "$.connections.default.password"),
            decode=False,
        ),
        SmtpConnection(
            name="My SMTP",
            host="mail.example.com",
            port=2525,
            security="tls",
            username="jobs",
            password=secret("file", "secrets/smtp", '$.connections."My SMTP".password'),
            sender="Jobs <jobs@example.com>",
        ),
        SqlConnection(
            name="orders",
            url="postgresql://db.example.com:5433/orders",
            username="ali",
            password=secret("env", "PW", "$.connections.orders.password"),
        ),
    ) == read_connections(tomllib.loads(ALL))


def test_the_least_that_can_be_said() -> None:
    text = """
    a = { kind = "rest", url = "http://localhost" }
    b = { kind = "redis", host = "localhost" }
    c = { kind = "smtp", host = "localhost" }
    d = { kind = "sql", url = "sqlite:///orders.db" }
    """
    rest, redis, smtp, sql = read_connections(tomllib.loads(text))
    assert {CONNECTION_TIMEOUT_DEFAULT} == {one.timeout for one in (rest, redis, smtp, sql)}
    assert RedisConnection(name="b", host="localhost", port=6379) == redis
    assert SmtpConnection(name="c", host="localhost", port=587, security="starttls") == smtp
    assert SqlConnection(name="d", url="sqlite:///orders.db") == sql


@pytest.mark.parametrize(("security", "port"), [("plain", 25), ("tls", 465), ("starttls", 587)])
def test_the_port_of_a_mail_server_follows_from_its_security(security: str, port: int) -> None:
    (found,) = read_connections({"x": {"kind": "smtp", "host": "h", "security": security}})
    assert isinstance(found, SmtpConnection)
    assert port == found.port


def test_other_ways_to_say_who_one_is() -> None:
    path = "$.connections.x.auth"
    for auth, expected in (
        ({"kind": "bearer", "token": "env:T"}, Bearer(token=secret("env", "T", f"{path}.token"))),
        (
            {"kind": "header", "name": "X-Key", "value": "env:T"},
            Header(name="X-Key", value=secret("env", "T", f"{path}.value")),
        ),
    ):
        (found,) = read_connections({"x": {"kind": "rest", "url": "http://h", "auth": auth}})
        assert isinstance(found, RestConnection)
        assert expected == found.auth


def test_all_problems_are_told_at_once_with_their_paths() -> None:
    found = refused(
        """
        y = 5
        z = { kind = "rst" }
        ["My SMTP"]
        kind = "smtp"
        hots = "mail.example.com"
        port = 70000
        password = "hunter2!"
        timeout = 5
        """
    )
    assert [
        f"$.connections.y: is a connection: a table, not a value. {WRITE_A_TABLE}",
        '$.connections.z.kind: there is no kind "rst". Did you mean rest?',
        '$.connections."My SMTP".hots: is not a field. Did you mean host?',
        '$.connections."My SMTP".port: got 70000 instead of a port: 1 to 65,535.',
        f'$.connections."My SMTP".password: a secret is not written here. {HINT}',
        '$.connections."My SMTP".timeout: 5 has no unit. For seconds write "5s"',
        '$.connections."My SMTP".host: is missing. Add host = "…"',
        '$.connections."My SMTP".username: is missing: there is a password.',
    ] == found


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("a = 1", ".kind: is missing. One of: rest, redis, smtp, sql"),
        ("kind = 5", ".kind: there is no kind 5. Known: rest, redis, smtp, sql"),
        ('kind = ["rest"]', ".kind: there is no kind ['rest']. Known: rest, redis, smtp, sql"),
        ('kind = "rest"', '.url: is missing. Add url = "https://…"'),
        ('kind = "redis"', '.host: is missing. Add host = "…", or url = "redis://…"'),
        (
            'kind = "sql"',
            '.url: is missing. Add url = "sqlite:///file.db" or "postgresql://host/name"',
        ),
        ('kind = "rest"\nurl = "http://h"\nauth = "x"', ".auth: is a table, not a value. As in"),
        ('kind = "rest"\nurl = "http://h"\nauth = {}', ".auth.kind: is missing. One of: basic,"),
        (
            'kind = "rest"\nurl = "http://h"\nauth = { kind = "barer" }',
            '.auth.kind: there is no kind "barer". Did you mean bearer?',
        ),
        (
            'kind = "rest"\nurl = "http://h"\nauth = { kind = "bearer" }',
            ".auth.token: is missing.",
        ),
        (
            'kind = "rest"\nurl = "http://h"\nauth = { kind = "bearer", token = "hunter2!" }',
            ".auth.token: a secret is not written here.",
        ),
        (
            'kind="rest"\nurl="http://h"\nauth = {kind = "header", name = "a b", value = "env:A"}',
            '.auth.name: "a b" is no name for a header.',
        ),
        (
            'kind = "rest"\nurl = "http://h"\nheaders = { Authorization = "Bearer hunter2!" }',
            ".headers.Authorization: a secret is not written here.",
        ),
        (
            'kind = "rest"\nurl = "http://h"\nheaders = { X = "hunter2!\\r\\nY: 1" }',
            ".headers.X: is no text that a header can hold: printable ASCII.",
        ),
        ('kind = "rest"\nurl = "http://h"\nheaders = { X = 5 }', ".headers.X: is no text that"),
        (
            'kind = "rest"\nurl = "http://h"\nheaders = { "a b" = "" }',
            '.headers."a b": "a b" is no',
        ),
        ('kind = "rest"\nurl = "http://h"\nheaders = "a"', ".headers: is a table of texts, not"),
        ('kind = "rest"\nurl = "http://h"\npermissions = "all"', '.permissions: got "all" instead'),
        (
            'kind = "rest"\nurl = "http://h"\npermissions = ["any"]',
            ".permissions: got ['any'] inst",
        ),
        (
            'kind = "redis"\nurl = "redis://h"\nport = 5',
            ".port: stands in url, too. Write it once",
        ),
        (
            'kind = "redis"\nhost = "h"\nusername = "ali"',
            ".password: is missing: there is a username. Say where it is:",
        ),
        ('kind = "redis"\nhost = "h"\ndecode = "yes"', '.decode: got "yes" instead of true or'),
        (
            'kind = "sql"\nurl = "sqlite:///a.db"\nusername = "ali"',
            ".username: means nothing for a file of SQLite.",
        ),
        (
            'kind = "sql"\nurl = "postgresql://h/a"\ncreate = true',
            ".create: means nothing for a server.",
        ),
    ],
)
def test_a_wrong_setting_is_told_alone_and_no_secret_is_repeated(table: str, told: str) -> None:
    found = problem(table)
    assert found.startswith(told)
    assert "hunter2" not in found


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "x" * (NAME_CHARS_MAX + 1)])
def test_a_name_must_be_printable_and_not_too_long(name: str) -> None:
    with pytest.raises(BadInput):
        read_connections({name: {"kind": "redis", "host": "h"}})


def test_what_is_no_table_is_told_as_such() -> None:
    with pytest.raises(BadInput) as caught:
        read_connections(5, "connections")
    assert 'connections: is a table of connections, not a value. Write [connections."NAME"]' == str(
        caught.value
    )


def test_too_many_are_refused() -> None:
    many = {
        f"n{number}": {"kind": "redis", "host": "h"} for number in range(CONNECTIONS_NAMED_MAX + 1)
    }
    with pytest.raises(BadInput, match=r"has 1,001 entries; at most 1,000"):
        read_connections(many)
    many_headers = {f"X-{number}": "" for number in range(HEADERS_SET_MAX + 1)}
    with pytest.raises(BadInput, match=r"headers: has 101 entries; at most 100"):
        read_connections({"x": {"kind": "rest", "url": "http://h", "headers": many_headers}})
