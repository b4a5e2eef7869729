"""A site whose servers lose their power: what they did since the last sync may be gone."""

from pathlib import Path
from signal import SIGKILL

from tests.crash.ledger import Acknowledged
from tests.crash.site import SERVE, Site
from tests.crash.waiting import until
from tests.power.disk import Disk, Record, files_at, put_back, tape_of
from tests.power.shim import environment


class PoweredSite(Site):
    """A folder with a log, on a disk of which a tape is kept."""

    def __init__(self, folder: Path, library: Path) -> None:
        super().__init__(folder)
        self._library = library
        self._tape_path = folder / "tape"

    def cut(self, call: int, seed: str, *, is_relaxed: bool = False) -> list[Record]:
        """Serve until the given call to the disk, cut the power there, and look at the disk anew.

        `is_relaxed`: the server does not sync its commits. Returns what it did to the disk.
        """
        self._tape_path.unlink(missing_ok=True)
        before = files_at(self.db)
        program = ["-c", SERVE, "--config", str(self.file), "serve"]
        if is_relaxed:
            program = ["-m", "tests.power.relaxed", str(self.file)]
        server = self._start(
            *program, environment=environment(self._library, self.db, self._tape_path, cut=call)
        )
        until(lambda: server.process.poll() is not None, f"call {call}:\n{server.said()}")
        assert -SIGKILL == server.ended(), server.said()
        tape = tape_of(self._tape_path)
        put_back(self.db, Disk(before, seed).play(tape).after_cut())
        return tape

    def acknowledged(self) -> list[Acknowledged]:
        return [line for line in self.lines() if isinstance(line, Acknowledged)]
