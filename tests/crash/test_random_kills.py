"""`kill -9` of `horolog serve` at random moments, under load, again and again on the same log.

HOROLOG_KILLS=50 raises the number of kills; HOROLOG_SEED=word tries other moments.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from msgspec.structs import replace

from scheduler.model import events as e
from tests.crash.asker import Asker
from tests.crash.chance import Chance
from tests.crash.drain import drained
from tests.crash.load import EXTRA, JOBS, Wanderer
from tests.crash.site import STOP_GRACE, Site
from tests.crash.victim import NOWHERE
from tests.crash.waiting import let_pass

pytestmark = pytest.mark.crash

KILLS = int(os.environ.get("HOROLOG_KILLS", "15"))
KILLS_PER_LOG = 5
HALF, A_FIFTH = 0.5, 0.2
SEED = os.environ.get("HOROLOG_SEED", "horolog")
SEEDS = [f"{SEED}-{number}" for number in range(-(-KILLS // KILLS_PER_LOG))]


def killed_somewhere(site: Site, chance: Chance) -> None:
    """Start a server and kill it: while it starts, works, or stops."""
    server = site.serve() if chance.part() < HALF else site.victim(NOWHERE)
    if chance.part() < A_FIFTH:
        let_pass(chance.between(0, 1))
    else:
        server.ready()
        let_pass(chance.between(0, 2.5))
        if chance.part() < A_FIFTH:
            server.terminate()
            let_pass(chance.between(0, STOP_GRACE.total_seconds()))
    server.kill()


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_happens_twice_when_a_server_is_killed(
    site: Site, seed: str
) -> None:
    print(f"HOROLOG_SEED={SEED}, seed of this log: {seed}")
    chance = Chance(seed)
    asker = Asker(site.db, site.ledger_path)
    wanderer = Wanderer(asker, site.define(*JOBS), Chance(f"{seed}/wishes"))
    stop = Event()
    with ThreadPoolExecutor(1) as threads:
        wandering = threads.submit(wanderer.wander, stop)
        try:
            for number in range(KILLS_PER_LOG):
                killed_somewhere(site, chance)
                if chance.part() < HALF:
                    site.define(replace(EXTRA, name=f"between-{number}"))
                if chance.part() < A_FIFTH:
                    site.lose_views()
            server = site.serve().ready()
            let_pass(chance.between(0, 1))
        except BaseException:
            asker.give_up.set()
            raise
        finally:
            stop.set()
        asked = wandering.result()
    asker.close()
    site.stop(server)
    drained(site)
    recorded = site.check()
    epochs = sum(isinstance(one.event, e.SystemStarted) for one in recorded)
    assert epochs >= 3
    assert asked > 10
    print(f"{len(recorded)} events, {epochs} epochs, {asked} wishes, {asker.unanswered} in vain")
