"""What a change of a job makes of its runs: which are added, which fall away, which move.

Two simulations are compared by the fire times that became runs. One that falls away and one that is
added, with no other between them, are one that moves.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from scheduler.model.jobs import SkipReason
from tools.simulation import Disposition, Simulated


class Change(NamedTuple):
    """A fire time that runs only after the change, or only before it.

    `reason` is why the other simulation skipped it; None: there it is no fire time.
    """

    fire_time: datetime
    reason: SkipReason | None


class Move(NamedTuple):
    """A run that comes at another time."""

    before: datetime
    after: datetime


class Comparison(NamedTuple):
    """What differs; all ascending."""

    added: list[Change]
    removed: list[Change]
    moved: list[Move]


def compare(before: Simulated, after: Simulated) -> Comparison:
    """Return what differs between the runs of one job before and after a change."""
    was, becomes = by_fire_time(before.dispositions), by_fire_time(after.dispositions)
    added = {at for at, one in becomes.items() if runs(one) and not runs(was.get(at))}
    removed = {at for at, one in was.items() if runs(one) and not runs(becomes.get(at))}
    kept = {at for at, one in was.items() if runs(one)} - removed
    moved: list[Move] = []
    waiting: datetime | None = None  # one that may have moved to the next, or from there
    for at in sorted(added | removed | kept):
        is_new = at in was and at in becomes  # a policy decides otherwise: nothing moved
        if at in kept or is_new:
            waiting = None
        elif waiting is not None and (waiting in added) != (at in added):
            moved.append(Move(waiting, at) if at in added else Move(at, waiting))
            waiting = None
        else:
            waiting = at
    gone = {move.before for move in moved}
    come = {move.after for move in moved}
    return Comparison(
        added=[Change(at, reason(was.get(at))) for at in sorted(added - come)],
        removed=[Change(at, reason(becomes.get(at))) for at in sorted(removed - gone)],
        moved=sorted(moved),
    )


def by_fire_time(dispositions: Sequence[Disposition]) -> Mapping[datetime, Disposition]:
    """Return what became of each fire time of one job."""
    return {one.fire_time: one for one in dispositions}


def runs(one: Disposition | None) -> bool:
    """Return whether a fire time became a run."""
    return one is not None and one.disposition == "run"


def reason(one: Disposition | None) -> SkipReason | None:
    """Return why a fire time was skipped; None when it was none."""
    return None if one is None else one.reason
