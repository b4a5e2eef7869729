"""The tables of jobs and of the system, their rows field by field in the same order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from projections.contract import maybe_stamp, stamp
from scheduler.model.coming import next_coming
from scheduler.model.jobs import Definition
from scheduler.model.missing_zones import zone_missed_by
from scheduler.model.schedules import Manual
from scheduler.model.streams import compact
from scheduler.rules.job_state import JobState

JobStatus = Literal["active", "paused", "exhausted", "removed", "manual"]

LEFT_OUT: Final = Definition(name="", service="", schedule=Manual())  # it has its own column
JOBS_DDL: Final = """
CREATE TABLE jobs_{g}(
  position      INTEGER PRIMARY KEY,
  job_id        TEXT    NOT NULL UNIQUE,
  defined_at    TEXT    NOT NULL,
  name          TEXT    NOT NULL,
  service       TEXT    NOT NULL,
  status        TEXT    NOT NULL,
  next_fire     TEXT,
  paused_until  TEXT,
  pause_missed  TEXT,
  skipping      TEXT    NOT NULL,
  cursor        TEXT    NOT NULL,
  last_run_fire TEXT,
  planned       INTEGER NOT NULL,
  revision      INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  changed_at    TEXT    NOT NULL,
  actor         TEXT,
  schedule      TEXT    NOT NULL,
  definition    TEXT    NOT NULL,
  state         TEXT    NOT NULL
) STRICT
"""
SYSTEM_DDL: Final = """
CREATE TABLE system_{g}(
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  epoch      INTEGER NOT NULL,
  host       TEXT,
  pid        INTEGER,
  versions   TEXT    NOT NULL,
  started_at TEXT,
  stopped_at TEXT,
  paused_at  TEXT,
  paused_by  TEXT,
  paused_until TEXT,
  pause_missed TEXT,
  horolog    TEXT,
  created_at TEXT
) STRICT
"""
JOBS_VIEW: Final = """
SELECT job_id, name, service, status, next_fire, paused_until, pause_missed, skipping, schedule,
  cursor, last_run_fire, planned, revision, version, defined_at, changed_at, actor, definition,
  position
FROM jobs_{g}
"""
DDL: Final = (
    JOBS_DDL,
    SYSTEM_DDL,
    "CREATE INDEX jobs_{g}_by_name ON jobs_{g}(name, job_id)",
    "CREATE INDEX jobs_{g}_by_fire ON jobs_{g}(next_fire, name) WHERE next_fire IS NOT NULL",
)
VIEWS: Final = {"jobs": JOBS_VIEW, "system": "SELECT * FROM system_{g}"}


class JobColumns(Struct, gc=False):
    """A row of `jobs_{g}`: first what never changes, then what later events change."""

    position: int  # of its job-defined
    job_id: str
    defined_at: str
    name: str
    service: str
    status: JobStatus
    next_fire: str | None  # that will run: excluded days and fires to be passed over left out
    paused_until: str | None  # of a pause that ends by itself
    pause_missed: str | None  # ... and what becomes of its fire times then
    skipping: str  # fire times to come that are to be passed over, as JSON
    cursor: str
    last_run_fire: str | None
    planned: int
    revision: int
    version: int  # of job/<id>
    changed_at: str
    actor: str | None  # of the last change
    schedule: str  # as JSON
    definition: str  # as JSON
    state: str  # the JobState as JSON, its definition left out


class SystemColumns(Struct, gc=False):
    """The row of `system_{g}`."""

    one: int = 1
    epoch: int = 0
    host: str | None = None
    pid: int | None = None
    versions: str = "{}"
    started_at: str | None = None
    stopped_at: str | None = None
    paused_at: str | None = None
    paused_by: str | None = None
    paused_until: str | None = None
    pause_missed: str | None = None
    horolog: str | None = None
    created_at: str | None = None


read_state: Final = msgspec.json.Decoder(JobState).decode
read_definition: Final = msgspec.json.Decoder(Definition).decode
JOB_FIELDS: Final = JobColumns.__struct_fields__
JOB_CHANGING: Final = JOB_FIELDS.index("name")  # from here on, later events change a row


class Shown(Struct, gc=False):
    """What a job's row knows beside the state."""

    position: int
    defined_at: str
    version: int
    changed_at: str
    actor: str | None
    schedule: str
    definition: str


def job_columns(state: JobState, shown: Shown) -> JobColumns:
    """Return the row that shows a job as it stands."""
    fire_time = upcoming_fire(state)
    end = state.pause_end if state.paused else None
    return JobColumns(
        position=shown.position,
        job_id=state.job,
        defined_at=shown.defined_at,
        name=state.definition.name,
        service=state.definition.service,
        status=status_of(state),
        next_fire=None if fire_time is None else compact(fire_time),
        paused_until=None if end is None else stamp(end.at),
        pause_missed=None if end is None else end.missed,
        skipping=as_list(state.skipping) if state.skipping else "[]",
        cursor=stamp(state.cursor),
        last_run_fire=maybe_stamp(state.last_run_fire),
        planned=state.planned,
        revision=state.revision,
        version=shown.version,
        changed_at=shown.changed_at,
        actor=shown.actor,
        schedule=shown.schedule,
        definition=shown.definition,
        state=as_json(replace(state, definition=LEFT_OUT)),
    )


def state_of(state: str, definition: str) -> JobState:
    """Return the state that a row holds."""
    return replace(read_state(state), definition=read_definition(definition))


def as_list(times: Sequence[datetime]) -> str:
    """Return fire times as the JSON their column holds."""
    return msgspec.json.encode([compact(at) for at in times]).decode()


def as_json(record: Struct) -> str:
    """Return a record as the JSON its column holds."""
    return msgspec.json.encode(record).decode()


def status_of(job: JobState) -> JobStatus:
    """Return the one word for how a job stands; the more final one counts."""
    if job.removed:
        return "removed"
    if job.exhausted:
        return "exhausted"
    if job.paused:
        return "paused"
    return "manual" if isinstance(job.definition.schedule, Manual) else "active"


def upcoming_fire(job: JobState) -> datetime | None:
    """Return the first fire time not yet decided that will run; None when there is none.

    None, too, while a zone that it hangs on is not known here (`missing_zones`). It may be past,
    while deciding is behind. Of a paused job it is the first after the end of the pause; a pause
    without an end has none: nobody knows when the job will be resumed.
    """
    after = job.cursor
    match status_of(job):
        case "paused" if job.pause_end is not None:
            after = max(after, job.pause_end.at)
        case "active":
            pass
        case _:
            return None
    if zone_missed_by(job.definition) is not None:
        return None
    return next_coming(job.definition, after=after, skipping=job.skipping)
