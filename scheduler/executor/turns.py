"""What one turn of the executor does, and how long it may sleep before the next.

A turn: take what came in (outcomes, wishes, commits); look at the clock; record outcomes; answer
wishes; decide what time has brought; send all of it as one request. What a commit allows (a call,
an answer) happens when the commit says so, not before. `turn` may be called by hand, on a manual
clock: that is how it is tested.

When an append fails, all that was decided on it is void: the fold is read again from the log. When
a reading fails that a decision needs, the rest of the turn is void, and what it did not come to is
left for a later one. A full disk is waited out, and so is a log that cannot be read; after anything
worse nothing is decided any more until a restart (`outbox`).
"""

import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial

from scheduler.executor.asked import ask_for, before_outcomes, waits_for_disk
from scheduler.executor.clock import Clock
from scheduler.executor.dispatch import Dispatch
from scheduler.executor.handle import Answer, Handle
from scheduler.executor.messages import Called, Message, Reported, Settled, Wish, Wishes, Woken
from scheduler.executor.outbox import READING_FAILED, Outbox
from scheduler.executor.watch import ClockWatch
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Contents, digest_of
from scheduler.model.errors import (
    Conflict,
    HorologError,
    ImpossibleHistory,
    Unreachable,
    VersionConflict,
)
from scheduler.model.invocations import Invocation, Invoke, OnceWished, Outcome, StepDone
from scheduler.model.jobs import Definition, RunId
from scheduler.model.limits import DUE_JOBS_PER_APPEND, IDLE_WAIT, WISH_TRIES_MAX
from scheduler.rules.facts import Fact
from scheduler.rules.run_state import RunState

FEW_FACTS = 16  # a tick that brought fewer leaves room for more to gather before the next
TICK_GAP_S = 0.005
STEPS_PER_TURN = 5  # expiries, starts, fire times, backfills, and the starts of those
STOPPING = "the scheduler is stopping; nothing was stored"
RESTING = (
    "the clock was set forward by more than an hour; nothing is decided until it has stood for a "
    "minute. Nothing was stored; try again then"
)


