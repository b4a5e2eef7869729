import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from scheduler.model.limits import ANSWER_BODY_BYTES_MAX, BODY_SHOWN_CHARS
from services.connections.errors import ConnectionFailed, StatusRefused
from services.connections.idempotency import idempotent
from services.connections.rest import Rest
from tests.servers import CERTIFICATE, HERE, Answer, Web, deaf, free_port, tls_before
from tests.services.connections.making import NAME, connections, used

SHORT = "200ms"

Value = TypeVar("Value")


def rest(url: str, use: Callable[[Rest], Awaitable[Value]], **settings: object) -> Value:
    return used(connections({"kind": "rest", "url": url, **settings}), use)


def refused(url: str, use: Callable[[Rest], Awaitable[Any]], **settings: object) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        rest(url, use, **settings)
    return str(caught.value)


def test_the_text_is_what_was_answered_byte_for_byte(web: Web) -> None:
    text = "id,amount\r\n1,10\nzażółć\r"
    web.answer = Answer(body=text.encode())
    assert text == rest(web.url, lambda client: client.get_text())
    assert text.encode() == rest(web.url, lambda client: client.get_bytes())


def test_a_text_is_read_as_its_answer_says_it_is_written(web: Web) -> None:
    latin = {"Content-Type": "text/plain; charset=iso-8859-2"}
    web.answer = Answer(body="zażółć".encode("iso-8859-2"), headers=latin)
    assert "zażółć" == rest(web.url, lambda client: client.get_text())


def test_a_text_that_is_not_written_so_is_an_error_and_not_a_guess(web: Web) -> None:
    web.answer = Answer(body=b"za\xff")
    assert "byte 2 is not utf-8" in refused(web.url, lambda client: client.get_text())


def test_json_is_read(web: Web) -> None:
    web.answer = Answer(body=b'{"a": [1, "\xc3\xbc"]}')
    assert {"a": [1, "ü"]} == rest(web.url, lambda client: client.get_json())


def test_json_that_is_none_is_an_error(web: Web) -> None:
    web.answer = Answer(body=b"<html>")
    assert "the answer is not JSON" in refused(web.url, lambda client: client.get_json())


def test_a_packed_answer_is_unpacked_once(web: Web) -> None:
    web.answer = Answer(body=gzip.compress(b"text"), headers={"Content-Encoding": "gzip"})
    answer = rest(web.url, lambda client: client.get())
    assert ("text", b"text") == (answer.text, answer.content)


@pytest.mark.parametrize(
    ("below", "path", "asked"),
    [
        ("", "", "/"),
        ("/data", "", "/data"),
        ("/data/", "", "/data/"),
        ("/data?a=1", "", "/data?a=1"),
        ("/v1", "orders", "/v1/orders"),
        ("/v1/", "/orders", "/v1/orders"),
        ("/v1?a=1", "orders?b=2", "/v1/orders?a=1&b=2"),
        ("/a%20b", "c%2Fd", "/a%20b/c%2Fd"),
        ("/v1", "ü b", "/v1/%C3%BC%20b"),
        ("/v1", "//other.example.com/x", "/v1/other.example.com/x"),
    ],
)
def test_a_path_is_below_the_address(web: Web, below: str, path: str, asked: str) -> None:
    rest(web.url + below, lambda client: client.get(path))
    assert asked == web.asked[0].path


def test_parameters_join_those_of_the_address(web: Web) -> None:
    rest(f"{web.url}/v1?a=1", lambda client: client.get("x", params={"b": "ü&"}))
    assert "/v1/x?a=1&b=%C3%BC%26" == web.asked[0].path


