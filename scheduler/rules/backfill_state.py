"""What is true of one backfill that is not over, and `evolve_backfill`: the meaning of its events.

It knows what was asked for, how far it has come and how its runs ended; its open runs are in the
timetable like all others. A backfill that is over leaves the fold.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.missing_zones import missing_zone
from scheduler.rules.run_state import RunStatus

MINUTE = timedelta(minutes=1)


class BackfillState(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One backfill, as its events have left it."""

    asked: e.BackfillRequested
    cursor: datetime | None = None  # every occurrence up to here, in its order, is settled
    looked_at: int = 0  # occurrences settled: a run was planned, or none was needed
    planned: int = 0  # runs
    succeeded: int = 0
    failed: int = 0  # or expired
    cancelled: int = 0
    paused: bool = False
    next_at: datetime | None = None  # its rate: none is looked at before; None when none is left

    def is_resting(self, is_here: Callable[[str], bool]) -> bool:
        """Whether it stands still: it is paused, or a zone of its calendar is not known here."""
        return self.paused or any(
            missing_zone(stretch.schedule, stretch.exclude, is_here=is_here)
            for stretch in self.asked.stretches
        )


def requested(event: e.BackfillRequested) -> BackfillState:
    """Return a backfill as it was asked for."""
    return BackfillState(asked=event)


def evolve_backfill(state: BackfillState, event: e.BackfillEvent | e.RunPlanned) -> BackfillState:
    """Return the backfill after `event`, which is not its beginning or its end."""
    match event:
        case e.RunPlanned(fire_time=at, due_time=due_time):
            rate = state.asked.per_minute
            next_at = None if rate is None else due_time + MINUTE / rate
            state = _come_to(state, at, settled=1, next_at=next_at)
            return replace(state, planned=state.planned + 1)
        case e.BackfillAdvanced(cursor=cursor, passed=passed):
            return _come_to(state, cursor, settled=passed, next_at=state.next_at)
        case e.BackfillPaused():
            return replace(state, paused=True)
        case e.BackfillResumed():
            return replace(state, paused=False)
        case _:
            raise ImpossibleHistory(f"{type(event).__name__} for a backfill that is under way")


def _come_to(
    state: BackfillState, cursor: datetime | None, *, settled: int, next_at: datetime | None
) -> BackfillState:
    """Return the backfill with so many more occurrences settled, up to a new cursor."""
    looked_at = state.looked_at + settled
    if looked_at >= state.asked.count:
        next_at = None  # what is left is that its runs end, and no time brings that
    return replace(state, cursor=cursor, looked_at=looked_at, next_at=next_at)


def after_end(state: BackfillState, status: RunStatus, *, by: int = 1) -> BackfillState:
    """Return the backfill after one of its runs ended so; `by` is -1 when it is tried again."""
    match status:
        case "succeeded":
            return replace(state, succeeded=state.succeeded + by)
        case "cancelled":
            return replace(state, cancelled=state.cancelled + by)
        case _:
            return replace(state, failed=state.failed + by)
