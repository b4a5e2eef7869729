"""Counts taken from a log the plain way: every event looked at once, nothing kept by anybody.

Counts bear a job's id; `NO_JOB` stands for runs without a job.
"""

from collections import Counter
from typing import NamedTuple

from projections.tally_tables import Counts
from scheduler.log.contract import Log
from scheduler.model import events as e
from scheduler.model.jobs import JobId, RunId
from scheduler.rules.run_state import NO_JOB

MICROSECONDS = 1_000_000


class Counted(NamedTuple):
    """What happened to whom, how often: each key begins with the job."""

    runs: Counter[tuple[JobId, str]]  # "cause/outcome"
    attempts: Counter[tuple[JobId, str]]
    skipped: Counter[tuple[JobId, str]]
    delays_us: list[tuple[JobId, int]]
    durations_us: list[tuple[JobId, int]]


def counted(log: Log) -> Counted:
    """Count everything in a log."""
    found = Counted(Counter(), Counter(), Counter(), [], [])
    runs: dict[RunId, e.RunPlanned | e.ServiceCalled] = {}
    for recorded in log.follow(0):
        event = recorded.event
        if isinstance(event, e.RunPlanned | e.ServiceCalled):
            runs[event.run] = event
        elif isinstance(event, e.FiresSkipped):
            found.skipped[event.job, event.reason] += event.count
        elif isinstance(event, e.RunEvent):
            plan = runs[event.run]
            job = plan.job if isinstance(plan, e.RunPlanned) else NO_JOB
            if isinstance(event, e.AttemptStarted) and event.attempt == 1:
                delay = recorded.recorded_at - plan.due_time
                found.delays_us.append((job, round(delay.total_seconds() * MICROSECONDS)))
            if (outcome := outcome_of_attempt(event)) is not None:
                found.attempts[job, f"{plan.cause}/{outcome}"] += 1
            if isinstance(event, e.RunSucceeded | e.AttemptFailed):
                found.durations_us.append((job, event.duration_us))
            if (outcome := outcome_of_run(event)) is not None:
                found.runs[job, f"{plan.cause}/{outcome}"] += 1
    return found


def outcome_of_attempt(event: e.AnyEvent) -> str | None:
    match event:
        case e.RunSucceeded():
            return "succeeded"
        case e.AttemptFailed():
            return event.kind
        case e.AttemptInterrupted():
            return {"crash": "crash", "stop": "stopped"}[event.reason]
        case _:
            return None


def outcome_of_run(event: e.AnyEvent) -> str | None:
    match event:
        case e.RunSucceeded():
            return "succeeded"
        case e.RunFailed():
            return "failed"
        case e.RunExpired():
            return "expired"
        case e.RunCancelled():
            return "cancelled"
        case e.RunResolved() if event.verdict != "retry":
            return event.verdict
        case _:
            return None


def of_jobs(found: Counted, jobs: set[JobId]) -> Counts:
    """Return what was counted of some jobs together, as the tally tells it."""
    counts = Counts()
    for kept, counter in (
        (counts.runs, found.runs),
        (counts.attempts, found.attempts),
        (counts.skipped, found.skipped),
    ):
        for (job, key), count in counter.items():
            if job in jobs:
                kept[key] = kept.get(key, 0) + count
    for job, length_us in found.delays_us:
        if job in jobs:
            slot = sum(length_us > bound_us for bound_us in DELAYS_US)
            counts.delays.buckets[slot] += 1
            counts.delays.sum_us += length_us
    for job, length_us in found.durations_us:
        if job in jobs:
            slot = sum(length_us > bound_us for bound_us in DURATIONS_US)
            counts.durations.buckets[slot] += 1
            counts.durations.sum_us += length_us
    return counts


# Written out once more: bounds that moved by mistake are noticed.
DELAYS_US = [100_000, 500_000, 1_000_000, 5_000_000, 15_000_000, 60_000_000, 300_000_000]
DELAYS_US += [3_600_000_000]
DURATIONS_US = [*DELAYS_US[:-1], 900_000_000, 3_600_000_000, 14_400_000_000]
