"""A server on a disk that is full for a while; all in one process, which the disk is mounted for.

    python -m tests.power.full_disk FOLDER tmpfs|shim

Prints how many wishes it took until the disk was full, what was told then, and how long it took to
go on when there was room again.
"""

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from scheduler.executor.clock import SystemClock
from scheduler.log.contract import Meta
from scheduler.log.sqlite import SqliteLog
from scheduler.model.commands import DefineJob
from scheduler.model.errors import StorageFailed
from scheduler.model.jobs import Definition, JobId
from scheduler.model.schedules import Manual
from tests.crash.waiting import until
from tests.power.shim import Control
from tools import app
from tools.serving import Served
from tools.settings import Settings

SIZE = "4m"  # of the tmpfs
STEP_BYTES = 4096
WISHES_MAX = 5_000
ME = Meta(actor="me")
PATIENCE_S = 30.0

clock = SystemClock()


class Tmpfs:
    """A disk of its own kind, filled by another file."""

    def __init__(self, folder: Path) -> None:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
        subprocess.run(mount, check=True)
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(STEP_BYTES))

    def free(self) -> None:
        self._filler.unlink()


class Bounded:
    """Any disk, on which the shim lets the log's files grow no more."""

    def __init__(self, folder: Path) -> None:
        self._control = Control()
        self._control.watch(folder / "horolog.db", folder.with_name("tape"))

    def fill(self) -> None:
        self._control.room(0)

    def free(self) -> None:
        self._control.room(None)


DISKS: dict[str, Callable[[Path], Tmpfs | Bounded]] = {"tmpfs": Tmpfs, "shim": Bounded}


def define(served: Served, number: int) -> None:
    """Ask for a job.

    Raises: StorageFailed.
    """
    name = f"job-{number}"
    definition = Definition(name=name, service="any.service", schedule=Manual())
    wish = DefineJob(job=JobId(name), definition=definition)
    assert served.executor.ask(wish, meta=ME, key=name).result(PATIENCE_S).facts


def stored_when_full(served: Served) -> tuple[int, StorageFailed]:
    """Define jobs until the disk takes no more; return how many it took, and what was told then."""
    for number in range(WISHES_MAX):
        try:
            define(served, number)
        except StorageFailed as refusal:
            return number, refusal
    raise AssertionError(f"the disk is not full after {WISHES_MAX:,} jobs")


def main(folder: str, kind: str) -> int:
    place = Path(folder) / "disk"
    place.mkdir()
    disk = DISKS[kind](place)
    db = place / "horolog.db"
    app.create(db)
    served = Served(Settings(db=db), lambda _: None)
    define(served, WISHES_MAX)
    assert served.readiness().is_ready, served.readiness()
    disk.fill()
    stored, refusal = stored_when_full(served)
    print(f"after {stored} jobs: {refusal}")
    assert str(refusal).startswith("Disk full: "), refusal
    assert not refusal.in_doubt
    # Whoever asked is told by the writer's thread, a moment before the executor hears of it.
    until(lambda: not served.readiness().is_ready, "a server that says why it is not ready")
    readiness = served.readiness()
    assert "Disk full" in str(readiness.why)
    assert stored + 2 <= served.log.head().position  # reading goes on
    freed_ns = clock.monotonic_ns()
    disk.free()
    until(lambda: served.readiness().is_ready, "a server that goes on by itself")
    print(f"went on by itself after {(clock.monotonic_ns() - freed_ns) / 1e9:.1f} s")
    define(served, stored)
    served.stop()
    with closing(SqliteLog.open(db)) as log:
        assert log.verify().fault is None
        keys = [one.key for one in log.follow(0) if one.key is not None]
    assert [f"job-{WISHES_MAX}", *(f"job-{number}" for number in range(stored + 1))] == keys
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
