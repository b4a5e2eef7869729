"""The doctor reads every stored schedule again, with the zone data that is installed now."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from scheduler.executor.clock import ManualClock
from scheduler.executor.derived import views_path
from scheduler.log import schema
from scheduler.model import commands as c
from scheduler.model.jobs import JobId
from scheduler.model.schedules import Cron, Schedule
from tests.tools.conftest import Serve
from tests.tools.making import CLOCK, FAR, definition
from tests.zone_files import zone_file
from tools import doctor as module
from tools.app import open_wishes
from tools.doctor import Finding, examine
from tools.installation import versions
from tools.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "import sys; from tools.cli.main import main; sys.exit(main())"
NINE = ("0 9 * * *",)
NAMES = ("warsaw", "tokyo", "utc")
HOURS_AHEAD = 5  # of UTC, by the zone file that the tests put in place of Warsaw's


@pytest.fixture
def defined(settings: Settings) -> Settings:
    """Return the settings of a log with jobs in three zones, and one in none."""
    zones = ("Europe/Warsaw", "Asia/Tokyo", "UTC")
    schedules: dict[str, Schedule] = {
        name: Cron(NINE, timezone=zone) for name, zone in zip(NAMES, zones, strict=True)
    }
    with open_wishes(settings) as wishes:
        for name, schedule in {**schedules, "far": FAR}.items():
            job = JobId(CLOCK.new_id())
            wishes.ask(c.DefineJob(job=job, definition=definition(name, schedule=schedule)))
    return settings


def fires(settings: Settings, clock: ManualClock | None = None) -> Iterator[Finding]:
    return (one for one in examine(settings, clock or CLOCK) if one.check == "fires")


def told_by_a_doctor(settings: Settings, zones: Path | None = None) -> list[dict[str, str]]:
    """Return what `horolog doctor` says of fires, in a process with its own zone data."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "--db", str(settings.db), "doctor", "--json"],
        cwd=settings.base,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **({} if zones is None else {"PYTHONTZPATH": str(zones)}),
        },
        capture_output=True,
        check=True,
    )
    found = msgspec.json.decode(done.stdout, type=list[dict[str, str]])
    return [one for one in found if one["check"] == "fires"]


def test_jobs_that_fire_as_the_last_server_foresaw_are_right(
    defined: Settings, serve: Serve
) -> None:
    serve(defined).stop()
    (finding,) = fires(defined)
    assert ("ok", "3 jobs by cron fire when the last server foresaw") == finding[1:3]


def test_a_changed_zone_file_moves_the_fires_of_its_jobs_and_of_no_other(
    defined: Settings, serve: Serve, tmp_path: Path
) -> None:
    serve(defined).stop()
    zones = tmp_path / "zones"
    (zones / "Europe").mkdir(parents=True)
    (zones / "Europe" / "Warsaw").write_bytes(zone_file(HOURS_AHEAD))
    assert ["ok"] == [one["state"] for one in told_by_a_doctor(defined)]
    moved, right = told_by_a_doctor(defined, zones)
    assert ("warn", "ok") == (moved["state"], right["state"])
    assert moved["message"].startswith("100 of the fire times ahead of job warsaw moved: ")
    assert f"T{9 - HOURS_AHEAD:02}:00:00Z is new. See: horolog next warsaw" in moved["message"]
    assert right["message"].startswith("2 jobs by cron fire when the last server foresaw")


def test_moved_fires_are_told_with_the_versions_and_again_while_the_new_server_runs(
    defined: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(defined).stop()
    shift_what_was_foreseen(defined)
    monkeypatch.setattr(module, "versions", lambda: {**versions(), "tzdata": "2099.1"})
    before = [one.message for one in fires(defined) if one.state == "warn"]
    assert len(NAMES) == len(before)
    assert all(f"tzdata {versions()['tzdata']} was, 2099.1 is" in one for one in before)
    served = serve(defined)
    assert before == [one.message for one in fires(defined) if one.state == "warn"]
    served.stop()
    assert [] == [one for one in fires(defined) if one.state == "warn"]


def shift_what_was_foreseen(settings: Settings) -> None:
    """Have the last server foreseen all fires a minute later, as by other rules."""
    path = views_path(settings.db)
    with closing(schema.connect(schema.uri_of(path, mode="rw"))) as views:
        for key, body in views.execute("SELECT schedule, body FROM forecast").fetchall():
            seconds, by = msgspec.msgpack.decode(body)
            later = msgspec.msgpack.encode([[second + 60 for second in seconds], by])
            views.execute("UPDATE forecast SET body = ? WHERE schedule = ?", (later, key))


def test_what_no_server_foresaw_is_said_to_be_unknown(defined: Settings, serve: Serve) -> None:
    serve(defined).executor.stop()
    (finding,) = fires(defined)
    assert "ok" == finding.state
    assert finding.message.startswith("0 jobs by cron fire when the last server foresaw; 3 are unk")


def test_what_was_foreseen_too_long_ago_is_unknown_again(defined: Settings, serve: Serve) -> None:
    serve(defined).stop()
    (finding,) = fires(defined, ManualClock(CLOCK.now() + timedelta(days=101)))
    assert "3 are unknown" in finding.message


def test_fires_outside_a_jobs_bounds_do_not_count(settings: Settings, serve: Serve) -> None:
    end_at = datetime(2030, 1, 1, tzinfo=UTC)
    bounded = msgspec.structs.replace(
        definition("bounded", schedule=Cron(NINE)),
        start_at=end_at - timedelta(days=1),
        end_at=end_at,
    )
    with open_wishes(settings) as wishes:
        wishes.ask(c.DefineJob(job=JobId(CLOCK.new_id()), definition=bounded))
    serve(settings).stop()
    shift_what_was_foreseen(settings)
    assert ["ok"] == [one.state for one in fires(settings)]


def test_a_schedule_that_cannot_be_read_here_is_told(settings: Settings, tmp_path: Path) -> None:
    zones = tmp_path / "zones"
    (zones / "Test").mkdir(parents=True)
    (zones / "Test" / "Zone").write_bytes(zone_file(HOURS_AHEAD))
    words = ("job", "add", "there", "say.hello", "--cron", "0 9 * * *", "--tz", "Test/Zone")
    added = subprocess.run(
        [sys.executable, "-c", COMMAND, "--db", str(settings.db), *words, "--unchecked"],
        cwd=settings.base,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONTZPATH": str(zones)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == added.returncode, added.stderr
    told = [one.message for one in fires(settings) if one.state == "fail"]
    assert 1 == len(told)
    assert told[0].startswith("job there cannot be reckoned here: ")
    assert "Test/Zone" in told[0]
