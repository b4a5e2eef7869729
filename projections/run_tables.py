"""The tables of runs, attempts and steps: their rows, field by field in the same order, and back.

How a run stands is told by `evolve_run` (one meaning per event): `reflect` copies it into the row,
`state_of` makes a state of a row, so that nothing but rows is needed to go on folding. What a row
does not tell of a state (its definition, its input, what an abandoned attempt owes) has no part in
how events change the fields that it does tell.
"""

from typing import Final

import msgspec
from msgspec import Struct

from projections.contract import instant, maybe_instant, maybe_stamp, stamp
from scheduler.log.contract import Recorded
from scheduler.model.content import Payload
from scheduler.model.events import RunPlanned, ServiceCalled
from scheduler.model.jobs import BackfillId, Cause, Definition, JobId, RunId
from scheduler.model.schedules import Manual
from scheduler.model.streams import call_stream, called_in, compact, fire_stream
from scheduler.rules.run_state import NO_JOB, RunState, RunStatus, opened, opened_call

UNREAD: Final = Definition(name="", service="", schedule=Manual())  # stands for any definition
RUNS_DDL: Final = """
CREATE TABLE runs_{g}(
  position     INTEGER PRIMARY KEY,
  run          TEXT    NOT NULL UNIQUE,
  job_id       TEXT    NOT NULL,
  job          TEXT    NOT NULL,
  number       INTEGER NOT NULL,
  revision     INTEGER NOT NULL,
  cause        TEXT    NOT NULL,
  actor        TEXT,
  reason       TEXT,
  fire_time    TEXT,
  due_time     TEXT    NOT NULL,
  window_start TEXT,
  planned_at   TEXT    NOT NULL,
  input        TEXT,
  service      TEXT,
  parent       TEXT,
  of           TEXT,
  call         TEXT,
  backfill     TEXT,
  start_by     TEXT,
  status       TEXT    NOT NULL,
  start_at     TEXT    NOT NULL,
  attempts     INTEGER NOT NULL,
  epoch        INTEGER NOT NULL,
  failures     INTEGER NOT NULL,
  crashes      INTEGER NOT NULL,
  cancelling   INTEGER NOT NULL,
  successor    TEXT,
  started_at   TEXT,
  ended_at     TEXT,
  error_kind   TEXT,
  error        TEXT,
  result       TEXT,
  duration_us  INTEGER
) STRICT
"""
ATTEMPTS_DDL: Final = """
CREATE TABLE attempts_{g}(
  run_position  INTEGER NOT NULL,
  attempt       INTEGER NOT NULL,
  position      INTEGER NOT NULL,
  started_at    TEXT    NOT NULL,
  epoch         INTEGER NOT NULL,
  code          TEXT,
  end_position  INTEGER,
  ended_at      TEXT,
  outcome       TEXT,
  error         TEXT,
  detail        TEXT,
  duration_us   INTEGER,
  retry_at      TEXT,
  abandoned     INTEGER NOT NULL,
  output_digest TEXT,
  output_size   INTEGER,
  output_head   TEXT,
  output_lines  INTEGER,
  output_dropped_bytes INTEGER,
  PRIMARY KEY (run_position, attempt)
) STRICT, WITHOUT ROWID
"""
STEPS_DDL: Final = """
CREATE TABLE steps_{g}(
  run_position  INTEGER NOT NULL,
  name          TEXT    NOT NULL,
  position      INTEGER NOT NULL,
  attempt       INTEGER NOT NULL,
  at            TEXT    NOT NULL,
  result        TEXT,
  PRIMARY KEY (run_position, name)
) STRICT, WITHOUT ROWID
"""
RUNS_VIEW: Final = """
SELECT run, job, job_id, fire_time, due_time, window_start, cause, status, attempts,
  CASE WHEN status IN ('waiting', 'retrying') THEN start_at END AS next_attempt_at,
  planned_at, started_at, ended_at, duration_us, error_kind, error, result, input,
  failures, crashes, cancelling, start_by, revision, number, of, call, backfill, epoch, actor,
  reason, service, parent, successor, position
FROM runs_{g}
"""
ATTEMPTS_VIEW: Final = """
SELECT r.run, r.job, r.job_id, a.attempt, a.started_at, a.ended_at, a.outcome, a.error, a.detail,
  a.duration_us, a.retry_at, a.abandoned, a.output_digest, a.output_size, a.output_head,
  a.output_lines, a.output_dropped_bytes, a.epoch, a.code, a.position, a.end_position,
  a.run_position
FROM attempts_{g} AS a JOIN runs_{g} AS r ON r.position = a.run_position
"""
STEPS_VIEW: Final = """
SELECT r.run, r.job, r.job_id, s.name, s.attempt, s.at, s.result, s.position, s.run_position
FROM steps_{g} AS s JOIN runs_{g} AS r ON r.position = s.run_position
"""


