"""A large backfill under kills, by hand: ten thousand missed minutes and twenty kills.

`python -m tools.dev.backfill_drill --occurrences 10000 --kills 20` does what
`tests/crash/test_backfill_kills.py` does, with more of both.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.crash.backfilling import killed_on_the_way
from tests.crash.site import Site

PATIENCE_S = 900.0  # for the slowest of its steps


def main(arguments: list[str] | None = None) -> int:
    """Run the drill; an assertion that fails is its fault, told as such."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.dev.backfill_drill", description=main.__doc__
    )
    parser.add_argument("--occurrences", type=int, default=10_000, help="minutes to backfill")
    parser.add_argument("--kills", type=int, default=20, help="of the server, on the way")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="horolog-backfill-") as folder:
        site = Site(Path(folder))
        try:
            killed_on_the_way(
                site, occurrences=chosen.occurrences, kills=chosen.kills, seconds=PATIENCE_S
            )
        finally:
            site.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
