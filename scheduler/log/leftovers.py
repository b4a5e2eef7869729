"""What an earlier owner left in the write-ahead log, made durable before anything rests on it.

SQLite takes for committed what it can read there. But the owner may have died between writing and
syncing, or its sync may have failed: then the kernel shows what the disk does not have, and (Linux)
no later sync writes it, for the pages count as clean. Whoever is told that an event is stored must
not lose it to a power cut after that, so the frames are written once more, byte for byte, and
synced. It is done under SQLite's write lock: nobody begins the file anew meanwhile.

The write-ahead log bears no locks of its own, so it may be opened beside SQLite.
"""

import errno
import fcntl
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduler.model.errors import StorageFailed

# Source: sqlite.org/fileformat2.html, "The Write-Ahead Log".
HEADER_BYTES = 32
PAGE_SIZE = slice(8, 12)  # in the header
SALT = slice(16, 24)  # in the header: frames that bear another one are of an earlier round
FRAME_HEADER_BYTES = 24
FRAME_SALT = slice(8, 16)


def make_durable(db: sqlite3.Connection, real: Path) -> None:
    """Write the frames in the write-ahead log of `real` once more, and sync them and its name.

    Raises: StorageFailed, and what `faults.RAISED` names.
    """
    try:
        _make_frames_durable(db, Path(f"{real}-wal"))
        _sync_folder(real.parent)
    except OSError as error:
        raise StorageFailed(
            f"{real.name}-wal cannot be made durable ({error.strerror}). Nothing was changed; check"
            " the disk first",
            in_doubt=False,
        ) from error


def _make_frames_durable(db: sqlite3.Connection, wal: Path) -> None:
    try:
        descriptor = os.open(wal, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # nobody has written since it was closed in order, or restored
        return
    try:
        if os.fstat(descriptor).st_size > HEADER_BYTES:
            with _locked(db):
                _rewrite(descriptor)
            _sync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(db: sqlite3.Connection) -> Iterator[None]:
    """Keep everybody else from writing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def _rewrite(descriptor: int) -> None:
    header = os.pread(descriptor, HEADER_BYTES, 0)
    _write(descriptor, header, 0)
    frame_bytes = FRAME_HEADER_BYTES + int.from_bytes(header[PAGE_SIZE])
    offset = HEADER_BYTES
    while frame := os.pread(descriptor, frame_bytes, offset):
        if frame[FRAME_SALT] != header[SALT]:
            return
        _write(descriptor, frame, offset)
        offset += frame_bytes


def _write(descriptor: int, found: bytes, offset: int) -> None:
    if os.pwrite(descriptor, found, offset) < len(found):  # some file systems copy on write
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":  # a plain fsync stops at the drive's cache
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Have the names of the files survive too; SQLite does not look whether that succeeds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
