"""A server whose wall clock is set by others: by as many seconds as a file says.

    python -m tests.crash.moved SETTINGS FILE

Only the wall clock moves, as when an operator or NTP sets it; the other clocks are the machine's.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from scheduler.executor.clock import SystemClock
from tools.serving import Seams, serve
from tools.settings import read_settings


class MovedClock(SystemClock):
    """The machine's clocks, the wall clock off by what the file says at that moment."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _off_s(self) -> int:
        return int(self._path.read_text())

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._off_s())

    def now_ns(self) -> int:
        return super().now_ns() + self._off_s() * 1_000_000_000


if __name__ == "__main__":
    clock = MovedClock(Path(sys.argv[2]))
    sys.exit(serve(read_settings(Path(sys.argv[1])), seams=Seams(clock=clock)))
