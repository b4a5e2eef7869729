"""The crash drill: `python -m tools.dev.crash_drill --kills 1000 --for 2h`.

Real servers on real files are killed, stopped and frozen under load, log after log, until there
were so many or the time is over; of each log the checker then asks that nothing acknowledged is
lost, nothing was decided twice, nothing is unexplained, early or overlapping. A log that fails is
kept, with its ledger and what its servers said, and does not hide the ones after it.

All of it stands in `tests.crash.drill`, where CI does fifty: here it is only repeated and counted.
"""

import argparse
import sys
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from scheduler.executor.clock import SystemClock
from scheduler.model.written import parse_duration
from tests.crash.drill import Figures, drill
from tests.crash.site import Site
from tools.cli.lengths import spoken

KILLS_PER_LOG = 10


def duration(text: str) -> timedelta:
    """Return the length of time that a flag names."""
    return parse_duration(text, path="--for")


def drilled(seed: str, kills: int) -> Figures | None:
    """Drill one log; None when something was wrong with it, which is printed."""
    folder = Path(mkdtemp(prefix="horolog-drill-"))
    site = Site(folder)
    try:
        figures = drill(site, seed, kills=kills)
    except Exception:  # noqa: BLE001  # whatever it is, the next log is drilled all the same
        traceback.print_exc(file=sys.stdout)
        print(f"seed {seed}: FAILED; kept in {folder}", flush=True)
        return None
    finally:
        site.close()
    rmtree(folder)
    print(f"seed {seed}: {figures.kills} kills, {figures}", flush=True)
    return figures


def portions(kills: int) -> Iterator[int]:
    """Yield how many servers to bring down on each log."""
    for left in range(kills, 0, -KILLS_PER_LOG):
        yield min(left, KILLS_PER_LOG)


def main(arguments: list[str] | None = None) -> int:
    """Drill until there were so many kills or the time is over; return 1 when any log failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.dev.crash_drill")
    parser.add_argument("--kills", type=int, default=1_000, help="servers to bring down")
    parser.add_argument("--for", type=duration, default="2h", dest="length", help="at most so long")
    parser.add_argument("--seed", default="drill", help="another word tries other moments")
    given = parser.parse_args(arguments)
    clock = SystemClock()
    until_ns = clock.monotonic_ns() + int(given.length.total_seconds() * 1e9)
    began_ns = clock.monotonic_ns()
    whole, logs, failed = Figures(), 0, 0
    for kills in portions(given.kills):
        if clock.monotonic_ns() > until_ns:
            break
        figures = drilled(f"{given.seed}-{logs}", kills)
        logs += 1
        failed += figures is None
        whole += figures or Figures()
    passed = spoken(timedelta(seconds=(clock.monotonic_ns() - began_ns) // 1_000_000_000))
    print(
        f"\n{whole.kills:,} of {given.kills:,} kills on {logs - failed} logs in {passed}: {whole}"
    )
    for strike, count in whole.strikes.most_common():
        print(f"{count:>6,}  {strike}")
    print(
        f"{failed} logs FAILED: see above"
        if failed
        else "0 lost, 0 decided twice, 0 unexplained, 0 early, 0 overlapping"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
