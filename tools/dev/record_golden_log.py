"""Records a whole log as a release writes it, so that it is replayed for ever.

    python -m tools.dev.record_golden_log NAME

A life in which everything happens that can happen is lived on a real log file by a manual clock:
`tests/golden/logs/NAME.sqlite`, and beside it `NAME.json`, what this release makes of it. Neither
is ever changed; a later release adds its own. `tests/golden/test_logs.py` replays all of them.
"""

import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from projections.projector import Projector
from scheduler.executor.derived import ViewsFile
from scheduler.executor.replay import replay
from scheduler.log.contract import Log
from scheduler.log.sqlite import SqliteLog
from scheduler.model.events import EVENT_TYPES
from scheduler.rules.timetable import Timetable
from tests.golden.life import live

LOGS = Path(__file__).resolve().parents[2] / "tests" / "golden" / "logs"
VIEWS = ("jobs", "runs", "attempts", "misses")  # those for people: their shape is a contract


def made_of(log: Log) -> Mapping[str, object]:
    """Return what is made of a log: its fold, and how many rows each view for people has."""
    timetable = Timetable()
    replay(log, timetable)
    head = log.head()
    return {
        "position": head.position,
        "hash": head.hash.hex(),
        "epoch": timetable.system.epoch,
        "paused": timetable.system.paused,
        "jobs": {
            job.definition.name: {
                "revision": job.revision,
                "cursor": job.cursor,
                "planned": job.planned,
                "paused": job.paused,
                "exhausted": job.exhausted,
                "skipping": job.skipping,
                "failures": timetable.failures.get(job.job, 0),
            }
            for job in timetable.jobs.values()
        },
        "runs": {
            run.run: {"status": run.status, "attempt": run.attempt, "steps": sorted(run.steps)}
            for run in timetable.runs.values()
        },
        "backfills": {
            key: {"cursor": state.cursor, "looked_at": state.looked_at, "planned": state.planned}
            for key, state in timetable.backfills.items()
        },
        "rows": rows_of(log),
    }


def rows_of(log: Log) -> dict[str, int]:
    """Return how many rows each view for people has, when all of the log is in it."""
    views = ViewsFile.in_memory(identity=log.identity)
    Projector(log, views).catch_up()
    with views.reading() as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608  # names of ours
            for name in VIEWS
        }


def main() -> int:
    """Record, unless a log of this name stands already; return 0 when all is well."""
    (name,) = sys.argv[1:]
    path, made = LOGS / f"{name}.sqlite", LOGS / f"{name}.json"
    if path.exists():
        print(f"{path.name} stands already, and is never changed")
        return 1
    LOGS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        lived = Path(folder) / "log.db"
        live(lived)
        log = SqliteLog.open(lived)
        missing = set(EVENT_TYPES) - {type_of(recorded.event) for recorded in log.follow(0)}
        if missing:
            print(f"in this life there is no {', '.join(sorted(missing))}")
            return 1
        made.write_bytes(msgspec.json.format(msgspec.json.encode(made_of(log)), indent=1) + b"\n")
        log.close()
        with closing(sqlite3.connect(lived)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")
        path.write_bytes(lived.read_bytes())
    print(f"recorded {path.name}")
    return 0


def type_of(event: msgspec.Struct) -> str:
    """Return the tag of an event."""
    return str(event.__struct_config__.tag)


if __name__ == "__main__":
    sys.exit(main())
