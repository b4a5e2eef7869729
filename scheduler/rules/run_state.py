"""What is true of one run, and `evolve_run`: the one meaning of the events that concern it.

Total, and without a rule, like `job_state`.
"""

from datetime import datetime
from typing import Literal, NamedTuple, assert_never

from msgspec import Struct
from msgspec.structs import replace

from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import (
    LIVE_CAUSES,
    BackfillId,
    Cause,
    Definition,
    FailureKind,
    JobId,
    RunId,
)
from scheduler.model.schedules import Manual

RunStatus = Literal[
    "waiting",  # for its due time, a slot or its turn
    "running",
    "retrying",  # between two attempts
    "abandoned",  # given up, but its thread still runs
    "held",  # waits for a person; not open
    "succeeded",
    "failed",
    "expired",
    "cancelled",
]
NO_JOB = JobId("")  # of a call
ENDED: frozenset[RunStatus] = frozenset({"succeeded", "failed", "expired", "cancelled"})
REOPENABLE: frozenset[RunStatus] = frozenset({"failed", "expired", "cancelled"})
BADLY: frozenset[RunStatus] = frozenset({"failed", "expired"})


class Failure(NamedTuple):
    """How the last attempt failed, kept while that may still end the run."""

    kind: FailureKind
    error: str


class RunState(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One run, as its events have left it."""

    run: RunId
    job: JobId
    stream: str
    definition: Definition  # of the revision it was planned under
    revision: int
    cause: Cause
    due_time: datetime
    start_at: datetime  # not before: the due time, then each retry's time
    status: RunStatus = "waiting"
    line: int = 0  # the position at which it was opened: the order of the job's line
    number: int = 1  # in its stream
    backfill: BackfillId | None = None
    fire_time: datetime | None = None
    window_start: datetime | None = None
    input: Payload | None = None
    start_by: datetime | None = None
    in_line: bool = False
    attempt: int = 0  # the last one started
    epoch: int = 0  # ... by this executor
    failures: int = 0  # attempts that count against max_attempts
    crashes: int = 0  # attempts lost to crashes
    give_up_at: datetime | None = None  # no attempt begins from here on
    steps: dict[str, Payload | None] = {}  # done for good; never changed in place
    parent: RunId | None = None
    depth: int = 0
    is_cancel_requested: bool = False
    successor: RunId | None = None  # the run that takes its place (overlap `cancel`)
    is_retry_owed: bool = False  # of an abandoned run: another attempt follows its return
    failure: Failure | None = None

    @property
    def is_open(self) -> bool:
        """Whether the run is planned and not ended; a held one is not open."""
        return self.status not in ENDED and self.status != "held"

    @property
    def is_live(self) -> bool:
        """Whether the run stands in the job's line and meets `overlap`."""
        return self.cause in LIVE_CAUSES

    @property
    def start_before(self) -> datetime | None:
        """When the run ends unless an attempt has begun: its start deadline, or its giving up.

        An attempt that was lost with its executor is repeated whatever the time.
        """
        if self.status == "waiting":
            return self.start_by
        return self.give_up_at if self.status == "retrying" and self.failure else None


def opened(event: e.RunPlanned, *, stream: str, definition: Definition, line: int = 0) -> RunState:
    """Return a run as it was planned; `definition` is that of the revision it names."""
    return RunState(
        run=event.run,
        job=event.job,
        stream=stream,
        definition=definition,
        revision=event.revision,
        cause=event.cause,
        due_time=event.due_time,
        start_at=event.due_time,
        line=line,
        number=event.number,
        backfill=event.backfill,
        fire_time=event.fire_time,
        window_start=event.window_start,
        input=event.input if event.input is not None else definition.input,
        start_by=event.start_by,
        in_line=event.in_line,
        parent=event.parent,
        depth=event.depth,
    )


def opened_call(event: e.ServiceCalled, *, stream: str, line: int = 0) -> RunState:
    """Return a run that no job stands behind, as it was called."""
    definition = Definition(
        name=event.service,
        service=event.service,
        schedule=Manual(),
        overlap="allow",
        timeout=event.timeout,
        isolation=event.isolation,
    )
    return RunState(
        run=event.run,
        job=NO_JOB,
        stream=stream,
        definition=definition,
        revision=0,
        cause=event.cause,
        due_time=event.due_time,
        start_at=event.due_time,
        line=line,
        number=event.number,
        input=event.input,
        parent=event.parent,
        depth=event.depth,
    )


def evolve_run(state: RunState, event: e.RunEvent) -> RunState:
    """Return the run after `event`."""
    match event:
        case e.AttemptStarted(attempt=attempt, epoch=epoch):
            return replace(state, status="running", attempt=attempt, epoch=epoch, failure=None)
        case e.RunSucceeded():
            return replace(state, status="succeeded")
        case e.AttemptFailed():
            return failed(state, event)
        case e.RunFailed():
            return replace(state, status="failed")
        case e.StepCompleted(name=name, result=result):
            return replace(state, steps={**state.steps, name: result})
        case e.AttemptLogged():
            return state
        case e.AttemptInterrupted(reason=reason, retry_at=retry_at):
            crashes = state.crashes + (reason == "crash")
            return replace(
                state, status="retrying", crashes=crashes, start_at=retry_at or state.start_at
            )
        case e.RunExpired():
            return replace(state, status="expired")
        case e.CancelRequested(successor=successor):
            return replace(state, is_cancel_requested=True, successor=successor)
        case e.RunCancelled(successor=successor):
            return replace(state, status="cancelled", successor=successor)
        case e.RunHeld():
            return replace(state, status="held")
        case e.RunResolved(verdict="retry", retry_at=retry_at):
            return retried(state, retry_at)
        case e.RunResolved(verdict=verdict):
            return replace(state, status=verdict)
        case e.RunReopened(retry_at=retry_at):
            return replace(retried(state, retry_at), failures=0, crashes=0)
        case e.LateOutcomeIgnored(attempt=attempt, epoch=epoch):
            is_own = (attempt, epoch) == (state.attempt, state.epoch)
            return returned(state) if is_own else state
        case e.RunPlanned():
            raise ImpossibleHistory(f"run {state.run} was planned twice")
        case _:
            assert_never(event)


def failed(state: RunState, event: e.AttemptFailed) -> RunState:
    """Return the run after one of its attempts failed."""
    is_crash = event.kind == "crash"
    give_up_at = event.give_up_at or state.give_up_at
    may_end = event.abandoned or give_up_at is not None
    return replace(
        state,
        status="abandoned" if event.abandoned else "retrying",
        failures=state.failures + (not is_crash),
        crashes=state.crashes + is_crash,
        start_at=event.retry_at or state.start_at,
        give_up_at=give_up_at,
        is_retry_owed=event.abandoned and event.retry_at is not None,
        failure=Failure(event.kind, event.error) if may_end else None,
    )


def retried(state: RunState, retry_at: datetime | None) -> RunState:
    """Return the run as it waits for an attempt that a person asked for."""
    return replace(
        state,
        status="retrying",
        start_at=retry_at or state.start_at,
        start_by=None,
        give_up_at=None,
        is_cancel_requested=False,
        successor=None,
        failure=None,
    )


def returned(state: RunState) -> RunState:
    """Return the run after a late outcome of its attempt: an abandoned one is over at last."""
    if state.status != "abandoned":
        return state
    return replace(state, status="retrying", is_retry_owed=False)
