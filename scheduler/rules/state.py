"""What is true of one job and of one run, and `evolve`: the one meaning of each event.

`evolve_job` and `evolve_run` are total and hold no rule: what an event says is believed, and only
what cannot follow at all is refused (`ImpossibleHistory`). States are frozen, so a snapshot may
encode them while the fold goes on. Nothing here knows other jobs or the log; all states together
are `timetable`'s.
"""

from datetime import datetime
from typing import Literal, NamedTuple, assert_never

from msgspec import Struct
from msgspec.structs import replace

from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import Cause, Definition, FailureKind, JobId, Missed, RunId
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


class Resumption(NamedTuple):
    """The end of a pause that is still to be decided: fire times up to `at`, as `missed` says."""

    at: datetime
    missed: Missed


class Failure(NamedTuple):
    """How an abandoned attempt failed, kept until its thread returns."""

    kind: FailureKind
    error: str


class JobState(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One job, as its events have left it."""

    job: JobId
    definition: Definition
    revision: int
    defined_at: datetime
    cursor: datetime  # every fire time up to here is decided
    on_grid: bool = False  # the cursor is itself a fire time of the definition
    planned: int = 0  # runs by schedule or catch-up, towards max_runs
    last_run_fire: datetime | None = None  # the latest fire time that had such a run
    coalesced_after: datetime | None = None  # fires after this were folded into the next run
    ahead_until: datetime | None = None  # where the cursor stood when a slower clock was accepted
    paused: bool = False
    resumption: Resumption | None = None
    exhausted: bool = False
    removed: bool = False


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
    number: int = 1
    fire_time: datetime | None = None
    window_start: datetime | None = None
    input: Payload | None = None
    start_by: datetime | None = None
    in_line: bool = False
    attempt: int = 0  # the last one started
    epoch: int = 0  # ... by this executor
    failures: int = 0  # attempts that count against max_attempts
    crashes: int = 0  # attempts lost to crashes
    steps: dict[str, Payload | None] = {}  # done for good; never changed in place
    parent: RunId | None = None
    depth: int = 0
    is_cancel_requested: bool = False
    is_retry_owed: bool = False  # of an abandoned run: another attempt follows its return
    failure: Failure | None = None

    @property
    def is_open(self) -> bool:
        """Whether the run is planned and not ended; a held one is not open."""
        return self.status not in ENDED and self.status != "held"


def evolve_job(state: JobState | None, event: e.AnyEvent) -> JobState:
    """Return the job after `event`; None stands for a job that does not exist yet."""
    if state is None:
        if not isinstance(event, e.JobDefined):
            raise ImpossibleHistory(f"{type(event).__name__} for a job that was never defined")
        return JobState(
            job=event.job,
            definition=event.definition,
            revision=1,
            defined_at=event.cursor,
            cursor=event.cursor,
            exhausted=event.exhausted,
        )
    match event:
        case e.RunPlanned(cause="schedule" | "catch-up", fire_time=at) if at is not None:
            return planned(state, at)
        case e.RunPlanned():
            return state  # asked for by hand: the schedule's own cursor stays where it is
        case e.FiresSkipped():
            return skipped(state, event)
        case e.JobRevised(definition=definition, revision=revision, effective_at=at):
            return replace(
                state,
                definition=definition,
                revision=revision,
                cursor=at,
                on_grid=False,
                exhausted=event.exhausted,
                resumption=None,
            )
        case e.JobRenamed(name=name):
            return replace(state, definition=replace(state.definition, name=name))
        case e.JobPaused():
            return replace(state, paused=True)
        case e.JobResumed(at=at, missed=missed):
            return replace(state, paused=False, resumption=Resumption(at, missed))
        case e.JobExhausted():
            return replace(state, exhausted=True)
        case e.JobRemoved():
            return replace(state, removed=True)
        case e.ClockAccepted(at=at):
            return set_back(state, at)
        case _:
            raise ImpossibleHistory(f"{type(event).__name__} does not concern a job")


def planned(state: JobState, fire_time: datetime) -> JobState:
    """Return the job after one of its fire times became a run."""
    if fire_time <= state.cursor:
        raise ImpossibleHistory(f"{fire_time} of job {state.job} was decided before")
    last = state.last_run_fire
    return replace(
        state,
        cursor=fire_time,
        on_grid=True,
        planned=state.planned + 1,
        last_run_fire=fire_time if last is None or fire_time > last else last,
        coalesced_after=None,
    )


def skipped(state: JobState, event: e.FiresSkipped) -> JobState:
    """Return the job after a window of its fire times was passed over."""
    if event.after != state.cursor or event.until <= event.after:
        raise ImpossibleHistory(
            f"job {state.job} skipped ({event.after}, {event.until}] "
            f"while decided up to {state.cursor}"
        )
    kept = state.coalesced_after
    if event.reason == "coalesced" and kept is None:
        kept = event.after
    return replace(state, cursor=event.until, on_grid=True, coalesced_after=kept)


def set_back(state: JobState, at: datetime) -> JobState:
    """Return the job after a slower clock was accepted: what lay ahead of it is open again.

    Runs ahead stay, and count; skips ahead are void, and with them an end that they had brought.
    """
    resumption = not_beyond(state.resumption, at)
    if state.cursor <= at:
        return state if resumption == state.resumption else replace(state, resumption=resumption)
    coalesced = state.coalesced_after
    most = state.definition.max_runs
    return replace(
        state,
        cursor=at,
        on_grid=False,
        ahead_until=max(state.cursor, state.ahead_until or state.cursor),
        coalesced_after=None if coalesced is None or coalesced > at else coalesced,
        resumption=resumption,
        exhausted=state.exhausted and most is not None and state.planned >= most,
    )


def not_beyond(resumption: Resumption | None, at: datetime) -> Resumption | None:
    """Return the end of a pause, at the accepted time when it lay ahead of that."""
    if resumption is None or resumption.at <= at:
        return resumption
    return Resumption(at, resumption.missed)


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
        input=event.input,
        parent=event.parent,
        depth=event.depth,
    )


def evolve_run(state: RunState, event: e.RunEvent) -> RunState:
    """Return the run after `event`."""
    match event:
        case e.AttemptStarted(attempt=attempt, epoch=epoch):
            return replace(state, status="running", attempt=attempt, epoch=epoch)
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
        case e.CancelRequested():
            return replace(state, is_cancel_requested=True)
        case e.RunCancelled():
            return replace(state, status="cancelled")
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
    return replace(
        state,
        status="abandoned" if event.abandoned else "retrying",
        failures=state.failures + (not is_crash),
        crashes=state.crashes + is_crash,
        start_at=event.retry_at or state.start_at,
        is_retry_owed=event.abandoned and event.retry_at is not None,
        failure=Failure(event.kind, event.error) if event.abandoned else None,
    )


def retried(state: RunState, retry_at: datetime | None) -> RunState:
    """Return the run as it waits for an attempt that a person asked for."""
    return replace(
        state,
        status="retrying",
        start_at=retry_at or state.start_at,
        start_by=None,
        is_cancel_requested=False,
        failure=None,
    )


def returned(state: RunState) -> RunState:
    """Return the run after a late outcome of its attempt: an abandoned one is over at last."""
    if state.status != "abandoned":
        return state
    return replace(state, status="retrying", is_retry_owed=False, failure=None)
