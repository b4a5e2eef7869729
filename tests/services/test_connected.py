"""Services that reach real servers by name, in each of the ways a service is carried out."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter_ns

import msgspec
import pytest

from scheduler.model.invocations import Outcome
from scheduler.model.jobs import Isolation
from services.connections.catalog import Connections
from services.invoke import Workers
from services.registry import Registry
from tests.servers import Answer, Mail, RedisServer, Web, free_port
from tests.services.making import Desk, Reports, invocation

NOW = datetime(2026, 3, 1, 10, 5, tzinfo=UTC)
TEXT = "id,amount\r\n1,10\nzażółć"
PASSWORD = "open-sesame"
INSERT = "INSERT INTO orders VALUES (?)"
WAYS = [
    ("awaited", "thread"),
    ("awaited", "process"),
    ("plain", "thread"),
    ("plain", "process"),
]

SERVICES = f"""
import os
from pathlib import Path
from horolog import service

INSERT = "{INSERT}"
MAIL = {{"to": "hello@example.com", "subject": "New data", "body": "Check attached data"}}


@service("awaited")
async def awaited(ctx):
    data = await ctx.step("fetch", lambda: ctx.rest["My Data Source"].get_text())
    await ctx.step("store", lambda: ctx.redis["default"].set("newest.data", data))
    await ctx.smtp["My SMTP"].send(**MAIL, attach={{"my.data.txt": data}})
    await ctx.sql["orders"].execute(INSERT, (data,))
    return await ctx.redis["default"].get("newest.data")


@service("plain")
def plain(ctx):
    data = ctx.step("fetch", lambda: ctx.rest["My Data Source"].get_text())
    ctx.step("store", lambda: ctx.redis["default"].set("newest.data", data))
    ctx.smtp["My SMTP"].send(**MAIL, attach={{"my.data.txt": data}})
    ctx.sql["orders"].execute(INSERT, (data,))
    return ctx.redis["default"].get("newest.data")


@service("awaited.unknown")
async def awaited_unknown(ctx):
    await ctx.smtp["Other"].send(to="a@example.com")


@service("plain.unknown")
def plain_unknown(ctx):
    ctx.smtp["Other"].send(to="a@example.com")


@service("tells")
def tells(ctx):
    secret = Path(ctx.input).read_text()
    ctx.log.info("it is %s", secret)
    print("printed", secret, flush=True)
    os.write(1, secret[:4].encode())
    os.write(1, secret[4:].encode())
    return {{"secret": secret, secret: [1]}}


@service("tells.as.error")
async def tells_as_error(ctx):
    raise ValueError("no luck with " + Path(ctx.input).read_text())


@service("lists")
def lists(ctx):
    found = []
    for name in ("cmdline", "environ"):
        with open("/proc/self/" + name) as file:
            found += file.read().split(chr(0))
    return found


@service("dies")
def dies(ctx):
    os.write(2, Path(ctx.input).read_text().encode())
    os._exit(3)
