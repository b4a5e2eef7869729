"""The nouns: what a job is, as defined by a person, and the ids by which everything is named.

A `Definition` holds what was asked for and nothing that changes by running; the latter is
`rules.job_state`. The defaults here are the policy a user gets by saying nothing, and the
documentation's policy table is checked against them.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NewType

from msgspec import Struct

from scheduler.model.content import Payload
from scheduler.model.schedules import Schedule

JobId = NewType("JobId", str)  # a UUIDv7, made by the clock; made from inside a run: `derived_id`
RunId = NewType("RunId", str)  # of an occurrence: follows from its key; of a call: a UUIDv7
BackfillId = NewType("BackfillId", str)  # a UUIDv7, made by whoever asks for it

CatchUp = Literal["none", "latest", "all"]
Overlap = Literal["skip", "queue", "allow", "cancel"]
OnCrash = Literal["retry", "fail", "hold"]
Isolation = Literal["thread", "process"]
Missed = Literal["skip", "latest", "all"]
Cause = Literal["schedule", "catch-up", "trigger", "callback", "call", "backfill", "rerun"]
SkipReason = Literal[
    "misfire",
    "coalesced",
    "window",
    "limit",
    "overlap",
    "queue-full",
    "paused",
    "excluded",
    "skip-next",
]
FailureKind = Literal["error", "timeout", "crash", "cancelled", "no-service"]

# Runs that meet `overlap` and count as the job's own; the others run beside them.
LIVE_CAUSES: frozenset[Cause] = frozenset({"schedule", "catch-up", "trigger", "callback"})

MILLISECOND = timedelta(milliseconds=1)
EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)


class Retry(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """When a failed attempt is tried again: a delay from `initial` on by `factor`, jittered."""

    max_attempts: int = 1
    initial: timedelta = timedelta(seconds=10)
    factor: float = 2.0
    max_delay: timedelta = timedelta(minutes=10)
    give_up_after: timedelta | None = None  # no attempt begins so long after the first one did
    until_next_fire: bool = False  # ... nor once the job's next fire time has come


class DateRange(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Days from `first` to `last`, both inclusive."""

    first: date
    last: date


class Exclude(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Days of the calendar in `timezone` whose fire times are skipped."""

    dates: tuple[DateRange, ...]  # ascending, none touching the next
    timezone: str


class Definition(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, forbid_unknown_fields=True
):
    """A job as a person defines it; each field's meaning stands in the documentation's table."""

    name: str
    service: str
    schedule: Schedule
    start_at: datetime | None = None  # inclusive
    end_at: datetime | None = None  # inclusive
    max_runs: int | None = None
    jitter: timedelta = timedelta()  # a start is delayed by a part of it, ahead of the next fire
    exclude: Exclude | None = None
    input: Payload | None = None
    misfire_grace: timedelta = timedelta(seconds=60)  # up to this late, inclusive, is on time
    catch_up: CatchUp = "latest"
    catch_up_window: timedelta | None = None  # inclusive; None: 24 h for `all`, else unbounded
    catch_up_limit: int = 1_000
    overlap: Overlap = "skip"
    queue_limit: int = 1  # of runs that wait behind the open one, under `queue`
    cancel_grace: timedelta = timedelta(seconds=5)  # from asking a run to end until it is killed
    timeout: timedelta = timedelta(hours=1)  # of one attempt
    retry: Retry = Retry()
    start_deadline: timedelta | None = None
    on_crash: OnCrash = "retry"
    pause_after_failures: int | None = None  # failed live runs in a row
    concurrency_key: str | None = None  # at most so many run per key as the settings say
    isolation: Isolation = "thread"
    private: bool = False
    on_success: str | None = None  # "job:NAME" or "service:NAME", called with the outcome as input
    on_failure: str | None = None
    labels: dict[str, str] = {}
    description: str = ""
    owner: str = ""
    runbook: str = ""


def run_id(job: JobId, fire_time: datetime, number: int = 1) -> RunId:
    """Return the id of the `number`th run of the occurrence (job, fire_time).

    It follows from the occurrence's key, so whoever plans it names it alike.
    """
    return RunId(derived_id(fire_time, f"{job}/{fire_time.timestamp():.0f}/{number}"))


def derived_id(at: datetime, key: str) -> str:
    """Return the id that follows from a key: a UUIDv8.

    The first 48 bits are `at` in milliseconds, so ids sort by time (RFC 9562, 5.8).
    """
    tail = hashlib.sha256(key.encode()).digest()
    milliseconds = max((at - EPOCH_AT) // MILLISECOND, 0)
    raw = bytearray(milliseconds.to_bytes(6, "big") + tail[:10])
    raw[6] = 0x80 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
