"""The soak: `python -m tools.dev.soak --for 20m`.

One real server works under load for so long; then its memory, files, threads and lateness are
judged, and the checker reads all that it left. All of it stands in `tests.crash.soak`, where CI
does a minute.
"""

import argparse
import sys
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from scheduler.model.written import parse_duration
from tests.crash.drain import drained
from tests.crash.site import Site
from tests.crash.soak import soak


def duration(text: str) -> timedelta:
    """Return the length of time that a flag names."""
    return parse_duration(text, path="--for")


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; return 1 when a bound was passed. What the checker finds is raised."""
    parser = argparse.ArgumentParser(prog="python -m tools.dev.soak")
    parser.add_argument("--for", type=duration, default="20m", dest="length", help="how long")
    length = parser.parse_args(arguments).length
    folder = Path(mkdtemp(prefix="horolog-soak-"))
    print(f"a server works in {folder} for {length}", flush=True)
    site = Site(folder)
    try:
        figures = soak(site, seconds=length.total_seconds())
        faults = list(figures.faults())
        print(figures)
        print("\n".join(faults) or "it did not grow, nothing came later and later, none was missed")
        drained(site)
        site.check()
    finally:
        site.close()
    print("0 lost, 0 decided twice, 0 unexplained, 0 early, 0 overlapping")
    rmtree(folder)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
