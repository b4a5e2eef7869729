"""How late fire times are, and what the policies make of it.

A fire time is on time up to `misfire_grace` after its due time, inclusive. What a pause left
undecided counts as late, whatever its age, and is treated as its end said.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from scheduler.model.firing import latest_fire_times
from scheduler.model.jitter import due_time
from scheduler.model.jobs import CatchUp, Definition, Missed, SkipReason
from scheduler.rules.job_state import JobState, Resumption
from scheduler.rules.timetable import Timetable

INSTANT = timedelta(microseconds=1)
ALL_WINDOW = timedelta(hours=24)  # how far `all` reaches back when nothing else is said


class Lateness(NamedTuple):
    """How the fire times of one stretch are treated."""

    late_until: datetime  # fire times up to here are late
    catch_up: CatchUp
    reach: timedelta | None  # older late fires than this are out of the window
    limit: int
    none_reason: SkipReason = "misfire"


def ordinary(job: JobState, policy: Definition, now: datetime) -> Lateness:
    """Return how a job's own policy treats the fire times up to now.

    A fire is due before the next one, so that of all that are older than the grace only the newest
    may be due within it.
    """
    reach = policy.catch_up_window
    if reach is None and policy.catch_up == "all":
        reach = ALL_WINDOW
    late_until = now - policy.misfire_grace - INSTANT
    if job.definition.jitter:
        for newest in latest_fire_times(
            job.definition.schedule, after=job.cursor, until=late_until, limit=1
        ):
            if due_time(job.job, job.definition, newest) > late_until:
                late_until = newest - INSTANT
    return Lateness(late_until, policy.catch_up, reach, policy.catch_up_limit)


def missed(policy: Definition, choice: Missed, until: datetime) -> Lateness:
    """Return how the end of a pause treats the fire times up to `until`: all count as late."""
    if choice == "skip":
        return Lateness(until, "none", None, policy.catch_up_limit, none_reason="paused")
    return Lateness(until, choice, None, policy.catch_up_limit)


def pauses_of(timetable: Timetable, job: JobState) -> list[Resumption]:
    """Return the ended pauses that are still to be decided, the earlier first.

    The job's own holds for all before it, so those of the whole that ended earlier add nothing.
    """
    own = job.resumption
    pauses = [] if own is None else [own]
    pauses += [end for end in timetable.system.resumptions if own is None or own.at < end.at]
    return [pause for pause in pauses if pause.at > job.cursor]
