"""One executor's life on a real file, turned by hand: a job is defined, fires, ends, and a snapshot
of the fold is taken. Any call on the way may fail; `lived` asks for the same until it is done.

What is promised is looked at while it happens: a call of a service is allowed only by an attempt
that can be read in the file, an answer only by events that can be, and what was refused without a
doubt cannot be.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from scheduler.executor.clock import ManualClock
from scheduler.executor.derived import ViewsFile
from scheduler.executor.handle import Answer, Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.executor.snapshot import Snapshots
from scheduler.log import schema
from scheduler.log.contract import Recorded
from scheduler.log.schema import Connect
from scheduler.log.sqlite import SqliteLog
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import HorologError, StorageFailed
from scheduler.model.invocations import Invocation, Report, Wish
from scheduler.model.limits import SNAPSHOT_EVERY
from tests.facts import JOB, at, defined
from tests.fakes import FakeInvoke
from tests.scheduler.executor.rig import ME

KEY = "define"
BEGIN, FIRE = "10:00", "10:05"
TURNS_MAX = 60
TURN_WAIT_S = 0.02  # for the writer's thread to commit; it is not waited for in vain
MOMENT = timedelta(milliseconds=200)  # between two turns, by the manual clock
TRIES_MAX = 5


def events_in(path: Path) -> list[Recorded]:
    """Return what anybody can read in the file now, by connections of one's own."""
    with closing(SqliteLog.open(path)) as log:
        return list(log.follow(0))


class Watched(FakeInvoke):
    """Workers that look into the file at each call whether it is allowed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.faults: list[str] = []

    def start(self, invocations: Sequence[Invocation], report: Report, wish: Wish) -> None:
        started = {
            (one.event.run, one.event.attempt)
            for one in events_in(self._path)
            if isinstance(one.event, e.AttemptStarted)
        }
        for one in invocations:
            if (one.run, one.attempt) not in started:
                self.faults.append(f"{one.run} was called, and its start is not in the file")
        super().start(invocations, report, wish)


class Life:
    """The parts of an executor on the log at `path`, up to their end."""

    def __init__(self, path: Path, clock: ManualClock, connect: Connect) -> None:
        self.path = path
        self.clock = clock
        self.invoke = Watched(path)
        self.faults = self.invoke.faults
        self.log = SqliteLog.open(path, clock_ns=clock.now_ns, connect=connect)
        try:
            self.views = ViewsFile.open(path, identity=self.log.identity)
        except BaseException:
            self.log.close()
            raise
        try:
            self.snapshots = Snapshots(self.views, self.log, clock)
            self.handle = Handle(
                self.log, clock, restore=self.snapshots.load, code=self.invoke.code
            )
            self.executor = Executor(
                self.handle,
                self.invoke,
                clock,
                Identity("host", 1, {}),
                on_idle=self.snapshots.offer,
            )
            self.executor.take_up()
        except BaseException:
            self.views.close()
            self.log.close()
            raise

    def close(self) -> None:
        """Let go of everything, as a server does."""
        self.executor.stop(hurry=True)
        self.snapshots.close(self.handle)
        self.views.close()
        self.log.close()

    @property
    def is_over(self) -> bool:
        """Whether nothing is written any more until a restart."""
        return self.log.health().ended

    def turn(self) -> None:
        self.executor.turn(TURN_WAIT_S)
        self.clock.advance(MOMENT)

    def define(self) -> bool:
        """Ask for the job until it is there; False when this life is over before."""
        wish = c.DefineJob(job=JOB, definition=defined("*/5 * * * *", max_runs=1))
        for _ in range(TRIES_MAX):
            answer = self.executor.ask(wish, meta=ME, key=KEY)
            for _ in range(TURNS_MAX):
                if answer.done():
                    break
                self.turn()
            if self._is_answered(answer):
                return True
            if self.is_over:
                return False
        self.faults.append("the job cannot be defined, although writing goes on")
        return False

    def _is_answered(self, answer: "Future[Answer]") -> bool:
        if not answer.done():
            self.faults.append("a wish was never answered")
            return False
        error = answer.exception()
        stored = [one for one in events_in(self.path) if isinstance(one.event, e.JobDefined)]
        if error is None:
            told = answer.result()
            if [told.first] != [one.position for one in stored]:
                self.faults.append(f"{told} was acknowledged; the file has {stored}")
            return True
        if not isinstance(error, HorologError):
            self.faults.append(f"a wish was answered with {error!r}")
        is_in_doubt = isinstance(error, StorageFailed) and error.in_doubt
        if stored and not is_in_doubt:
            self.faults.append(f"{error} was the answer, and the file has {stored}")
        return False

    def fire(self) -> bool:
        """Let time pass until the job has run; False when this life is over before."""
        self.clock.set(max(at(FIRE), self.clock.now()))
        for _ in range(TURNS_MAX):
            self.turn()
            if not self.handle.timetable.runs and self._has_ended():
                return True
            if self.is_over:
                return False
        self.faults.append("the job has not run, although writing goes on")
        return False

    def _has_ended(self) -> bool:
        return any(isinstance(one.event, e.RunSucceeded) for one in events_in(self.path))

    def snapshot(self) -> None:
        """Have a snapshot be taken."""
        self.clock.advance(SNAPSHOT_EVERY)
        self.turn()
        self.snapshots.join()


def lived(path: Path, clock: ManualClock, connect: Connect) -> tuple[list[str], bool]:
    """Live once with connections that may fail; return what went wrong, and whether all is done."""
    life = Life(path, clock, connect)
    try:
        is_done = life.define() and life.fire()
        if is_done:
            life.snapshot()
        life.turn()
        life.turn()
        status = life.executor.status()
        if not life.is_over and status.fault is not None:
            life.faults.append(f"all goes on, and the fault still told is {status.fault}")
        if life.is_over and is_done is False and status.fault is None:
            life.faults.append("nothing is written any more, and nobody is told")
    finally:
        life.close()
    return life.faults, is_done


def ended_well(path: Path, clock: ManualClock) -> list[str]:
    """Live on after a restart with a disk that works; return what is wrong with the whole."""
    faults, is_done = lived(path, clock, schema.connect)
    if not is_done:
        faults.append("a restart does not bring it to its end")
    with closing(SqliteLog.open(path)) as log:
        if (fault := log.verify().fault) is not None:
            faults.append(fault)
    tags = [str(type(one.event).__struct_config__.tag) for one in events_in(path)]
    told = [tag for tag in tags if not tag.startswith("system-")]
    again = ["attempt-interrupted", "attempt-started"]
    runs = ["log-created", "job-defined", "run-planned", "job-exhausted", "attempt-started"]
    if told not in ([*runs, "run-succeeded"], [*runs, *again, "run-succeeded"]):
        faults.append(f"the log holds {told}")
    return faults
