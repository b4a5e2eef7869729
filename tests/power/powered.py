"""A site whose servers lose their power: what they did since the last sync may be gone."""

from pathlib import Path
from signal import SIGKILL
from typing import NamedTuple

from tests.crash.ledger import Acknowledged
from tests.crash.site import SERVE, Site
from tests.crash.waiting import until
from tests.power.disk import Disk, Files, Record, files_at, put_back, tape_of
from tests.power.shim import environment


class Cut(NamedTuple):
    """A disk before a server had it, and what it did until the power went."""

    before: Files
    tape: list[Record]


class PoweredSite(Site):
    """A folder with a log, on a disk of which a tape is kept."""

    def __init__(self, folder: Path, library: Path) -> None:
        super().__init__(folder)
        self._library = library
        self._tape_path = folder / "tape"

    def cut(self, *, call: int = 0, wishes: int = 0, is_relaxed: bool = False) -> Cut:
        """Serve until a call to the disk, or so many wishes are acknowledged; cut the power then.

        `is_relaxed`: the server does not sync its commits.
        """
        self._tape_path.unlink(missing_ok=True)
        before = files_at(self.db)
        program = ["-c", SERVE, "--config", str(self.file), "serve"]
        if is_relaxed:
            program = ["-m", "tests.power.relaxed", str(self.file)]
        server = self._start(
            *program, environment=environment(self._library, self.db, self._tape_path, cut=call)
        )
        enough = len(self.acknowledged()) + wishes
        if wishes:
            until(lambda: len(self.acknowledged()) >= enough, f"{wishes} answers")
            server.process.kill()
        until(lambda: server.process.poll() is not None, f"call {call}:\n{server.said()}")
        assert -SIGKILL == server.ended(), server.said()
        return Cut(before, tape_of(self._tape_path))

    def find(self, cut: Cut, seed: str) -> None:
        """Have the disk be as it may be found after a cut, by the choices of a seed."""
        put_back(self.db, Disk(cut.before, seed).play(cut.tape).after_cut())

    def acknowledged(self) -> list[Acknowledged]:
        return [line for line in self.lines() if isinstance(line, Acknowledged)]
