"""What SQLite's errors mean for a log: which pass, which end all writing, what to tell people.

Python's module has an error of its own for nearly all of them. When memory is short it raises a
MemoryError, and when a message quotes bytes of a damaged schema, a UnicodeDecodeError.
"""

import shutil
import sqlite3
from pathlib import Path

from scheduler.model.errors import Damaged, HorologError, StorageFailed, Unreachable

Raised = sqlite3.Error | MemoryError | UnicodeDecodeError
RAISED = (sqlite3.Error, MemoryError, UnicodeDecodeError)

_PRIMARY = 0xFF  # the low byte of an extended code names its family
_PASSING = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_TOOBIG,
    }
)


def code_of(error: Raised) -> int:
    """Return SQLite's primary result code, 0 when the error is the module's own."""
    if isinstance(error, MemoryError):
        return sqlite3.SQLITE_NOMEM
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & _PRIMARY


def is_passing(error: Raised) -> bool:
    """Return whether writing may be tried again: nothing was written, and the file is sound."""
    return code_of(error) in _PASSING


def sentence(error: Raised, real: Path) -> str:
    """Return what happened to the log at `real`, for a person."""
    match code_of(error):
        case sqlite3.SQLITE_FULL:
            free = shutil.disk_usage(real.parent).free
            return (
                f"Disk full: {free:,} bytes free at {real.parent}. Nothing new is acknowledged or"
                " started; reading goes on"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"Another program has kept {real.name} locked. Close it; horolog tries again"
        case sqlite3.SQLITE_NOMEM:
            return "There is not enough memory to write. Nothing was stored"
        case sqlite3.SQLITE_IOERR:
            return (
                f"{real.name} cannot be written ({error}). Nothing is written again until a"
                " restart; check the disk first"
            )
        case _:
            return f"{real.name} cannot be written ({error}). Nothing is written until a restart"


def opening(error: Raised, real: Path) -> HorologError:
    """Return what to raise when the log at `real` cannot be opened or read."""
    match code_of(error):
        case sqlite3.SQLITE_NOTADB:
            return Unreachable(
                f"{real.name} is not a Horolog log, so it was left alone. If yours is elsewhere:"
                " --db PATH or HOROLOG_DB"
            )
        case 0 | sqlite3.SQLITE_ERROR | sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_MISMATCH:
            return Damaged(
                f"The log is damaged: {error}. Nothing is fired. Keep the file; restore a copy:"
                " horolog db restore"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY:
            return Unreachable(
                f"{real} cannot be opened ({error}). To read a log in use, the folder must be"
                " writable too"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unreachable(f"Another program has kept {real.name} locked. Close it")
        case sqlite3.SQLITE_NOMEM:
            return StorageFailed(f"There is not enough memory to read {real.name}", in_doubt=False)
        case _:
            return StorageFailed(f"{real.name} cannot be read ({error})", in_doubt=False)
