"""One log with all that stands around it, and the real servers that are started and killed on it.

A server is `horolog serve` itself, or `victim`: the same, with one part that kills it; or `moved`,
whose clock is set.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from scheduler.executor.clock import Clock, SystemClock
from scheduler.executor.derived import views_path
from scheduler.executor.owner import who_owns
from scheduler.executor.replay import replay
from scheduler.log.contract import Recorded
from scheduler.log.sqlite import SqliteLog
from scheduler.model.commands import DefineJob
from scheduler.model.content import Payload, payload_of
from scheduler.model.jobs import Definition, JobId, OnCrash
from scheduler.model.schedules import Once
from scheduler.rules.timetable import Timetable
from tests.crash import checker
from tests.crash.ledger import AnyLine, Called, Ledger, lines_of
from tests.crash.waiting import until
from tools import app
from tools.client import Client
from tools.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SERVE = "import sys; from tools.cli.main import main; sys.exit(main())"  # the console script
READY = "serving "  # how the line begins by which a server says that it is
SLOTS = 12
IN_THE_SERVER = frozenset(
    {"crash.plain", "crash.awaited", "crash.stepped", "crash.stepped-awaited"}
)
STOP_GRACE = timedelta(seconds=1)


class Server:
    """A real server process."""

    def __init__(
        self, arguments: Sequence[str], site: "Site", environment: Mapping[str, str]
    ) -> None:
        self._said = site.folder / f"server-{len(site.servers)}.txt"
        with self._said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={
                    **os.environ,
                    "CRASH_LEDGER": str(site.ledger_path),
                    "HOROLOG_LISTEN": "none",  # two sites at once want one port otherwise
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        """Return what it wrote so far."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def was_ready(self) -> bool:
        """Return whether it came to serve, however it stands now."""
        return any(line.startswith(READY) for line in self.said().splitlines())

    def is_ready(self) -> bool:
        assert not self.has_ended(), f"the server ended early:\n{self.said()}"
        return self.was_ready()

    def ready(self) -> "Server":
        """Wait until it serves."""
        until(self.is_ready, "the server's line of readiness")
        return self

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def ended(self) -> int:
        """Wait for its end; return its exit code, negative when a signal ended it."""
        until(self.has_ended, f"the end of the server:\n{self.said()}")
        return self.process.wait()


class Site:
    """A folder with a log, its settings and its ledger."""

    def __init__(self, folder: Path, begun: Clock | None = None) -> None:
        """Make them; `begun` tells when the log was created, if that is not now."""
        self.folder = folder
        self.db = folder / "horolog.db"
        self.file = folder / "horolog.toml"
        self.ledger_path = folder / "ledger.jsonl"
        self.hit_path = folder / "hit"
        self.servers: list[Server] = []
        self.clock = SystemClock()
        self.file.write_text(
            f'db = "horolog.db"\n'
            f'[services]\nload = ["{ROOT / "tests" / "crash" / "workload.py"}"]\n'
            f'[serve]\nslots = {SLOTS}\nstop_grace = "{STOP_GRACE.total_seconds():g}s"\n'
        )
        app.create(self.db, begun or self.clock)

    # -- its jobs

    def define(self, *definitions: Definition) -> list[JobId]:
        """Define jobs as a command does while nobody serves; what is past is due at once."""
        jobs = []
        ledger = Ledger(self.ledger_path)
        with app.open_wishes(Settings(db=self.db)) as wishes:
            for definition in definitions:
                job, key = JobId(self.clock.new_id()), self.clock.new_id()
                command = DefineJob(job=job, definition=definition, if_past="run")
                ledger.acknowledge(key, wishes.ask(command, key=key, unchecked=True))
                jobs.append(job)
        ledger.close()
        return jobs

    def client(self) -> Client:
        """Connect to the server there is.

        Raises: Conflict, when there is none or it does not answer.
        """
        owner = until(lambda: who_owns(self.db), "an owner of the log")
        return Client(self.db, owner, self.clock)

    # -- its servers

    def serve(self) -> Server:
        """Start `horolog serve`."""
        return self._start("-c", SERVE, "--config", str(self.file), "serve")

    def victim(
        self,
        point: str,
        marker: str = "",
        *,
        count: int = 1,
        by: signal.Signals = signal.SIGKILL,
    ) -> Server:
        """Start a server that strikes itself when it comes to `point` for the `count`th time."""
        self.hit_path.unlink(missing_ok=True)
        arguments = (str(self.file), str(self.hit_path), point, marker, str(count), by.name)
        return self._start("-m", "tests.crash.victim", *arguments)

    def moved(self, clock: Path) -> Server:
        """Start a server whose wall clock is off by as many seconds as a file says."""
        return self._start("-m", "tests.crash.moved", str(self.file), str(clock))

    def _start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Server:
        server = Server(arguments, self, environment or {})
        self.servers.append(server)
        return server

    def close(self) -> None:
        """Leave no process behind, whatever a test has come to."""
        for server in self.servers:
            if server.process.poll() is None:
                server.kill()

    def lose_views(self) -> None:
        """Delete what is derived: all of it can be folded again."""
        views = views_path(self.db)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{views}{suffix}").unlink(missing_ok=True)

    # -- what came of it

    def lines(self) -> list[AnyLine]:
        return lines_of(self.ledger_path)

    def calls(self) -> list[Called]:
        return [line for line in self.lines() if isinstance(line, Called)]

    def recorded(self) -> list[Recorded]:
        """Return the log as it is now, whoever writes it."""
        log = SqliteLog.open(self.db)
        try:
            return list(log.follow(0))
        finally:
            log.close()

    def has_no_open_run(self) -> bool:
        log = SqliteLog.open(self.db)
        try:
            timetable = Timetable()
            replay(log, timetable)
        finally:
            log.close()
        return not any(run.is_open for run in timetable.runs.values())

    def stop(self, server: Server) -> None:
        """Stop a server in order."""
        server.terminate()
        assert 0 == server.ended(), server.said()

    def check(self, *, is_drained: bool = True) -> list[Recorded]:
        """Fail with all that is wrong with what the servers left; return the events."""
        return checker.check(self.db, self.ledger_path, is_drained=is_drained)


def work(*, seconds: float = 0, later: float | None = None, fails: int = 0) -> Payload:
    """Return the input that has an attempt last so long, and the first few fail.

    `later` is how long attempts last after the first one, if that is different.
    """
    later = seconds if later is None else later
    asked = {"seconds": seconds, "later": later, "fails": fails}
    return payload_of(msgspec.json.encode(asked).decode(), kind="json")[0]


def once(service: str, *, seconds: float, on_crash: OnCrash = "retry") -> Definition:
    """Return a job that is due at once, a single time; only its first attempt takes long."""
    return Definition(
        name="job",
        service=service,
        schedule=Once(datetime(2000, 1, 1, tzinfo=UTC)),
        isolation="thread" if service in IN_THE_SERVER else "process",
        on_crash=on_crash,
        input=work(seconds=seconds, later=0),
    )
