"""What a crash leaves behind, made without waiting for it: a large log with many runs open.

The log is written by the real rules, handle and engine on a clock that is moved by hand, so that
half an hour of a thousand jobs passes in seconds; the ledger is written as their services would
have. The life ends some minutes ago, as if the process had been killed then: each job owes the
fires since, and its last run.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from scheduler.executor.clock import ManualClock, SystemClock
from scheduler.executor.derived import ViewsFile
from scheduler.executor.handle import Handle
from scheduler.executor.snapshot import Snapshots
from scheduler.log.contract import Meta, Recorded
from scheduler.log.sqlite import SqliteLog
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.firing import fire_times
from scheduler.model.invocations import Outcome
from scheduler.model.jobs import Definition, JobId
from scheduler.model.schedules import Cron
from tests.crash.ledger import Called, Ended, Ledger, Stamp
from tests.crash.site import Site
from tools.installation import versions

JOBS, MINUTES, DOWN_MINUTES = 1_000, 34, 6
SNAPSHOT_MINUTES = 10  # before the crash; the tail behind it is what a restart has to fold
EVERY_MINUTE = Cron(("* * * * *",))
ME = Meta(actor="crash")
LATE = timedelta(milliseconds=20)  # from a fire to the end of its run
POLICIES = (
    Definition(name="allow", service="crash.plain", schedule=EVERY_MINUTE, overlap="allow"),
    Definition(name="skip", service="crash.awaited", schedule=EVERY_MINUTE),
    Definition(
        name="all", service="crash.plain", schedule=EVERY_MINUTE, catch_up="all", catch_up_limit=3
    ),
    Definition(name="none", service="crash.awaited", schedule=EVERY_MINUTE, catch_up="none"),
    Definition(name="fail", service="crash.plain", schedule=EVERY_MINUTE, on_crash="fail"),
)


class Left(NamedTuple):
    """What lies there after the crash."""

    site: Site
    events: int
    open_runs: int


def left_behind(
    folder: Path, *, jobs: int = JOBS, minutes: int = MINUTES, has_snapshot: bool = True
) -> Left:
    """Make a site whose server was killed DOWN_MINUTES ago, in the middle of a run of each job."""
    end = SystemClock().now().replace(second=0, microsecond=0) - DOWN_MINUTES * timedelta(minutes=1)
    clock = ManualClock(end - timedelta(minutes=minutes, seconds=30))
    life = _Life(Site(folder, clock), clock)
    life.define(jobs)
    for minute in range(minutes):
        if has_snapshot and minute == minutes - SNAPSHOT_MINUTES:
            life.keep()
        life.minute(is_last=minute == minutes - 1)
    return life.killed()


class _Life:
    """A server as far as its log can tell."""

    def __init__(self, site: Site, clock: ManualClock) -> None:
        self._site = site
        self._clock = clock
        self._log = SqliteLog.open(site.db, clock_ns=clock.now_ns)
        self._handle = Handle(self._log, clock)
        self._views = ViewsFile.open(site.db, identity=self._log.identity)
        self._snapshots = Snapshots(self._views, self._log, clock)
        self._ledger = Ledger(site.ledger_path)
        self._handle.gather(c.StartSystem(host="host", pid=1, versions=versions()))

    def define(self, jobs: int) -> None:
        asked = []
        for number in range(jobs):
            policy = POLICIES[number % len(POLICIES)]
            definition = replace(policy, name=f"{policy.name}-{number}")
            wish = c.DefineJob(job=JobId(self._clock.new_id()), definition=definition)
            asked.append(self._handle.ask(wish, meta=ME))
        for answer in asked:
            answer.result()

    def keep(self) -> None:
        """Take a snapshot."""
        self._flush()
        self._snapshots.close(self._handle)

    def minute(self, *, is_last: bool) -> None:
        """Let the fires of a minute come, run and end; those of the last do not end."""
        self._clock.advance(timedelta(minutes=1))
        handle = self._handle
        while handle.gather(c.Tick(slots=len(handle.timetable.jobs), epoch=1)):
            self._flush()
        if is_last:
            return
        self._clock.advance(LATE)
        handle.gather(c.RecordOutcomes(outcomes=tuple(self._ended())))
        self._flush()

    def _ended(self) -> list[Outcome]:
        """Carry out all that is open, as far as the ledger can tell."""
        runs = [run for run in self._handle.timetable.runs.values() if run.is_open]
        at: Stamp = {"at_ns": self._clock.now_ns(), "monotonic_ns": self._clock.monotonic_ns()}
        for run in runs:
            due_ns = round(run.due_time.timestamp()) * 1_000_000_000
            key, attempt = run.run, run.attempt
            self._ledger.write(
                Called(run=key, attempt=attempt, pid=1, is_owner=True, due_ns=due_ns, **at)
            )
            self._ledger.write(Ended(run=key, attempt=attempt, succeeded=True, **at))
        return [
            Outcome(
                run=run.run, attempt=run.attempt, epoch=run.epoch, kind="succeeded", duration_us=9
            )
            for run in runs
        ]

    def _flush(self) -> None:
        sent = self._handle.flush()
        if sent is not None:
            sent.result()

    def killed(self) -> Left:
        """Let go of everything without stopping in order."""
        left = Left(
            self._site,
            self._log.head().position,
            sum(run.is_open for run in self._handle.timetable.runs.values()),
        )
        self._ledger.close()
        self._views.close()
        self._log.close()
        return left


class Settled(NamedTuple):
    """How long a restart took, by the times of record."""

    started: timedelta  # from the start of the process until it took up the log
    decided: timedelta  # ... until the last owed fire was decided
    fires: int  # that were owed


def settled(recorded: Sequence[Recorded], began_at: datetime) -> Settled:
    """Return what became of all that was owed when the last epoch began; fail when any still is."""
    *_, start = (one for one in recorded if isinstance(one.event, e.SystemStarted))
    owed: dict[JobId, datetime] = {}  # the last fire time that each job owed
    fires = 0
    cursors: dict[JobId, datetime] = {}
    decided_at = start.recorded_at
    for one in recorded:
        if one is start:
            for job, cursor in cursors.items():
                due = fire_times(EVERY_MINUTE, after=cursor, until=start.recorded_at, limit=1_000)
                owed[job] = due[-1]
                fires += len(due)
        reached = cursor_of(one.event)
        if reached is not None:
            job, cursor = reached
            cursors[job] = cursor
            if job in owed and cursor >= owed[job]:
                del owed[job]
                decided_at = one.recorded_at
    assert not owed, f"{len(owed)} jobs owe a fire for ever"
    return Settled(start.recorded_at - began_at, decided_at - began_at, fires)


def is_settled(left: Left, *, jobs: int = JOBS) -> bool:
    """Return whether every job was brought up to the start of the server that is up now.

    Read from the log: a server counts nothing as owed before it has looked at its jobs once.
    """
    log = SqliteLog.open(left.site.db)
    try:
        recorded = list(log.follow(left.events))
    finally:
        log.close()
    start = next((one for one in recorded if isinstance(one.event, e.SystemStarted)), None)
    if start is None:
        return False
    due = start.recorded_at.replace(second=0, microsecond=0)
    reached = [cursor_of(one.event) for one in recorded]
    return jobs == len({one[0] for one in reached if one is not None and one[1] >= due})


def cursor_of(event: e.AnyEvent) -> tuple[JobId, datetime] | None:
    """Return which job an event brings forward, and to where."""
    match event:
        case e.JobDefined(job=job, cursor=cursor):
            return job, cursor
        case e.FiresSkipped(job=job, until=cursor):
            return job, cursor
        case e.RunPlanned(job=job, fire_time=cursor, cause="schedule" | "catch-up"):
            return None if cursor is None else (job, cursor)
        case _:
            return None
