"""The crash drill on one log: a server is brought down again and again under load, then all of it
is brought to its end, and the checker asks whether the log, the ledger and the views agree.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import NamedTuple

from msgspec.structs import replace

from scheduler.log.contract import Recorded
from scheduler.model import events as e
from tests.crash.asker import Asker
from tests.crash.chance import Chance
from tests.crash.drain import drained
from tests.crash.ledger import Acknowledged, Called, StepDone
from tests.crash.load import EXTRA, JOBS, Wanderer
from tests.crash.site import Site
from tests.crash.strikes import Strike, Striker
from tests.crash.waiting import let_pass

HALF, A_FIFTH = 0.5, 0.2


class Figures(NamedTuple):
    """What was done to some logs, and what came of it."""

    strikes: Counter[Strike] = Counter()
    totals: Counter[str] = Counter()

    def __add__(self, other: object) -> "Figures":
        if not isinstance(other, Figures):
            return NotImplemented
        return Figures(self.strikes + other.strikes, self.totals + other.totals)

    @property
    def kills(self) -> int:
        return self.strikes.total()

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {what}" for what, count in self.totals.items())


def drill(site: Site, seed: str, *, kills: int) -> Figures:
    """Bring so many servers down on one log, under load; fail with every fault that is found."""
    chance = Chance(seed)
    striker = Striker(site, chance)
    asker = Asker(site.db, site.ledger_path)
    wanderer = Wanderer(asker, site.define(*JOBS), Chance(f"{seed}/wishes"))
    stop = Event()
    strikes: Counter[Strike] = Counter()
    with ThreadPoolExecutor(1) as threads:
        wandering = threads.submit(wanderer.wander, stop)
        try:
            for number in range(kills):
                strikes[striker.strike()] += 1
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
    return Figures(strikes, totals(site, site.check(), asked=asked))


def totals(site: Site, recorded: list[Recorded], *, asked: int) -> Counter[str]:
    """Count what a log and its ledger hold, so that a drill that did nothing is seen."""
    lines = site.lines()
    events = [one.event for one in recorded]
    return Counter(
        {
            "events": len(events),
            "starts": sum(isinstance(event, e.SystemStarted) for event in events),
            "wishes": asked,
            "acknowledged": sum(isinstance(line, Acknowledged) for line in lines),
            "runs": sum(isinstance(event, e.RunPlanned) for event in events),
            "fires skipped": sum(one.count for one in events if isinstance(one, e.FiresSkipped)),
            "calls": sum(isinstance(line, Called) for line in lines),
            "attempts lost": sum(isinstance(event, e.AttemptInterrupted) for event in events),
            "steps done": sum(isinstance(line, StepDone) for line in lines),
        }
    )