DDL: Final = (
    RUNS_DDL,
    ATTEMPTS_DDL,
    STEPS_DDL,
    "CREATE TABLE run_jobs_{g}(job_id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT",
    "CREATE INDEX runs_{g}_by_time ON runs_{g}(planned_at)",
    "CREATE INDEX runs_{g}_by_job ON runs_{g}(job_id, planned_at)",
    """
CREATE INDEX runs_{g}_by_status ON runs_{g}(status, planned_at) WHERE status <> 'succeeded'
""",
    "CREATE INDEX runs_{g}_by_of ON runs_{g}(of) WHERE of IS NOT NULL",
    """
CREATE INDEX runs_{g}_by_backfill ON runs_{g}(backfill, status) WHERE backfill IS NOT NULL
""",
)
VIEWS: Final = {"runs": RUNS_VIEW, "attempts": ATTEMPTS_VIEW, "steps": STEPS_VIEW}


class RunColumns(Struct, gc=False):
    """A row of `runs_{g}`: first what never changes, then what later events change."""

    position: int  # of its run-planned
    run: str
    job_id: str
    job: str  # its name when the run was planned; empty for a call
    number: int
    revision: int
    cause: Cause
    actor: str | None
    reason: str | None
    fire_time: str | None
    due_time: str
    window_start: str | None
    planned_at: str
    input: str | None  # a payload as JSON; NULL: the job's own
    service: str | None  # what was called; NULL when a job stands behind the run
    parent: str | None  # of a callback: the run whose end it answers
    of: str | None  # of a rerun: the run that it repeats
    call: str | None  # of a call's rerun: the call, whose stream it stands in
    backfill: str | None  # the backfill that asked for it
    start_by: str | None
    status: RunStatus
    start_at: str
    attempts: int = 0
    epoch: int = 0
    failures: int = 0
    crashes: int = 0
    cancelling: int = 0
    successor: str | None = None  # of a cancelled run: the one that takes its place
    started_at: str | None = None
    ended_at: str | None = None
    error_kind: str | None = None
    error: str | None = None
    result: str | None = None  # a payload as JSON
    duration_us: int | None = None


class AttemptColumns(Struct, gc=False):
    """A row of `attempts_{g}`: first what never changes, then what later events change."""

    run_position: int
    attempt: int
    position: int  # of its attempt-started
    started_at: str
    epoch: int
    code: str | None
    end_position: int | None = None
    ended_at: str | None = None
    outcome: str | None = None
    error: str | None = None
    detail: str | None = None  # a payload as JSON
    duration_us: int | None = None
    retry_at: str | None = None
    abandoned: int = 0
    output_digest: str | None = None
    output_size: int | None = None
    output_head: str | None = None
    output_lines: int | None = None
    output_dropped_bytes: int | None = None


RUN_FIELDS: Final = RunColumns.__struct_fields__
RUN_CHANGING: Final = RUN_FIELDS.index("start_by")  # from here on, later events change a row
ATTEMPT_FIELDS: Final = AttemptColumns.__struct_fields__
ATTEMPT_CHANGING: Final = ATTEMPT_FIELDS.index("end_position")


