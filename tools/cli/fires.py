"""Fire times before they come, as people and scripts see them: lists and warnings.

`explain`, `job add` and `job show` print the same things from here. It reckons nothing itself: fire
times are `model.coming`'s, words are `model.sentence`'s.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from scheduler.model import coming as model
from scheduler.model.clock_warnings import clock_change_warnings
from scheduler.model.instants import LAST_SECOND, instant
from scheduler.model.jobs import Definition
from scheduler.model.limits import SHOWN_FIRES_MAX
from scheduler.model.schedules import Cron, Schedule
from scheduler.model.streams import compact
from scheduler.model.written import format_instant

LAST_AT = instant(LAST_SECOND)  # the end of our calendar
YEAR = timedelta(days=366)
FIRES_SHOWN = 5

fires_option = click.option(
    "-n",
    "count",
    type=click.IntRange(1, SHOWN_FIRES_MAX),
    default=FIRES_SHOWN,
    show_default=True,
    metavar="N",
    help="How many fire times.",
)


def coming(
    definition: Definition,
    *,
    after: datetime,
    count: int,
    planned: int = 0,
    skipping: tuple[datetime, ...] = (),
) -> list[datetime]:
    """Return the next fire times of a job that will run; `planned` runs count to max_runs."""
    left = count if definition.max_runs is None else min(count, definition.max_runs - planned)
    if left < 1:
        return []
    return model.coming(definition, after=after, limit=left, skipping=skipping)


def warnings_of(schedule: Schedule, *, after: datetime) -> list[str]:
    """Return a sentence for each fire of the coming year that a clock change touches."""
    return clock_change_warnings(schedule, after=after, until=min(after, LAST_AT - YEAR) + YEAR)


def zone_of(schedule: Schedule, otherwise: str) -> str:
    """Return the zone a schedule's fire times are shown in: its own when it has one."""
    return schedule.timezone if isinstance(schedule, Cron) else otherwise


def as_records(fires: Sequence[datetime], zone: str) -> list[dict[str, str]]:
    """Return fire times as scripts read them: UTC, and local with its offset."""
    if not fires:
        return []  # perhaps because the zone is not known here
    local = ZoneInfo(zone)
    return [{"utc": compact(at), "local": at.astimezone(local).isoformat()} for at in fires]


def as_lines(fires: Sequence[datetime], zone: str) -> list[str]:
    """Return fire times as people read them, in the zone and, where it is another, in UTC."""
    if zone == "UTC":
        return [f"  {format_instant(at, 'UTC')}" for at in fires]
    return [f"  {format_instant(at, zone)}   {format_instant(at, 'UTC')}" for at in fires]


def shown_at(at: datetime | None, zone: str) -> str:
    """Return an instant for people; a dash where there is none."""
    return "-" if at is None else format_instant(at.astimezone(UTC), zone)
