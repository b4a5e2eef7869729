"""How a server is brought down: by which signal, at which moment of its life.

Every choice follows from a seed, though the moment it meets does not. A strike ends its server in
one of three ways: killed; asked to stop, and let end, killed or asked again meanwhile; or frozen
like a process that the system has forgotten, and killed there or woken before. A quarter comes
while the server starts, another quarter at a named point of the work, where the server strikes
itself (`victim`), the others at random.
"""

import signal
from collections.abc import Sequence
from typing import NamedTuple

from scheduler.executor.owner import who_owns
from tests.crash.chance import Chance
from tests.crash.site import STOP_GRACE, Server, Site
from tests.crash.victim import NOWHERE
from tests.crash.waiting import let_pass, until

STARTING, A_POINT, HALF = 0.25, 0.5, 0.5  # up to which part of all strikes
START_S = 1.0  # about how long a server takes to be ready
WORK_S = 2.5
POINT_PATIENCE_S = 10.0  # for the point to be reached; else the server is killed where it is
AROUND_A_COMMIT = ("before-append", "before-commit", "after-commit")
STARTING_MARKERS = ("system-started", "attempt-interrupted", "settings-loaded", "services-loaded")
MARKERS = (
    *("run-planned", "attempt-started", "run-succeeded", "attempt-failed", "run-failed"),
    *("step-completed", "fires-skipped", "job-defined", "job-revised", "job-paused", "run-held"),
)
POINTS = (
    *("before-call", "during-call", "before-outcome", "during-snapshot", "during-projection"),
)
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
REFUSED = 5  # the exit code of a server that finds the log owned


class Strike(NamedTuple):
    """What a server met, and when."""

    when: str
    by: str

    def __str__(self) -> str:
        return f"{self.by} {self.when}"


class Striker:
    """Starts servers on one site and brings each of them down."""

    def __init__(self, site: Site, chance: Chance) -> None:
        self._site = site
        self._chance = chance

    def strike(self) -> Strike:
        """Start a server and bring it down; it is gone afterwards."""
        part = self._chance.part()
        if part < STARTING:
            return self._while_it_starts()
        if part < A_POINT:
            return self._at_a_point()
        server = self._a_server().ready()
        self._pass(WORK_S)
        return self._end(server)

    def _a_server(self) -> Server:
        """Start `serve` itself, or the one that takes snapshots all the time."""
        return self._site.serve() if self._chance.part() < HALF else self._site.victim(NOWHERE)

    def _pass(self, most_s: float) -> None:
        let_pass(self._chance.between(0, most_s))

    # -- moments

    def _while_it_starts(self) -> Strike:
        """Strike before it is ready: at a commit of its start, or anywhere, half when it owns."""
        if self._chance.part() < HALF:
            return self._around_a_commit(STARTING_MARKERS, first=True)
        server = self._a_server()
        if self._chance.part() < HALF:
            self._pass(START_S)
        else:
            until(lambda: self._owns(server) or server.has_ended(), "a server that owns the log")
            self._pass(START_S / 10)
        return self._end(server)

    def _at_a_point(self) -> Strike:
        if self._chance.part() < HALF:
            return self._around_a_commit(MARKERS, first=False)
        point = self._chance.one_of(POINTS)
        return self._dies_at(point, "", count=self._a_count())

    def _around_a_commit(self, markers: Sequence[str], *, first: bool) -> Strike:
        point, marker = self._chance.one_of(AROUND_A_COMMIT), self._chance.one_of(markers)
        return self._dies_at(point, marker, count=1 if first else self._a_count())

    def _a_count(self) -> int:
        return 1 + int(self._chance.between(0, 5))

    def _dies_at(self, point: str, marker: str, *, count: int) -> Strike:
        by = self._chance.one_of(SIGNALS)
        server = self._site.victim(point, marker, count=count, by=by)
        deadline_ns = self._site.clock.monotonic_ns() + int(POINT_PATIENCE_S * 1e9)
        until(
            lambda: self._site.hit_path.exists() or self._site.clock.monotonic_ns() > deadline_ns,
            f"a server that comes to {point} {marker}",
        )
        if not self._site.hit_path.exists():
            return self._end(server)  # nothing of the kind has happened
        when = "at a point" if server.was_ready() else "at a point of its start"
        return Strike(when, self._after(by, server))

    # -- ends

    def _end(self, server: Server) -> Strike:
        """Bring a server down; tell how, and at which moment of its life."""
        assert not server.has_ended(), f"it ended by itself:\n{server.said()}"
        when = "at work" if server.was_ready() else "while it starts"
        by = self._chance.one_of(SIGNALS)
        server.process.send_signal(by)
        return Strike(when, self._after(by, server))

    def _after(self, by: signal.Signals, server: Server) -> str:
        """Have it gone after its signal; tell by what."""
        match by:
            case signal.SIGTERM:
                told = self._terminated(server)
            case signal.SIGSTOP:
                told = self._frozen(server)
            case _:
                told = "SIGKILL"
        server.kill()
        return told

    def _terminated(self, server: Server) -> str:
        """Let it end in order, or kill it meanwhile, or ask again."""
        match self._chance.one_of(("let", "kill", "again")):
            case "kill":
                self._pass(STOP_GRACE.total_seconds())
                return "SIGTERM, then SIGKILL"
            case "again":
                self._pass(STOP_GRACE.total_seconds())
                server.terminate()
                server.ended()
                return "SIGTERM twice"
            case _:
                server.ended()
                return "SIGTERM"

    def _frozen(self, server: Server) -> str:
        """Leave it there for a while; nobody else may take the log meanwhile, if it has it."""
        self._pass(WORK_S)
        if self._chance.part() < HALF and self._owns(server):
            rival = self._site.serve()
            assert REFUSED == rival.ended(), rival.said()
        if self._chance.part() < HALF:
            return "SIGSTOP, then SIGKILL"
        server.process.send_signal(signal.SIGCONT)
        self._pass(START_S)
        return "SIGSTOP, SIGCONT, then SIGKILL"

    def _owns(self, server: Server) -> bool:
        owner = who_owns(self._site.db)
        return owner is not None and owner.pid == server.pid
