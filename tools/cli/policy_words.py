"""What a job's policies come to, in one line: what happens when things do not go as planned.

The policies that every job has are always told; the others only where someone set them.
"""

from collections.abc import Iterator

from scheduler.model.jobs import Definition, Exclude
from scheduler.model.plain_dates import write_days
from scheduler.model.schedules import Cron, Interval
from tools.cli.lengths import spoken

RANGES_SHOWN = 3  # of the excluded days; the others are counted

LATE = {
    "none": "skip the missed fires",
    "latest": "the newest missed fire runs once",
    "all": "each missed fire runs, oldest first",
}
CRASH = {"retry": "run again", "fail": "fail", "hold": "wait for a person"}


def policy_line(definition: Definition) -> str:
    """Return in one line what happens to this job when things do not go as planned."""
    return " · ".join(
        (
            f"if late: {LATE[definition.catch_up]}",
            f"if still running: {busy_words(definition)}",
            f"timeout {spoken(definition.timeout)}",
            attempt_words(definition),
            f"after a crash: {CRASH[definition.on_crash]}",
            *rare_words(definition),
        )
    )


def busy_words(definition: Definition) -> str:
    """Return what a fire does while a run of the job is open."""
    match definition.overlap:
        case "skip":
            return "skip"
        case "queue":
            return f"wait in line, {definition.queue_limit:,} at most"
        case "allow":
            return "run beside it"
        case "cancel":
            grace = spoken(definition.cancel_grace)
            if definition.isolation == "process":
                return f"end it within {grace} and take its place"
            return f"end it within {grace}, or wait for a plain function, and take its place"


def attempt_words(definition: Definition) -> str:
    """Return how often a run is tried, and until when."""
    retry = definition.retry
    words = f"{retry.max_attempts:,} attempt{'s' if retry.max_attempts > 1 else ''}"
    if retry.until_next_fire:
        return f"{words}, none after the next fire"
    if retry.give_up_after is not None:
        return f"{words}, none later than {spoken(retry.give_up_after)} after the first"
    return words


def rare_words(definition: Definition) -> Iterator[str]:
    """Yield what only some jobs have."""
    if definition.jitter:
        yield jitter_words(definition)
    if definition.exclude is not None:
        yield f"never on {excluded_words(definition.exclude)}"
    if definition.pause_after_failures is not None:
        count = definition.pause_after_failures
        yield f"paused after {count:,} failure{'s in a row' if count > 1 else ''}"
    if definition.concurrency_key is not None:
        yield f"takes turns with all of key {definition.concurrency_key}"


def jitter_words(definition: Definition) -> str:
    """Return how much each start may be delayed: always ahead of the next fire."""
    schedule, most = definition.schedule, definition.jitter
    if isinstance(schedule, Interval) and schedule.every <= most:
        return f"each start delayed by less than {spoken(schedule.every)}"
    ahead = ", but ahead of the next fire" if isinstance(schedule, Cron) else ""
    return f"each start delayed by up to {spoken(most)}{ahead}"


def excluded_words(exclude: Exclude) -> str:
    """Return excluded days as they are written, the first ones of many, with their zone."""
    told = ", ".join(write_days(days) for days in exclude.dates[:RANGES_SHOWN])
    more = len(exclude.dates) - RANGES_SHOWN
    return f"{told}{f' and {more:,} more' if more > 0 else ''} ({exclude.timezone})"
