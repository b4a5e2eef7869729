import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import services.builtin.http as ours
from scheduler.model.limits import HTTP_REDIRECTS_MAX, HTTP_TIMEOUT_MAX
from services.builtin.http import HttpFailed, resolved
from services.outcomes import Fatal
from services.permissions import Permissions
from tests.servers import CERTIFICATE, Answer, Asked, Web, tls_before
from tests.services.builtin.making import called

PRIVATE = Permissions(private_addresses=True)
FOLLOWS = Permissions(private_addresses=True, redirects=True)


def asked_of(web: Web, permissions: Permissions = PRIVATE, **fields: object) -> Any:  # noqa: ANN401  # whatever the service returns
    given = {"url": web.url, **fields}
    return called("http.request", given, permissions=permissions)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104  # nothing is bound
        "224.0.0.1",
        "2130706433",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_an_address_of_the_own_network_is_refused(host: str) -> None:
    with pytest.raises(Fatal, match=r"an address of a private network.*allow_private = true"):
        called("http.request", {"url": f"http://{host}:9/"})


def test_a_refused_address_is_not_asked(web: Web) -> None:
    with pytest.raises(Fatal):
        asked_of(web, Permissions())
    assert 0 == len(web.asked)


def test_what_is_allowed_is_asked_and_answered(web: Web) -> None:
    web.answer = Answer(status=201, body="größer".encode())
    answer = asked_of(web, method="put", body="text", headers={"X-A": "1"})
    assert {"status": 201, "body": "größer"} == answer
    [asked] = web.asked
    assert ("PUT", b"text", "1") == (asked.method, asked.body, asked.headers["X-A"])
    assert asked.headers["Idempotency-Key"]


def test_json_is_sent_as_json(web: Web) -> None:
    asked_of(web, method="POST", json={"a": [1, None]})
    [asked] = web.asked
    assert {"a": [1, None]} == msgspec.json.decode(asked.body)
    assert "application/json" == asked.headers["Content-Type"]


def test_the_host_is_asked_for_by_its_name(web: Web) -> None:
    called("http.request", {"url": f"http://localhost:{web.port}/a?b=1"}, permissions=PRIVATE)
    [asked] = web.asked
    assert f"localhost:{web.port}" == asked.headers["Host"]
    assert "/a?b=1" == asked.path


def test_another_host_header_is_not_sent_beside_the_true_one(web: Web) -> None:
    asked_of(web, headers={"HOST": "elsewhere.example"})
    assert f"127.0.0.1:{web.port}" == web.asked[0].headers["Host"]


