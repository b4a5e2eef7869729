"""A verified copy of the log while it is used, and putting one back.

The copy is made by SQLite's own backup through a reading connection, so it is of one instant and
holds the content too; it is verified (chain and content) before it bears its name, and the log gets
an event with the head that was copied. What is put back is verified first, and is left paused: its
runs may have had their effects since, and only a person knows which.
"""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from socket import gethostname
from typing import NamedTuple

from scheduler.executor.clock import Clock
from scheduler.executor.derived import views_path
from scheduler.executor.owner import acquire, who_owns
from scheduler.log.place import real_path
from scheduler.log.schema import connect, uri_of
from scheduler.log.sqlite import SqliteLog
from scheduler.model.commands import NoteRestore
from scheduler.model.errors import Conflict, Damaged, Unreachable
from tools.owning import Owning
from tools.settings import Settings

PAGES_PER_STEP = 4_096  # 16 MiB; between two steps others may write


class Copied(NamedTuple):
    """A copy that was verified."""

    file: Path
    position: int
    hash: str
    size: int  # bytes


def back_up(log: Path, file: Path) -> Copied:
    """Copy the log at `log` to `file`, which must not be there.

    Raises: Conflict, when it is; Damaged, when the copy does not verify; Unreachable.
    """
    if file.exists():
        raise Conflict(f"there is already a file {file}; a backup never replaces one")
    beside = file.with_name(f"{file.name}.unfinished")
    beside.unlink(missing_ok=True)
    try:
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with (
            closing(connect(uri_of(real_path(log), mode="ro"))) as source,
            closing(sqlite3.connect(beside)) as target,
        ):
            source.execute("BEGIN")  # one instant: else each append meanwhile begins it anew
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(target, pages=PAGES_PER_STEP)
            target.execute("PRAGMA journal_mode = DELETE").fetchone()
        position, digest = verified(beside)
        settle(beside, file)
    except OSError as error:
        raise Unreachable(f"{file} cannot be written: {error.strerror}") from None
    finally:
        _forget(beside)
    return Copied(file, position, digest, file.stat().st_size)


def preview(log: Path, file: Path) -> Copied:
    """Return what a backup to `file` would copy now; nothing is written.

    Raises: Conflict, when the file is there; Unreachable, Damaged.
    """
    if file.exists():
        raise Conflict(f"there is already a file {file}; a backup never replaces one")
    with closing(SqliteLog.open(log, unowned=who_owns(log) is None)) as opened:
        head = opened.head()
    return Copied(file, head.position, head.hash.hex(), log.stat().st_size)


def verified(file: Path) -> tuple[int, str]:
    """Return the position and hash at the head of a copy whose every event and content verifies.

    Raises: Damaged, Unreachable.
    """
    with closing(SqliteLog.open(file, unowned=True)) as log:
        report = log.verify()
    if report.fault is not None:
        raise Damaged(f"{file} does not verify: {report.fault}", position=report.position)
    return report.head.position, report.head.hash.hex()


def settle(beside: Path, file: Path) -> None:
    """Give a finished file its name, so that it is there whole or not at all."""
    with beside.open("rb") as written:
        os.fsync(written.fileno())
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def restore(settings: Settings, file: Path, clock: Clock, *, replace: bool) -> Copied:
    """Put a copy back as the log of these settings, with everything paused.

    With `replace` a log that is there is kept beside, under the time in its name.
    Raises: Conflict, when there is one and `replace` is not set, or when it is served; Damaged.
    """
    log = Path(os.path.realpath(settings.db))  # a link to it stays one
    if not file.is_file():
        raise Unreachable(f"there is no file {file}")
    if log.exists() and not replace:
        raise Conflict(f"there is already a log at {log}. To keep it beside and go on: --replace")
    owner = acquire(log, since=clock.now(), host=gethostname())
    try:
        position, digest = _put(file, log, f"{clock.now():%Y%m%dT%H%M%SZ}")
    except BaseException:
        owner.release()
        raise
    with Owning(settings, owner, clock) as owning:  # owned throughout: nobody serves it before
        owning.ask(NoteRestore(file=file.name))
    return Copied(log, position, digest, log.stat().st_size)


def _put(file: Path, log: Path, when: str) -> tuple[int, str]:
    """Put a copy of `file` in the log's place; return the head of what was put there."""
    beside = log.with_name(f"{log.name}.unfinished")
    views = views_path(log)
    _forget(beside)
    try:
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        shutil.copyfile(file, beside)
        position, digest = verified(beside)
        if log.exists():
            put_aside(log, when)
        for path in (views, *_journals(views), *_journals(log)):
            path.unlink(missing_ok=True)
        settle(beside, log)
    finally:
        _forget(beside)
    return position, digest


def put_aside(log: Path, when: str) -> None:
    """Keep the log that is there, with all that was committed, under another name."""
    aside = log.with_name(f"{log.name}.{when}")
    if aside.exists():
        raise Conflict(f"there is already a file {aside}; try again in a second")
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    log.replace(aside)


def _journals(log: Path) -> tuple[Path, Path]:
    return log.with_name(f"{log.name}-wal"), log.with_name(f"{log.name}-shm")


def _forget(beside: Path) -> None:
    for path in (beside, *_journals(beside)):
        with suppress(OSError):
            path.unlink(missing_ok=True)
