"""Reads a log after the fact, and the ledger kept outside it, and says what does not agree.

`faults` answers for events and lines, however they were come by; `check` opens what a server has
left behind and asks for everything: file, chain, guards, acknowledgements, occurrences, attempts,
steps, views and snapshots.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from projections import verification
from projections.catalog import CATALOG
from projections.projector import Projector
from scheduler.executor.clock import SystemClock
from scheduler.executor.derived import ViewsFile
from scheduler.executor.replay import replay
from scheduler.executor.snapshot import Snapshots
from scheduler.log import schema
from scheduler.log.contract import Recorded
from scheduler.log.sqlite import SqliteLog
from scheduler.model.events import AnyEvent
from scheduler.rules.timetable import Timetable
from tests.crash.attempts import attempt_faults
from tests.crash.ledger import Acknowledged, AnyLine, lines_of
from tests.crash.occurrences import occurrence_faults
from tests.crash.steps import step_faults

SHOWN_FAULTS_MAX = 20


def faults(
    recorded: Sequence[Recorded], lines: Sequence[AnyLine], *, is_drained: bool
) -> list[str]:
    """Return a sentence for everything that should not be.

    `is_drained`: a server has had time since the last crash, so no run may be open.
    """
    return [
        *acknowledgement_faults(recorded, lines),
        *occurrence_faults(recorded),
        *attempt_faults(recorded, lines, is_drained=is_drained),
        *step_faults(recorded, lines),
    ]


def acknowledgement_faults(recorded: Sequence[Recorded], lines: Sequence[AnyLine]) -> Iterator[str]:
    """Yield what a client was told to be durable and is not in the log as it was told."""
    for line in lines:
        if not isinstance(line, Acknowledged):
            continue
        found = recorded[line.first - 1 : line.last]
        if line.first < 1 or len(found) != len(line.facts):
            yield f"{line.key}: told {len(line.facts)} events, the log has {len(found)}"
            continue
        for fact, one in zip(line.facts, found, strict=True):
            # As events, not as they are written: a default may be told or left out.
            event = msgspec.convert({"type": fact.type, **fact.body}, AnyEvent)
            if (one.stream, one.event) != (fact.stream, event):
                yield f"{line.key}: told {fact}, the log has at {one.position} {one.event}"
        if found and found[0].key != line.key:
            yield f"{line.key}: position {line.first} bears the key {found[0].key}"


def check(log_path: Path, ledger_path: Path, *, is_drained: bool = True) -> list[Recorded]:
    """Fail with every fault of a log that nobody owns any more; return its events."""
    log = SqliteLog.open(log_path)
    try:
        recorded = list(log.follow(0))
        found = [
            *file_faults(log_path),
            *([] if (fault := log.verify().fault) is None else [fault]),
            *faults(recorded, lines_of(ledger_path), is_drained=is_drained),
            *derived_faults(log, log_path),
        ]
    finally:
        log.close()
    shown = "\n  ".join(found[:SHOWN_FAULTS_MAX])
    assert not found, f"{len(found)} faults in {len(recorded)} events:\n  {shown}"
    return recorded


def file_faults(log_path: Path) -> list[str]:
    """Return what SQLite itself finds wrong with the file."""
    with closing(schema.connect(schema.uri_of(log_path, mode="ro"))) as db:
        answers = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
    return [answer for answer in answers if answer != "ok"]


def derived_faults(log: SqliteLog, log_path: Path) -> Iterator[str]:
    """Yield the views and snapshots that do not say what the log says."""
    views = ViewsFile.open(log_path, identity=log.identity)
    try:
        whole = Timetable()
        replay(log, whole)
        restored = Snapshots(views, log, SystemClock()).load()
        if restored is not None:
            replay(log, restored)
            if states(restored) != states(whole):
                yield "the snapshot and the log after it fold to another timetable than the log"
        Projector(log, views).catch_up()
        for kind in CATALOG:
            verified = verification.verify(log, views, kind)
            yield from (f"view {verified.name}: {one}" for one in verified.differences)
    except sqlite3.Error as error:
        yield f"the views cannot be read: {error}"
    finally:
        views.close()


def states(timetable: Timetable) -> tuple[object, ...]:
    """Return all that a fold holds and a decision may depend on."""
    return (
        timetable.position,
        timetable.system,
        timetable.jobs,
        timetable.names,
        timetable.runs,
        {job: list(runs) for job, runs in timetable.open_of.items()},
        timetable.versions,
        set(timetable.occupied),
    )