class Turns:
    """The state of the deciding thread between two turns, and the turn."""

    def __init__(
        self,
        handle: Handle,
        invoke: Invoke,
        clock: Clock,
        *,
        slots: int,
        on_idle: Callable[[Handle], None],
        only: RunId | None,
        key_limits: Mapping[str, int],
    ) -> None:
        """Prepare; `on_idle` is called at the end of each turn."""
        self.handle = handle
        self.slots = slots
        self._key_limits = dict(key_limits)
        self._only = only  # the one run to carry out; nothing else is decided
        self._clock = clock
        self._on_idle = on_idle
        self._mailbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._dispatch = Dispatch(invoke, clock, handle.log, self._report, self._wish)
        self._outbox = Outbox(handle, clock, lambda: self._mailbox.put(Woken()))
        self._watch = ClockWatch(clock)
        self._allowed: list[Fact] = []  # durable, to be carried out
        self._outcomes: list[Outcome] = []  # to be recorded
        self._wishes: list[Wish] = []
        self._is_stopping = False
        self._is_closed = False  # the workers were told to end
        self._is_over = False  # nobody will look into the mailbox again
        self._has_more = False  # the last tick left something to decide
        self._tick_after_ns = 0
        self._heartbeat_at = clock.now()
        self._heartbeat_ns = clock.monotonic_ns()
        self._decided_at = self._heartbeat_at  # the last turn that could decide
        handle.on_committed = lambda facts: self._mailbox.put(Settled(facts, None))
        handle.on_failed = lambda error: self._mailbox.put(Settled((), error))

    def _wish(self, invocation: Invocation, wished: StepDone | OnceWished) -> Future[None]:
        """Take a running attempt's wish, from any thread; the future ends when it is durable."""
        return ask_for(invocation, wished, handle=self.handle, clock=self._clock, put=self._put)

    def _report(self, outcomes: Sequence[Outcome]) -> None:
        self._mailbox.put(Reported(outcomes))

    def turn(self, wait_s: float = 0.0) -> None:
        """Do what came in and what fell due, waiting at most `wait_s` for something to come."""
        self._take_in(wait_s)
        self._heartbeat_at = self._clock.now()
        self._heartbeat_ns = self._clock.monotonic_ns()
        self._outcomes += self._dispatch.overdue()
        self._outbox.look()
        if (lost := self._outbox.mend()) is not None:
            self._outcomes = lost + self._outcomes
            self._has_more = True
        if self._outbox.can_decide:
            try:
                self._carry_out()
                self._look_at_clock()
                self._decide()
            except READING_FAILED as error:
                self._outbox.fail(error)
            if self._outbox.fault is None and not self._watch.is_resting:
                self._decided_at = self._heartbeat_at
            if self._is_stopping or not self._outbox.is_full:
                self._outbox.flush()
        elif self._outbox.is_halted:
            self._halt()
        elif (refusal := self._outbox.refusal) is not None:
            self._refuse_people(refusal)
        self._on_idle(self.handle)

    def _decide(self) -> None:
        """Record outcomes, answer wishes, decide what is due; none of it on a doubtful clock."""
        if self._watch.is_resting and not self._is_stopping:
            self._refuse_people(Conflict(RESTING))
            return
        of_attempts, self._wishes = before_outcomes(self._wishes)
        self._answer(of_attempts)
        self._record_outcomes()
        self._answer_people()
        self._tick()

    def _halt(self) -> None:
        """Refuse all that is asked, and end what is out: nothing of it can be recorded."""
        self._refuse_wishes(Unreachable(f"nothing can be stored: {self._outbox.fault}"))
        if not self._is_closed:
            self._is_closed = True
            self._dispatch.invoke.close()

    def _take_in(self, wait_s: float) -> None:
        """Take every message that is there, waiting at most `wait_s` for the first."""
        wait: float | None = wait_s
        while True:
            try:
                message = self._mailbox.get(timeout=wait) if wait else self._mailbox.get_nowait()
            except queue.Empty:
                break
            wait = None
            match message:
                case Reported(outcomes):
                    for outcome in outcomes:
                        self._dispatch.returned(outcome)
                    self._outcomes += outcomes
                case Settled(facts):
                    self._outbox.settle(message)
                    self._allowed += facts
                case Wishes(wishes):
                    self._wishes += [wish for wish in wishes if wish.is_wanted()]
                case Called():
                    message.carry_out()
                case Woken():
                    break

    def _carry_out(self) -> None:
        """Do what durable facts allow: call services, ask attempts to end."""
        facts, self._allowed = self._allowed, []
        runs = self.handle.timetable.runs
        epoch = self.handle.timetable.system.epoch
        starting: list[RunState] = []
        begun: list[Fact] = []  # their starts
        for fact in facts:
            event = fact.event
            if isinstance(event, e.AttemptStarted):
                run = runs.get(event.run)
                if run is None or (run.attempt, run.epoch) != (event.attempt, epoch):
                    continue
                if run.is_cancel_requested or self._is_stopping:
                    self._outcomes.append(
                        Outcome(
                            run=run.run,
                            attempt=run.attempt,
                            epoch=epoch,
                            kind="cancelled" if run.is_cancel_requested else "stopped",
                        )
                    )
                else:
                    starting.append(run)
                    begun.append(fact)
            elif isinstance(event, e.CancelRequested):
                run = runs.get(event.run)
                if run is not None:
                    grace = self._definition_of(run).cancel_grace
                    self._dispatch.stop(run.run, run.attempt, "cancelled", grace)
        if starting:
            self._allowed = begun  # until all that they are to be told has been read
            invocations = self._dispatch.prepared(starting, self._name_of)
            self._allowed = []
            self._dispatch.start(invocations)

    def _name_of(self, run: RunState) -> str:
        return self._definition_of(run).name

    def _definition_of(self, run: RunState) -> Definition:
        """Return the definition of a run's job as it is now; of a call, its own."""
        job = self.handle.timetable.jobs.get(run.job)
        return (run if job is None else job).definition

    def _look_at_clock(self) -> None:
        for jump in self._watch.look():
            self.handle.gather(
                c.NoteClockJump(by_s=round(jump.by.total_seconds(), 3), was=jump.was)
            )

    def _record_outcomes(self) -> None:
        if not self._outcomes:
            return
        outcomes, self._outcomes = self._outcomes, []
        contents: Contents = {}
        outputs: Contents = {}
        for outcome in outcomes:
            contents.update(outcome.contents)
            if outcome.output is not None:
                encoded = outcome.output.text.encode()
                outputs[digest_of(encoded)] = encoded
        self._outbox.keep(outcomes)
        self.handle.gather(c.RecordOutcomes(outcomes=tuple(outcomes)), contents, outputs)

    def _answer_people(self) -> None:
        if self._is_stopping:
            self._refuse_people(Conflict(STOPPING))
        wishes, self._wishes = self._wishes, []
        self._answer(wishes)

    def _answer(self, wishes: list[Wish]) -> None:
        if not wishes:
            return
        with self.handle.log.gathering():
            for place, wish in enumerate(wishes):
                if self._outbox.is_void:  # one before it has spoiled the fold
                    left = [one._replace(tries=max(one.tries, 1)) for one in wishes[place:]]
                    self._put(Wishes(left))
                    return
                self._answer_one(wish)

    def _answer_one(self, wish: Wish) -> None:
        command, meta, key, contents, stream, answer, _ = wish
        try:
            told = self.handle.ask(command, meta=meta, key=key, contents=contents, stream=stream)
        except ImpossibleHistory as error:  # a part of it may be in the fold
            self._outbox.spoil()
            answer.set_exception(error)
        except Exception as error:  # noqa: BLE001  # a refusal, or a fault that is the asker's to see
            answer.set_exception(error)
        else:
            told.add_done_callback(partial(self._hand_on, wish))

    def _hand_on(self, wish: Wish, done: Future[Answer]) -> None:
        """Give the answer to whoever asked; try again what failed only behind another's failure."""
        error = done.exception()
        if error is None:
            wish.answer.set_result(done.result())
        elif wish.is_of_attempt and waits_for_disk(error):
            self._put(Wishes([wish._replace(tries=1)]))
        elif isinstance(error, VersionConflict) and wish.tries < WISH_TRIES_MAX:
            self._put(Wishes([wish._replace(tries=wish.tries + 1)]))
        else:
            wish.answer.set_exception(error)

    def _tick(self) -> None:
        if self._is_stopping or self._outbox.is_full or self._outbox.is_void:
            return
        if self._clock.monotonic_ns() < self._tick_after_ns:
            self._has_more = True
            return
        self._has_more = False
        timetable = self.handle.timetable
        epoch = timetable.system.epoch
        wish: c.Tick | c.StartRun = c.Tick(
            slots=self.slots, epoch=epoch, key_limits=self._key_limits
        )
        if self._only is not None:
            wish = c.StartRun(run=self._only, epoch=epoch)
        decided = 0
        for _ in range(STEPS_PER_TURN):
            facts = self.handle.gather(wish)
            if not facts:
                break
            decided += len(facts)
            if decided >= DUE_JOBS_PER_APPEND:  # the disk works while the next ones are decided
                self._has_more = True
                break
        else:
            self._has_more = True
        if 0 < decided < FEW_FACTS:
            self._tick_after_ns = self._clock.monotonic_ns() + int(TICK_GAP_S * 1e9)

    def _wait_s(self) -> float:
        """Return how long nothing will be due, at most IDLE_WAIT."""
        waits = [IDLE_WAIT.total_seconds()]
        if not self._outbox.can_decide:
            return min(*waits, self._outbox.retry_s())
        now_ns = self._clock.monotonic_ns()
        deadline_ns = self._dispatch.next_deadline_ns()
        if deadline_ns is not None:
            waits.append((deadline_ns - now_ns) / 1e9)
        if self._watch.is_resting:
            waits.append(self._watch.rest_s())
        elif not self._outbox.is_full:
            at = self.handle.timetable.next_wake()
            gap_s = (self._tick_after_ns - now_ns) / 1e9
            if self._has_more:
                waits.append(gap_s)
            elif at is not None and self._only is None:
                waits.append(max((at - self._clock.now()).total_seconds(), gap_s))
        return max(min(waits), 0.0)

    def _put(self, message: Message) -> None:
        """Hand something to the deciding thread; from any thread."""
        self._mailbox.put(message)
        if self._is_over:
            self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        """Refuse what nobody will answer any more."""
        while True:
            try:
                message = self._mailbox.get_nowait()
            except queue.Empty:
                return
            if isinstance(message, Wishes):
                for wish in message.wishes:
                    if wish.is_wanted():
                        wish.answer.set_exception(Conflict(STOPPING))
            elif isinstance(message, Called):
                message.carry_out()

    def _refuse_people(self, error: HorologError) -> None:
        """Refuse what people ask; what running attempts ask for is answered to the end."""
        wishes = self._wishes
        self._wishes = [wish for wish in wishes if wish.is_of_attempt]
        for wish in wishes:
            if not wish.is_of_attempt:
                wish.answer.set_exception(error)

    def _refuse_wishes(self, error: HorologError) -> None:
        wishes, self._wishes = self._wishes, []
        for wish in wishes:
            wish.answer.set_exception(error)
