"""A person at a terminal: a folder with a log, a clock that stands, and the command typed by hand.

Nothing stands between the words typed and the file: `desk("job", "list")` runs the whole command in
this process. `serving` is a server of a moment: the rules, moved by hand, on the same clock.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.log.sqlite import SqliteLog
from scheduler.model.commands import StopSystem
from tests.projections.histories import History
from tools.app import create
from tools.cli.main import main

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)  # a Monday; Warsaw is one hour ahead

SERVICES = '''
from horolog import service

@service("a.ok")
def ok():
    """Does nothing."""

@service("b.ok")
def other():
    """Does nothing either."""
'''
SETTINGS = """
db = "horolog.db"
[defaults]
timezone = "Europe/Warsaw"
[services]
load = ["jobs.py"]
"""


class Printed(NamedTuple):
    """What a call left: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401  # whatever was printed
        """The answer, read as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:  # noqa: ANN401  # whatever was printed
        """The error, read as JSON."""
        return json.loads(self.err)["error"]

    @property
    def rows(self) -> list[list[str]]:
        """The lines of the answer, cut at tabs."""
        return [line.split("\t") for line in self.out.splitlines()]


class Desk:
    """The command in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.clock = ManualClock(NOON)
        self._capsys = capsys
        (folder / "jobs.py").write_text(SERVICES)
        (folder / "horolog.toml").write_text(SETTINGS)

    @property
    def db(self) -> Path:
        """Where the log lies."""
        return self.folder / "horolog.db"

    def create(self) -> None:
        """Make the log."""
        create(self.db, self.clock)

    def __call__(self, *words: str) -> Printed:
        """Type a call of the command and return what it left."""
        self._capsys.readouterr()
        code = main(words, clock=self.clock)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return Printed(code, out, err)

    def done(self, *words: str) -> Printed:
        """Type a call that is expected to succeed."""
        printed = self(*words)
        assert 0 == printed.code, printed.err
        return printed

    def definition(self, job: str) -> dict[str, object]:
        """Return a job's whole definition, in plain form."""
        shown = self.done("job", "show", job, "--json=definition").json["definition"]
        assert isinstance(shown, dict)
        return shown

    @property
    def head(self) -> int:
        """The last position of the log."""
        log = SqliteLog.open(self.db, unowned=True)
        try:
            return log.head().position
        finally:
            log.close()

    @contextmanager
    def serving(self) -> Iterator[History]:
        """Be the server for a moment: the rules, moved by hand, write the log."""
        log = SqliteLog.open(self.db, clock_ns=self.clock.now_ns)
        history = History(log, self.clock)
        history.start()
        try:
            yield history
        finally:
            history.handle.gather(StopSystem())
            flushed = history.handle.flush()
            if flushed is not None:
                flushed.result()
            log.close()

    def carry_out(
        self, seconds: float = 0, *, turns: int = 1, kind: str = "succeeded", **fields: object
    ) -> None:
        """Let time pass and end every run that this starts, all alike; so many times."""
        with self.serving() as history:
            for _ in range(turns):
                history.tick(seconds)
                for run in history.running():
                    history.report(run, kind, **fields)
            history.tick()
