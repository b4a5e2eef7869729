"""Three questions over TCP, for anybody; nothing else is answered and nothing can be changed."""

import http.client
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from scheduler.executor.owner import who_owns
from scheduler.model.errors import BadInput, Conflict, Refused
from tests.tools.conftest import Serve, made_in
from tests.tools.making import defining, triggering
from tools.addresses import Address
from tools.app import open_wishes
from tools.serving import Served
from tools.settings import Settings
from tools.vitals import Health, Readiness
from tools.web.tcp import address_of, bind_local

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATHS = ("/healthz", "/readyz", "/metrics")


class Answer(NamedTuple):
    """What came back."""

    status: int
    kind: str  # of content
    text: str

    @property
    def value(self) -> Any:  # noqa: ANN401  # whatever was answered
        return msgspec.json.decode(self.text)


def asked(
    address: Address, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
) -> Answer:
    with closing(http.client.HTTPConnection(*address, timeout=30)) as connection:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        kind = response.getheader("Content-Type", "")
        return Answer(response.status, kind, response.read().decode())


def listening(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, listen="127.0.0.1:0", probe_listen="127.0.0.1:0")


def addresses_of(served: Served) -> list[Address]:
    return [address_of(bound) for bound in served.ports.sockets]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a server with both ports, which the tests of this file share."""
    settings = listening(made_in(tmp_path_factory.mktemp("probed")))
    served = Served(settings, lambda who: None)
    yield served
    served.stop()


@pytest.fixture
def address(standing: Served) -> Address:
    return addresses_of(standing)[0]


def values(text: str) -> dict[str, float]:
    """Return the samples of a scrape that has no labels worth a look, or the sum over them."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


# -- what is answered


def test_both_ports_answer_the_same_three(standing: Served) -> None:
    for address in addresses_of(standing):
        assert [200, 200, 200] == [asked(address, path).status for path in PATHS]


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/jobs", "/api/v1/status", "/metrics/", "/healthz/x", "//metrics"]
)
def test_nothing_else_is_answered(address: Address, path: str) -> None:
    answer = asked(address, path)
    assert (404, "application/problem+json") == (answer.status, answer.kind)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(address: Address, path: str, method: str) -> None:
    assert 405 == asked(address, path, method=method).status


@pytest.mark.parametrize("path", PATHS)
def test_a_look_without_the_answer_is_as_good(address: Address, path: str) -> None:
    assert (200, "") == asked(address, path, method="HEAD")[::2]


def test_health_tells_how_long_the_loop_has_been_silent(address: Address) -> None:
    answer = asked(address, "/healthz")
    assert answer.value["is_healthy"]
    assert 0 <= answer.value["silent_for_s"] < 30


def test_a_ready_server_says_so(address: Address) -> None:
    answer = asked(address, "/readyz")
    assert (200, "application/json") == (answer.status, answer.kind)
    assert {"is_ready": True, "why": None, "since": None, "owed": 0, "notes": []} == {
        key: value for key, value in answer.value.items() if key != "heartbeat_at"
    }


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain", "text/html,text/plain;q=0.5"])
def test_metrics_are_text_unless_something_else_is_asked_for(address: Address, accept: str) -> None:
    answer = asked(address, "/metrics", headers={"Accept": accept})
    assert 200 == answer.status
    assert answer.kind.startswith("text/plain; version=")
    assert 1 == values(answer.text)["horolog_ready"]


def test_prometheus_gets_the_open_format_it_asks_for(address: Address) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    answer = asked(address, "/metrics", headers={"Accept": accept})
    assert answer.kind.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("version", ["x", "1.x", "", "99999999999999999999", "1.0.0; version=2"])
def test_a_version_that_is_none_is_no_defect_of_ours(address: Address, version: str) -> None:
    accept = f"application/openmetrics-text;version={version}"
    assert 200 == asked(address, "/metrics", headers={"Accept": accept}).status


def test_answers_are_not_kept_by_anybody_between(address: Address) -> None:
    for path in PATHS:
        with closing(http.client.HTTPConnection(*address, timeout=30)) as connection:
            connection.request("GET", path)
            assert "no-store" == connection.getresponse().getheader("Cache-Control")


# -- what is wrong


@contextmanager
def telling(served: Served, patch: pytest.MonkeyPatch, **answers: object) -> Iterator[None]:
    """Have a server's vitals answer so."""
    with patch.context() as context:
        for name, answer in answers.items():
            context.setattr(served.vitals, name, partial(itself, answer))
        yield


def itself(answer: object) -> object:
    return answer


