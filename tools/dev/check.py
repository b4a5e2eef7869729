"""Every gate in one command, in the order in which a failure is cheapest to see.

`python -m tools.dev.check` runs what continuous integration runs, all steps even when one fails, so
that one round shows everything. It decides nothing itself: the rules stand in pyproject.toml.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent

STEPS: dict[str, list[str]] = {
    "format": [sys.executable, "-m", "ruff", "format", "--check"],
    "lint": [sys.executable, "-m", "ruff", "check"],
    "types": [sys.executable, "-m", "mypy"],
    "imports": [str(SCRIPTS / "lint-imports")],
    "tests": [sys.executable, "-m", "pytest"],
}


def passes(name: str, command: list[str]) -> bool:
    """Run one step from the root, print its line, and its output when it fails."""
    began = perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True
    )
    is_good = done.returncode == 0
    print(
        f"{'ok' if is_good else 'FAILED':<7}{name:<10}{perf_counter() - began:6.1f} s", flush=True
    )
    if not is_good:
        print(done.stdout, flush=True)
    return is_good


def main(arguments: list[str] | None = None) -> int:
    """Run the steps and return 0 when all pass, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.dev.check", description=main.__doc__)
    parser.add_argument("--fast", action="store_true", help="leave the tests out")
    is_fast = parser.parse_args(arguments).fast
    chosen = {name: command for name, command in STEPS.items() if name != "tests" or not is_fast}
    verdicts = [passes(name, command) for name, command in chosen.items()]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
