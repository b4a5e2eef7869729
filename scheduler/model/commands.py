"""Everything that can be asked: one class per wish.

A command names what is wanted, never how things stand; ids of new things are made by whoever asks,
so that deciding stays pure and asking twice is the same wish. `RecordOutcomes`, `Tick` and the
`System...` wishes come from the executor itself.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from scheduler.model.backfill_events import Only, Order
from scheduler.model.content import Payload
from scheduler.model.invocations import Outcome
from scheduler.model.jobs import BackfillId, Definition, Isolation, JobId, Missed, RunId
from scheduler.model.system_events import FarEnd


class Command(Struct, frozen=True, kw_only=True, tag_field="command", tag="command"):
    """The root of all wishes."""


class DefineJob(Command, frozen=True, kw_only=True, tag="define-job"):
    """Define a job under a new id; one that stands so already under its name changes nothing."""

    job: JobId
    definition: Definition
    if_past: Literal["refuse", "run", "skip"] = "refuse"  # a one-time job whose time has gone by
    replace: bool = False  # a different definition under this name is an edit (apply, Python)


class ReviseJob(Command, frozen=True, kw_only=True, tag="revise-job"):
    """Give a job another definition (its name stays); what is due before is decided first."""

    job: JobId
    definition: Definition
    if_past: Literal["refuse", "run", "skip"] = "refuse"
    if_version: int | None = None  # refuse when job/<id> has moved on


class RenameJob(Command, frozen=True, kw_only=True, tag="rename-job"):
    """Give a job another name."""

    job: JobId
    name: str


class PauseJob(Command, frozen=True, kw_only=True, tag="pause-job"):
    """Stop deciding for a job, until it is resumed or `until` has come."""

    job: JobId
    until: datetime | None = None
    missed: Missed = "skip"  # of the fire times of the pause, at that end


class SkipNextFire(Command, frozen=True, kw_only=True, tag="skip-next-fire"):
    """Pass over one fire time to come: the one named, else the next."""

    job: JobId
    fire_time: datetime | None = None


class RestoreNextFire(Command, frozen=True, kw_only=True, tag="restore-next-fire"):
    """Undo that: for the one named, else for all that are still to come."""

    job: JobId
    fire_time: datetime | None = None


class ResumeJob(Command, frozen=True, kw_only=True, tag="resume-job"):
    """Decide for a job again; `missed` says what becomes of the fire times of the pause."""

    job: JobId
    missed: Missed = "skip"


class RemoveJob(Command, frozen=True, kw_only=True, tag="remove-job"):
    """Remove a job for good."""

    job: JobId


class TriggerJob(Command, frozen=True, kw_only=True, tag="trigger-job"):
    """Run a job now, outside its schedule."""

    job: JobId
    run: RunId
    input: Payload | None = None


class CancelRun(Command, frozen=True, kw_only=True, tag="cancel-run"):
    """End an open or held run."""

    run: RunId


class RetryRun(Command, frozen=True, kw_only=True, tag="retry-run"):
    """Try a failed, expired or cancelled run again, as the same run."""

    run: RunId


class ReplayRun(Command, frozen=True, kw_only=True, tag="replay-run"):
    """Run an ended run's occurrence or call once more, as a new run with the same input."""

    run: RunId


class RequestBackfill(Command, frozen=True, kw_only=True, tag="request-backfill"):
    """Ask for the runs of a job over a past window, (after, until]."""

    backfill: BackfillId
    job: JobId
    after: datetime
    until: datetime
    only: Only = "missing"
    order: Order = "oldest"
    concurrency: int = 1
    per_minute: int | None = None
    callbacks: bool = False
    schedule: Literal["then", "current"] = "then"  # whose fire times


class PauseBackfill(Command, frozen=True, kw_only=True, tag="pause-backfill"):
    """Plan no further run of it; what is planned goes on."""

    backfill: BackfillId


class ResumeBackfill(Command, frozen=True, kw_only=True, tag="resume-backfill"):
    """Go on with it."""

    backfill: BackfillId


class CancelBackfill(Command, frozen=True, kw_only=True, tag="cancel-backfill"):
    """End it: what has not started is cancelled, what runs goes on."""

    backfill: BackfillId


