"""What happens to a run: the events of the streams `fire/...` and `call/...`."""

from datetime import datetime, timedelta
from typing import Literal

from scheduler.model.content import Payload
from scheduler.model.event import Event
from scheduler.model.jobs import BackfillId, Cause, FailureKind, Isolation, JobId, RunId


class RunPlanned(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="run-planned"):
    """An occurrence became a run, or someone asked for one."""

    run: RunId
    job: JobId
    cause: Cause
    revision: int  # of the job: its service, input and retry policy hold for this run
    due_time: datetime  # never started before
    fire_time: datetime | None = None  # nominal; None for a call
    window_start: datetime | None = None  # the data window is (window_start, fire_time]
    number: int = 1  # of the run in its stream
    of: RunId | None = None  # of a rerun: the run that it repeats
    backfill: BackfillId | None = None  # the backfill that asked for it
    input: Payload | None = None  # its own; else the job's
    start_by: datetime | None = None  # expires when no attempt has started by then
    in_line: bool = False  # waits for its turn, and later fires wait behind it (catch-up `all`)
    parent: RunId | None = None  # of a callback: the run whose end it answers
    depth: int = 0  # how many callbacks led here


class ServiceCalled(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="service-called"
):
    """A run of a service that no job stands behind: called by hand, or by a run's end."""

    run: RunId
    service: str
    cause: Cause  # "call", "callback" or "rerun"
    due_time: datetime
    number: int = 1  # of the run in its stream
    of: RunId | None = None  # of a rerun: the run that it repeats
    timeout: timedelta = timedelta(hours=1)
    isolation: Isolation = "thread"
    input: Payload | None = None
    parent: RunId | None = None
    depth: int = 0


class AttemptStarted(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="attempt-started"
):
    """The service may now be called; committed before it is."""

    run: RunId
    attempt: int
    epoch: int
    code: str | None = None  # digest of the service's source


class RunSucceeded(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="run-succeeded"
):
    """The attempt returned; the run is over."""

    run: RunId
    attempt: int
    duration_us: int
    result: Payload | None = None


class AttemptFailed(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="attempt-failed"
):
    """The attempt ended badly; with `retry_at` another follows, else the run's end stands by."""

    run: RunId
    attempt: int
    kind: FailureKind
    error: str
    duration_us: int = 0
    detail: Payload | None = None  # the traceback
    retry_at: datetime | None = None
    give_up_at: datetime | None = None  # no attempt begins from here on; of the first failure
    abandoned: bool = False  # its thread still runs: slot and run stay taken until it returns


class RunFailed(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="run-failed"):
    """No further attempt follows; the run is over."""

    run: RunId
    kind: FailureKind | Literal["crash-loop"]
    error: str


class StepCompleted(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="step-completed"
):
    """A step of the run is done for good: later attempts get its result and do not repeat it."""

    run: RunId
    attempt: int
    name: str
    result: Payload | None = None  # None: done, but its value could not be kept


class AttemptLogged(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="attempt-logged"
):
    """The output of an attempt was kept."""

    run: RunId
    attempt: int
    digest: str
    size: int
    head: str
    lines: int
    dropped_bytes: int = 0  # between head and tail


class AttemptInterrupted(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="attempt-interrupted"
):
    """The attempt was lost with its executor (`crash`) or ended by its stop (`stop`)."""

    run: RunId
    attempt: int
    reason: Literal["crash", "stop"]
    retry_at: datetime | None = None


class RunExpired(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="run-expired"):
    """No attempt had started by the start deadline; the run is over."""

    run: RunId


class CancelRequested(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="cancel-requested"
):
    """Someone asked for the run's end; no attempt starts after this."""

    run: RunId
    successor: RunId | None = None  # the run that takes its place (overlap `cancel`)


class RunCancelled(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="run-cancelled"
):
    """The run was ended on request; it is over."""

    run: RunId
    successor: RunId | None = None  # the run that takes its place (overlap `cancel`)


class RunHeld(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="run-held"):
    """The run waits for a person: it may have had its effect, and must not be repeated unasked."""

    run: RunId
    reason: str


class RunResolved(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="run-resolved"
):
    """A person settled a held run: it counts as done, as failed, or is tried again."""

    run: RunId
    verdict: Literal["succeeded", "failed", "retry"]
    retry_at: datetime | None = None  # with `retry`


class RunReopened(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="run-reopened"
):
    """A failed, expired or cancelled run is tried again, in full: its attempts count from here."""

    run: RunId
    retry_at: datetime


class LateOutcomeIgnored(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="late-outcome-ignored"
):
    """An outcome came for an attempt that was no longer open; an abandoned attempt has returned."""

    run: RunId
    attempt: int
    epoch: int
    outcome: str


RunEvent = (
    RunPlanned
    | AttemptStarted
    | RunSucceeded
    | AttemptFailed
    | RunFailed
    | StepCompleted
    | AttemptLogged
    | AttemptInterrupted
    | RunExpired
    | CancelRequested
    | RunCancelled
    | RunHeld
    | RunResolved
    | RunReopened
    | LateOutcomeIgnored
)