def test_an_address_of_its_own_is_refused_since_the_credentials_are_not_for_it(web: Web) -> None:
    with pytest.raises(ValueError, match="is an address of its own"):
        rest(web.url, lambda client: client.get("http://other.example.com/"))
    assert not web.asked


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "get"])
def test_every_method_sends_what_it_was_given(web: Web, method: str) -> None:
    async def send(client: Rest) -> httpx.Response:
        answer: httpx.Response = await getattr(client, method)("x", json={"a": 1})
        return answer

    assert 200 == rest(web.url, send).status_code
    asked = web.asked[0]
    assert (method.upper(), {"a": 1}) == (asked.method, json.loads(asked.body))
    assert "application/json" == asked.headers["Content-Type"]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 599])
def test_400_and_above_is_an_error_with_status_and_the_beginning_of_the_body(
    web: Web, status: int
) -> None:
    web.answer = Answer(status, body=b"no  such\r\nthing \x1b[31m" + b"x" * 5_000)
    with pytest.raises(StatusRefused) as caught:
        rest(f"{web.url}/data?a=1", lambda client: client.get_text())
    assert status == caught.value.status
    assert caught.value.body.startswith("no such thing ?[31mxxx")
    assert BODY_SHOWN_CHARS == len(caught.value.body)
    assert str(caught.value).startswith(f'rest "{NAME}" (GET {web.url}/data): {status}')
    assert 1 == len(web.asked)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirection_is_an_error_that_says_where_it_points(web: Web, status: int) -> None:
    web.answer = Answer(status, headers={"Location": "https://elsewhere.example.com/"})
    told = refused(web.url, lambda client: client.get_text())
    assert "it points to https://elsewhere.example.com/; redirections are not followed" in told
    assert 1 == len(web.asked)


def test_not_modified_is_an_answer(web: Web) -> None:
    web.answer = Answer(304)
    assert 304 == rest(web.url, lambda client: client.get()).status_code


def test_a_port_on_which_nothing_listens_is_told_as_such() -> None:
    port = free_port()
    assert (
        f'rest "{NAME}" (GET http://{HERE}:{port}/x): the connection was refused: nothing listens'
        " there" == refused(f"http://{HERE}:{port}", lambda client: client.get("x"))
    )


def test_a_host_without_an_address_is_told_as_such() -> None:
    told = refused("http://nowhere.invalid", lambda client: client.get())
    assert "the host's name has no address" in told


@pytest.mark.parametrize("answer", [Answer(hangs=True), Answer(drips=True)])
def test_the_timeout_counts_for_the_whole_of_a_request(web: Web, answer: Answer) -> None:
    web.answer = answer
    told = refused(web.url, lambda client: client.get_text(), timeout=SHORT)
    assert told.endswith(": no answer within 200ms")


def test_one_request_may_have_a_timeout_of_its_own(web: Web) -> None:
    web.answer = Answer(hangs=True)
    short = timedelta(milliseconds=100)
    told = refused(web.url, lambda client: client.get_text(timeout=short))
    assert told.endswith("no answer within 100ms")


def test_a_server_that_never_says_a_word_is_not_waited_for_longer() -> None:
    with deaf() as port:
        told = refused(f"http://{HERE}:{port}", lambda client: client.get(), timeout=SHORT)
        assert told.endswith("no answer within 200ms")
        told = refused(f"https://{HERE}:{port}", lambda client: client.get(), timeout=SHORT)
        assert told.endswith("no answer within 200ms")


def test_a_connection_is_not_waited_for_as_long_as_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.connections.rest.CONNECT_WAIT", timedelta(milliseconds=200))
    with deaf() as port:
        told = refused(f"https://{HERE}:{port}", lambda client: client.get())
    assert told.endswith("no answer within 200ms")


def test_an_answer_that_is_too_large_is_an_error(web: Web) -> None:
    packed = gzip.compress(bytes(ANSWER_BODY_BYTES_MAX + 1), compresslevel=1)
    web.answer = Answer(body=packed, headers={"Content-Encoding": "gzip"})
    told = refused(web.url, lambda client: client.get())
    assert "the answer has more than 67,108,864 bytes" in told


# -- who it comes from


