"""The tables of the tally, their rows field by field in the same order, and the buckets.

Instants and lengths are whole microseconds: sums of them do not depend on how the log was cut into
pages, as sums of fractions would, so rows that were folded anew equal those they replace.

Counts stand in one column as JSON: which causes, outcomes and reasons occur is not the table's to
know. Buckets count what lies above the bound before and up to their own; the last has no bound.
"""

from bisect import bisect_left
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from msgspec import Struct

from scheduler.model.jobs import EPOCH_AT, Cause, Definition, JobId, SkipReason

Series = Literal["own", "_other", "_ended", "_calls"]  # `own` bears the job's name
AttemptOutcome = Literal[
    "succeeded", "error", "timeout", "crash", "cancelled", "no-service", "stopped"
]
ALLOWANCE_US_MAX: Final = 1 << 62  # fits in a column with an instant added to it
RunOutcome = Literal["succeeded", "failed", "expired", "cancelled"]

# The promise is 1 s for nearly all starts and 5 s at most; an hour is an outage.
DELAY_BOUNDS_S: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 3_600.0)
DURATION_BOUNDS_S: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0)
DELAY_BOUNDS_US: Final = tuple(round(bound * 1e6) for bound in DELAY_BOUNDS_S)
DURATION_BOUNDS_US: Final = tuple(round(bound * 1e6) for bound in DURATION_BOUNDS_S)
MICROSECOND: Final = timedelta(microseconds=1)

TALLY_DDL: Final = """
CREATE TABLE tally_{g}(
  job_id          TEXT    PRIMARY KEY,
  series          TEXT    NOT NULL,
  ended_position  INTEGER,
  allowance_us    INTEGER NOT NULL,
  awaited_us      INTEGER,
  decided_us      INTEGER,
  failures        INTEGER NOT NULL,
  last_start_us   INTEGER,
  last_success_us INTEGER,
  last_failure_us INTEGER,
  counts          TEXT    NOT NULL
) STRICT, WITHOUT ROWID
"""
REST_DDL: Final = """
CREATE TABLE tally_rest_{g}(series TEXT PRIMARY KEY, counts TEXT NOT NULL) STRICT, WITHOUT ROWID
"""
RUNS_DDL: Final = """
CREATE TABLE tally_runs_{g}(
  run     TEXT    PRIMARY KEY,
  job_id  TEXT    NOT NULL,
  cause   TEXT    NOT NULL,
  due_us  INTEGER NOT NULL,
  fire_us INTEGER
) STRICT, WITHOUT ROWID
"""
DDL: Final = (TALLY_DDL, REST_DDL, RUNS_DDL)
VIEWS: Final = {"tally": "SELECT * FROM tally_{g}", "tally_rest": "SELECT * FROM tally_rest_{g}"}


class Lengths(Struct, gc=False):
    """How often something took how long."""

    buckets: list[int]
    sum_us: int = 0

    def add(self, length_us: int, bounds_us: tuple[int, ...]) -> None:
        """Count one length; less than none, after a clock was set back, counts as none."""
        length_us = max(length_us, 0)
        self.buckets[bisect_left(bounds_us, length_us)] += 1
        self.sum_us += length_us


def no_delays() -> Lengths:
    """Return empty buckets for start delays."""
    return Lengths([0] * (len(DELAY_BOUNDS_US) + 1))


def no_durations() -> Lengths:
    """Return empty buckets for durations."""
    return Lengths([0] * (len(DURATION_BOUNDS_US) + 1))


