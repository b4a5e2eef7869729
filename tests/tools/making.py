"""Commands as tests give them."""

from datetime import UTC, datetime, timedelta

from scheduler.executor.clock import SystemClock
from scheduler.model import commands as c
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.schedules import Interval, Manual, Schedule

CLOCK = SystemClock()
FAR = Interval(timedelta(days=3_650), datetime(2040, 1, 1, tzinfo=UTC))  # never, as tests go


def definition(
    name: str = "report", *, service: str = "say.hello", schedule: Schedule | None = None
) -> Definition:
    """Return a definition that fires by hand only, unless it is told when."""
    return Definition(name=name, service=service, schedule=schedule or Manual())


def defining(name: str = "report", *, service: str = "say.hello") -> c.DefineJob:
    """Return the wish for a job under a new id."""
    return c.DefineJob(job=JobId(CLOCK.new_id()), definition=definition(name, service=service))


def triggering(job: JobId) -> c.TriggerJob:
    """Return the wish for a run of a job under a new id."""
    return c.TriggerJob(job=job, run=RunId(CLOCK.new_id()))
