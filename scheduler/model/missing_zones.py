"""Jobs that cannot be reckoned here: a time zone they name is not known on this machine.

A zone is known when a job is defined, but a log may be carried to a machine with other zone data,
and zone data may shrink. Nothing can be said about the fire times of such a job, so it is held
apart: it is not decided, its cursor stays, and whoever asks for its fire times is told why. With
the zone back it goes on as after a downtime.
"""

from collections.abc import Callable, Mapping

from scheduler.model.errors import Conflict
from scheduler.model.jobs import Definition, Exclude
from scheduler.model.schedules import Cron, Manual, Schedule
from scheduler.model.zones import is_known

NAMES_TOLD = 3  # of the jobs that lack one zone; the others are counted


def missing_zone(
    schedule: Schedule, exclude: Exclude | None, *, is_here: Callable[[str], bool] = is_known
) -> str | None:
    """Return the zone that fire times hang on and that is not known here; None when all are.

    To look for one that is missing takes 0.1 ms; who asks again and again hands in `is_here`.
    """
    if isinstance(schedule, Cron) and not is_here(schedule.timezone):
        return schedule.timezone
    if exclude is None or isinstance(schedule, Manual) or is_here(exclude.timezone):
        return None
    return exclude.timezone


def zone_missed_by(definition: Definition) -> str | None:
    """Return the zone that a job's fire times hang on and that is not known here, if any."""
    return missing_zone(definition.schedule, definition.exclude)


def why_apart(name: str, zone: str) -> str:
    """Return the sentence for people: why a job does not fire, and what helps."""
    return (
        f'{name} does not fire: this machine has no time zone "{zone}". Install zone data that has '
        f"it, or name another zone: horolog job edit {name}"
    )


def told_apart(apart: Mapping[str, str]) -> list[str]:
    """Return a sentence for each missing zone; `apart` has jobs by name, each with its zone."""
    by_zone: dict[str, list[str]] = {}
    for name, zone in sorted(apart.items()):
        by_zone.setdefault(zone, []).append(name)
    return [_told(zone, names) for zone, names in sorted(by_zone.items())]


def _told(zone: str, names: list[str]) -> str:
    first, more = ", ".join(names[:NAMES_TOLD]), len(names) - NAMES_TOLD
    shown = f"{first} and {more:,} more" if more > 0 else first
    count = "1 job does" if len(names) == 1 else f"{len(names):,} jobs do"
    return f'{count} not fire, as this machine has no time zone "{zone}": {shown}'


def refuse_missing_zone(definition: Definition) -> None:
    """Refuse what hangs on fire times that cannot be reckoned here. Raises: Conflict."""
    zone = zone_missed_by(definition)
    if zone is not None:
        raise Conflict(why_apart(definition.name, zone))
