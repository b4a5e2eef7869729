"""What a reader gets: one frozen record per noun, with instants and payloads instead of text.

The fields are the columns of the stable view of that noun, in the order in which a list shows them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from projections.backfills import BackfillStatus
from projections.job_tables import JobStatus
from scheduler.model.backfill_events import Only, Order
from scheduler.model.content import Payload
from scheduler.model.jobs import BackfillId, Cause, Definition, JobId, Missed, RunId, SkipReason
from scheduler.model.schedules import Schedule
from scheduler.model.streams import call_stream, fire_stream
from scheduler.rules.run_state import RunStatus


class JobRow(Struct, frozen=True, gc=False):
    """A job as it stands."""

    job_id: JobId
    name: str
    service: str
    status: JobStatus
    next_fire: datetime | None  # that will run and is not yet decided; it may be past
    paused_until: datetime | None  # of a pause that ends by itself
    pause_missed: Missed | None  # ... and what becomes of its fire times then
    skipping: tuple[datetime, ...]  # fire times to come that are to be passed over
    schedule: Schedule
    cursor: datetime  # every fire time up to here is decided
    last_run_fire: datetime | None
    planned: int  # runs by schedule or catch-up
    revision: int
    version: int  # of job/<id>
    defined_at: datetime
    changed_at: datetime
    actor: str | None  # of the last change
    definition: Definition
    position: int  # of its definition

    @property
    def key(self) -> tuple[str, str]:
        """Where a list goes on after this row."""
        return self.name, self.job_id


class RunRow(Struct, frozen=True, gc=False):
    """A run, from its plan to its outcome."""

    run: RunId
    job: str  # its name when the run was planned; empty for a call
    job_id: JobId
    fire_time: datetime | None
    due_time: datetime
    cause: Cause
    status: RunStatus
    attempts: int
    started_at: datetime | None  # the first attempt
    ended_at: datetime | None
    error: str | None  # the last one; none when it succeeded
    error_kind: str | None
    next_attempt_at: datetime | None
    window_start: datetime | None
    planned_at: datetime
    start_by: datetime | None
    duration_us: int | None  # of the last attempt
    result: Payload | None
    input: Payload | None  # its own; None: the job's
    failures: int
    crashes: int
    cancelling: bool
    revision: int
    number: int  # of the run in its stream
    of: RunId | None  # of a rerun: the run that it repeats
    call: RunId | None  # of a call's rerun: the call, whose stream it stands in
    backfill: BackfillId | None  # the backfill that asked for it
    epoch: int
    actor: str | None  # who or what asked for it
    reason: str | None
    service: str | None  # what was called; None when a job stands behind the run
    parent: RunId | None  # of a callback: the run whose end it answers
    successor: RunId | None  # of a cancelled run: the one that takes its place (overlap)
    position: int  # of its plan

    @property
    def key(self) -> tuple[datetime, int]:
        """Where a list goes on after this row."""
        return self.planned_at, self.position

    @property
    def stream(self) -> str:
        """The stream it stands in."""
        if self.fire_time is None:
            return call_stream(self.call or self.run)
        return fire_stream(self.fire_time, self.job_id)


class AttemptRow(Struct, frozen=True, gc=False):
    """One attempt of a run."""

    run: RunId
    attempt: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None  # None: it is running
    error: str | None
    detail: Payload | None  # the traceback
    duration_us: int | None
    retry_at: datetime | None
    abandoned: bool
    output_digest: str | None
    output_size: int | None  # bytes
    output_head: str | None
    output_lines: int | None
    output_dropped_bytes: int | None
    epoch: int
    code: str | None
    position: int  # of its start
    end_position: int | None


class StepRow(Struct, frozen=True, gc=False):
    """A step of a run that is done: no later attempt repeats it."""

    run: RunId
    name: str
    attempt: int  # that did it
    at: datetime
    result: Payload | None  # None: it had none that could be kept
    position: int


class MissRow(Struct, frozen=True, gc=False):
    """Fire times that did not become runs, and why."""

    job: str  # its name now
    job_id: JobId
    after: datetime
    until: datetime
    count: int
    reason: SkipReason
    at: datetime
    backfill: BackfillId | None  # the last that went over the whole window since
    position: int

    @property
    def key(self) -> tuple[datetime, int]:
        """Where a list goes on after this row."""
        return self.until, self.position


class BackfillRow(Struct, frozen=True, gc=False):
    """A backfill: what was asked for, and how far it has come."""

    backfill: BackfillId
    job: str  # its name now
    job_id: JobId
    status: BackfillStatus
    after: datetime
    until: datetime
    count: int  # occurrences it is about
    looked_at: int  # of them, so far: planned or passed
    planned: int  # runs of it
    passed: int  # occurrences that got no run of it
    succeeded: int  # of its runs
    failed: int  # or expired
    cancelled: int
    held: int  # wait for a person
    open: int
    cursor: datetime | None  # the occurrence that was looked at last
    only: Only
    order: Order
    concurrency: int
    per_minute: int | None
    callbacks: bool
    left_out: int  # fire times in its window that someone had asked to skip
    requested_at: datetime
    ended_at: datetime | None
    actor: str | None  # who asked for it
    on_behalf_of: str | None
    reason: str | None
    position: int  # of its request

    @property
    def key(self) -> int:
        """Where a list goes on after this row."""
        return self.position

    @property
    def is_over(self) -> bool:
        """Whether it plans nothing more."""
        return self.status in {"cancelled", "finished"}


class ChangeRow(Struct, frozen=True, gc=False):
    """Who changed what, when and why."""

    position: int
    at: datetime
    type: str
    job_id: JobId | None
    run: RunId | None
    version: int
    revision: int | None  # of the job, when the change began one
    actor: str | None
    on_behalf_of: str | None
    reason: str | None
    channel: str | None
    before: Definition | None
    after: Definition | None
    detail: dict[str, object] | None  # the event, when it is no definition


class SystemRow(Struct, frozen=True, gc=False):
    """The whole: who took up the log last, and whether everything is paused."""

    epoch: int
    host: str | None
    pid: int | None
    versions: dict[str, str]
    started_at: datetime | None
    stopped_at: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    paused_until: datetime | None
    pause_missed: Missed | None
    horolog: str | None
    created_at: datetime | None


RowT = TypeVar("RowT", bound=Struct)


class Shape(Generic[RowT]):
    """How rows of a stable view become records: their columns, and which of these hold JSON."""

    def __init__(self, kind: type[RowT], *json: str) -> None:
        self._kind = kind
        self.columns = ", ".join(f"[{field}]" for field in kind.__struct_fields__)
        decode = msgspec.json.decode
        self._decoders: Mapping[int, Callable[[str], object]] = {
            kind.__struct_fields__.index(field): decode for field in json
        }

    def read(self, row: tuple[object, ...]) -> RowT:
        """Return the record of a row that was selected by `columns`."""
        values = list(row)
        for index, decode in self._decoders.items():
            text = values[index]
            if isinstance(text, str):
                values[index] = decode(text)
        fields = dict(zip(self._kind.__struct_fields__, values, strict=True))
        return msgspec.convert(fields, self._kind, strict=False)


JOB: Final = Shape(JobRow, "skipping", "schedule", "definition")
RUN: Final = Shape(RunRow, "result", "input")
ATTEMPT: Final = Shape(AttemptRow, "detail")
STEP: Final = Shape(StepRow, "result")
MISS: Final = Shape(MissRow)
BACKFILL: Final = Shape(BackfillRow)
CHANGE: Final = Shape(ChangeRow, "before", "after", "detail")
SYSTEM: Final = Shape(SystemRow, "versions")
