"""How a run ended, read from its own events, and the sentence for someone who waited for it."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median_low
from typing import Literal

from msgspec import Struct

from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.jobs import Definition, RunId
from scheduler.model.written import format_duration
from tools.cli.lengths import spoken

Status = Literal["succeeded", "failed", "expired", "cancelled", "held"]
LONGER = 3  # times the present timeout: what is proposed after one
TIMEOUT_DEFAULT = Definition.__struct_defaults__[
    Definition.__struct_fields__.index("timeout") - len(Definition.__struct_fields__)
]


class Ending(Struct, frozen=True, kw_only=True):
    """The end of a run, or its being held."""

    status: Status
    kind: str = ""  # of the failure
    error: str = ""
    duration: timedelta | None = None  # of the last attempt


def ending_of(recorded: Sequence[Recorded], run: RunId) -> Ending | None:
    """Return how a run of a stream ended; None while it is open."""
    found: Ending | None = None
    lasted: timedelta | None = None
    for one in recorded:
        if isinstance(one.event, e.RunEvent) and one.event.run != run:
            continue  # of a rerun
        match one.event:
            case e.RunSucceeded(duration_us=us):
                found = Ending(status="succeeded", duration=timedelta(microseconds=us))
            case e.AttemptFailed(duration_us=us):
                lasted = timedelta(microseconds=us)
            case e.RunFailed(kind=kind, error=error):
                found = Ending(status="failed", kind=kind, error=error, duration=lasted)
            case e.RunExpired():
                found = Ending(status="expired")
            case e.RunCancelled():
                found = Ending(status="cancelled")
            case e.RunHeld(reason=reason):
                found = Ending(status="held", error=reason)
            case e.RunReopened() | e.RunResolved(verdict="retry"):
                found = None
            case e.RunResolved(verdict="succeeded"):
                found = Ending(status="succeeded")
            case e.RunResolved(verdict="failed"):
                found = Ending(status="failed", error="resolved as failed")
            case _:
                continue
    return found


def told_ending(
    run: str, ending: Ending, definition: Definition, durations: Sequence[timedelta]
) -> str:
    """Return how a run ended in words; `durations` are those of earlier successes of the job."""
    match ending:
        case Ending(status="succeeded"):
            took = f" after {spoken(ending.duration)}" if ending.duration is not None else ""
            return f"Run {run} succeeded{took}."
        case Ending(status="failed", kind="timeout"):
            return told_timeout(run, definition, durations)
        case Ending(status="failed"):
            return f"Run {run} failed: {ending.error}"
        case Ending(status="expired"):
            return f"Run {run} expired: no attempt had started by its start deadline."
        case Ending(status="held"):
            how = f"horolog run resolve {run} --as succeeded|failed|retry"
            return f"Run {run} is held ({ending.error}). Settle it: {how}"
        case _:
            return f"Run {run} was cancelled."


def told_timeout(run: str, definition: Definition, durations: Sequence[timedelta]) -> str:
    """Return what is told of a run that took too long, with how long it takes otherwise."""
    end = "killed" if definition.isolation == "process" else "stopped"
    default = ", default" if definition.timeout == TIMEOUT_DEFAULT else ""
    usual = f"It usually takes {spoken(median_low(durations))}. " if durations else ""
    longer = format_duration(definition.timeout * LONGER)
    return (
        f'Run {run[:4]}…{run[-2:]} timed out: "{definition.name}" was {end} after '
        f"{spoken(definition.timeout)} (timeout{default}). {usual}"
        f"Longer: horolog job edit {definition.name} --timeout {longer}"
    )
