"""A definition as the log has accepted it, and what it will mean: words, fire times, policies.

`job add`, `job edit` and `job show` tell it from here, in lines for people and in fields for
scripts.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from scheduler.model.jobs import Definition
from scheduler.model.missing_zones import why_apart, zone_missed_by
from scheduler.model.schedules import Interval
from scheduler.model.sentence import sentence
from scheduler.model.written import format_instant
from tools.cli import fires
from tools.cli.call import Call
from tools.cli.policy_words import policy_line

PREVIEW_FIELDS = (
    "job",
    "job_id",
    "service",
    "sentence",
    "timezone",
    "fires",
    "policies",
    "warnings",
)


class Standing(Struct, frozen=True, kw_only=True):
    """A job's definition with what decides its next fire times."""

    job: str
    definition: Definition
    cursor: datetime
    planned: int = 0
    skipping: tuple[datetime, ...] = ()  # fire times to come that are to be passed over
    is_over: bool = False  # exhausted or removed


def preview(standing: Standing, call: Call) -> dict[str, object]:
    """Return what a job's definition will mean, as scripts read it."""
    definition = standing.definition
    timezone = fires.zone_of(definition.schedule, call.zone)
    return {
        "job": definition.name,
        "job_id": standing.job,
        "service": definition.service,
        "sentence": sentence(definition.schedule, zone=timezone),
        "timezone": timezone,
        "fires": fires.as_records(next_fires(standing), timezone),
        "policies": policy_line(definition),
        "warnings": _warnings(standing),
    }


def _warnings(standing: Standing) -> list[str]:
    """Return what is out of the ordinary about the job's fire times to come."""
    definition = standing.definition
    if standing.is_over:
        return []
    zone = zone_missed_by(definition)
    if zone is not None:
        return [why_apart(definition.name, zone)]
    return fires.warnings_of(definition.schedule, after=standing.cursor)


def lines(standing: Standing, call: Call) -> list[str]:
    """Return what a job's definition will mean, as people read it."""
    definition = standing.definition
    timezone = fires.zone_of(definition.schedule, call.zone)
    shown = fires.as_lines(next_fires(standing), timezone)
    zone = None if standing.is_over else zone_missed_by(definition)
    none = "no fire time is left" if zone is None else why_apart(definition.name, zone)
    if standing.cursor >= fires.LAST_AT:
        none = "no fire time is known: everything is paused without an end"
    return [
        f"{definition.name}: {sentence(definition.schedule, zone=timezone)}",
        *(shown or [f"  {none}"]),
        policy_line(definition),
    ]


def next_fires(standing: Standing, count: int = fires.FIRES_SHOWN) -> list[datetime]:
    """Return the next fire times of a job as it stands; none when its zone is not known here."""
    if standing.is_over or zone_missed_by(standing.definition) is not None:
        return []
    return fires.coming(
        standing.definition,
        after=standing.cursor,
        count=count,
        planned=standing.planned,
        skipping=standing.skipping,
    )


def notes_of(call: Call, standing: Standing, *, is_new: bool, has_timeout: bool) -> list[str]:
    """Return what a person may not expect of a definition, each with what to type instead."""
    definition, found = standing.definition, []
    schedule = definition.schedule
    if is_new and isinstance(schedule, Interval) and standing.cursor == schedule.anchor:
        first = standing.cursor + schedule.every
        if first in next_fires(standing, 1):  # else its day is excluded
            found.append(
                "The first fire is one interval from now, at "
                f"{format_instant(first, call.zone)}. To begin at once: --start-at now"
            )
    if has_timeout and definition.isolation == "thread" and definition.timeout > timedelta(0):
        found.append(
            "A plain function on a thread cannot be stopped by its timeout: it is recorded as "
            "timed out and keeps its slot until it returns. --isolation process makes it killable"
        )
    if definition.overlap == "cancel" and definition.isolation == "thread":
        found.append(
            "overlap = cancel ends an async service. A plain function on a thread cannot be ended: "
            "the next run waits until it returns. --isolation process makes it killable"
        )
    return found
