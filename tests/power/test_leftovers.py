"""A command dies, or fails, before the disk has what it wrote; the next one, asked again under the
same key, says that it is stored. From then on no power cut takes it away.
"""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from scheduler.log.sqlite import SqliteLog
from tests.power.asking import FAILED
from tests.power.disk import (
    Disk,
    Record,
    files_at,
    is_call,
    put_back,
    records_in,
    written_after_a_failed_sync,
)
from tests.power.shim import environment
from tools import app

pytestmark = pytest.mark.power

KEY = "k"
FATES = 12  # of what was not synced, for each moment
KILLED = -9
WAL = "horolog.db-wal"
EIO = 5


class Machine:
    """A log on a disk, and commands that are carried out one after the other."""

    def __init__(self, folder: Path, library: Path) -> None:
        folder.mkdir()
        self.db = folder / "horolog.db"
        app.create(self.db)
        self.files = files_at(self.db)
        self._library = library
        self._tape_path = folder / "tape"

    def ask(self, *, cut: int = 0, fail: str = "") -> "subprocess.CompletedProcess[str]":
        """Ask for a job; the process dies at a call to the disk, or one call fails."""
        shim = environment(self._library, self.db, self._tape_path, cut=cut)
        return subprocess.run(
            [sys.executable, "-m", "tests.power.asking", self.db, KEY],
            env={**os.environ, **shim, "POWER_FAIL": fail},
            capture_output=True,
            text=True,
            check=False,
        )

    def tape(self, length: int | None = None) -> list[Record]:
        return records_in(self._tape_path.read_bytes()[:length])

    def cut(self, tape: list[Record]) -> None:
        """Cut the power at the end of a tape, again and again: the job must be there each time."""
        for fate in range(FATES):
            put_back(self.db, Disk(self.files, f"{fate}").play(tape).after_cut())
            with closing(SqliteLog.open(self.db)) as log:
                assert log.verify().fault is None
                assert log.find(KEY) is not None, f"what was acknowledged is gone (fate {fate})"


def commit_of(tape: list[Record]) -> int:
    """Return where the sync of the first commit stands: the second one of the write-ahead log."""
    [wal] = {record.inode for record in tape if (record.kind, record.name) == ("C", WAL)}
    synced = [at for at, record in enumerate(tape) if (record.kind, record.inode) == ("S", wal)]
    return synced[1]


@pytest.fixture
def whole(tmp_path: Path, library: Path) -> list[Record]:
    """Return the tape of a command that nothing disturbs."""
    machine = Machine(tmp_path / "whole", library)
    done = machine.ask()
    assert 0 == done.returncode, done.stderr
    machine.cut(machine.tape(int(done.stdout)))
    return machine.tape()


def test_what_a_dead_command_wrote_and_did_not_sync_is_durable_once_it_is_acknowledged(
    tmp_path: Path, library: Path, whole: list[Record]
) -> None:
    machine = Machine(tmp_path / "killed", library)
    commit = commit_of(whole)
    died = machine.ask(cut=sum(map(is_call, whole[: commit + 1])))
    assert (KILLED, "") == (died.returncode, died.stdout)
    done = machine.ask()
    assert 0 == done.returncode, done.stderr
    machine.cut(machine.tape(int(done.stdout)))


def test_what_a_failed_sync_left_is_durable_once_it_is_acknowledged(
    tmp_path: Path, library: Path, whole: list[Record]
) -> None:
    """Whichever sync of the log fails: nothing is written after it, and the next command mends."""
    syncs = [record for record in whole if record.kind in {"S", "D"}]
    refused = 0
    for nth in range(1, len(syncs) + 1):
        machine = Machine(tmp_path / f"failed-{nth}", library)
        failed = machine.ask(fail=f"{nth} S {EIO}")
        assert failed.returncode in {0, FAILED}, failed.stderr
        first = machine.tape()
        assert [] == written_after_a_failed_sync(machine.db, first), f"sync {nth}"
        if failed.returncode == 0:
            machine.cut(machine.tape(int(failed.stdout)))
            continue
        refused += 1
        done = machine.ask()
        assert 0 == done.returncode, done.stderr
        machine.cut(machine.tape(int(done.stdout)))
    assert refused
