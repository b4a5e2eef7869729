"""Power cuts by hand, more of them than CI has time for.

`python -m tools.dev.power_drill --cuts 200 --seed word` runs the tests of `tests/power` that cut
the power of a server under load, that many times: other words are other moments of the cuts, and
other fates of what was not synced. It fails as they fail; the figures of each log are printed.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CUTS_DEFAULT = 200


def main(arguments: list[str] | None = None) -> int:
    """Run the drill and return pytest's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.dev.power_drill", description=main.__doc__
    )
    parser.add_argument("--cuts", type=int, default=CUTS_DEFAULT, help="how often, 10 per log")
    parser.add_argument("--seed", default="drill", help="a word from which all choices follow")
    parser.add_argument("--workers", type=int, default=2, help="logs side by side")
    chosen = parser.parse_args(arguments)
    tests = "tests/power/test_power_cuts.py"
    # With -rP each log's figures stand in the summary, whichever worker had it.
    options = ["-m", "power", "-n", str(chosen.workers), "-q", "-rP"]
    wanted = {"HOROLOG_CUTS": str(chosen.cuts), "HOROLOG_SEED": chosen.seed}
    command = [sys.executable, "-m", "pytest", *options, tests]
    return subprocess.run(command, cwd=ROOT, env=os.environ | wanted, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
