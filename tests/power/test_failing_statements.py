"""Each statement on the log's file fails once: a full disk, an I/O error, a lock, no memory."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler.executor import derived
from scheduler.executor.clock import ManualClock
from scheduler.log.schema import Connect
from scheduler.model.errors import HorologError
from tests.facts import at
from tests.power.life import BEGIN, ended_well, lived
from tests.scheduler.log.seams import storage_error, watched
from tests.scheduler.log.writing import new_log

SAMPLE_STRIDE = 13
Fault = Callable[[], Exception]
FAULTS: dict[str, Fault] = {
    "full": lambda: storage_error(sqlite3.SQLITE_FULL),
    "io": lambda: storage_error(sqlite3.SQLITE_IOERR_WRITE),
    "busy": lambda: storage_error(sqlite3.SQLITE_BUSY),
    "memory": MemoryError,
}


class Failing:
    """Connections of which the nth statement fails."""

    def __init__(self, nth: int = 0, fault: Fault = MemoryError) -> None:
        self.count = 0
        self.failed = ""  # the statement
        self._nth = nth
        self._fault = fault
        self.connect: Connect = watched(self._before)

    def _before(self, statement: str) -> None:
        self.count += 1
        if self.count == self._nth:
            self.failed = statement
            raise self._fault()


def one_life(folder: Path, failing: Failing, patch: pytest.MonkeyPatch) -> list[str]:
    """Live with failing connections, restart if need be; return all that is wrong."""
    folder.mkdir()
    path = folder / "horolog.db"
    clock = ManualClock(at(BEGIN))
    new_log(path, clock.now_ns).close()
    try:
        with patch.context() as patched:
            patched.setattr(derived, "connect", failing.connect)  # the views and the snapshots
            faults, _ = lived(path, clock, failing.connect)
    except HorologError:  # it could not even begin, and said so
        faults = []
    return faults + ended_well(path, clock)


def all_lives(
    folder: Path, fault: str, patch: pytest.MonkeyPatch, *, first: int, stride: int
) -> None:
    """Have each statement of a life fail, or one of so many, and fail with all that went wrong."""
    whole = Failing()
    assert [] == one_life(folder / "whole", whole, patch)
    wrong = []
    for nth in range(first, whole.count + 1, stride):
        failing = Failing(nth, FAULTS[fault])
        try:
            faults = one_life(folder / f"{nth}", failing, patch)
        except Exception as error:  # noqa: BLE001  # whatever escapes is the finding
            faults = [f"{error!r}"]
        wrong += [f"{nth} {failing.failed[:50]!r}: {one}" for one in faults]
    shown = "\n  ".join(wrong)
    assert not wrong, f"of {whole.count} statements:\n  {shown}"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_statement_that_fails_leaves_no_half_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A sample; the next one leaves no statement out."""
    all_lives(tmp_path, fault, monkeypatch, first=3 * len(fault), stride=SAMPLE_STRIDE)


@pytest.mark.power
@pytest.mark.parametrize("fault", FAULTS)
def test_whichever_statement_fails_leaves_no_half_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    all_lives(tmp_path, fault, monkeypatch, first=1, stride=1)
