"""A whole Horolog on a virtual clock, with its faults: what happens, and when, follows from a seed.

One thread turns the executor by hand. Time stands still while it works and then leaps to the next
instant that brings something: a fire time, the end of an attempt, a timeout, a fault, a wish. When
the process is lost, all that is left is what the log holds. The model is told every event at the
turn that brought it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import NamedTuple

from scheduler.executor.clock import ManualClock
from scheduler.executor.handle import Answer, Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.log.contract import Meta, Recorded, Request, Write
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import HorologError, Refused, StorageFailed
from scheduler.model.invocations import Outcome
from scheduler.model.streams import SYSTEM
from tests.fakes import HeldLog, KilledError
from tests.simulation.model import Model
from tests.simulation.services import Key, Services

ME = Meta(actor="me")
FULL = StorageFailed("Disk full: 0 bytes free", in_doubt=False)
TICK_GAP = timedelta(milliseconds=6)  # the executor gathers for 5 ms between two small ticks
LOOK_EVERY = timedelta(seconds=20)  # while the disk is full, or the clock in doubt
SLEEP_MAX = timedelta(minutes=20)
TURNS_MAX = 5_000  # of one instant
SLOTS = 4
KEY_LIMITS = {"wide": 2}  # of other keys: one


class Turn(NamedTuple):
    """What a turn of the executor stored, when it was, and since when all had been well."""

    batch: Sequence[Recorded]
    now: datetime
    ready_at: datetime


class World:
    """The machine: clock, disk, process; and the model that judges what it sees."""

    def __init__(self, seed: str, begin_at: datetime) -> None:
        self.clock = ManualClock(begin_at)
        self.log = HeldLog(self.clock.now_ns)
        self.model = Model(SLOTS, KEY_LIMITS)
        self.told: dict[Key, Outcome] = {}  # how each attempt's service ended
        self.ready_at = begin_at  # since when all has been well
        self.turns: list[Turn] = []
        self.crashes = 0
        self._seed = seed
        self._is_stopping = False
        self._seen = 0  # events the model has judged
        created = e.LogCreated(identity="x", horolog="simulation")
        self.log.append(Request([Write(SYSTEM, 0, [created])], Meta(actor="simulation")))
        self.start()

    # -- the process

    def start(self) -> None:
        """Start a process on what the log holds; it may be killed while it does."""
        self.services = Services(self.clock, self._seed, self.told)
        while True:
            handle = Handle(self.log, self.clock)
            identity = Identity("host", 1, {})
            self.executor = Executor(
                handle,
                self.services,
                self.clock,
                identity,
                slots=SLOTS,
                on_idle=self._pass_time,
                key_limits=KEY_LIMITS,
            )
            try:
                self.executor.take_up()
            except KilledError:
                self._lose()
            else:
                break
        self.ready_at = self.clock.now()
        self._judge()

    def kill_at(self, append: int, *, is_written: bool) -> None:
        """Have the process lost at its n-th append from now, just after or just before it."""
        self.log.kill_at = self.log.submitted + append
        self.log.is_written = is_written

    def _lose(self) -> None:
        self.crashes += 1
        self.log.kill_at = 0
        self.log.failure = None  # whoever comes to start it again makes room, too
        self.services = Services(self.clock, self._seed, self.told)  # what was out is gone
        self._judge()

    def lose(self, down: timedelta) -> None:
        """Lose the process, and start the next one after a while."""
        self._lose()
        self.clock.advance(down)
        self.start()

    def stop(self, down: timedelta) -> None:
        """Stop the process in order, and start the next one after a while."""
        self._is_stopping = True
        self._guarded(lambda: self.executor.stop(hurry=True))
        self._is_stopping = False
        self.services = Services(self.clock, self._seed, self.told)
        self.clock.advance(down)
        self.start()

    def _pass_time(self, _: Handle) -> None:
        """Let time pass between the turns of a stop, which waits for what does not end."""
        if self._is_stopping:
            self._judge()
            self.clock.advance(TICK_GAP)

    # -- time

    def run_until(self, at: datetime) -> None:
        """Let time pass, stopping at each instant that brings something."""
        self.settle()
        while (left := at - self.clock.now()) > timedelta():
            self.clock.advance(min(left, self._wait()))
            self.settle()

    def _wait(self) -> timedelta:
        """Return how long it takes until something comes."""
        if self.is_troubled:
            return LOOK_EVERY if self.log.failure is None else LOOK_EVERY * 10
        now, now_ns = self.clock.now(), self.clock.monotonic_ns()
        waits = [SLEEP_MAX]
        if (wake := self.executor.handle.timetable.next_wake()) is not None:
            waits.append(wake - now)
        ends = [out.ends_ns for out in self.services.out.values()]
        ends += [out.begun_ns + in_ns(out.invocation.timeout) for out in self.services.out.values()]
        ends += [out.given_up_ns for out in self.services.out.values()]
        waits += [timedelta(microseconds=-((now_ns - ns) // 1_000)) for ns in ends if ns > now_ns]
        return max(min(waits), TICK_GAP)

    @property
    def is_troubled(self) -> bool:
        """Whether nothing can be decided just now: the disk is full, or the clock in doubt."""
        status = self.executor.status()
        return status.fault is not None or status.is_resting or self.log.failure is not None

    def settle(self) -> None:
        """Turn until nothing more happens, then have the quiet judged."""
        for _ in range(TURNS_MAX):
            position = self.log.head().position
            if self.is_troubled:
                self.ready_at = self.clock.now()
            self.services.end()
            is_whole = self._guarded(self.executor.turn) and self._guarded(self.executor.turn)
            if self.is_troubled:
                return
            self.clock.advance(TICK_GAP)
            if is_whole and self.log.head().position == position and self._guarded(self._idle):
                return
        raise AssertionError(f"at {self.clock.now()} there is no end to what is due")

    def _idle(self) -> None:
        position = self.log.head().position
        self.executor.turn()
        self.executor.turn()  # what was asked to end in the first has told so
        if self.log.head().position == position and not self.is_troubled:
            self.model.judge_quiet(self.clock.now(), self.services.out)

    def _guarded(self, act: Callable[[], object]) -> bool:
        """Do something in the process, and have it judged; False when the process was lost."""
        try:
            act()
        except KilledError:
            self.lose(timedelta())
            return False
        self._judge()
        return True

    def _judge(self) -> None:
        while batch := self.log.read(after=self._seen):
            self._seen = batch[-1].position
            self.turns.append(Turn(batch, self.clock.now(), self.ready_at))
            self.model.take(*self.turns[-1], self.told)

    @property
    def history(self) -> list[Recorded]:
        """All events, in their order."""
        return [recorded for turn in self.turns for recorded in turn.batch]

    # -- the world outside

    def ask(self, command: c.AnyCommand, *, stream: str | None = None) -> bool | None:
        """Ask for something: True when it is done, False when refused, None when it is in doubt."""
        answer: Future[Answer] = self.executor.ask(command, meta=ME, stream=stream)
        for _ in range(3):
            if not self._guarded(self.executor.turn):
                return None
            if answer.done():
                break
        if not answer.done():
            answer.cancel()
            return None
        error = answer.exception()
        if error is not None and not isinstance(error, HorologError):
            raise error
        return None if isinstance(error, StorageFailed) else not isinstance(error, Refused)

    def step_clock(self, by: timedelta) -> None:
        """Set the clock."""
        self.clock.step(by)
        self.ready_at = self.clock.now()
        self.settle()

    def suspend(self, for_: timedelta) -> None:
        """Have the machine sleep."""
        self.clock.sleep(for_)
        self.ready_at = self.clock.now()
        self.settle()

    def fill_disk(self, for_: timedelta) -> None:
        """Have nothing stored for a while."""
        self.log.failure = FULL
        self.run_until(self.clock.now() + for_)
        self.log.failure = None
        self.run_until(self.clock.now() + 3 * LOOK_EVERY)


def in_ns(length: timedelta) -> int:
    """Return a length in nanoseconds."""
    return length // timedelta(microseconds=1) * 1_000
