"""Connections and settings by the command: secrets never in any of it, whatever is asked."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from tests.tools.cli.desk import SETTINGS, Desk

SECRET = "swordfish-42"  # made up
CONNECTIONS = """
[connections.source]
kind = "rest"
url = "http://127.0.0.1:{port}"
timeout = "5s"
auth = {{ kind = "bearer", token = "file:token" }}
[connections.nobody]
kind = "redis"
host = "127.0.0.1"
port = 1
timeout = "5s"
"""


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers each request, and is silent about it."""

    def do_GET(self) -> None:
        """Answer that all is well."""
        self.send_response(200)
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815  # its base's spelling

    def log_message(self, format: str, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def reach(bare_desk: Desk) -> Iterator[Desk]:
    """Return a desk with a connection to a real server, and one to nobody."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        token = bare_desk.folder / "token"
        token.write_text(SECRET)
        token.chmod(0o600)
        text = SETTINGS + CONNECTIONS.format(port=server.server_port)
        (bare_desk.folder / "horolog.toml").write_text(text)
        try:
            yield bare_desk
        finally:
            server.shutdown()  # before its socket is closed under the thread that listens


def test_connections_are_listed_with_where_their_secrets_are(reach: Desk) -> None:
    rows = reach.done("connection", "list", "--json").json
    assert [("source", "rest", "file:token"), ("nobody", "redis", "")] == [
        (row["connection"], row["kind"], row["secrets"]) for row in rows
    ]


def test_a_far_end_that_is_there_answers(reach: Desk) -> None:
    (row,) = reach.done("connection", "ping", "source", "--json").json
    assert ("source", True) == (row["connection"], row["ok"])


def test_one_that_is_not_is_told_with_its_cause_and_exit_code_1(reach: Desk) -> None:
    printed = reach("connection", "ping", "--all", "--json")
    assert (1, [True, False]) == (printed.code, [row["ok"] for row in printed.json])
    assert "nothing listens there" in printed.json[1]["message"]


@pytest.mark.parametrize("words", [(), ("source", "--all")])
def test_a_ping_is_told_whom_to_ask(reach: Desk, words: tuple[str, ...]) -> None:
    assert 2 == reach("connection", "ping", *words).code


def test_an_unknown_connection_is_refused_with_those_there_are(reach: Desk) -> None:
    printed = reach("connection", "ping", "sauce")
    assert (2, True) == (printed.code, "Known: source, nobody" in printed.err)


def test_settings_are_checked_with_their_secrets(reach: Desk) -> None:
    assert "nothing is wrong (2 connections, 1 secrets)" in reach.done("config", "check").out
    (reach.folder / "token").chmod(0o644)
    printed = reach("config", "check")
    assert (2, True) == (printed.code, "can be read by everyone (0644)" in printed.err)


def test_a_wrong_key_is_told_by_its_name(bare_desk: Desk) -> None:
    (bare_desk.folder / "horolog.toml").write_text('[services]\nrelaod = "never"\n')
    printed = bare_desk("config", "check")
    assert (2, True) == (printed.code, "Did you mean services.reload?" in printed.err)


def test_settings_are_shown_as_they_count(reach: Desk) -> None:
    shown = reach.done("config", "show", "--json").json
    assert ("Europe/Warsaw", "auto", "0600") == (
        shown["defaults.timezone"],
        shown["services.reload"],
        shown["socket.mode"],
    )
    source = shown["connections"]["source"]
    assert {"kind": "bearer", "token": "file:token"} == source["auth"]
    assert "5s" == source["timeout"]


def test_settings_are_shown_to_people_line_by_line(reach: Desk) -> None:
    lines = reach.done("config", "show").out.splitlines()
    assert 'defaults.timezone = "Europe/Warsaw"' in lines
    assert any(line.startswith('connections."source" = ') for line in lines)


def test_no_secret_is_in_any_answer(reach: Desk) -> None:
    for words in (
        ("connection", "list"),
        ("connection", "ping", "--all"),
        ("config", "show"),
        ("config", "check"),
    ):
        for form in ((), ("--json",)):
            printed = reach(*words, *form)
            assert SECRET not in printed.out + printed.err
    assert SECRET not in json.dumps(reach.done("config", "show", "--json").json)
