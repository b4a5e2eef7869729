"""Many lives of an executor, in each of which one call to the disk fails; runs under the shim.

    python -m tests.power.failing FOLDER ERROR

Prints a line for each thing that is not as it was promised; the exit code says whether there are
any.
"""

import errno
import sys
from pathlib import Path

from scheduler.executor.clock import ManualClock
from scheduler.log import schema
from scheduler.model.errors import HorologError
from tests.facts import at
from tests.power.disk import (
    Disk,
    files_at,
    put_back,
    tape_of,
    written_after_a_failed_sync,
)
from tests.power.life import BEGIN, ended_well, events_in, lived
from tests.power.shim import Control
from tests.scheduler.log.writing import new_log

KINDS = "OWTSU"  # calls that create, write, cut, sync, remove
FATES = 3


class Lives:
    """Lives on logs of their own, one after the other."""

    def __init__(self, folder: Path, error: int) -> None:
        self._folder = folder
        self._error = error
        self._control = Control()

    def calls(self) -> int:
        """Return how many calls there are in a life that nothing disturbs."""
        path, tape_path, clock = self._begin("whole")
        self._control.watch(path, tape_path)
        assert ([], True) == lived(path, clock, schema.connect)
        return self._control.calls()

    def live(self, nth: int) -> list[str]:
        """Live while the nth call fails, restart, cut the power; return all that is wrong."""
        path, tape_path, clock = self._begin(f"{nth}")
        before = files_at(path)
        self._control.watch(path, tape_path)
        self._control.fail(nth, KINDS, self._error)
        try:
            faults, _ = lived(path, clock, schema.connect)
        except HorologError:  # it could not even begin, and said so
            faults = []
        if not self._control.fails():
            faults.append("no call has failed")
        after = written_after_a_failed_sync(path, tape_of(tape_path))
        faults += [f"after a failed sync: {record}" for record in after]
        faults += ended_well(path, clock)
        self._control.watch(self._folder / "none", self._folder / "no-tape")
        tape, written = tape_of(tape_path), events_in(path)
        for fate in range(FATES):
            put_back(path, Disk(before, f"{fate}").play(tape).after_cut())
            if events_in(path) != written:
                faults.append(f"a power cut takes something away (fate {fate})")
        return faults

    def _begin(self, name: str) -> tuple[Path, Path, ManualClock]:
        folder = self._folder / name
        folder.mkdir()
        clock = ManualClock(at(BEGIN))
        new_log(folder / "horolog.db", clock.now_ns).close()
        return folder / "horolog.db", folder / "tape", clock


def main(folder: str, error: str) -> int:
    lives = Lives(Path(folder), getattr(errno, error))
    calls = lives.calls()
    wrong = 0
    for nth in range(1, calls + 1):
        for fault in lives.live(nth):
            wrong += 1
            print(f"call {nth}: {fault}")
    print(f"{calls} calls failed with {error}, one in each life; {wrong} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