class Counts(Struct, gc=False):
    """What is counted of a job, or of many together."""

    runs: dict[str, int] = {}  # ended, by "cause/outcome"
    attempts: dict[str, int] = {}  # ended, likewise
    skipped: dict[str, int] = {}  # fire times, by reason
    delays: Lengths = msgspec.field(default_factory=no_delays)  # of first attempts
    durations: Lengths = msgspec.field(default_factory=no_durations)  # of attempts

    def run_ended(self, cause: Cause, outcome: RunOutcome) -> None:
        """Count the end of a run."""
        key = f"{cause}/{outcome}"
        self.runs[key] = self.runs.get(key, 0) + 1

    def attempt_ended(self, cause: Cause, outcome: AttemptOutcome, duration_us: int | None) -> None:
        """Count the end of an attempt, and how long it took when that is known."""
        key = f"{cause}/{outcome}"
        self.attempts[key] = self.attempts.get(key, 0) + 1
        if duration_us is not None:
            self.durations.add(duration_us, DURATION_BOUNDS_US)

    def fires_skipped(self, reason: SkipReason, count: int) -> None:
        """Count skipped fire times."""
        self.skipped[reason] = self.skipped.get(reason, 0) + count

    def include(self, other: "Counts") -> None:
        """Count all that another has counted."""
        for mine, theirs in (
            (self.runs, other.runs),
            (self.attempts, other.attempts),
            (self.skipped, other.skipped),
        ):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count
        for ours, lengths in ((self.delays, other.delays), (self.durations, other.durations)):
            ours.buckets = [a + b for a, b in zip(ours.buckets, lengths.buckets, strict=True)]
            ours.sum_us += lengths.sum_us


class TallyColumns(Struct, gc=False):
    """A row of `tally_{g}`, its counts not yet written as JSON."""

    job_id: JobId
    series: Series
    ended_position: int | None  # since when the job may be asked for its series: it has ended
    allowance_us: int  # from a fire time to when its success is overdue
    awaited_us: int | None = None  # the first fire time since the last success
    decided_us: int | None = None  # the last fire time that became a run or was missed
    failures: int = 0  # runs in a row
    last_start_us: int | None = None
    last_success_us: int | None = None
    last_failure_us: int | None = None
    counts: Counts = msgspec.field(default_factory=Counts)

    def decide(self, fire_us: int) -> None:
        """Note a fire time whose success is to be awaited."""
        if self.decided_us is None or fire_us > self.decided_us:
            self.decided_us = fire_us
        if self.awaited_us is None:
            self.awaited_us = fire_us

    def answer(self, due_us: int) -> None:
        """Note that a run due then has done, or was called off by a person."""
        if self.awaited_us is None or due_us < self.awaited_us:
            return
        is_last = self.decided_us is None or due_us >= self.decided_us
        self.awaited_us = None if is_last else self.decided_us


def micros(at: datetime) -> int:
    """Return an instant as microseconds since 1970, UTC."""
    return (at - EPOCH_AT) // MICROSECOND


def allowance_us(definition: Definition) -> int:
    """Return how long after a fire time its success is overdue, by the job's own policies.

    That is its grace and jitter, its timeout for every attempt, and the longest pauses between
    attempts; under `queue` also that of each run it may wait for. At most ALLOWANCE_US_MAX.
    """
    retry = definition.retry
    run = definition.timeout * retry.max_attempts
    seconds_max = retry.max_delay.total_seconds()
    delay_s = min(retry.initial.total_seconds(), seconds_max)
    for _ in range(retry.max_attempts - 1):
        run += timedelta(seconds=delay_s)
        delay_s = min(delay_s * retry.factor, seconds_max)
    if retry.give_up_after is not None:
        run = min(run, retry.give_up_after + definition.timeout)
    runs = 1 + (definition.queue_limit if definition.overlap == "queue" else 0)
    before_us = (definition.misfire_grace + definition.jitter) // MICROSECOND
    return min(before_us + runs * (run // MICROSECOND), ALLOWANCE_US_MAX)


read_counts: Final = msgspec.json.Decoder(Counts).decode


def as_row(columns: TallyColumns) -> tuple[object, ...]:
    """Return a row as it is stored."""
    *plain, counts = msgspec.structs.astuple(columns)
    return (*plain, as_json(counts))


def from_row(row: tuple[object, ...]) -> TallyColumns:
    """Return what `as_row` stored."""
    columns = TallyColumns(*row)  # type: ignore[arg-type]  # as they were stored, but for the last
    columns.counts = read_counts(str(row[-1]))
    return columns


def as_json(counts: Counts) -> str:
    """Return counts as the JSON of their column."""
    return msgspec.json.encode(counts).decode()