class ResolveRun(Command, frozen=True, kw_only=True, tag="resolve-run"):
    """Settle a held run."""

    run: RunId
    verdict: Literal["succeeded", "failed", "retry"]


class CallService(Command, frozen=True, kw_only=True, tag="call-service"):
    """Run a service once, with no job behind it."""

    run: RunId
    service: str
    input: Payload | None = None
    timeout: timedelta = timedelta(hours=1)
    isolation: Isolation = "thread"


class RecordStep(Command, frozen=True, kw_only=True, tag="record-step"):
    """A step of the open attempt is done."""

    run: RunId
    attempt: int
    epoch: int
    name: str
    result: Payload | None


class PauseSystem(Command, frozen=True, kw_only=True, tag="pause-system"):
    """Stop deciding for every job, until everything is resumed or `until` has come."""

    until: datetime | None = None
    missed: Missed = "skip"  # of the fire times of the pause, at that end


class ResumeSystem(Command, frozen=True, kw_only=True, tag="resume-system"):
    """Decide again; `missed` says what becomes of the fire times of the pause."""

    missed: Missed = "skip"


class NoteBackup(Command, frozen=True, kw_only=True, tag="note-backup"):
    """Record that a verified copy was made."""

    position: int
    hash: str
    file: str


class NoteRestore(Command, frozen=True, kw_only=True, tag="note-restore"):
    """Record that this log is a copy put back, and leave everything paused."""

    file: str


class AcceptClock(Command, frozen=True, kw_only=True, tag="accept-clock"):
    """Vouch for a clock that stands behind the log."""


class EraseContent(Command, frozen=True, kw_only=True, tag="erase-content"):
    """Remove what stands under these digests for good; what is not there changes nothing."""

    digests: tuple[str, ...]  # at most DIGESTS_PER_WISH_MAX


class StartSystem(Command, frozen=True, kw_only=True, tag="start-system"):
    """Take up the log under the next epoch."""

    host: str
    pid: int
    versions: dict[str, str]


class StopSystem(Command, frozen=True, kw_only=True, tag="stop-system"):
    """Leave the log in order."""


class NoteClockJump(Command, frozen=True, kw_only=True, tag="note-clock-jump"):
    """Record that the wall clock left the monotonic one."""

    by_s: float
    was: datetime


class NoteSettings(Command, frozen=True, kw_only=True, tag="note-settings"):
    """Record under which settings this server runs."""

    digest: str
    connections: tuple[FarEnd, ...] = ()


class NoteServices(Command, frozen=True, kw_only=True, tag="note-services"):
    """Record which services there are from now on."""

    services: dict[str, str | None]  # name -> digest of its source
    failures: tuple[str, ...] = ()


class SettleRun(Command, frozen=True, kw_only=True, tag="settle-run"):
    """Settle a run whose attempt an older epoch left open, or whose thread died with it."""

    run: RunId
    alive: bool = False  # its child still runs: the run is held, whatever its policy says


class Tick(Command, frozen=True, kw_only=True, tag="tick"):
    """Decide what time has brought: expiries, fire times, starts, in one bounded step."""

    slots: int  # attempts at once
    epoch: int
    key_limits: dict[str, int] = {}  # running at once per concurrency key; KEY_LIMIT_DEFAULT else


class StartRun(Command, frozen=True, kw_only=True, tag="start-run"):
    """Start this run and nothing else: what a command that carries out its own call decides."""

    run: RunId
    epoch: int


class RecordOutcomes(Command, frozen=True, kw_only=True, tag="record-outcomes"):
    """Attempts ended."""

    outcomes: tuple[Outcome, ...]


AnyCommand = (
    DefineJob
    | ReviseJob
    | RenameJob
    | PauseJob
    | ResumeJob
    | RemoveJob
    | TriggerJob
    | SkipNextFire
    | RestoreNextFire
    | CancelRun
    | RetryRun
    | ReplayRun
    | RequestBackfill
    | PauseBackfill
    | ResumeBackfill
    | CancelBackfill
    | ResolveRun
    | CallService
    | RecordStep
    | PauseSystem
    | ResumeSystem
    | AcceptClock
    | NoteBackup
    | NoteRestore
    | EraseContent
    | StartSystem
    | StopSystem
    | NoteClockJump
    | NoteSettings
    | NoteServices
    | SettleRun
    | Tick
    | StartRun
    | RecordOutcomes
)
