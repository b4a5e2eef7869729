"""A command dies, or fails, before the disk has what it wrote; the next one, asked again under the
same key, says that it is stored. From then on no power cut takes it away.
"""

from pathlib import Path

import pytest

from tests.power.asking import FAILED
from tests.power.disk import Record, is_call, written_after_a_failed_sync
from tests.power.machine import Machine

pytestmark = pytest.mark.power

KILLED = -9
WAL = "horolog.db-wal"
EIO = 5


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
    machine.check(machine.tape(int(done.stdout)))
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
    machine.check(machine.tape(int(done.stdout)))


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
            machine.check(machine.tape(int(failed.stdout)))
            continue
        refused += 1
        done = machine.ask()
        assert 0 == done.returncode, done.stderr
        machine.check(machine.tape(int(done.stdout)))
    assert refused