def test_the_certificate_is_checked_against_the_name_though_the_address_is_asked(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certifi.where", lambda: str(CERTIFICATE))  # as if the world trusted it
    with tls_before(web.port) as port:
        asked = {"url": f"https://localhost:{port}/"}
        assert {"status": 200, "body": ""} == called("http.request", asked, permissions=PRIVATE)
        assert f"localhost:{port}" == web.asked[0].headers["Host"]
        same = {"url": f"https://2130706433:{port}/"}  # 127.0.0.1, which the certificate names
        with pytest.raises(HttpFailed, match=r"(?i)certificate"):
            called("http.request", same, permissions=PRIVATE)
    assert 1 == len(web.asked)


def test_a_certificate_that_nobody_vouches_for_is_refused(web: Web) -> None:
    with tls_before(web.port) as port, pytest.raises(HttpFailed, match=r"(?i)certificate"):
        called("http.request", {"url": f"https://localhost:{port}/"}, permissions=PRIVATE)
    assert 0 == len(web.asked)


def test_a_literal_address_of_version_6_stays_one() -> None:
    target, extensions, host = asyncio.run(resolved("http://[::1]:81/a", is_private_allowed=True))
    assert ("http://[::1]:81/a", "[::1]:81") == (target, host)
    assert {"sni_hostname": "::1"} == extensions


@pytest.mark.parametrize("url", ["ftp://a.example/", "nonsense", "http://", "file:///etc/passwd"])
def test_what_is_no_http_url_fails_for_good(url: str) -> None:
    with pytest.raises(Fatal, match=r"\$\.input\.url"):
        called("http.request", {"url": url})


def test_a_name_that_no_host_can_have_fails() -> None:
    with pytest.raises((HttpFailed, Fatal)):
        called("http.request", {"url": f"http://{'a' * 70}.example/"})


@pytest.mark.parametrize("status", [404, 500])
def test_a_refusal_of_the_far_end_fails_with_what_it_said(web: Web, status: int) -> None:
    web.answer = Answer(status=status, body=b"out of order")
    with pytest.raises(HttpFailed, match=rf"GET {web.url}: answered {status}: out of order"):
        asked_of(web)


def test_what_was_expected_is_success_and_nothing_else_is(web: Web) -> None:
    web.answer = Answer(status=404)
    assert 404 == asked_of(web, expect=[404])["status"]
    web.answer = Answer(status=200)
    with pytest.raises(HttpFailed, match="answered 200"):
        asked_of(web, expect=[404])


def test_a_redirect_is_not_followed_unless_allowed(web: Web) -> None:
    web.answer = Answer(status=302, headers={"Location": "/elsewhere"})
    with pytest.raises(HttpFailed, match=r"a redirect to '/elsewhere'.*allow_redirects = true"):
        asked_of(web)
    assert 1 == len(web.asked)
    assert 302 == asked_of(web, expect=[302])["status"]


def leading_to(url: str, status: int = 302) -> Callable[[Asked], Answer]:
    """Return an answer that leads to `url` once and is good there."""

    def answer(asked: Asked) -> Answer:
        if asked.path == "/":
            return Answer(status=status, headers={"Location": url})
        return Answer(body=b"arrived")

    return answer


@pytest.mark.parametrize(("status", "method"), [(303, "GET"), (307, "POST")])
def test_a_redirect_is_followed_when_allowed(web: Web, status: int, method: str) -> None:
    web.answer = leading_to("/b", status)
    assert "arrived" == asked_of(web, FOLLOWS, method="POST", body="text")["body"]
    assert [("POST", "/"), (method, "/b")] == [(one.method, one.path) for one in web.asked]


def test_what_opens_one_host_is_not_shown_to_another(web: Web) -> None:
    with Web() as other:
        web.answer = leading_to(f"{other.url}/b")
        asked_of(web, FOLLOWS, headers={"Authorization": "Bearer hush", "Accept": "text/plain"})
        [first], [second] = web.asked, other.asked
    assert "Bearer hush" == first.headers["Authorization"]
    assert "Authorization" not in second.headers
    assert "text/plain" == second.headers["Accept"]


def test_a_redirect_into_the_own_network_is_refused(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = resolved
    looked_at: list[str] = []

    async def first_is_public(url: str, *, is_private_allowed: bool) -> Any:  # noqa: ANN401  # what it stands for
        looked_at.append(url)
        return await real(url, is_private_allowed=len(looked_at) == 1)

    monkeypatch.setattr(ours, "resolved", first_is_public)  # no public server is at hand
    target = f"http://localhost:{web.port}/b"
    web.answer = leading_to(target)
    with pytest.raises(Fatal, match=r"localhost is .*a private network"):
        asked_of(web, Permissions(redirects=True))
    assert [web.url, target] == looked_at
    assert ["/"] == [asked.path for asked in web.asked]


def test_redirects_without_end_are_not_followed_to_it(web: Web) -> None:
    web.answer = Answer(status=302, headers={"Location": "/"})
    with pytest.raises(HttpFailed, match=r"more than 5 redirects"):
        asked_of(web, FOLLOWS)
    assert HTTP_REDIRECTS_MAX + 1 == len(web.asked)


def test_an_answer_beyond_the_bound_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "HTTP_ANSWER_BYTES_MAX", 1_000)
    web.answer = Answer(body=b"x" * 1_000)
    assert 1_000 == len(asked_of(web)["body"])
    web.answer = Answer(body=b"x" * 900, drips=True)  # without end: all of it is never awaited
    with pytest.raises(HttpFailed, match=r"more than 1,000 bytes"):
        asked_of(web)


def test_an_answer_without_end_is_given_up_in_time(web: Web) -> None:
    web.answer = Answer(drips=True)
    with pytest.raises(HttpFailed, match=r"no whole answer within 0\.3 s"):
        asked_of(web, timeout_s=0.3)


def test_nobody_there_fails() -> None:
    with Web() as gone:
        url = gone.url
    with pytest.raises(HttpFailed, match=f"GET {url}"):
        called("http.request", {"url": url}, permissions=PRIVATE)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": HTTP_TIMEOUT_MAX.total_seconds() + 1}, "timeout_s"),
        ({"body": "a", "json": 1}, "json"),
        ({"headers": {"X-A": "ü€"}}, "headers"),
        ({"methud": "GET"}, 'Did you mean "method"'),
    ],
)
def test_a_wrong_field_is_named(web: Web, fields: dict[str, object], named: str) -> None:
    with pytest.raises(Fatal, match=named):
        called("http.request", {"url": web.url, **fields}, permissions=PRIVATE)
    assert 0 == len(web.asked)
