"""How soon a restart after a crash has decided all that is owed.

Run it from the checkout: `python -m tests.bench.bench_restart [FOLDER]`. A server was killed with
a thousand runs open and a hundred thousand events in its log (`tests.crash.aftermath`), and is
started again: `horolog serve` itself, in a process of its own. Told is how long it takes from the
start of the process until it has taken up the log, and until the last owed fire is decided, and how
much of a core it had by then; beside it, in the same round, the same of an empty log. Nothing is
asserted.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from tests.crash.aftermath import is_settled, left_behind, settled
from tests.crash.site import Site
from tests.crash.waiting import until

ROUNDS = 3


class Restart(NamedTuple):
    """One restart, from the start of the process."""

    started_s: float
    decided_s: float
    cpu_s: float
    fires: int


def restarted(site: Site, owes_nothing: Callable[[], bool]) -> Restart:
    """Start a server, wait until it owes nothing, and stop it."""
    began_at = site.clock.now()
    server = site.serve().ready()
    until(owes_nothing, "nothing is owed any more")
    used = psutil.Process(server.pid).cpu_times()
    site.stop(server)
    found = settled(site.recorded(), began_at)
    return Restart(
        found.started.total_seconds(),
        found.decided.total_seconds(),
        used.user + used.system,
        found.fires,
    )


def restart(base: str | None, *, has_snapshot: bool) -> Restart:
    with tempfile.TemporaryDirectory(dir=base) as name:
        left = left_behind(Path(name), has_snapshot=has_snapshot)
        try:
            return restarted(left.site, lambda: is_settled(left))
        finally:
            left.site.close()


def empty(base: str | None) -> Restart:
    with tempfile.TemporaryDirectory(dir=base) as name:
        site = Site(Path(name))
        try:
            return restarted(site, lambda: True)
        finally:
            site.close()


def main() -> None:
    """Print the figures."""
    base = sys.argv[1] if len(sys.argv) > 1 else None
    rounds: dict[str, list[Restart]] = {"empty log": [], "snapshot and tail": [], "no snapshot": []}
    for _ in range(ROUNDS):
        rounds["empty log"].append(empty(base))
        rounds["snapshot and tail"].append(restart(base, has_snapshot=True))
        rounds["no snapshot"].append(restart(base, has_snapshot=False))
    bare_s = median(one.decided_s for one in rounds["empty log"])
    for name, found in rounds.items():
        started_s, decided_s, cpu_s, _ = map(median, zip(*found, strict=True))
        print(
            f"{name:<18} log taken up {started_s:6.3f} s, {found[0].fires:>6,} owed fires decided"
            f" {decided_s:6.3f} s after the start, {cpu_s:.2f} s of a core:"
            f" {decided_s / bare_s:5.2f} × the empty log's"
        )


if __name__ == "__main__":
    main()
