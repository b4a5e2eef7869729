"""What the promises say of one run: how its attempts follow on one another, and how it ends.

Part of the model: it knows the job's policies and what the services did, and none of the rules.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from scheduler.model import events as e
from scheduler.model.invocations import Outcome
from scheduler.model.jobs import Definition, RunId

CRASHES_MAX = 3
Attempt = tuple[RunId, int]
Told = Mapping[Attempt, Outcome]  # how the services ended, by attempt


class BrokenError(AssertionError):
    """A promise was not kept."""


def expect(claim: object, sentence: str) -> None:
    """Say which promise was broken, when it was."""
    if not claim:
        raise BrokenError(sentence)


class Run:
    """One run, as its events have left it."""

    def __init__(self, event: e.RunPlanned | e.ServiceCalled, definition: Definition) -> None:
        self.id = event.run
        self.cause = event.cause
        self.definition = definition
        self.fire_time = event.fire_time if isinstance(event, e.RunPlanned) else None
        self.start_at = event.due_time
        self.start_by = event.start_by if isinstance(event, e.RunPlanned) else None
        self.is_in_line = isinstance(event, e.RunPlanned) and event.in_line
        self.status = "waiting"
        self.attempt = self.failures = self.crashes = 0
        self.give_up_at: datetime | None = None
        self.failed_with: str | None = None  # the last attempt; one that was lost has not failed
        self.awaited: tuple[str, str | None] | None = None  # the end that must come next
        self.is_call = isinstance(event, e.ServiceCalled)
        self.is_cancelled = False  # asked to end
        self.is_retried = False  # once its thread has returned
        self._after_return: tuple[str, str | None] = ("run-failed", None)
        self.ends: str | None = None  # what it ended with at last, for what its end calls

    @property
    def is_live(self) -> bool:
        """Whether it stands in its job's line; backfills and reruns go beside it."""
        return self.cause not in {"backfill", "rerun"}

    @property
    def is_open(self) -> bool:
        """Whether it is planned and not ended; a held one is not."""
        return self.status in {"waiting", "running", "retrying", "abandoned"}

    def take(self, event: e.RunEvent, now: datetime, told: Told, epoch: int) -> None:
        """Follow an event of the run, which came when it was `now`."""
        tag = str(event.__struct_config__.tag)
        self._expect_end(event, tag, now)
        match event:
            case e.AttemptStarted():
                self._start(event, now, epoch)
            case e.RunSucceeded(attempt=attempt):
                self._expect_running(attempt)
                done = told.get((self.id, attempt))
                expect(done is not None and done.kind == "succeeded", f"{self.id} did not succeed")
                self.status = "succeeded"
            case e.AttemptFailed(attempt=attempt):
                self._expect_running(attempt)
                self._fail(event, now, told.get((self.id, attempt)))
            case e.AttemptInterrupted(attempt=attempt):
                self._expect_running(attempt)
                self._interrupt(event, now)
            case e.LateOutcomeIgnored(attempt=attempt) if self.status == "abandoned":
                self._return(attempt)
            case e.RunExpired():
                expect(self.attempt == 0 and self.status == "waiting", f"{self.id} had begun")
                expect(self.start_by is not None and self.start_by <= now, f"{self.id}: too early")
                self.status = "expired"
            case e.CancelRequested():
                expect(self.status in {"running", "abandoned"}, f"{self.id} is not running")
                self.is_cancelled = True
            case e.RunReopened(retry_at=at):
                expect(
                    self.status in {"failed", "expired", "cancelled"}, f"{self.id} has not ended"
                )
                self.failures = self.crashes = 0
                self._retry(at)
            case e.RunResolved(verdict=verdict, retry_at=at):
                expect(self.status == "held", f"{self.id} is not held")
                self.status = verdict
                if verdict == "retry" and at is not None:
                    self._retry(at)
            case e.RunFailed() | e.RunHeld() | e.RunCancelled():
                can_end = self.status in {"waiting", "retrying", "held", "abandoned"}
                expect(can_end, f"{self.id}: {tag} while {self.status}")
                self.status = tag.removeprefix("run-")
            case _:
                pass
        self.ends = self.status if event.__class__ in ENDINGS else None

    def gives_up(self, now: datetime) -> bool:
        """Whether it is too late for the next attempt; one that was lost is always repeated."""
        is_between = self.status == "retrying" and self.failed_with is not None
        return is_between and self.give_up_at is not None and self.give_up_at <= now

    def _expect_end(self, event: e.RunEvent, tag: str, now: datetime) -> None:
        if self.awaited is not None:
            kind = event.kind if isinstance(event, e.RunFailed) else None
            expect(self.awaited == (tag, kind), f"{self.id}: {tag} instead of {self.awaited}")
            self.awaited = None
        elif isinstance(event, e.RunFailed) and self.gives_up(now):
            expect(event.kind == self.failed_with, f"{self.id} gives up with {event.kind}")
        elif isinstance(event, e.RunFailed | e.RunHeld):
            expect(self.is_call and self.attempt == 0, f"{self.id}: {tag} out of the blue")

    def _expect_running(self, attempt: int) -> None:
        is_open = self.status == "running" and attempt == self.attempt
        expect(is_open, f"{self.id}: an end of attempt {attempt} while {self.status}")

    def _start(self, event: e.AttemptStarted, now: datetime, epoch: int) -> None:
        expect(self.status in {"waiting", "retrying"}, f"{self.id} starts while {self.status}")
        expect(event.attempt == self.attempt + 1, f"{self.id}: attempts do not count up")
        expect(event.epoch == epoch, f"{self.id} is started by an older executor")
        expect(self.start_at <= now, f"{self.id} starts early, at {now}")
        expect(not self.is_cancelled, f"{self.id} starts after its cancellation")
        is_late = self.attempt == 0 and self.start_by is not None and self.start_by <= now
        expect(not is_late, f"{self.id} starts after its start deadline")
        expect(not self.gives_up(now), f"{self.id} starts after it should have given up")
        self.attempt, self.status, self.failed_with = event.attempt, "running", None

    def _fail(self, event: e.AttemptFailed, now: datetime, told: Outcome | None) -> None:
        policy = self.definition
        kind = event.kind
        if kind in {"error", "no-service", "crash"}:
            expect(told is not None and told.kind == kind, f"{self.id}: {kind} was not told")
        is_fatal = told is not None and told.kind == kind and told.fatal
        is_hold = policy.on_crash == "hold" and kind in {"crash", "timeout"}
        if self.is_cancelled or is_fatal or is_hold or kind == "cancelled":
            is_tried = False
        elif kind == "crash":
            is_tried = policy.on_crash == "retry" and self.crashes + 1 < CRASHES_MAX
        else:
            is_tried = self.failures + 1 < policy.retry.max_attempts
        self._note_giving_up(event, now)
        if self.give_up_at is not None and event.retry_at is None:
            is_tried = False  # it would have begun too late
        expect(is_tried == (event.retry_at is not None), f"{self.id}: tried again, or not, wrongly")
        if event.retry_at is not None:
            asked = told.retry_after if told is not None and told.kind == kind else None
            delay = event.retry_at - now
            ceiling = policy.retry.initial * policy.retry.factor ** (self.attempt - 1)
            is_within = timedelta() <= delay <= min(ceiling, policy.retry.max_delay)
            expect(delay == asked if asked is not None else is_within, f"{self.id}: waits {delay}")
        self.failed_with = kind
        self.failures += kind != "crash"
        self.crashes += kind == "crash"
        self.start_at = event.retry_at or self.start_at
        self.is_retried = event.retry_at is not None
        self.status = "abandoned" if event.abandoned else "retrying"
        ending = self._ending_of(kind)
        if event.abandoned:
            self._after_return = ending
        elif not is_tried:
            self.awaited = ending

    def _note_giving_up(self, event: e.AttemptFailed, now: datetime) -> None:
        """Note from when on no attempt may begin: the first failure says it."""
        retry = self.definition.retry
        gives_up = retry.give_up_after is not None or retry.until_next_fire
        is_first = self.give_up_at is None and gives_up
        self.give_up_at = event.give_up_at or self.give_up_at
        if retry.give_up_after is not None and is_first:
            at = event.give_up_at
            is_near = at is not None and at - now <= retry.give_up_after
            expect(is_near, f"{self.id} gives up at {at}, failed at {now}")
        if self.give_up_at is not None and event.retry_at is not None:
            expect(event.retry_at < self.give_up_at, f"{self.id} does not give up")

    def _ending_of(self, kind: str) -> tuple[str, str | None]:
        policy = self.definition.on_crash
        if self.is_cancelled:
            return "run-cancelled", None
        if policy == "hold" and kind in {"crash", "timeout"}:
            return "run-held", None
        return (
            "run-failed",
            "crash-loop" if kind == "crash" and self.crashes >= CRASHES_MAX else kind,
        )

    def _return(self, attempt: int) -> None:
        if attempt != self.attempt:
            return
        self.status = "retrying"
        if self.is_cancelled:
            self.awaited = ("run-cancelled", None)
        elif not self.is_retried:
            self.awaited = self._after_return

    def _interrupt(self, event: e.AttemptInterrupted, now: datetime) -> None:
        is_crash = event.reason == "crash"
        policy = self.definition.on_crash
        self.crashes += is_crash
        self.status = "retrying"
        if self.is_cancelled:
            self.awaited = ("run-cancelled", None)
        elif policy == "hold":
            self.awaited = ("run-held", None)
        elif is_crash and policy == "fail":
            self.awaited = ("run-failed", "crash")
        elif is_crash and self.crashes >= CRASHES_MAX:
            self.awaited = ("run-failed", "crash-loop")
        expect((self.awaited is None) == (event.retry_at is not None), f"{self.id}: lost, but how")
        self.start_at = event.retry_at or self.start_at
        expect(event.retry_at in {None, now}, f"{self.id} is not tried again at once")

    def _retry(self, at: datetime) -> None:
        self.status, self.start_at, self.start_by = "retrying", at, None
        self.is_cancelled = False
        self.give_up_at = None


ENDINGS = (e.RunSucceeded, e.RunFailed, e.RunExpired)