"""


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(Answer(body=TEXT.encode())) as server:
        yield server


@pytest.fixture
def mail() -> Iterator[Mail]:
    with Mail() as server:
        yield server


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "pw"
    file.touch(0o600)
    file.write_text(PASSWORD)
    return file


@pytest.fixture
def connections(
    tmp_path: Path, secret: Path, web: Web, mail: Mail, redis_server: RedisServer
) -> Iterator[Connections]:
    with closing(sqlite3.connect(tmp_path / "orders.db")) as database:
        database.execute("CREATE TABLE orders(data TEXT)")
    table = {
        "My Data Source": {
            "kind": "rest",
            "url": web.url,
            "auth": {"kind": "bearer", "token": f"file:{secret.name}"},
        },
        "default": {"kind": "redis", "host": "127.0.0.1", "port": redis_server.port},
        "My SMTP": {
            "kind": "smtp",
            "host": "127.0.0.1",
            "port": mail.port,
            "security": "plain",
            "sender": "jobs@example.com",
        },
        "orders": {"kind": "sql", "url": "sqlite:///orders.db"},
        "dead": {"kind": "redis", "host": "127.0.0.1", "port": free_port()},
    }
    made = Connections.from_settings(table, tmp_path, now=lambda: NOW)
    yield made
    made.close()


@pytest.fixture
def connected(
    registry: Registry,
    children_dir: Path,
    connections: Connections,
    a_file: Callable[[str], None],
) -> Iterator[Workers]:
    """Workers whose services may use `connections`."""
    a_file(SERVICES)
    made = Workers(
        registry,
        slots=4,
        monotonic_ns=perf_counter_ns,
        children_dir=children_dir,
        connections=connections,
    )
    yield made
    made.close()


def outcome_of(
    workers: Workers, service: str, isolation: Isolation, input_text: str | None = None
) -> Outcome:
    reports = Reports()
    call = invocation(service, isolation=isolation, input_text=input_text)
    workers.start([call], reports, Desk().wish)
    return reports.next()


@pytest.mark.parametrize(("service", "isolation"), WAYS)
def test_a_service_reaches_all_that_the_settings_name(
    connected: Workers,
    *,
    service: str,
    isolation: Isolation,
    web: Web,
    mail: Mail,
    tmp_path: Path,
) -> None:
    outcome = outcome_of(connected, service, isolation)
    assert ("succeeded", "") == (outcome.kind, outcome.error)
    assert outcome.result is not None
    assert TEXT == msgspec.json.decode(outcome.result.text or "")
    (asked,) = web.asked
    assert f"Bearer {PASSWORD}" == asked.headers["Authorization"]
    assert "run-1/fetch" == asked.headers["Idempotency-Key"]
    (taken,) = mail.taken
    (attachment,) = taken.message.iter_attachments()
    assert TEXT.encode() == attachment.get_payload(decode=True)
    assert "Sun, 01 Mar 2026 10:05:00 +0000" == taken.message["Date"]
    with closing(sqlite3.connect(tmp_path / "orders.db")) as database:
        assert [(TEXT,)] == database.execute("SELECT data FROM orders").fetchall()


@pytest.mark.parametrize(("service", "isolation"), WAYS)
def test_a_refused_recipient_is_a_failed_attempt(
    connected: Workers, service: str, isolation: Isolation, mail: Mail
) -> None:
    mail.refused["hello@example.com"] = "550 no such user"
    outcome = outcome_of(connected, service, isolation)
    assert ("error", False) == (outcome.kind, outcome.fatal)
    assert outcome.error.startswith('RecipientsRefused: smtp "My SMTP" (127.0.0.1:')
    assert outcome.error.endswith("the server refuses hello@example.com (550 no such user)")


@pytest.mark.parametrize(("service", "isolation"), WAYS)
def test_a_status_that_is_no_success_is_a_failed_attempt(
    connected: Workers, service: str, isolation: Isolation, web: Web, mail: Mail
) -> None:
    web.answer = Answer(500, body=b"it burns")
    outcome = outcome_of(connected, service, isolation)
    assert ("error", False) == (outcome.kind, outcome.fatal)
    assert outcome.error.endswith("500 Internal Server Error: it burns")
    assert [] == mail.taken


@pytest.mark.parametrize("service", ["awaited.unknown", "plain.unknown"])
@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_name_that_is_not_in_the_settings_fails_for_good(
    connected: Workers, service: str, isolation: Isolation
) -> None:
    outcome = outcome_of(connected, service, isolation)
    assert ("error", True) == (outcome.kind, outcome.fatal)
    assert outcome.error.startswith(
        'UnknownConnection: needs connection "Other"; horolog.toml has none of that name'
        " (it has: My Data Source, default, My SMTP, orders, dead)"
    )


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_no_secret_leaves_with_what_a_service_returns_or_writes(
    connected: Workers, isolation: Isolation, secret: Path, connections: Connections
) -> None:
    connections.read_secrets()
    outcome = outcome_of(connected, "tells", isolation, str(secret))
    assert outcome.result is not None
    assert {"secret": "‹secret:pw›", "‹secret:pw›": [1]} == msgspec.json.decode(
        outcome.result.text or ""
    )
    assert outcome.output is not None
    assert "INFO it is ‹secret:pw›" in outcome.output.text
    if isolation == "process":
        assert outcome.output.text.endswith("printed ‹secret:pw›\n‹secret:pw›")
    assert PASSWORD.encode() not in msgspec.msgpack.encode(outcome)


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_no_secret_leaves_with_an_error(
    connected: Workers, isolation: Isolation, secret: Path, connections: Connections
) -> None:
    connections.read_secrets()
    outcome = outcome_of(connected, "tells.as.error", isolation, str(secret))
    assert "ValueError: no luck with ‹secret:pw›" == outcome.error
    assert PASSWORD.encode() not in msgspec.msgpack.encode(outcome)


def test_no_secret_leaves_with_the_last_words_of_a_child(connected: Workers, secret: Path) -> None:
    outcome = outcome_of(connected, "dies", "process", str(secret))
    assert outcome.output is not None
    assert ("crash", "‹secret:pw›") == (outcome.kind, outcome.output.text)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_no_secret_is_in_what_lists_of_processes_show_of_a_child(connected: Workers) -> None:
    outcome = outcome_of(connected, "lists", "process")
    told = (outcome.result and (outcome.result.text or outcome.result.head)) or ""
    assert "services.child" in told
    shown = b"".join(outcome.contents.values()).decode() or told
    for word in (PASSWORD, "‹secret", "My SMTP"):
        assert word not in shown
