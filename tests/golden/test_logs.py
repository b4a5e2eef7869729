"""Every log that a release has written is read, verified, folded and shown as that release did."""

import shutil
from pathlib import Path

import msgspec
import pytest

from scheduler.log.sqlite import SqliteLog
from scheduler.model.events import EVENT_TYPES
from tests.golden.life import live
from tools.dev.record_golden_log import LOGS, made_of, type_of

RECORDED = sorted(path.stem for path in LOGS.glob("*.sqlite"))


@pytest.fixture(params=RECORDED)
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[SqliteLog, object]:
    """Return a copy of a recorded log, and what its release made of it."""
    name = str(request.param)
    shutil.copy(LOGS / f"{name}.sqlite", tmp_path / "log.db")
    made = msgspec.json.decode((LOGS / f"{name}.json").read_bytes())
    return SqliteLog.open(tmp_path / "log.db"), made


def test_there_is_a_recorded_log() -> None:
    assert RECORDED


def test_a_recorded_log_is_whole(recorded: tuple[SqliteLog, object]) -> None:
    log, _ = recorded
    assert log.verify().fault is None
    log.close()


def test_a_recorded_log_is_folded_and_shown_as_its_release_did(
    recorded: tuple[SqliteLog, object],
) -> None:
    log, made = recorded
    assert made == msgspec.json.decode(msgspec.json.encode(made_of(log)))
    log.close()


def test_the_life_that_is_recorded_has_everything_that_can_happen(tmp_path: Path) -> None:
    """On failure: have it happen in `tests/golden/life.py`, and record a log under a new name."""
    live(tmp_path / "log.db")
    log = SqliteLog.open(tmp_path / "log.db")
    assert set(EVENT_TYPES) == {type_of(recorded.event) for recorded in log.follow(0)}
    log.close()
