import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.limits import KNOWN_SHOWN_MAX
from services.connections.blocking import Blocking
from services.connections.catalog import Connections
from services.connections.errors import UnknownConnection
from services.connections.kinds import ConnectionSettings
from services.connections.rest import Rest
from services.outcomes import Fatal
from tests.servers import Answer, Mail, RedisServer, Web

ALL = {
    "source": {"kind": "rest", "url": "http://localhost"},
    "cache": {"kind": "redis", "host": "localhost"},
    "My SMTP": {"kind": "smtp", "host": "localhost"},
    "orders": {"kind": "sql", "url": "sqlite:///orders.db", "create": True},
    "second": {"kind": "rest", "url": "http://localhost"},
}


@pytest.fixture
def known(tmp_path: Path) -> Connections:
    return Connections.from_settings(ALL, tmp_path)


def test_connections_are_known_by_kind_and_name(known: Connections) -> None:
    assert list(ALL) == known.names()
    assert ["source", "second"] == known.names("rest")
    rest = known.named("rest")
    assert ["source", "second"] == list(rest)
    assert "source" in rest
    assert "cache" not in rest


def test_on_an_event_loop_it_is_the_client_and_each_loop_has_one(known: Connections) -> None:
    async def clients() -> tuple[object, object]:
        found = known.named("rest")["source"], known.named("rest")["source"]
        await known.close_here()
        return found

    first, again = asyncio.run(clients())
    other, _ = asyncio.run(clients())
    assert isinstance(first, Rest)
    assert first is again
    assert first is not other


def test_elsewhere_its_calls_wait(tmp_path: Path) -> None:
    known = Connections.from_settings(ALL, tmp_path)
    orders = known.named("sql")["orders"]
    assert isinstance(orders, Blocking)
    assert [{"one": 1}] == orders.fetch_all("SELECT 1 AS one")
    with orders.transaction() as transaction:
        transaction.execute("CREATE TABLE a(b)")
    known.close()
    with pytest.raises(RuntimeError, match="the connections have been closed"):
        known.named("sql")["orders"]


def test_a_plain_function_uses_every_kind(
    tmp_path: Path, web: Web, mail: Mail, redis_server: RedisServer
) -> None:
    web.answer = Answer(body="zażółć".encode())
    known = Connections.from_settings(
        {
            "source": {"kind": "rest", "url": web.url},
            "cache": {"kind": "redis", "host": "127.0.0.1", "port": redis_server.port},
            "smtp": {
                "kind": "smtp",
                "host": "127.0.0.1",
                "port": mail.port,
                "security": "plain",
                "sender": "jobs@example.com",
            },
        },
        tmp_path,
    )
    text = known.named("rest")["source"].get_text()
    cache = known.named("redis")["cache"]
    cache.set("plain:newest", text)
    with cache.pipeline() as pipeline:
        pipeline.get("plain:newest").exists("plain:newest")
        assert ["zażółć", 1] == pipeline.execute()
    assert ["plain:newest"] == list(cache.scan_iter("plain:*"))
    known.named("smtp")["smtp"].send(to="a@example.com", body=text)
    assert "zażółć\n" == mail.taken[0].message.get_content().replace("\r\n", "\n")
    assert mail.taken[0].message["Date"] is None
    known.close()


def test_a_mail_is_dated_by_the_clock_that_was_handed_in(mail: Mail, tmp_path: Path) -> None:
    table = {"kind": "smtp", "host": "127.0.0.1", "port": mail.port, "security": "plain"}
    at = datetime(2026, 3, 1, 10, 5, tzinfo=UTC)
    known = Connections.from_settings({"x": table}, tmp_path, now=lambda: at)
    known.client("x").send(to="a@example.com", sender="b@example.com")
    known.close()
    assert "Sun, 01 Mar 2026 10:05:00 +0000" == mail.taken[0].message["Date"]


def test_an_unknown_name_is_told_with_those_there_are(known: Connections) -> None:
    with pytest.raises(UnknownConnection) as caught:
        known.named("rest")["Weather"]
    assert (
        'needs connection "Weather"; horolog.toml has none of that name (it has: source,'
        ' cache, My SMTP, orders, second). Add it:  [connections."Weather"]  kind = "rest"'
        '  url = "https://…"' == str(caught.value)
    )
    assert isinstance(caught.value, Fatal)


