"""The list of all projections, in one place."""

from typing import Final

from projections.backfills import Backfills
from projections.contract import Projection
from projections.history import History
from projections.misses import Misses
from projections.runs import Runs
from projections.schedules import Schedules
from projections.tally import Tally

CATALOG: Final[tuple[type[Projection], ...]] = (
    Schedules,
    Runs,
    History,
    Misses,
    Backfills,
    Tally,
)
