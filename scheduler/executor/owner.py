"""Who may write a log: one process, by a lock on a file beside it.

The lock is the operating system's (POSIX, `fcntl`), on `<log>.lock` beside the log's real path: it
goes with the process however that ends, and children do not inherit it. The file's text says who
the owner is, for people and for commands that look for its socket. The file itself stays: were it
removed, two processes could lock two files of one name.

Such a lock belongs to a process and is dropped when that process closes *any* descriptor of the
file. So what this process holds stands in a register, and a lock file in it is never opened a
second time.
"""

import errno
import fcntl
import hashlib
import os
import stat
import struct
import sys
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from scheduler.log import place
from scheduler.model.errors import Conflict, NotAuthorised, StorageFailed
from scheduler.model.limits import LOCK_TRIES_MAX, OWNER_BYTES_MAX, SOCKET_PATH_BYTES_MAX

# The system's `struct flock`, asked with F_GETLK. Its fields stand in another order on macOS.
if sys.platform == "darwin":
    _FLOCK, _KIND, _PID = struct.Struct("qqihh"), 3, 2  # start, length, pid, kind, whence
    _ASKED = _FLOCK.pack(0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
else:
    _FLOCK, _KIND, _PID = struct.Struct("hhqqi0q"), 0, 4  # kind, whence, start, length, pid
    _ASKED = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


class OwnerRecord(Struct, frozen=True, gc=False):
    """Who owns a log, as its lock file says; of one that has just begun, only the pid is known."""

    pid: int
    host: str = ""
    since: datetime | None = None  # UTC
    socket: str = ""  # the path of its Unix socket


_held: dict[Path, OwnerRecord] = {}  # what this process owns, by lock file
_register = Lock()  # held as long as any lock file is open in passing


class Owner:
    """The right to write one log, until `release` or the end of a `with`; made by `acquire`."""

    def __init__(self, lock_path: Path, descriptor: int, record: OwnerRecord) -> None:
        self.record = record
        self._lock_path = lock_path
        self._descriptor: int | None = descriptor

    @property
    def socket_path(self) -> Path:
        """Where this owner's Unix socket belongs."""
        return Path(self.record.socket)

    def release(self) -> None:
        """Let go of the log; a second time does nothing."""
        with _register:
            if self._descriptor is None:
                return
            if _held_here(self._lock_path) is not None:  # not in a forked child
                os.ftruncate(self._descriptor, 0)
                del _held[self._lock_path]
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def acquire(log_path: Path, *, since: datetime, host: str) -> Owner:
    """Become the owner of the log at `log_path`, which need not exist yet.

    Raises: Conflict, naming the owner there is; Unreachable and NotAuthorised, for where it lies;
    StorageFailed, when the lock file cannot be written.
    """
    real = _real(log_path)
    place.check_writable(real.parent)
    lock_path = _beside(real)
    socket = socket_path(real)
    if socket.parent != real.parent:
        _make_private(socket.parent)
    record = OwnerRecord(os.getpid(), host, since, str(socket))
    with _register:
        if (ours := _held_here(lock_path)) is not None:
            raise _owned(real, ours)
        descriptor = _locked(lock_path, real)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, msgspec.json.encode(record), 0)
        except OSError as error:
            os.close(descriptor)
            raise StorageFailed(
                f"{lock_path.name} cannot be written ({error.strerror})", in_doubt=False
            ) from error
        _held[lock_path] = record
    return Owner(lock_path, descriptor, record)


def who_owns(log_path: Path) -> OwnerRecord | None:
    """Return who owns the log, None when nobody does; takes no lock and disturbs none.

    Raises: NotAuthorised, when the lock is another user's; Unreachable, for where the log lies.
    """
    lock_path = _beside(_real(log_path))
    with _register:
        if (ours := _held_here(lock_path)) is not None:
            return ours
        try:
            descriptor = _opened(lock_path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return _owner_by(descriptor)
        finally:
            os.close(descriptor)


def socket_path(real: Path) -> Path:
    """Return where the owner of the log at `real` has its Unix socket.

    Beside the log; or, when the system would not take a path so long, in a folder of this user's
    own, under a name that follows from the log's path.
    """
    beside = Path(f"{real}.sock")
    if len(os.fsencode(beside)) <= SOCKET_PATH_BYTES_MAX:
        return beside
    name = f"horolog-{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}.sock"
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and len(os.fsencode(Path(given) / name)) <= SOCKET_PATH_BYTES_MAX:
        return Path(given) / name
    return Path(f"/tmp/horolog-{os.getuid()}") / name  # noqa: S108  # acquire makes sure whose it is


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not mine or status.st_mode & 0o077:
        raise NotAuthorised(
            f"{folder}, where the socket belongs, must be a folder of yours that nobody else may"
            f" enter: chmod 700 {folder}, or give the log a shorter path"
        )


def _real(log_path: Path) -> Path:
    return place.real_path(log_path) if log_path.exists() else place.new_path(log_path)


def _beside(real: Path) -> Path:
    return Path(f"{real}.lock")


def _held_here(lock_path: Path) -> OwnerRecord | None:
    record = _held.get(lock_path)
    if record is None or record.pid != os.getpid():  # a fork copies the register, not the lock
        return None
    return record


def _locked(lock_path: Path, real: Path) -> int:
    """Return a descriptor of the lock file with the lock on it."""
    for _ in range(LOCK_TRIES_MAX):
        descriptor = _opened(lock_path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            owner = _owner_by(descriptor)
            os.close(descriptor)
            if owner is None:  # it let go between the two questions
                continue
            raise _owned(real, owner) from None
        if _is_in_place(descriptor, lock_path):
            return descriptor
        os.close(descriptor)  # somebody removed the file: another may lock a new one
    raise Conflict(f"{real.name} changes owners too fast. Try again")


def _opened(lock_path: Path, flags: int) -> int:
    try:
        return os.open(lock_path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except PermissionError:
        raise NotAuthorised(
            f"You (uid {os.getuid()}) may not look at {lock_path.name}: this log is another user's"
        ) from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise Conflict(f"{lock_path} is a link. Remove it; a lock is a file of its own") from None


def _is_in_place(descriptor: int, lock_path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), lock_path.stat())
    except FileNotFoundError:
        return False


def _owner_by(descriptor: int) -> OwnerRecord | None:
    """Return who holds the lock on an open lock file, by fcntl(2), F_GETLK."""
    answer = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, _ASKED))
    if answer[_KIND] == fcntl.F_UNLCK:
        return None
    text = os.pread(descriptor, OWNER_BYTES_MAX, 0)
    try:
        return msgspec.json.decode(text, type=OwnerRecord)
    except msgspec.MsgspecError:  # it has the lock and is about to write its name
        return OwnerRecord(answer[_PID])


def _owned(real: Path, owner: OwnerRecord) -> Conflict:
    where = f" on {owner.host}" if owner.host else ""
    since = f" (serving since {owner.since:%Y-%m-%d %H:%M} UTC)" if owner.since else ""
    return Conflict(
        f"{real.name} is owned by pid {owner.pid}{where}{since}. One process writes a log; if"
        f" {owner.pid} is stuck: horolog doctor"
    )