def test_a_password_is_sent_and_kept_out_of_all_texts(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "open sesame")
    auth = {"kind": "basic", "username": "ali", "password": "env:PW"}
    made = connections({"kind": "rest", "url": web.url, "auth": auth})
    used(made, lambda client: client.get())
    sent = web.asked[0].headers["Authorization"]
    assert "Basic YWxpOm9wZW4gc2VzYW1l" == sent
    assert "‹secret:PW› Basic ‹secret:PW›" == made.secrets.redact(f"open sesame {sent}")


def test_a_token_is_read_again_for_each_request(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(0o600)

    async def twice(client: Rest) -> None:
        for token in ("first", "second"):
            file.write_text(f"{token}\n")
            await client.get()

    auth = {"kind": "bearer", "token": "file:token"}
    used(connections({"kind": "rest", "url": web.url, "auth": auth}, tmp_path), twice)
    assert ["Bearer first", "Bearer second"] == [
        asked.headers["Authorization"] for asked in web.asked
    ]


def test_a_header_of_the_far_ends_own_is_sent(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "open sesame")
    auth = {"kind": "header", "name": "X-Key", "value": "env:KEY"}
    headers = {"Accept": "text/csv", "X-Second": "env:KEY"}
    rest(web.url, lambda client: client.get(headers={"X-Own": "1"}), auth=auth, headers=headers)
    sent = web.asked[0].headers
    assert ("open sesame", "text/csv", "open sesame", "1") == (
        sent["X-Key"],
        sent["Accept"],
        sent["X-Second"],
        sent["X-Own"],
    )


def test_the_key_of_a_step_is_sent_and_no_other_steps(web: Web) -> None:
    async def step(client: Rest, key: str) -> None:
        with idempotent(key):
            await client.post(key)

    async def side_by_side(client: Rest) -> None:
        await asyncio.gather(*(step(client, key) for key in ("a", "b", "c")))
        await client.post("none")
        with idempotent("outer"):
            await client.post("own", idempotency_key="own")

    rest(web.url, side_by_side)
    keys = {asked.path[1:]: asked.headers.get("Idempotency-Key") for asked in web.asked}
    assert {"a": "a", "b": "b", "c": "c", "none": None, "own": "own"} == keys


# -- encryption


def test_a_certificate_of_the_users_own_is_trusted_when_it_is_named(web: Web) -> None:
    with tls_before(web.port) as port:
        url = f"https://localhost:{port}"
        assert 200 == rest(url, lambda client: client.get(), ca=str(CERTIFICATE)).status_code
        assert "its certificate does not verify" in refused(url, lambda client: client.get())


def test_a_file_of_certificates_that_is_not_there_is_told_as_such(web: Web) -> None:
    told = refused("https://localhost", lambda client: client.get(), ca="gone.pem")
    assert "ca: gone.pem: No such file or directory" in told


def test_tls_to_a_port_without_is_told_as_such(web: Web) -> None:
    told = refused(f"https://{HERE}:{web.port}", lambda client: client.get())
    assert "no TLS there" in told


def test_what_the_environment_says_of_proxies_does_not_count(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{HERE}:{free_port()}")
    assert 200 == rest(web.url, lambda client: client.get()).status_code


def test_a_proxy_of_the_settings_is_asked(web: Web) -> None:
    rest("http://api.example.com/v1", lambda client: client.get("x"), proxy=web.url)
    assert "http://api.example.com/v1/x" == web.asked[0].path


# -- ping


def test_a_ping_says_what_was_answered(web: Web) -> None:
    assert f'rest "{NAME}" ({web.url}): answers 200 OK' == rest(
        web.url, lambda client: client.ping(), ping="/health"
    )
    assert "/health" == web.asked[0].path


def test_a_ping_that_is_refused_fails(web: Web) -> None:
    web.answer = Answer(401)
    assert "401 Unauthorized" in refused(web.url, lambda client: client.ping())
