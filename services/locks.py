"""A lock file for each child, held as long as it lives: how the next owner knows of it.

The owner opens and locks the file *before* it starts the child and hands the open descriptor on: an
flock belongs to the open file, so there is no moment at which a child lives unlocked, and the
system lets go of it only when the child is gone, however it went. Looking takes a shared lock for
an instant, so lookers do not see one another.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SUFFIX = ".lock"


@contextmanager
def child_lock(folder: Path, run: str, attempt: int) -> Iterator[int]:
    """Yield the descriptor of the attempt's locked file, for the child; then close ours.

    Raises: OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(lock_path(folder, run, attempt), flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # waits for a looker, who lets go at once
        yield descriptor
    finally:
        os.close(descriptor)


def lock_path(folder: Path, run: str, attempt: int) -> Path:
    """Return where the lock of this attempt's child lies."""
    return folder / f"{run}-{attempt}{_SUFFIX}"


def alive_children(folder: Path) -> list[tuple[str, int]]:
    """Return run and attempt of each child that still lives, whoever started it."""
    return [attempt for attempt, _ in _locks(folder, held=True)]


def sweep(folder: Path) -> None:
    """Remove the lock files of children that are gone. For the owner, before it starts any."""
    for _, path in _locks(folder, held=False):
        path.unlink(missing_ok=True)


def _locks(folder: Path, *, held: bool) -> list[tuple[tuple[str, int], Path]]:
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        run, _, number = path.stem.rpartition("-")
        if run and number.isdecimal() and _is_held(path) == held:
            found.append(((run, int(number)), path))
    return found


def _is_held(path: Path) -> bool:
    with suppress(FileNotFoundError):  # it ended while we looked
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False
