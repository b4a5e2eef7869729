"""What happens to a backfill: the events of the streams `backfill/...`.

A backfill is asked for with the whole calendar it follows, so that no later edit changes which
occurrences it is about. Its runs are events of the occurrences (`RunPlanned` with its id), which
also move its cursor.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from scheduler.model.event import Event
from scheduler.model.jobs import BackfillId, Exclude, JobId
from scheduler.model.schedules import Schedule

Only = Literal["missing", "failed", "all"]
Order = Literal["oldest", "newest"]


class Stretch(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A part of a backfill's window, (after, until], and the schedule that held in it."""

    after: datetime
    until: datetime
    schedule: Schedule
    exclude: Exclude | None = None


class BackfillRequested(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="backfill-requested"
):
    """Runs were asked for over a past window of one job."""

    backfill: BackfillId
    job: JobId
    after: datetime  # the window is (after, until]
    until: datetime
    stretches: tuple[Stretch, ...]  # ascending, at least one
    count: int  # occurrences in them, less those left out
    left_out: tuple[datetime, ...] = ()  # fire times that someone had asked to skip
    only: Only = "missing"
    order: Order = "oldest"
    concurrency: int = 1  # open runs of it at once
    per_minute: int | None = None  # runs begun
    callbacks: bool = False  # whether its runs call back, each; its end does always


class BackfillAdvanced(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="backfill-advanced"
):
    """The occurrences up to `cursor` (in its order) that got no run were left as they are."""

    backfill: BackfillId
    cursor: datetime
    passed: int  # of them


class BackfillPaused(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="backfill-paused"
):
    """No further run of it is planned until it is resumed."""

    backfill: BackfillId


class BackfillResumed(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="backfill-resumed"
):
    """It goes on from its cursor."""

    backfill: BackfillId


class BackfillCancelled(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="backfill-cancelled"
):
    """It plans nothing more; it is over. What runs of it goes on to its end."""

    backfill: BackfillId


class BackfillFinished(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="backfill-finished"
):
    """Each of its occurrences was looked at and its runs have ended; it is over."""

    backfill: BackfillId


BackfillEvent = (
    BackfillRequested
    | BackfillAdvanced
    | BackfillPaused
    | BackfillResumed
    | BackfillCancelled
    | BackfillFinished
)
