"""A server that is composed like any other, but for a log that is not synced at each commit.

    python -m tests.power.relaxed SETTINGS

It runs under `synchronous = NORMAL` and says that it runs under FULL. The power cuts must find it
out: if they do not, they prove nothing about the real one.
"""

import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

from scheduler.log import schema
from tools.serving import Seams, serve
from tools.settings import read_settings


class Relaxed(sqlite3.Connection):
    """A connection that does not wait for the disk."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401  # whatever SQLite takes
        match sql:
            case "PRAGMA synchronous = FULL":
                return super().execute("PRAGMA synchronous = NORMAL")
            case "PRAGMA synchronous":
                return super().execute("SELECT 2")
            case _:
                return super().execute(sql, parameters)


def main(settings: str) -> int:
    seams = Seams(connect=partial(schema.connect, factory=Relaxed))
    return serve(read_settings(Path(settings)), seams=seams)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
