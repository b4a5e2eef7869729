"""One wish, asked by a command that owns the log meanwhile; the shim lies under it.

    python -m tests.power.asking LOG KEY

Makes the log when there is none. Prints how long the tape was when that was done, if it was, and
when the wish was acknowledged.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from scheduler.model.commands import DefineJob
from scheduler.model.errors import HorologError
from scheduler.model.jobs import Definition, JobId
from scheduler.model.schedules import Interval
from tools.app import create, open_wishes
from tools.settings import Settings

FAILED = 3
HOURLY = Definition(name="hourly", service="any.service", schedule=Interval(timedelta(hours=1)))


def tell() -> None:
    """Say that something is done, and how much the disk was told to do until then."""
    print(Path(os.environ["POWER_TAPE"]).stat().st_size, flush=True)


def main(log: str, key: str) -> int:
    try:
        if not Path(log).exists():
            create(Path(log))
            tell()
        with open_wishes(Settings(db=Path(log))) as wishes:
            wishes.ask(DefineJob(job=JobId("hourly"), definition=HOURLY), key=key, unchecked=True)
            tell()
    except HorologError as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