def test_without_connections_that_is_said_and_how_to_make_one() -> None:
    for kind, example in (
        ("rest", 'kind = "rest"  url = "https://…"'),
        ("redis", 'kind = "redis"  url = "redis://…"'),
        ("smtp", 'kind = "smtp"  host = "…"'),
        ("sql", 'kind = "sql"  url = "sqlite:///…"'),
    ):
        with pytest.raises(UnknownConnection) as caught:
            Connections(ConnectionSettings(file="own.toml")).client("x", kind)  # type: ignore[arg-type]  # a kind each
        told = (
            f'own.toml has none of that name (it has: none). Add it:  [connections."x"]  {example}'
        )
        assert f'needs connection "x"; {told}' == str(caught.value)


def test_a_slip_of_the_hand_is_told_as_one(known: Connections) -> None:
    with pytest.raises(UnknownConnection, match=r'Did you mean "My SMTP"\?$'):
        known.named("smtp")["my smtp"]


def test_another_kind_is_told_with_how_to_write_it(known: Connections) -> None:
    with pytest.raises(UnknownConnection) as caught:
        known.named("redis")["My SMTP"]
    assert 'connection "My SMTP" is of kind smtp, not redis: ctx.smtp["My SMTP"]' == str(
        caught.value
    )


def test_many_names_are_not_all_told() -> None:
    many = {f"n{number}": {"kind": "redis", "host": "h"} for number in range(KNOWN_SHOWN_MAX + 12)}
    with pytest.raises(UnknownConnection, match=r"n7 and 12 more\)"):
        Connections.from_settings(many, Path()).client("other")


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(BadInput, match=r"\$\.connections\.x\.url: is missing"):
        Connections.from_settings({"x": {"kind": "rest"}}, Path())


def test_a_ping_is_for_any_kind(web: Web, tmp_path: Path) -> None:
    table = {"source": {"kind": "rest", "url": web.url}, "orders": ALL["orders"]}
    known = Connections.from_settings(table, tmp_path)

    async def ping() -> list[str]:
        told = [await known.ping(name) for name in known.names()]
        await known.close_here()
        return told

    assert [
        f'rest "source" ({web.url}): answers 200 OK',
        'sql "orders" (sqlite:///orders.db): answers',
    ] == asyncio.run(ping())


def test_the_log_is_no_connection(tmp_path: Path) -> None:
    known = Connections.from_settings(ALL, tmp_path, log=tmp_path / "orders.db")
    with pytest.raises(Exception, match="this is Horolog's own log"):
        known.client("orders").ping()
    known.close()


def test_secrets_are_remembered_before_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "open sesame")
    table = {
        "a": {"kind": "redis", "host": "h", "password": "env:PW"},
        "b": {"kind": "redis", "host": "h", "password": "env:GONE"},
    }
    known = Connections.from_settings(table, Path())
    (problem,) = known.read_secrets()
    assert "$.connections.b.password" == problem.path
    assert "‹secret:PW›" == known.secrets.redact("open sesame")


def test_clients_of_loops_that_have_ended_are_not_kept(known: Connections) -> None:
    async def leave() -> None:
        known.client("orders")

    for _ in range(5):
        asyncio.run(leave())
    assert 1 == len(known._clients)  # noqa: SLF001  # nobody else sees a leak


def test_threads_that_ask_at_once_share_one_client(known: Connections) -> None:
    begin = threading.Barrier(4)
    found: list[object] = []

    def ask() -> None:
        begin.wait()
        found.append(known.client("orders")._client)  # noqa: SLF001  # is it one?

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 4 == len(found)
    assert 1 == len(set(found))
    known.close()


def test_no_client_library_is_imported_before_it_is_used() -> None:
    script = (
        "import sys, services.context, services.child, tools.settings\n"
        "heavy = {'asyncio', 'httpx', 'redis', 'aiosmtplib', 'ssl', 'sqlite3', 'email'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "[]\n" == found.stdout
