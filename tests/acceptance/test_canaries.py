"""Secrets are planted in the settings, used in every way, and then looked for everywhere."""

from pathlib import Path

import pytest

from tests.acceptance.site import PASSWORD, Site
from tests.crash.waiting import until
from tests.servers import Answer, free_port

pytestmark = pytest.mark.acceptance
TOKEN = "canary-token-5f0c9a17"
MAIL_PASSWORD = "canary-mail-aa12 %&\"'"
MORE = """
[connections."Guarded"]
kind = "rest"
url = "{web}"
auth = {{ kind = "bearer", token = "file:token" }}

[connections."Wrong mail"]
kind = "smtp"
host = "127.0.0.1"
port = {smtp}
security = "plain"
username = "jobs"
password = "env:MAIL_PASSWORD"
sender = "jobs@example.com"
"""
TELLING = '''
from horolog import service


@service("tell.all")
async def tell(ctx):
    """A service that gives away whatever it comes by."""
    import os

    token = open("token").read().strip()
    ctx.log.info("the token is %s, the password %s", token, os.environ["STORE_PASSWORD"])
    await ctx.step("told", lambda: {"token": token})
    text = await ctx.rest["Guarded"].get_text()
    return {"token": token, "password": os.environ["STORE_PASSWORD"], "text": text}


@service("tell.failing")
async def failing(ctx):
    token = open("token").read().strip()
    await ctx.smtp["Wrong mail"].send(to="a@example.com", subject="x")
    raise ValueError(token)


@service("tell.raising")
def raising(ctx):
    raise ValueError(f"the token is {open('token').read().strip()}")
'''


def everything(folder: Path) -> dict[str, bytes]:
    """Return what every file of the site holds, save where the secrets are meant to be."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "token"
    }


def test_no_secret_is_found_anywhere(site: Site, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "jobs" / "tell.py").write_text(TELLING)
    site.environ["MAIL_PASSWORD"] = MAIL_PASSWORD
    settings = tmp_path / "horolog.toml"
    more = MORE.format(web=site.web.url, smtp=site.mail.port)
    settings.write_text(settings.read_text() + more)
    site.web.answer = lambda asked: Answer(body=asked.headers.get("Authorization", "").encode())
    port = free_port()
    for job in ("all", "failing", "raising"):
        for isolation in ("thread", "process"):
            name = f"{job}-{isolation}"
            site.say("job", "add", name, f"tell.{job}", "--manual", "--isolation", isolation)
    site.serve("--listen", f"127.0.0.1:{port}")
    told: list[str] = []
    for job in ("all", "failing", "raising"):
        for isolation in ("thread", "process"):
            name = f"{job}-{isolation}"
            told.append(site.say("run", "start", name, "--wait", code=0 if job == "all" else 6))
            (run,) = until(lambda name=name: site.runs(name), f"a run of {name}")  # type: ignore[misc]  # mypy wants no default
            told.append(site.say("run", "show", run["run"], "--json"))
            told.append(site.say("run", "output", run["run"]))
    assert any("‹secret:" in text for text in told)
    told.append(site.say("config", "show"))
    told.append(site.say("config", "show", "--json"))
    told.append(site.say("connection", "list", "--json"))
    told.append(site.say("log", "list", "--jsonl"))
    told.append(site.say("status", "--json"))
    told.append(site.get(f"http://127.0.0.1:{port}/metrics"))
    site.say("db", "backup", "copy.db")
    assert site.server is not None
    told.append(Path(f"/proc/{site.server.pid}/cmdline").read_text())
    held = everything(tmp_path)
    assert any(path.endswith("horolog.db-wal") for path in held)
    for secret in (TOKEN, PASSWORD, MAIL_PASSWORD):
        assert [] == [text[:200] for text in told if secret in text]
        assert [] == [path for path, content in held.items() if secret.encode() in content]
