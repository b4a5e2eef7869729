"""The demo's folder and the scheduler's process: what a user would write and start, written here.

The folder holds settings, a service file and a declaration of jobs, and nothing in it is special
to the demo: `horolog serve` in that folder works as anywhere. The scheduler is a process of its
own, since it is to be killed.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from scheduler.executor.clock import Clock
from scheduler.model.errors import HorologError, Unreachable
from scheduler.model.limits import DEMO_PATIENCE
from scheduler.model.streams import compact
from tools.demo.servers import HERE, FarEnds
from tools.initial import begin

ZONE = "Europe/Warsaw"
EVERY = timedelta(seconds=2)
ONCE_AFTER = timedelta(seconds=3)
RUNS = 5
CRON = "*/10 * * * * *"
ONCE, INTERVAL, CRONTAB = "sync.once", "sync.interval", "sync.cron"
KEY = "newest.data"
ATTACHED = "my.data.txt"
SUBJECT = "New data"
COMMAND = "import sys; from tools.cli.main import main; sys.exit(main())"
ROOT = Path(__file__).resolve().parents[2]

SETTINGS = """\
db = "{db}"

[defaults]
timezone = "{zone}"

[services]
load = ["jobs/*.py"]

[http]
listen = "none"

[connections."My Data Source"]
kind = "rest"
url = "{url}"
timeout = "10s"

[connections.default]
kind = "redis"
host = "{host}"
port = {redis_port}
timeout = "10s"

[connections."My SMTP"]
kind = "smtp"
host = "{host}"
port = {smtp_port}
security = "plain"
sender = "horolog@example.com"
timeout = "10s"
"""

SERVICE = """\
from horolog import Context, service


@service("api.scheduler.sync")
async def sync(ctx: Context) -> None:
    \"\"\"Ask for the newest data, store it and mail it.\"\"\"
    data = await ctx.step("fetch", lambda: ctx.rest["My Data Source"].get_text())
    await ctx.step("store", lambda: store(ctx, data))
    await ctx.step("mail", lambda: mail(ctx, data))


async def store(ctx: Context, data: str) -> None:
    await ctx.redis["default"].set("newest.data", data)


async def mail(ctx: Context, data: str) -> None:
    await ctx.smtp["My SMTP"].send(
        to="hello@example.com",
        cc="hello.cc@example.com",
        subject="New data",
        body="Check attached data",
        attach={"my.data.txt": data},
    )
"""

JOBS = """\
[jobs."sync.once"]
service = "api.scheduler.sync"
schedule = {{ at = "{once_at}" }}
retry = {{ max_attempts = 3, initial = "1s" }}

[jobs."sync.interval"]
service = "api.scheduler.sync"
schedule = {{ every = "2s", anchor = "{start_at}" }}
start_at = "{start_at}"
max_runs = {runs}
retry = {{ max_attempts = 3, initial = "1s" }}

[jobs."sync.cron"]
service = "api.scheduler.sync"
schedule = {{ cron = "{cron}", seconds = true, timezone = "{zone}" }}
retry = {{ max_attempts = 3, initial = "1s" }}
"""


class Failed(HorologError):
    """The demo could not go on."""


class Place:
    """The folder, and the scheduler that serves its log."""

    def __init__(self, folder: Path, ends: FarEnds, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.settings_path = folder / "horolog.toml"
        self.db = folder / f"demo-{clock.random_hex(2)}.db"
        self.process: subprocess.Popen[bytes] | None = None
        jobs = folder / "jobs"
        jobs.mkdir()
        (jobs / "sync.py").write_text(SERVICE, encoding="utf-8")
        self.settings_path.write_text(
            SETTINGS.format(
                db=self.db.name,
                zone=ZONE,
                host=HERE,
                url=ends.web.url,
                redis_port=ends.redis.port,
                smtp_port=ends.mail.port,
            ),
            encoding="utf-8",
        )
        begin(self.db, self.settings_path, ZONE, clock)

    def add_jobs(self, began_at: datetime) -> None:
        """Have the scheduler take up the three jobs, timed from `began_at`."""
        (self.folder / "jobs.toml").write_text(
            JOBS.format(
                once_at=compact(began_at + ONCE_AFTER),
                start_at=compact(began_at + EVERY),
                runs=RUNS,
                cron=CRON,
                zone=ZONE,
            ),
            encoding="utf-8",
        )
        self.ask("apply", "jobs.toml")

    def ask(self, *words: str) -> str:
        """Carry out a verb of the command in the folder; return what it printed. Raises: Failed."""
        done = subprocess.run(
            self._command(words),
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            timeout=DEMO_PATIENCE.total_seconds(),
        )
        if done.returncode:
            raise Failed(f"horolog {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def serve(self) -> None:
        """Start the scheduler."""
        with (self.folder / "serve.log").open("ab") as said:
            self.process = subprocess.Popen(
                self._command(("serve",)),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,  # Ctrl-C is for the demo, which ends it in order
            )

    def check_alive(self) -> None:
        """Raise Unreachable when the scheduler has ended by itself, with its last words."""
        if self.process is not None and self.process.poll() is not None:
            said = (self.folder / "serve.log").read_text(encoding="utf-8").strip()
            raise Unreachable(f"The scheduler ended by itself: {said[-300:]}")

    def kill(self) -> None:
        """End the scheduler by SIGKILL, and only then return."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """Stop the scheduler gracefully; kill it when that takes too long."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(DEMO_PATIENCE.total_seconds())
        except subprocess.TimeoutExpired:
            self.kill()

    def _command(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-P", "-c", COMMAND, *words]

    def _environment(self) -> dict[str, str]:
        """Return the environment without what would point the command at another log."""
        kept = {name: value for name, value in os.environ.items() if "HOROLOG_" not in name}
        paths = [str(ROOT), kept.get("PYTHONPATH", "")]
        return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
