"""Everything that can happen: one class per fact, one tagged union.

An event says what became true, in the past tense, with what is needed to fold it and nothing that
can be reckoned. The tag is a literal and never follows the class's name. `REVISIONS` counts each
type's body up; a new field raises it and brings an upcaster (`log.upcast`). When and by whom stands
in the envelope (`log.contract`), not here.

The hottest events come first, here and in every `match`.
"""

from datetime import datetime, timedelta
from typing import Literal, get_args

from scheduler.model.backfill_events import (
    BackfillAdvanced,
    BackfillCancelled,
    BackfillEvent,
    BackfillFinished,
    BackfillPaused,
    BackfillRequested,
    BackfillResumed,
)
from scheduler.model.content import Payload
from scheduler.model.event import Event
from scheduler.model.jobs import (
    BackfillId,
    Cause,
    Definition,
    FailureKind,
    Isolation,
    JobId,
    Missed,
    RunId,
    SkipReason,
)
from scheduler.model.system_events import (
    BackupTaken,
    ClockAccepted,
    ClockJumped,
    ContentErased,
    FarEnd,
    LogCreated,
    LogRestored,
    ServicesLoaded,
    SettingsLoaded,
    SystemPaused,
    SystemResumed,
    SystemStarted,
    SystemStopped,
)

__all__ = [
    "EVENT_TYPES",
    "REVISIONS",
    "AnyEvent",
    "AttemptFailed",
    "AttemptInterrupted",
    "AttemptLogged",
    "AttemptStarted",
    "BackfillAdvanced",
    "BackfillCancelled",
    "BackfillEvent",
    "BackfillFinished",
    "BackfillPaused",
    "BackfillRequested",
    "BackfillResumed",
    "BackupTaken",
    "CancelRequested",
    "ClockAccepted",
    "ClockJumped",
    "ContentErased",
    "Event",
    "FarEnd",
    "FiresSkipped",
    "JobDefined",
    "JobExhausted",
    "JobPaused",
    "JobRemoved",
    "JobRenamed",
    "JobResumed",
    "JobRevised",
    "LateOutcomeIgnored",
    "LogCreated",
    "LogRestored",
    "NextFireRestored",
    "NextFireSkipped",
    "RunCancelled",
    "RunEvent",
    "RunExpired",
    "RunFailed",
    "RunHeld",
    "RunPlanned",
    "RunReopened",
    "RunResolved",
    "RunSucceeded",
    "ServiceCalled",
    "ServicesLoaded",
    "SettingsLoaded",
    "StepCompleted",
    "SystemPaused",
    "SystemResumed",
    "SystemStarted",
    "SystemStopped",
]


# -- a run: streams fire/... and call/...


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
    """A failed or expired run is tried again, in full: its attempts count from here."""

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


# -- a job: streams skips/... and job/...


class FiresSkipped(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="fires-skipped"
):
    """The fire times in (after, until] were passed over on purpose."""

    job: JobId
    after: datetime  # where the job's last decision ended
    until: datetime
    count: int  # exact, at least 1
    reason: SkipReason


class JobDefined(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-defined"):
    """A job exists; fire times after `cursor` are its own."""

    job: JobId
    definition: Definition
    cursor: datetime
    exhausted: bool = False  # a one-time job that was already past


class JobRevised(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-revised"):
    """The job has a new definition; fire times after `effective_at` follow it."""

    job: JobId
    revision: int
    definition: Definition
    effective_at: datetime
    exhausted: bool = False


class JobRenamed(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-renamed"):
    """The job has another name; its id and history stay."""

    job: JobId
    name: str
    was: str


class JobPaused(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-paused"):
    """Nothing is decided for the job until it is resumed, at the latest at `until`."""

    job: JobId
    until: datetime | None = None
    missed: Missed = "skip"  # what becomes of the fire times of the pause at that end
    failures: int = 0  # paused by so many failed runs in a row; 0: by a person


class NextFireSkipped(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="next-fire-skipped"
):
    """Someone asked for this fire time to be passed over when it comes."""

    job: JobId
    fire_time: datetime


class NextFireRestored(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="next-fire-restored"
):
    """The fire time that was to be passed over is one like the others again."""

    job: JobId
    fire_time: datetime


class JobResumed(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-resumed"):
    """The job is decided again; fire times up to `at` are treated as `missed` says."""

    job: JobId
    at: datetime
    missed: Missed


class JobRemoved(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-removed"):
    """The job is gone for good; its name is free, its history stays."""

    job: JobId


class JobExhausted(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-exhausted"
):
    """The job has no further fire time, or has had all its runs."""

    job: JobId
    reason: Literal["max-runs", "no-fires-left"]


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
AnyEvent = (
    RunEvent
    | ServiceCalled
    | FiresSkipped
    | JobDefined
    | JobRevised
    | JobRenamed
    | JobPaused
    | JobResumed
    | JobRemoved
    | JobExhausted
    | NextFireSkipped
    | NextFireRestored
    | BackfillEvent
    | LogCreated
    | SystemStarted
    | SystemStopped
    | BackupTaken
    | LogRestored
    | SystemPaused
    | SystemResumed
    | ClockJumped
    | ClockAccepted
    | ContentErased
    | SettingsLoaded
    | ServicesLoaded
)
EVENT_TYPES: dict[str, type[AnyEvent]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(AnyEvent)
}
REVISIONS: dict[str, int] = {  # of each type's body, as written today
    **dict.fromkeys(EVENT_TYPES, 1),
    "run-planned": 2,
    "service-called": 2,
    "attempt-failed": 2,
    "cancel-requested": 2,
    "run-cancelled": 2,
    "fires-skipped": 2,
    "job-defined": 2,
    "job-revised": 2,
    "job-paused": 2,
    "system-paused": 2,
}