def test_a_loop_that_stands_still_fails_health_alone(
    standing: Served, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with telling(standing, monkeypatch, health=Health(False, 31.5)):
        answer = asked(address, "/healthz")
        assert (503, {"is_healthy": False, "silent_for_s": 31.5}) == (answer.status, answer.value)
        assert 200 == asked(address, "/readyz").status


def test_a_full_disk_fails_readiness_alone_and_tells_since_when_and_what_is_owed(
    standing: Served, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Readiness(False, "Disk full: 0 bytes free", NOON, NOON + timedelta(seconds=9), 14)
    with telling(standing, monkeypatch, readiness=told):
        answer = asked(address, "/readyz")
        assert 503 == answer.status
        assert {
            "is_ready": False,
            "why": "Disk full: 0 bytes free",
            "since": "2026-03-01T12:00:00Z",
            "heartbeat_at": "2026-03-01T12:00:09Z",
            "owed": 14,
            "notes": [],
        } == answer.value
        assert 200 == asked(address, "/healthz").status


def test_a_defect_of_ours_is_told_without_its_inside(
    standing: Served, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with telling(standing, monkeypatch, figures=None):
        answer = asked(address, "/metrics")
    assert (500, "application/problem+json") == (answer.status, answer.kind)
    assert "Traceback" not in answer.text
    assert 200 == asked(address, "/metrics").status


# -- a server and its ports


def test_a_scrape_shows_what_has_just_happened(settings: Settings, serve: Serve) -> None:
    served = serve(listening(settings))
    with open_wishes(settings) as wishes:
        command = defining("_odd", service="fail.always")
        wishes.ask(command)
        wishes.ask(triggering(command.job))
    position = 0
    while "RunFailed" not in {type(one.event).__name__ for one in served.log.read()}:
        assert served.log.wait(position, 10.0)
        position = served.log.head().position
    assert served.projector.wait_for(served.log.head().position, 10.0)
    text = asked(addresses_of(served)[0], "/metrics").text
    labels = 'cause="trigger",job_name="__odd",outcome="failed"'
    assert f"horolog_runs_total{{{labels}}} 1.0\n" in text
    assert 'horolog_job_consecutive_failures{job_name="__odd"} 1.0\n' in text
    assert values(text)["horolog_log_position"] == served.log.head().position


def test_ports_answer_until_attempts_have_ended_and_are_free_afterwards(
    settings: Settings, serve: Serve
) -> None:
    served = serve(listening(settings))
    address = addresses_of(served)[0]
    served.executor.stop()
    answer = asked(address, "/readyz")
    assert (503, "the server is stopping") == (answer.status, answer.value["why"])
    served.stop()
    with bind_local(address):
        pass


def test_a_port_in_use_is_refused_before_anything_starts(settings: Settings) -> None:
    with bind_local(Address("127.0.0.1", 0)) as taken:
        busy = msgspec.structs.replace(settings, listen=str(address_of(taken)))
        with pytest.raises(Conflict, match="is in use by another process"):
            Served(busy, lambda who: None)
    assert None is who_owns(settings.db)
    with open_wishes(settings) as wishes:  # and the log is as it was
        assert 2 == wishes.ask(defining()).first


def test_a_server_that_cannot_begin_lets_go_of_its_ports(settings: Settings) -> None:
    with bind_local(Address("127.0.0.1", 0)) as found:
        free = address_of(found)
    wrong = msgspec.structs.replace(settings, listen=str(free), socket_group="nobody-of-that-name")
    with pytest.raises(BadInput, match=r"socket\.group") as error:
        Served(wrong, lambda who: None)
    with bind_local(free):
        assert error.value.problems


def test_a_port_for_everybody_is_refused_before_anything_starts(settings: Settings) -> None:
    public = msgspec.structs.replace(settings, listen="0.0.0.0:0")
    with pytest.raises(Refused, match="Refusing to listen on"):
        Served(public, lambda who: None)
    assert None is who_owns(settings.db)


def test_the_first_line_tells_the_ports(standing: Served) -> None:
    first, second = addresses_of(standing)
    assert str(standing).endswith(f" · http {first} · probes {second}")


@pytest.mark.acceptance
def test_promtool_finds_nothing_wrong_with_a_scrape(settings: Settings, serve: Serve) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not on PATH; on Debian: apt-get install prometheus"
    served = serve(listening(settings))
    with open_wishes(settings) as wishes:
        command = defining('quotes " and \\ and ‹words›')
        wishes.ask(command)
        wishes.ask(triggering(command.job))
    text = asked(addresses_of(served)[0], "/metrics").text
    assert "‹words›" in text
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_a_real_server_is_scraped(settings: Settings) -> None:
    (settings.base / "horolog.toml").write_text(
        '[services]\nload = ["jobs.py"]\n[http]\nprobe_listen = "none"\n'
    )
    serve = (
        "import sys; from tools.cli.main import main;"
        " sys.exit(main(['serve', '--listen', '127.0.0.1:0', '--probe-listen', '127.0.0.1:0']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", serve],
        cwd=settings.base,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stderr is not None
            line = server.stderr.readline()
            ports = re.findall(r" · (http|probes) 127\.0\.0\.1:(\d+)", line)
            assert ["http", "probes"] == [what for what, _ in ports], line
            for _, port in ports:
                address = Address("127.0.0.1", int(port))
                assert 200 == asked(address, "/healthz").status
                assert 200 == asked(address, "/readyz").status
                found = values(asked(address, "/metrics").text)
                assert 1 == found["horolog_ready"] == found["horolog_build_info"]
                assert found["horolog_log_position"] > 1
        finally:
            server.terminate()
            server.communicate(timeout=60)
    assert 0 == server.returncode
