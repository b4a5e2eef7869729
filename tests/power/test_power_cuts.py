"""The power of a serving machine is cut, again and again, under load; the log is found as it was
acknowledged each time, and the next server goes on.

HOROLOG_CUTS=200 raises the number of cuts; HOROLOG_SEED=word tries other moments and other fates of
what was not synced. `python -m tools.dev.power_drill` does both.
"""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from scheduler.model import events as e
from tests.crash.asker import Asker
from tests.crash.chance import Chance
from tests.crash.checker import acknowledgement_faults
from tests.crash.drain import drained
from tests.crash.load import JOBS, Wanderer
from tests.power.powered import Cut, PoweredSite

pytestmark = pytest.mark.power

CUTS = int(os.environ.get("HOROLOG_CUTS", "50"))
CUTS_PER_LOG = 10
FATES = 2  # of what was not synced, for each cut; the last one is what the next server finds
RELAXED_CUTS_MAX = 12  # the first three or so lose something
HALF = 0.5
WISHES_MAX = 4  # acknowledged between the start of a server and its end
STARTING_CALLS = 60  # to the disk, more or less, until a server is ready
CALLS_MAX = 600  # two or three seconds of load
SEED = os.environ.get("HOROLOG_SEED", "horolog")
SEEDS = [f"{SEED}-{number}" for number in range(-(-CUTS // CUTS_PER_LOG))]


@contextmanager
def wandering(site: PoweredSite, seed: str) -> Iterator[Asker]:
    """Have a client ask for one change after the other meanwhile, and note what it is told."""
    asker = Asker(site.db, site.ledger_path)
    wanderer = Wanderer(asker, site.define(*JOBS), Chance(f"{seed}/wishes"))
    stop = Event()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(wanderer.wander, stop)
        try:
            yield asker
        finally:
            stop.set()
            asker.give_up.set()
        asked.result()
    asker.close()


def cut_somewhere(site: PoweredSite, chance: Chance) -> Cut:
    """Cut the power: while the server starts, or works, or when it has just answered somebody."""
    if chance.part() < HALF:
        return site.cut(wishes=1 + int(chance.part() * WISHES_MAX))
    most = STARTING_CALLS if chance.part() < HALF else CALLS_MAX
    return site.cut(call=1 + int(chance.part() * most))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_was_acknowledged_is_lost_when_the_power_is_cut(
    site: PoweredSite, seed: str
) -> None:
    print(f"HOROLOG_SEED={SEED}, seed of this log: {seed}")
    chance = Chance(seed)
    calls: Counter[str] = Counter()
    with wandering(site, seed) as asker:
        for number in range(CUTS_PER_LOG):
            cut = cut_somewhere(site, chance)
            calls.update(record.kind for record in cut.tape)
            for fate in range(FATES):
                site.find(cut, f"{seed}/{number}/{fate}")
                site.check(is_drained=False)
    drained(site)
    recorded = site.check()
    epochs = sum(isinstance(one.event, e.SystemStarted) for one in recorded)
    acknowledged = len(site.acknowledged())
    assert epochs >= 3
    assert acknowledged > CUTS_PER_LOG
    assert calls["W"] > calls["S"] > CUTS_PER_LOG, "the shim does not see what SQLite does"
    print(
        f"{CUTS_PER_LOG} cuts, {len(recorded)} events, {epochs} epochs, {acknowledged} wishes"
        f" acknowledged, {asker.unanswered} tries in vain, calls {dict(calls)}"
    )


def test_a_log_that_is_not_synced_at_each_commit_loses_what_was_acknowledged(
    site: PoweredSite,
) -> None:
    """The same cuts, so that the test above is known to be able to fail."""
    lost = None
    with wandering(site, "relaxed"):
        for number in range(RELAXED_CUTS_MAX):
            cut = site.cut(wishes=WISHES_MAX, is_relaxed=True)
            site.find(cut, f"relaxed/{number}")
            lost = next(acknowledgement_faults(site.recorded(), site.lines()), None)
            if lost is not None:
                break
    assert lost is not None, "nothing was lost, so these cuts prove nothing"
    print(f"cut {number + 1}: {lost}")
