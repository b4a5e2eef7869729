"""What a person did to a job's state, in words: pauses and their ends, fire times passed over.

`job pause` tells it when it happens, `job show`, `next` and `job history` when somebody asks later.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from projections.rows import ChangeRow, JobRow
from scheduler.model.jobs import Missed
from scheduler.model.written import format_instant
from tools.cli.call import Call
from tools.cli.lengths import counted
from tools.whole import THEN

SKIPS_SHOWN = 2  # of the fire times to be passed over; the others are counted


def until_words(call: Call, until: datetime, missed: Missed) -> str:
    """Return when a pause ends, and what becomes of its fire times."""
    return f"until {format_instant(until, call.zone)}; {THEN[missed]}"


def failure_words(failures: int) -> str:
    """Return which failures have paused a job."""
    return "after a failure" if failures == 1 else f"after {failures:,} failures in a row"


def skipping_words(call: Call, skipping: Sequence[datetime]) -> str:
    """Return which fire times are to be passed over, the first ones of many."""
    times = ", ".join(format_instant(at, call.zone) for at in skipping[:SKIPS_SHOWN])
    more = len(skipping) - SKIPS_SHOWN
    return f"passes over {times}{f' and {more:,} more' if more > 0 else ''}"


def remark(call: Call, row: JobRow) -> str:
    """Return what keeps a job from firing as its schedule says; nothing of most jobs."""
    parts = []
    if row.paused_until is not None:
        parts.append(f"paused until {format_instant(row.paused_until, call.zone)}")
    if row.skipping:
        parts.append(skipping_words(call, row.skipping))
    return "; ".join(parts)


def pause_words(call: Call, row: JobRow, change: ChangeRow | None) -> str:
    """Return since when a job is paused, by whom and why, and until when."""
    words = ["paused"]
    if change is not None:
        words.append(f"since {format_instant(change.at, call.zone)}")
        failures = number_of(change.detail, "failures")
        if failures:
            words.append(failure_words(failures))
        else:
            words += [f"by {change.actor}"] if change.actor else []
            words += [f"({change.reason})"] if change.reason else []
    if row.paused_until is not None:
        words.append(until_words(call, row.paused_until, row.pause_missed or "skip"))
    return " ".join(words)


def change_of_state(call: Call, detail: Mapping[str, object]) -> str | None:
    """Return in words what an event changed of a job's state; None for what has no words here."""
    match detail:
        case {"type": "job-paused", "failures": int() as failures}:
            return failure_words(failures)
        case {"type": "job-paused" | "system-paused", "until": str() as until}:
            return until_words(call, instant(until), missed_of(detail))
        case {"type": "job-resumed" | "system-resumed"}:
            return f"missed: {missed_of(detail)}"
        case {"type": "next-fire-skipped" | "next-fire-restored", "fire_time": str() as at}:
            return format_instant(instant(at), call.zone)
        case {"type": "job-paused" | "job-removed" | "system-paused"}:
            return ""
        case {"type": "backfill-requested", "backfill": str() as backfill, "count": int() as count}:
            return f"backfill {backfill} of {counted(count, 'occurrence')}"
        case {"backfill": str() as backfill, "type": str() as kind} if kind.startswith("backfill-"):
            return f"backfill {backfill}"
        case _:
            return None


def missed_of(detail: Mapping[str, object]) -> Missed:
    """Return what becomes of the fire times of a pause, as the event tells it."""
    match detail.get("missed"):
        case "latest":
            return "latest"
        case "all":
            return "all"
        case _:
            return "skip"


def number_of(detail: Mapping[str, object] | None, name: str) -> int:
    """Return a number that an event tells, 0 when it tells none."""
    found = (detail or {}).get(name)
    return found if isinstance(found, int) else 0


def instant(text: str) -> datetime:
    """Return the instant that an event tells."""
    return datetime.fromisoformat(text)
