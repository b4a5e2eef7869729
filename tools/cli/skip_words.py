"""Why a fire time did not become a run: each reason in words, and how to run it all the same."""

from collections.abc import Mapping
from datetime import datetime
from shlex import quote
from zoneinfo import ZoneInfo

from scheduler.model.instants import SECOND
from scheduler.model.jobs import Exclude, SkipReason
from scheduler.model.plain_dates import write_days
from scheduler.model.streams import compact
from scheduler.model.zones import is_known

REASONS: Mapping[SkipReason, str] = {
    "misfire": "it came too late and the job's catch_up is none",
    "coalesced": "it came late and a newer fire stands for it (catch_up = latest)",
    "window": "it was older than the job's catch_up_window",
    "limit": "it lay beyond the newest catch_up_limit late fires",
    "overlap": "an earlier run was still open (overlap = skip)",
    "queue-full": "as many runs as queue_limit allows waited behind the open one (overlap = queue)",
    "paused": "it fell into a pause",
    "excluded": "its day is excluded (exclude)",
    "skip-next": "somebody had asked to pass over it (job skip-next)",
}


def command_for(name: str, after: datetime, until: datetime) -> str:
    """Return the command that runs a job's skipped fire times in (after, until]."""
    window = f"--from {compact(after + SECOND)} --until {compact(until + SECOND)}"
    return f"horolog backfill start {quote(name)} {window}"


def excluded_words(exclude: Exclude | None, at: datetime) -> str:
    """Return which of the excluded days a fire time lies on."""
    if exclude is not None and is_known(exclude.timezone):
        day = at.astimezone(ZoneInfo(exclude.timezone)).date()
        for days in exclude.dates:
            if days.first <= day <= days.last:
                return f"its day is excluded (exclude: {write_days(days)}, {exclude.timezone})"
    return REASONS["excluded"]
