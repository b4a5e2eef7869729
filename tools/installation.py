"""What this installation is: versions, and whether our generic import names are really ours.

`scheduler`, `projections`, `services` and `tools` are names that another distribution may want too.
Whichever was installed last would win, file by file, so a clash is refused before anything is
served.
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version

from scheduler.model.errors import Conflict

DISTRIBUTION = "horolog"
IMPORT_NAMES = ("projections", "scheduler", "services", "tools")


@cache
def versions() -> dict[str, str]:
    """Return the versions of what reckons fire times: `system-started` records them."""
    return {name: _version(name) for name in (DISTRIBUTION, "croniter", "tzdata")}


def clashes() -> dict[str, list[str]]:
    """Return the other distributions that own one of our import names, by name."""
    owners = packages_distributions()
    return {
        name: others
        for name in IMPORT_NAMES
        if (others := sorted({o for o in owners.get(name, []) if o.lower() != DISTRIBUTION}))
    }


def refuse_clashes() -> None:
    """Raise Conflict when another distribution brings files under one of our names."""
    for name, others in clashes().items():
        raise Conflict(
            f'The distribution {others[0]} has a package "{name}" too, which is the name of'
            " Horolog's own: either may get the other's files. Install Horolog into an environment"
            " of its own: python -m venv"
        )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
