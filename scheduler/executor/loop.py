"""The running loop: one thread that decides and never waits for the disk or a service.

It takes up the log under a new epoch, settles what older ones left open, turns (`turns`) until it
is told to stop, and leaves the log in order. Its face may be called from any thread.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import timedelta

from scheduler.executor.clock import Clock
from scheduler.executor.handle import Answer, Handle
from scheduler.executor.messages import Called, Identity, Status, Wish, Wishes, Woken
from scheduler.executor.turns import STOPPING, TICK_GAP_S, Turns
from scheduler.log.contract import Meta
from scheduler.model import commands as c
from scheduler.model.content import Contents
from scheduler.model.errors import Conflict
from scheduler.model.invocations import Invoke
from scheduler.model.jobs import RunId
from scheduler.model.limits import (
    CHILDREN_PATIENCE,
    END_GRACE,
    IDLE_WAIT,
    SLOTS_DEFAULT,
    STOP_PATIENCE,
    WISHES_WAITING_MAX,
)
from scheduler.rules.resume import resume

Alive = Callable[[], set[RunId]]  # runs whose child of an older executor still lives
STOPPED_WITHIN = END_GRACE + STOP_PATIENCE + IDLE_WAIT  # an attempt that is asked to end
AHEAD_MIN = timedelta(seconds=2)  # an interval's anchor may lie up to a second ahead


class Executor(Turns):
    """Decides, records and dispatches for one log, which this process owns."""

    def __init__(
        self,
        handle: Handle,
        invoke: Invoke,
        clock: Clock,
        identity: Identity,
        *,
        slots: int = SLOTS_DEFAULT,
        stop_grace: timedelta = timedelta(seconds=20),
        alive: Alive = set,
        on_idle: Callable[[Handle], None] = lambda _: None,
        only: RunId | None = None,
        key_limits: Mapping[str, int] | None = None,
    ) -> None:
        """Prepare; nothing happens before `start` (or `take_up` and `turn`, by hand).

        `on_idle` is called at the end of each turn, on the deciding thread: snapshots are taken
        there. With `only`, that run is carried out and nothing else is decided: no fire time, no
        other start. `key_limits`: how many run at once per concurrency key, KEY_LIMIT_DEFAULT of
        one that is not named.
        """
        super().__init__(
            handle,
            invoke,
            clock,
            slots=slots,
            on_idle=on_idle,
            only=only,
            key_limits=key_limits or {},
        )
        self._identity = identity
        self._stop_grace = stop_grace
        self._alive = alive
        self._is_hurried = False
        self._is_up = False  # the log was taken up, and not left yet
        self._since = clock.now()
        self._thread: threading.Thread | None = None

    # -- the face, for any thread

    def start(self) -> None:
        """Take up the log and decide on a thread of its own, until `stop`."""
        self.take_up()
        self._thread = threading.Thread(target=self._run, name="horolog-executor", daemon=True)
        self._thread.start()

    def ask(
        self,
        command: c.AnyCommand,
        *,
        meta: Meta,
        key: str | None = None,
        contents: Contents | None = None,
        stream: str | None = None,
    ) -> Future[Answer]:
        """Hand a wish to the deciding thread; the future brings the answer or the refusal."""
        wish = Wish(command, meta, key, contents or {}, stream, Future())
        self.ask_all([wish])
        return wish.answer

    def ask_all(self, wishes: Sequence[Wish]) -> None:
        """Hand in wishes that came together; their futures bring the answers or the refusals."""
        if self._mailbox.qsize() > WISHES_WAITING_MAX:
            refusal = f"{WISHES_WAITING_MAX:,} wishes wait already (WISHES_WAITING_MAX). Try again"
            for wish in wishes:
                wish.answer.set_exception(Conflict(refusal))
        else:
            self._put(Wishes(wishes))

    def preview(self, command: c.AnyCommand, *, stream: str | None = None) -> Future[object]:
        """Decide a wish on the deciding thread and store nothing; the future brings its facts."""
        return self.call(lambda: self.handle.preview(command, stream=stream))

    def call(self, function: Callable[[], object]) -> Future[object]:
        """Have something done on the deciding thread, between two turns."""
        answer: Future[object] = Future()
        self._put(Called(function, answer))
        return answer

    def stop(self, *, hurry: bool = False) -> None:
        """Decide nothing more, let attempts end, leave the log in order, and wait for that.

        `hurry`: attempts get no grace.
        """
        self._is_hurried = self._is_hurried or hurry
        self._is_stopping = True
        self._mailbox.put(Woken())
        if self._thread is not None:
            self._thread.join()
        elif self._is_up:
            self._wind_down()
            self._close()

    @property
    def silence(self) -> timedelta:
        """How long the deciding thread has not moved, by a clock that is never set."""
        return timedelta(microseconds=(self._clock.monotonic_ns() - self._heartbeat_ns) // 1_000)

    def status(self) -> Status:
        """Return how the executor stands."""
        timetable = self.handle.timetable
        now = self._clock.now()
        cursors = [job.cursor for job in list(timetable.jobs.values())]
        ahead = max(cursors, default=now) - now
        return Status(
            epoch=timetable.system.epoch,
            since=self._since,
            heartbeat_at=self._heartbeat_at,
            position=timetable.position,
            jobs=len(timetable.jobs),
            runs_open=len(timetable.runs),
            attempts_out=len(self._dispatch.out),
            slots=self.slots,
            owed=timetable.count_due(now),
            held_apart={
                job.definition.name: zone
                for key, zone in timetable.agenda.held_apart().items()
                if (job := timetable.jobs.get(key)) is not None
            },
            ahead=ahead if ahead > AHEAD_MIN else timedelta(),
            is_resting=self._watch.is_resting,
            is_stopping=self._is_stopping,
            fault=self._outbox.fault,
            decided_at=self._decided_at,
            silence=self.silence,
        )

    # -- taking up and leaving

    def take_up(self) -> None:
        """Begin the next epoch, and settle what older ones left open."""
        host, pid, versions = self._identity
        handle = self.handle
        handle.gather(c.StartSystem(host=host, pid=pid, versions=versions))
        self._send_and_wait()
        epoch = handle.timetable.system.epoch
        patience_ns = self._clock.monotonic_ns() + int(CHILDREN_PATIENCE.total_seconds() * 1e9)
        pause = threading.Event()
        while (alive := self._alive()) and self._clock.monotonic_ns() < patience_ns:
            pause.wait(0.05)
        for wish in resume(handle.timetable, epoch=epoch, alive=alive):
            handle.gather(wish)
        self._send_and_wait()
        handle.timetable.agenda.reckon()  # so that what is owed is told truly from the start
        self._is_up = True

    def _send_and_wait(self) -> None:
        sent = self.handle.flush()
        if sent is not None:
            sent.result()

    def _run(self) -> None:
        try:
            while not self._is_stopping:
                self.turn(self._wait_s())
            self._wind_down()
        except BaseException as error:  # the thread's end must be seen, whatever it is
            self._outbox.fault = f"the executor stopped: {type(error).__name__}: {error}"
            self._outbox.is_halted = True
            raise
        finally:
            self._close()

    def _close(self) -> None:
        """Answer nobody any more."""
        self._is_up = False
        self._is_over = True
        self._refuse_wishes(Conflict(STOPPING))
        self._refuse_waiting()

    def _wind_down(self) -> None:
        """Let attempts end, then ask them to, then record those that did not."""
        grace_s = 0.0 if self._is_hurried else self._stop_grace.total_seconds()
        self._turn_while_out(grace_s)
        for run, attempt in list(self._dispatch.out):
            if (outcome := self._dispatch.stop(run, attempt, "stop")) is not None:
                self._outcomes.append(outcome)
        self._turn_while_out(2 * TICK_GAP_S if self._is_hurried else STOPPED_WITHIN.total_seconds())
        self.turn(0)
        if self._outbox.can_decide:
            self.handle.gather(c.StopSystem())
            self._outbox.flush()
            while self._outbox.in_flight and self._outbox.can_decide:
                self.turn(IDLE_WAIT.total_seconds())
        self._on_idle(self.handle)

    def _turn_while_out(self, seconds: float) -> None:
        until_ns = self._clock.monotonic_ns() + int(seconds * 1e9)
        while self._dispatch.out or self._outcomes or self._outbox.in_flight:
            left_s = (until_ns - self._clock.monotonic_ns()) / 1e9
            if left_s <= 0 or self._outbox.is_halted:
                return
            self.turn(min(left_s, IDLE_WAIT.total_seconds()))
