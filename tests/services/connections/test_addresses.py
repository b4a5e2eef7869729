from collections.abc import Callable
from datetime import timedelta

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.limits import CONNECTION_TIMEOUT_MAX
from services.connections import addresses as a

Reader = Callable[[object, str], object]


@pytest.mark.parametrize(
    ("read", "written", "expected"),
    [
        (a.line, "text ü", "text ü"),
        (a.file, "ca/own.pem", "ca/own.pem"),
        (a.timeout, "500ms", timedelta(milliseconds=500)),
        (a.timeout, "24h", timedelta(hours=24)),
        (a.host, "mail-1.example.com", "mail-1.example.com"),
        (a.host, "127.0.0.1", "127.0.0.1"),
        (a.host, "fe80::1%eth0", "fe80::1%eth0"),
        (a.port, 1, 1),
        (a.port, 65_535, 65_535),
        (a.db, 0, 0),
        (a.security, "plain", "plain"),
        (a.mailbox, "jobs@example.com", "jobs@example.com"),
        (a.mailbox, "Jobs, Zoë <zoë@example.com>", "Jobs, Zoë <zoë@example.com>"),
        (a.http_url, "https://h:8443/v1?a=1", "https://h:8443/v1?a=1"),
        (a.http_url, "http://[::1]:80/", "http://[::1]:80/"),
        (a.sql_url, "sqlite:///a%20b.db", "sqlite:///a%20b.db"),
        (a.sql_url, "sqlite:////var/lib/a.db", "sqlite:////var/lib/a.db"),
        (a.sql_url, "postgresql://h:5433/orders", "postgresql://h:5433/orders"),
    ],
)
def test_what_is_right_is_read(read: Reader, written: object, expected: object) -> None:
    assert expected == read(written, "$")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("redis://h", {"host": "h", "port": 6379, "db": 0, "tls": False}),
        ("redis://h:1/3", {"host": "h", "port": 1, "db": 3, "tls": False}),
        ("rediss://[::1]/", {"host": "::1", "port": 6379, "db": 0, "tls": True}),
    ],
)
def test_an_address_of_redis_stands_for_single_settings(
    written: str, expected: dict[str, object]
) -> None:
    assert expected == a.redis_url(written, "$")


@pytest.mark.parametrize(
    ("read", "written", "told"),
    [
        (a.line, "", 'got "" instead of a printable text.'),
        (a.line, "a\nb", "instead of a printable text."),
        (a.line, 5, "got 5 instead of a text."),
        (a.file, "file:ca.pem", "is the path of a file, without file: before it."),
        (a.timeout, 30, "30 has no unit."),
        (a.timeout, "0s", "must be more than 0 and at most 1d."),
        (
            a.timeout,
            f"{CONNECTION_TIMEOUT_MAX.total_seconds() + 1:.0f}s",
            "must be more than 0 and at most 1d.",
        ),
        (a.host, "user:hunter2@h", "is no name or address of a host."),
        (a.host, "http://h", "is no name or address of a host."),
        (a.host, "h/x", "is no name or address of a host."),
        (a.port, 0, "got 0 instead of a port: 1 to 65,535."),
        (a.port, 65_536, "got 65536 instead of a port"),
        (a.port, "25", 'got "25" instead of a whole number. Write it without quotes'),
        (a.port, True, "got True instead of a whole number."),
        (a.db, -1, "got -1 instead of a number from 0 on."),
        (a.security, "startls", 'got "startls". Did you mean starttls?'),
        (a.security, ["tls"], "got ['tls']. One of: plain, tls, starttls"),
        (a.mailbox, "jobs", '"jobs" is no address for mail.'),
        (a.mailbox, "a@b, c@d", '"a@b, c@d" is no address for mail.'),
        (a.http_url, 5, "is no address. It begins with https:// or http://"),
        (a.http_url, "h", "is no address. It begins with"),
        (a.http_url, "http://", "names no host."),
        (a.http_url, "http://h h", "is no address."),
        (a.http_url, "http://h\nhunter2", "is no address."),
        (a.http_url, "ftp://h", '"ftp" is none of its schemes. It begins with https:// or'),
        (a.http_url, "http://h:hunter2", "is no address: its port is none."),
        (a.http_url, "http://[hunter2", "is no address: it cannot be read."),
        (a.http_url, "http://ali:hunter2@h", "holds a user name or a password. Set username and"),
        (a.http_url, "http://h/#hunter2", "has a part after #, which no server sees."),
        (a.redis_url, "redis://:hunter2@h", "holds a user name or a password."),
        (a.redis_url, "redis://h/x", "has more than host, port and database."),
        (a.redis_url, "redis://h/1?a=hunter2", "has more than host, port and database."),
        (a.redis_url, "redis:///1", "names no host."),
        (a.redis_url, f"redis://h/{'9' * 5_000}", "instead of a number from 0 on."),
        (a.sql_url, "mysql://h/a", '"mysql" is none of its schemes.'),
        (a.sql_url, "sqlite://a.db", "names no file. Three slashes before a relative path"),
        (a.sql_url, "sqlite:///", "names no file."),
        (a.sql_url, "sqlite:///:memory:", "each statement would meet an empty database."),
        (a.sql_url, "sqlite:///a.db?mode=ro", "has a part after ?"),
        (a.sql_url, "postgresql://h", "names no host or no database."),
        (a.sql_url, "postgresql:///a", "names no host or no database."),
    ],
)
def test_what_is_wrong_is_told_and_no_address_repeated(
    read: Reader, written: object, told: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(written, "$.x")
    assert str(caught.value).startswith("$.x: ")
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)
