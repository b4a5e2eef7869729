"""No file of a user holds up another job's fire by more than a second: measured, in a real server.

The times are those of the log: from the fire time to the record of the attempt's start, and of the
run's end. What C code does without letting go of the interpreter is not here: nothing in this
process could bound that.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scheduler.executor.clock import SystemClock
from scheduler.log.sqlite import SqliteLog
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import Definition, JobId
from scheduler.model.schedules import Interval
from tools.app import create, open_wishes
from tools.settings import Settings, read_settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SERVE = "import sys; from tools.cli.main import main; sys.exit(main(['serve']))"
CLOCK = SystemClock()
JOBS = 10  # each due every second
LATE_MAX = timedelta(seconds=1)  # from the fire time to the start
ENDED_MAX = timedelta(seconds=2)  # ... to the end of a function that does nothing
STAND_S = 3.0  # how long each bad file is there
GOOD = """
from horolog import service

@service("good")
def good():
    pass
"""
BAD = {
    "broken": "def broken(:\n",
    "raises": "raise SystemExit(1)\n",
    "sleeps": "import time\ntime.sleep(3600)\n",
    "reads": "import os\nos.read(os.pipe()[0], 1)\n",
    "loops": "while True:\n    pass\n",
    "loops_too": "n = 0\nwhile True:\n    n += 1\n",
    "hungry": "kept = [bytearray(1024 * 1024) for _ in range(300)]\n",
    "many": "for _ in range(200_000):\n    exec('def f(): pass')\n",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a log with jobs that are due every second."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "good.py").write_text(GOOD)
    file = tmp_path / "horolog.toml"
    file.write_text(
        'db = "horolog.db"\n[services]\nload = ["jobs/*.py"]\n'
        '[http]\nlisten = "none"\n[serve]\nstop_grace = "0s"\n'
    )
    made = read_settings(file)
    create(made.db)
    anchor = CLOCK.now().replace(microsecond=0)
    with open_wishes(made) as wishes:
        for number in range(JOBS):
            definition = Definition(
                name=f"job-{number}",
                service="good",
                schedule=Interval(timedelta(seconds=1), anchor),
            )
            wishes.ask(c.DefineJob(job=JobId(CLOCK.new_id()), definition=definition))
    return made


@pytest.fixture
def server(settings: Settings) -> Iterator["subprocess.Popen[str]"]:
    """Serve the log by a process of its own; what it says goes to a file."""
    with (
        (settings.base / "said").open("w") as said,
        subprocess.Popen(
            (sys.executable, "-c", SERVE),
            cwd=settings.base,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=said,
            text=True,
        ) as process,
    ):
        yield process
        process.kill()


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def served_since(log: SqliteLog) -> datetime:
    """Wait until the first run has ended, and return when that was."""
    position = 0
    while log.wait(position, 30.0):
        for recorded in log.read(after=position):
            position = recorded.position
            if isinstance(recorded.event, e.RunSucceeded):
                return recorded.recorded_at
    raise AssertionError("no run has ended")


def latenesses(log: SqliteLog, since: datetime) -> dict[str, list[timedelta]]:
    """Return how late attempts started, and runs ended, after the fire times since then."""
    fires: dict[str, datetime] = {}
    late: dict[str, list[timedelta]] = {"AttemptStarted": [], "RunSucceeded": []}
    for recorded in log.follow(0):
        match recorded.event:
            case e.RunPlanned(run=run, fire_time=at) if at is not None and at > since:
                fires[run] = at
            case e.AttemptStarted(run=run) | e.RunSucceeded(run=run) if run in fires:
                late[type(recorded.event).__name__].append(recorded.recorded_at - fires[run])
            case e.FiresSkipped(until=until) if until > since:
                raise AssertionError(f"fires up to {until} were skipped")
            case e.RunFailed(error=error):
                raise AssertionError(f"a run failed: {error}")
            case _:
                pass
    return late


def test_no_bad_file_delays_another_jobs_fire_by_more_than_a_second(
    settings: Settings, server: "subprocess.Popen[str]"
) -> None:
    jobs = settings.base / "jobs"
    log = SqliteLog.open(settings.db)
    try:
        since = served_since(log)
        for name, text in BAD.items():
            (jobs / f"{name}.py").write_text(text)
            wait(STAND_S)
            (jobs / f"{name}.py").unlink()
        (jobs / "gone.py").write_text(GOOD.replace('"good"', '"gone"'))
        wait(STAND_S)
        (jobs / "gone.py").unlink()
        wait(STAND_S)
        late = latenesses(log, since)
    finally:
        log.close()
    assert None is server.poll()
    seconds = STAND_S * (len(BAD) + 2)
    assert len(late["RunSucceeded"]) >= JOBS * (seconds - 3)
    assert LATE_MAX >= max(late["AttemptStarted"]), sorted(late["AttemptStarted"])[-10:]
    assert ENDED_MAX >= max(late["RunSucceeded"]), sorted(late["RunSucceeded"])[-10:]
    said = (settings.base / "said").read_text()
    for name in ("broken", "raises"):
        assert f"jobs/{name}.py was not loaded: " in said
    assert "jobs/gone.py is gone, and with it: gone" in said


def test_a_server_that_starts_beside_bad_files_does_not_wait_for_them(
    settings: Settings, request: pytest.FixtureRequest
) -> None:
    for name, text in BAD.items():
        (settings.base / "jobs" / f"{name}.py").write_text(text)
    request.getfixturevalue("server")
    log = SqliteLog.open(settings.db)
    try:
        since = served_since(log)
        wait(12.0)  # until what still loads is named
        late = latenesses(log, since)
    finally:
        log.close()
    assert LATE_MAX >= max(late["AttemptStarted"]), sorted(late["AttemptStarted"])[-10:]
    assert ENDED_MAX >= max(late["RunSucceeded"]), sorted(late["RunSucceeded"])[-10:]
    said = (settings.base / "said").read_text()
    for name in ("sleeps", "reads", "loops"):
        assert f"jobs/{name}.py was not loaded: it is still loading after 10s" in said
