"""A log on a disk of which a tape is kept, and commands that are carried out on it in turn."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from scheduler.log.sqlite import SqliteLog
from tests.power.disk import Disk, Files, Record, files_at, put_back, records_in
from tests.power.shim import environment
from tools import app

KEY = "k"
FATES = 12  # of what was not synced, for each moment


class Machine:
    """A machine whose power can be cut at any place of the tape."""

    def __init__(self, folder: Path, library: Path, *, is_new: bool = False) -> None:
        """Make a log; with `is_new` the first command does."""
        folder.mkdir()
        self.db = folder / "horolog.db"
        if not is_new:
            app.create(self.db)
        self.files: Files = files_at(self.db)
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
        """Return what is on the tape, or on the beginning of it."""
        return records_in(self._tape_path.read_bytes()[:length])

    def cut(self, tape: Sequence[Record], fate: int) -> None:
        """Cut the power at the end of a tape; what was not synced meets one of its fates."""
        put_back(self.db, Disk(self.files, f"{fate}").play(tape).after_cut())

    def check(self, tape: Sequence[Record]) -> None:
        """Cut the power at the end of a tape, again and again: the job must be there each time."""
        for fate in range(FATES):
            self.cut(tape, fate)
            assert self.has_job(), f"what was acknowledged is gone (fate {fate})"

    def has_job(self) -> bool:
        """Return whether the job is in the log, which must verify."""
        with closing(SqliteLog.open(self.db)) as log:
            report = log.verify()
            assert report.fault is None, report
            return log.find(KEY) is not None
