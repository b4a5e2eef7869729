"""`horolog serve` brought down at random moments and named points, under load, again and again.

HOROLOG_SEED=word tries other moments. A thousand of them: python -m tools.dev.crash_drill
"""

import os

import pytest

from tests.crash.drill import drill
from tests.crash.site import Site

pytestmark = pytest.mark.crash

KILLS, KILLS_PER_LOG = 50, 10
SEED = os.environ.get("HOROLOG_SEED", "horolog")
SEEDS = [f"{SEED}-{number}" for number in range(KILLS // KILLS_PER_LOG)]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_happens_twice_when_a_server_is_brought_down(
    site: Site, seed: str
) -> None:
    print(f"HOROLOG_SEED={SEED}, seed of this log: {seed}")
    figures = drill(site, seed, kills=KILLS_PER_LOG)
    assert KILLS_PER_LOG == figures.kills
    assert figures.totals["starts"] >= 3
    assert figures.totals["wishes"] > 10
    assert figures.totals["attempts lost"] > 0
    print(figures)
    for strike, count in figures.strikes.most_common():
        print(f"  {count} × {strike}")