def as_json(payload: Payload | None) -> str | None:
    """Return a payload as the JSON its column holds."""
    return None if payload is None else msgspec.json.encode(payload).decode()


def planned(recorded: Recorded, event: RunPlanned, job: str) -> tuple[RunColumns, RunState]:
    """Return the row and the state of a run as it was planned for the job of that name."""
    state = opened(event, stream=recorded.stream, definition=UNREAD)
    meta = recorded.meta
    due_time = stamp(event.due_time)
    row = RunColumns(
        position=recorded.position,
        run=event.run,
        job_id=event.job,
        job=job,
        number=event.number,
        revision=event.revision,
        cause=event.cause,
        actor=meta.actor if meta else None,
        reason=meta.reason if meta else None,
        fire_time=None if event.fire_time is None else compact(event.fire_time),
        due_time=due_time,
        window_start=maybe_stamp(event.window_start),
        planned_at=stamp(recorded.recorded_at),
        input=as_json(event.input),
        service=None,
        parent=event.parent,
        of=event.of,
        call=call_of(recorded.stream, event),
        backfill=event.backfill,
        start_by=maybe_stamp(event.start_by),
        status=state.status,
        start_at=due_time,
    )
    return row, state


def called(recorded: Recorded, event: ServiceCalled) -> tuple[RunColumns, RunState]:
    """Return the row and the state of a run that no job stands behind, as it was called."""
    state = opened_call(event, stream=recorded.stream)
    meta = recorded.meta
    due_time = stamp(event.due_time)
    row = RunColumns(
        position=recorded.position,
        run=event.run,
        job_id=NO_JOB,
        job="",
        number=event.number,
        revision=state.revision,
        cause=event.cause,
        actor=meta.actor if meta else None,
        reason=meta.reason if meta else None,
        fire_time=None,
        due_time=due_time,
        window_start=None,
        planned_at=stamp(recorded.recorded_at),
        input=as_json(event.input),
        service=event.service,
        parent=event.parent,
        of=event.of,
        call=call_of(recorded.stream, event),
        backfill=None,
        start_by=None,
        status=state.status,
        start_at=due_time,
    )
    return row, state


def call_of(stream: str, event: RunPlanned | ServiceCalled) -> str | None:
    """Return the call that a run repeats, None for a first run and for an occurrence's."""
    return None if event.number == 1 else called_in(stream)


def reflect(row: RunColumns, state: RunState) -> None:
    """Copy into the row what events have made of the run."""
    row.start_by = maybe_stamp(state.start_by)
    row.status = state.status
    if state.start_at is not state.due_time:
        row.start_at = stamp(state.start_at)
    row.attempts = state.attempt
    row.epoch = state.epoch
    row.failures = state.failures
    row.crashes = state.crashes
    row.cancelling = state.is_cancel_requested
    row.successor = state.successor


def state_of(row: RunColumns) -> RunState:
    """Return the state of which `row` was made, as far as folding needs it."""
    job, fire_time = JobId(row.job_id), maybe_instant(row.fire_time)
    run = RunId(row.run)
    call = run if row.call is None else RunId(row.call)
    return RunState(
        run=run,
        job=job,
        stream=call_stream(call) if fire_time is None else fire_stream(fire_time, job),
        definition=UNREAD,
        revision=row.revision,
        cause=row.cause,
        due_time=instant(row.due_time),
        start_at=instant(row.start_at),
        status=row.status,
        number=row.number,
        backfill=None if row.backfill is None else BackfillId(row.backfill),
        fire_time=fire_time,
        window_start=maybe_instant(row.window_start),
        start_by=maybe_instant(row.start_by),
        attempt=row.attempts,
        epoch=row.epoch,
        failures=row.failures,
        crashes=row.crashes,
        parent=None if row.parent is None else RunId(row.parent),
        is_cancel_requested=bool(row.cancelling),
        successor=None if row.successor is None else RunId(row.successor),
    )
