"""What a restarted executor owes: one wish for every attempt that an older epoch left open.

Everything else goes on by itself, because it is in the fold: cursors, retries with their times,
queues, pauses, held runs.
"""

from collections.abc import Set as AbstractSet

from scheduler.model.commands import SettleRun
from scheduler.model.jobs import RunId
from scheduler.rules.timetable import Timetable


def resume(timetable: Timetable, *, epoch: int, alive: AbstractSet[RunId]) -> list[SettleRun]:
    """Return the wishes that settle what epochs before `epoch` left open.

    `alive`: runs whose attempt still goes on in a child that outlived its executor.
    """
    return [
        SettleRun(run=key, alive=key in alive)
        for key in timetable.occupied
        if timetable.runs[key].epoch < epoch
    ]
