"""One wish, asked by a command that owns the log meanwhile; the shim may lie under it.

    python -m tests.power.asking LOG KEY NAME

Prints where the job's definition stands, once that is acknowledged.
"""

import sys
from datetime import timedelta
from pathlib import Path

from scheduler.model.commands import DefineJob
from scheduler.model.jobs import Definition, JobId
from scheduler.model.schedules import Interval
from tools.app import open_wishes
from tools.settings import Settings


def main(log: str, key: str, name: str) -> int:
    schedule = Interval(timedelta(hours=1))
    definition = Definition(name=name, service="any.service", schedule=schedule)
    with open_wishes(Settings(db=Path(log))) as wishes:
        wish = DefineJob(job=JobId(f"job-{name}"), definition=definition)
        told = wishes.ask(wish, key=key, unchecked=True)
        print(told.first, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
