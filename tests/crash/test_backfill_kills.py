"""A backfill over kills: each occurrence is run once, and the same again runs nothing.

More of both: python -m tools.dev.backfill_drill
"""

import pytest

from tests.crash.backfilling import killed_on_the_way
from tests.crash.site import Site

pytestmark = pytest.mark.crash

OCCURRENCES = 600
KILLS = 4
PATIENCE_S = 120.0


def test_each_occurrence_of_a_backfill_is_run_once_whatever_is_killed_on_the_way(
    site: Site,
) -> None:
    killed_on_the_way(site, occurrences=OCCURRENCES, kills=KILLS, seconds=PATIENCE_S)
