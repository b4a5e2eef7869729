"""A user's site as the acceptance rows want it: real servers, settings, a service file, serve.

Everything is driven as a user would: by the command, in a process of its own.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import redis

from tests.crash.waiting import PATIENCE_S, until
from tests.servers import Answer, Mail, RedisServer, Web

ROOT = Path(__file__).parent.parent.parent
DATA = "id,amount\n1,10\n"
COMMAND = "import sys; from tools.cli.main import main; sys.exit(main())"
PASSWORD = "hush-redis-7d1f"
SERVICE = """
from horolog import service


@service("api.scheduler.sync")
async def sync(ctx):
    data = await ctx.step("fetch", lambda: ctx.rest["My Data Source"].get_text())
    await ctx.step("store", lambda: ctx.redis["Store"].set("newest.data", data))
    await ctx.step("mail", lambda: mail(ctx, data))


@service("api.scheduler.mail-first")
async def mail_first(ctx):
    data = await ctx.step("fetch", lambda: ctx.rest["My Data Source"].get_text())
    await ctx.step("mail", lambda: mail(ctx, data))
    await ctx.step("store", lambda: ctx.redis["Store"].set("newest.data", data))


@service("api.scheduler.swapped")
async def swapped(ctx):
    data = await ctx.step("fetch", lambda: ctx.rest["My Data Source"].get_text())
    await ctx.step("table", lambda: ctx.sql["Table"].execute(
        "INSERT INTO newest(data) VALUES (?)", [data]))
    await ctx.step("hook", lambda: post(ctx, data))


@service("api.scheduler.input")
def given(ctx):
    return {"raw": ctx.input, "parsed": ctx.data}


@service("api.scheduler.window")
def window(ctx):
    return {"fire_time": ctx.fire_time.isoformat()}


async def mail(ctx, data):
    await ctx.smtp["My SMTP"].send(
        to="hello@example.com",
        cc="hello.cc@example.com",
        subject="New data",
        body="Check attached data",
        attach={"my.data.txt": data},
    )


async def post(ctx, data):
    await ctx.rest["Hook"].post("new", content=data)
"""
SETTINGS = """
db = "horolog.db"

[defaults]
timezone = "UTC"

[services]
load = ["jobs/*.py"]

[connections."My Data Source"]
kind = "rest"
url = "{web}"
timeout = "2s"

[connections."Hook"]
kind = "rest"
url = "{hook}"

[connections."My SMTP"]
kind = "smtp"
host = "127.0.0.1"
port = {smtp}
security = "plain"
sender = "Jobs <jobs@example.com>"

[connections."Store"]
kind = "redis"
host = "127.0.0.1"
port = {redis}
password = "env:STORE_PASSWORD"

[connections."Table"]
kind = "sql"
url = "sqlite:///{folder}/table.db"
create = true
"""


class Site:
    """Servers, folder and command of one user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened = ExitStack()
        enter = self._opened.enter_context
        self.web = enter(Web(Answer(body=DATA.encode())))
        self.hook = enter(Web())
        self.mail = enter(Mail())
        self.store = enter(RedisServer(password=PASSWORD))
        self.server: subprocess.Popen[str] | None = None
        self.environ = {**os.environ, "PYTHONPATH": str(ROOT), "STORE_PASSWORD": PASSWORD}
        (folder / "jobs").mkdir()
        (folder / "jobs" / "sync.py").write_text(SERVICE)
        self.settings()
        self.say("init")

    def settings(self, **changed: object) -> None:
        """Write the settings file; ports may be changed for wrong ones."""
        ports: dict[str, object] = {
            "web": self.web.url,
            "hook": self.hook.url,
            "smtp": self.mail.port,
            "redis": self.store.port,
            "folder": self.folder,
        }
        (self.folder / "horolog.toml").write_text(SETTINGS.format(**{**ports, **changed}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._opened.close()

    # -- the command

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Type a command; it must end with this exit code."""
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert code == done.returncode, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def say(self, *words: str, code: int = 0) -> str:
        """Type a command and return what it prints, on both channels."""
        done = self.run(*words, code=code)
        return done.stdout + done.stderr

    def json(self, *words: str) -> Any:  # noqa: ANN401  # whatever is printed
        """Type a command with --json and return the value."""
        return json.loads(self.run(*words, "--json").stdout)

    def lines(self, *words: str) -> list[dict[str, Any]]:
        """Type a command with --jsonl and return the rows."""
        printed = self.run(*words, "--jsonl").stdout
        return [json.loads(line) for line in printed.splitlines()]

    # -- the server

    def serve(self, *words: str) -> None:
        """Start the server and wait until it says that it is ready."""
        self._start("-c", COMMAND, "serve", *(words or ("--listen", "none")))

    def serve_at(self, at: datetime) -> None:
        """Start the server as if it were another time by now: only its wall clock is moved."""
        clock = self.folder / "clock"
        off_s = (at - datetime.now(UTC)) // timedelta(seconds=1)  # noqa: TID251  # a test's own now
        clock.write_text(str(off_s))
        self._start("-m", "tests.crash.moved", str(self.folder / "horolog.toml"), str(clock))

    def _start(self, *words: str) -> None:
        self.server = subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env=self.environ,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.server.stderr is not None
        said = []
        for line in self.server.stderr:
            said.append(line)
            if line.startswith("serving "):
                return
        raise AssertionError(f"the server did not start: {''.join(said)}")

    def stop(self) -> None:
        """Stop the server in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the server, if there is one."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        server, self.server = self.server, None
        if server is not None:
            server.send_signal(number)
            server.wait(60)
            assert server.stderr is not None
            server.stderr.close()

    # -- what came of it

    def runs(self, job: str) -> list[dict[str, Any]]:
        """Return a job's runs, oldest first."""
        return self.lines("run", "list", "--job", job)[::-1]

    def ended(
        self, job: str, count: int = 1, *, status: str = "succeeded", seconds: float = PATIENCE_S
    ) -> list[dict[str, Any]]:
        """Wait until so many runs of a job have ended so, and return them."""

        def look() -> list[dict[str, Any]] | None:
            found = [run for run in self.runs(job) if run["status"] == status]
            return found if len(found) >= count else None

        return until(look, f"{count} runs of {job} {status}", seconds=seconds)

    def stored(self) -> str | None:
        """Return what stands in Redis."""
        with redis.Redis(port=self.store.port, password=PASSWORD) as client:
            found = client.get("newest.data")
        return None if found is None else bytes(found).decode()

    def hits(self) -> int:
        """Return how often the endpoint was asked."""
        return len(self.web.asked)

    @staticmethod
    def get(url: str) -> str:
        """Ask a URL of the server's own."""
        return httpx.get(url, timeout=10, trust_env=False).raise_for_status().text
