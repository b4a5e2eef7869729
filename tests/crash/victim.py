"""A server that is composed like any other, but for one part that strikes it at a named point.

    python -m tests.crash.victim SETTINGS HIT POINT MARKER COUNT SIGNAL

The point is noted in the file HIT before the process sends the signal to itself. The parts come in
by `serving.Seams`, each of them the real part with a stop in front or behind.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from projections.catalog import CATALOG
from projections.schedules import Schedules
from scheduler.executor.clock import Clock
from scheduler.executor.derived import ViewsFile
from scheduler.executor.handle import Handle
from scheduler.executor.snapshot import Snapshots
from scheduler.log import schema
from scheduler.log.contract import Log, Recorded
from scheduler.model.invocations import Invocation, Invoke, Outcome, Report, StopReason, Wish
from scheduler.model.jobs import RunId
from tests.crash.ledger import Called, lines_of
from tests.crash.waiting import let_pass, until
from tools.serving import Seams, serve
from tools.settings import read_settings

APPENDING = "INSERT INTO log "
COLUMNS = 10  # of a row of the log
TYPE = 3  # ... the place of its type
KEEPING = "INSERT OR REPLACE INTO snapshot VALUES"
NOWHERE = "nowhere"  # a server that lives on, and takes snapshots all the time
LINGERING = "lingering"  # one whose process takes its time to end, as some exit hooks do
LINGER_S = 0.5
SNAPSHOT_AFTER = 8  # events; then one is taken at every turn that has brought any


class Death:
    """Strikes this process when it comes to one point for the nth time; to kill it, as a rule."""

    def __init__(
        self, hit_path: Path, point: str, count: int, by: signal.Signals = signal.SIGKILL
    ) -> None:
        self.point = point
        self._hit_path = hit_path
        self._left = count
        self._by = by

    def at(self, point: str, position: int = 0) -> None:
        """Come to a point; `position` is the last one of the commit there."""
        if point == self.point:
            self._left -= 1
            if self._left == 0:
                self._hit_path.write_text(f"hit {point} {position}")
                os.kill(os.getpid(), self._by)


class Killing(sqlite3.Connection):
    """A connection to the log that dies around the commit which holds a certain type of event."""

    death: Death
    marker: str  # the type
    _position = 0  # the last one of a marked commit

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401  # whatever SQLite takes
        if sql.startswith(APPENDING):  # the columns of some rows, one row after the other
            is_marked = self.marker in parameters[TYPE::COLUMNS]
            if is_marked or self._position:
                self._position = parameters[-COLUMNS]
            if is_marked:
                self._come_to("before-append")
        if sql != "COMMIT":
            return super().execute(sql, parameters)
        self._come_to("before-commit")
        cursor = super().execute(sql)
        self._come_to("after-commit")
        self._position = 0
        return cursor

    def _come_to(self, point: str) -> None:
        if self._position:
            self.death.at(point, self._position)


class Around:
    """Workers that die before a call, during it, or after it and before its outcome is known."""

    def __init__(self, workers: Invoke, death: Death, ledger_path: Path) -> None:
        self._workers = workers
        self._death = death
        self._ledger_path = ledger_path

    def knows(self, service: str) -> bool:
        return self._workers.knows(service)

    def code(self, service: str) -> str | None:
        return self._workers.code(service)

    def start(self, invocations: Sequence[Invocation], report: Report, wish: Wish) -> None:
        self._death.at("before-call")

        def told(outcomes: Sequence[Outcome]) -> None:
            self._death.at("before-outcome")
            report(outcomes)

        self._workers.start(invocations, told, wish)
        if self._death.point == "during-call":
            keys = {(one.run, one.attempt) for one in invocations}
            until(partial(self._are_called, keys), "the calls")
            self._death.at("during-call")

    def _are_called(self, keys: set[tuple[RunId, int]]) -> bool:
        lines = lines_of(self._ledger_path)
        return keys <= {(line.run, line.attempt) for line in lines if isinstance(line, Called)}

    def stop(
        self, run: RunId, attempt: int, reason: StopReason, grace: timedelta | None = None
    ) -> bool:
        return self._workers.stop(run, attempt, reason, grace)

    def close(self) -> None:
        self._workers.close()


class DyingSnapshots(Snapshots):
    """Snapshots that are taken all the time, and die between the states and the commit."""

    death: Death

    def __init__(self, views: ViewsFile, log: Log, clock: Clock) -> None:
        super().__init__(views, log, clock)
        with views.transaction() as connection:
            connection.set_trace_callback(self._come_by)

    def offer(self, handle: Handle) -> None:
        self._taken_ns = 0
        if handle.timetable.position >= SNAPSHOT_AFTER:
            super().offer(handle)

    def _come_by(self, statement: str) -> None:
        if statement.startswith(KEEPING):
            self.death.at("during-snapshot")


class DyingSchedules(Schedules):
    """The last view of a page, which dies when the rows of all are written and not committed."""

    death: Death

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        super().apply(connection, batch)
        self.death.at("during-projection")


def seams_for(death: Death, marker: str, ledger_path: Path) -> Seams:
    """Return the seams at which the process may die, as the real parts otherwise."""
    Killing.death, Killing.marker = death, marker
    DyingSnapshots.death = death
    DyingSchedules.death = death
    catalog = [*(kind for kind in CATALOG if kind is not Schedules), DyingSchedules]
    return Seams(
        connect=partial(schema.connect, factory=Killing),
        invoke=lambda workers: Around(workers, death, ledger_path),
        catalog=catalog,
        snapshots=DyingSnapshots,
    )


def main(arguments: list[str]) -> int:
    settings, hit, point, marker, count, by = arguments
    death = Death(Path(hit), point, int(count), signal.Signals[by])
    seams = seams_for(death, marker, Path(os.environ["CRASH_LEDGER"]))
    code = serve(read_settings(Path(settings)), seams=seams)
    if point == LINGERING:
        let_pass(LINGER_S)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
