"""What reaches the deciding thread, and what can be seen of it from outside."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import NamedTuple

from scheduler.executor.handle import Answer
from scheduler.log.contract import Meta
from scheduler.model.commands import AnyCommand
from scheduler.model.content import Contents
from scheduler.model.invocations import Outcome
from scheduler.rules.facts import Fact


class Identity(NamedTuple):
    """Who takes up the log: what `system-started` records."""

    host: str
    pid: int
    versions: dict[str, str]


class Status(NamedTuple):
    """How the executor stands, as seen from any thread."""

    epoch: int
    since: datetime
    heartbeat_at: datetime
    position: int
    jobs: int
    runs_open: int
    attempts_out: int
    slots: int
    owed: int  # jobs with a fire time that is due and undecided
    held_apart: Mapping[str, str]  # jobs by name, each with its time zone, which is not known here
    ahead: timedelta  # how far the log is ahead of the clock
    is_resting: bool  # after a forward jump of the clock
    is_stopping: bool
    fault: str | None  # why nothing can be decided
    decided_at: datetime  # when it last could, but for a clock behind the log
    silence: timedelta  # since the heartbeat, by a clock that is never set


class Wish(NamedTuple):
    """A command on its way to the deciding thread."""

    command: AnyCommand
    meta: Meta
    key: str | None
    contents: Contents
    stream: str | None
    answer: Future[Answer]
    tries: int = 0

    @property
    def is_of_attempt(self) -> bool:
        """Whether a running attempt asks, and no person."""
        return self.meta.epoch is not None

    def is_wanted(self) -> bool:
        """Return whether whoever asked still waits; from now on the answer cannot be called off."""
        return self.tries > 0 or self.answer.set_running_or_notify_cancel()


class Wishes(NamedTuple):
    """Commands that came together, to be decided in this order in one turn."""

    wishes: Sequence[Wish]


class Settled(NamedTuple):
    """A request is durable, or failed."""

    facts: Sequence[Fact]
    error: BaseException | None


class Reported(NamedTuple):
    """Attempts ended."""

    outcomes: Sequence[Outcome]


class Called(NamedTuple):
    """Something to be done on the deciding thread."""

    function: Callable[[], object]
    answer: Future[object]

    def carry_out(self) -> None:
        """Do it, and give its end to whoever waits for it."""
        if not self.answer.set_running_or_notify_cancel():
            return
        try:
            self.answer.set_result(self.function())
        except Exception as error:  # noqa: BLE001  # it is the caller's, and goes to the caller
            self.answer.set_exception(error)


class Woken(NamedTuple):
    """Nothing but a reason to look up."""


Message = Wishes | Settled | Reported | Called | Woken
