"""What a built wheel must and must not contain: `python -m tools.dev.wheel FILE`.

A wheel that carries the developers' tools or lacks a `py.typed` installs and runs all the same, so
no other test would notice.
"""

import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

TOP_LEVEL = frozenset({"horolog.py", "projections", "scheduler", "services", "tools"})


def wheel_faults(names: Iterable[str]) -> list[str]:
    """Return one sentence for each thing that is wrong with the wheel's list of files."""
    present = frozenset(names)
    faults = []
    for name in sorted(present):
        top = name.partition("/")[0]
        if top not in TOP_LEVEL and not top.endswith(".dist-info"):
            faults.append(f"{name} does not belong in the wheel")
        elif name.startswith("tools/dev/"):
            faults.append(f"{name} is for people with a checkout")
        elif name.endswith("/__init__.py"):
            marker = name.removesuffix("__init__.py") + "py.typed"
            if marker not in present:
                faults.append(f"{marker} is missing")
    missing = TOP_LEVEL - {name.partition("/")[0] for name in present}
    faults.extend(f"{top} is missing" for top in sorted(missing))
    return faults


def main(arguments: list[str]) -> int:
    """Print the faults of the wheel that is named and return 1 when there are any."""
    (path,) = arguments
    with zipfile.ZipFile(Path(path)) as wheel:
        faults = wheel_faults(wheel.namelist())
    print("\n".join(faults) or f"{Path(path).name} is in order")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
