"""What happens to a job: the events of the streams `job/...` and `skips/...`."""

from datetime import datetime
from typing import Literal

from scheduler.model.event import Event
from scheduler.model.jobs import Definition, JobId, Missed, SkipReason


class FiresSkipped(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="fires-skipped"
):
    """The fire times in (after, until] were passed over on purpose."""

    job: JobId
    after: datetime  # where the job's last decision ended
    until: datetime
    count: int  # exact, at least 1
    reason: SkipReason


class JobDefined(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-defined"):
    """A job exists; fire times after `cursor` are its own."""

    job: JobId
    definition: Definition
    cursor: datetime
    exhausted: bool = False  # a one-time job that was already past


class JobRevised(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-revised"):
    """The job has a new definition; fire times after `effective_at` follow it."""

    job: JobId
    revision: int
    definition: Definition
    effective_at: datetime
    exhausted: bool = False


class JobRenamed(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-renamed"):
    """The job has another name; its id and history stay."""

    job: JobId
    name: str
    was: str


class JobPaused(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-paused"):
    """Nothing is decided for the job until it is resumed, at the latest at `until`."""

    job: JobId
    until: datetime | None = None
    missed: Missed = "skip"  # what becomes of the fire times of the pause at that end
    failures: int = 0  # paused by so many failed runs in a row; 0: by a person


class NextFireSkipped(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="next-fire-skipped"
):
    """Someone asked for this fire time to be passed over when it comes."""

    job: JobId
    fire_time: datetime


class NextFireRestored(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="next-fire-restored"
):
    """The fire time that was to be passed over is one like the others again."""

    job: JobId
    fire_time: datetime


class JobResumed(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-resumed"):
    """The job is decided again; fire times up to `at` are treated as `missed` says."""

    job: JobId
    at: datetime
    missed: Missed


class JobRemoved(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-removed"):
    """The job is gone for good; its name is free, its history stays."""

    job: JobId


class JobExhausted(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="job-exhausted"
):
    """The job has no further fire time, or has had all its runs."""

    job: JobId
    reason: Literal["max-runs", "no-fires-left"]
