"""No secret of the settings is in any file of a log, whatever services do with it."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from scheduler.model.events import RunFailed, RunSucceeded
from tests.servers import Answer, Web
from tests.tools.conftest import Serve
from tests.tools.making import defining, definition, triggering
from tools.app import open_wishes
from tools.serving import Served
from tools.settings import Settings, read_settings

CANARY = "cänary-in/the mine"
FORMS = (
    CANARY,
    quote(CANARY),
    quote(CANARY, safe=""),
    base64.b64encode(CANARY.encode()).decode().rstrip("="),
    base64.b64encode(f"ali:{CANARY}".encode()).decode(),
)

SERVICES = """
import base64
from pathlib import Path
from urllib.parse import quote
from services.registry import service

SECRET = Path("{file}").read_text()


def all_forms():
    return SECRET + " " + quote(SECRET) + " " + base64.b64encode(SECRET.encode()).decode()


@service("tell")
def tell(ctx):
    ctx.log.warning("it is %s", all_forms())
    print(all_forms())
    ctx.step("told", lambda: {{"secret": all_forms()}})
    return [all_forms(), "x" * 5000]


@service("fail")
def fail(ctx):
    try:
        raise ValueError(all_forms())
    except ValueError:
        raise RuntimeError(all_forms() + "x" * 5000)


@service("ask")
async def ask(ctx):
    await ctx.rest["echo"].get(params={{"key": SECRET}})
"""


@pytest.fixture
def echo() -> Iterator[Web]:
    """Return a server that refuses, repeating what it was sent."""

    def repeat(asked: object) -> Answer:
        return Answer(500, body=repr(asked).encode())

    with Web(repeat) as server:
        yield server


def test_no_secret_is_in_any_file_of_a_log(
    settings: Settings, serve: Serve, tmp_path: Path, echo: Web
) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(CANARY)
    (settings.base / "jobs.py").write_text(SERVICES.format(file=secret))
    file = settings.base / "horolog.toml"
    file.write_text(
        f"""
        db = "horolog.db"
        [services]
        load = ["jobs.py"]
        [connections.echo]
        kind = "rest"
        url = "{echo.url}"
        auth = {{ kind = "basic", username = "ali", password = "file:secret" }}
        """
    )
    served = serve(read_settings(file))
    ended = [
        run_of(served, service, isolation)
        for service in ("tell", "fail", "ask")
        for isolation in ("thread", "process")
    ]
    assert ["RunSucceeded"] * 2 + ["RunFailed"] * 4 == ended
    served.stop()
    written = [one for one in tmp_path.rglob("*") if one.is_file() and one != secret]
    assert len(written) > 2
    for one in written:
        content = one.read_bytes()
        assert not [form for form in FORMS if form.encode() in content], one.name
    assert "‹secret:secret›".encode() in (tmp_path / "horolog.db").read_bytes()


def test_a_secret_that_everyone_can_read_is_named_at_the_start(
    settings: Settings, serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "smtp").write_text(CANARY)
    (tmp_path / "smtp").chmod(0o644)
    file = settings.base / "horolog.toml"
    file.write_text(
        """
        db = "horolog.db"
        [connections."My SMTP"]
        kind = "smtp"
        host = "localhost"
        username = "jobs"
        password = "file:smtp"
        """
    )
    served = serve(read_settings(file))
    (told,) = served.secrets_missing
    hint = 'chmod 600, or set permissions = "any" if that is meant'
    exposed = 'connections."My SMTP".password: file:smtp can be read by everyone (0644).'
    assert f"{exposed} {hint}" == str(told)


def run_of(served: Served, service: str, isolation: str) -> str:
    """Have a service called once; return how its run ended."""
    name = f"{service} {isolation}"
    job = msgspec.structs.replace(definition(name, service=service), isolation=isolation)
    command = msgspec.structs.replace(defining(), definition=job)
    run = triggering(command.job)
    position = served.log.head().position
    with open_wishes(served.settings) as wishes:
        wishes.ask(command)
        wishes.ask(run)
    while served.log.wait(position, 30.0):
        for recorded in served.log.read(after=position):
            position = recorded.position
            event = recorded.event
            if isinstance(event, RunSucceeded | RunFailed) and event.run == run.run:
                return type(event).__name__
    raise AssertionError("the log does not grow")
