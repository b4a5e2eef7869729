"""The second file, `<log>.views`: all that is derived from the log, and can be lost without loss.

Projections and the executor's snapshots lie here, each table written by whoever owns its DDL. This
module owns the file only: its one writing connection, the lock beside it, and the record of which
log it was derived from. It knows no table but that record, and nothing of what is folded.

Durability is relaxed (`synchronous=NORMAL`): after a power cut the file may be behind, never wrong.
A file that belongs to another log, has another form or is damaged is deleted and made anew. That is
no error: whoever writes here looks at `renewals`, and begins again when it has grown.

Only one process writes (`<log>.views.lock`): the server, else the command at hand. Two connections
that write and checkpoint can lose pages in SQLite before 3.51.3, so there is one, under a lock of
threads.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, lockf
from pathlib import Path
from threading import Event, Lock, RLock
from typing import Final

from scheduler.log.faults import RAISED, code_of
from scheduler.log.schema import connect, uri_of
from scheduler.model.errors import Conflict, Unreachable, ViewsRenewed

FORM: Final = "1"  # of this file; another one is made anew
LOCK_TRY_S: Final = 0.05  # between two looks at a lock that another command holds
IN_MEMORY: Final = "file::memory:"
PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 4000",  # pages: 16 MB, so that a rebuild syncs seldom
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -16384",  # KiB: the upper pages of the indexes of a large log
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)
SHORT_READ: Final = 522  # SQLITE_IOERR_SHORT_READ: the file ends before its pages do

_locked: set[Path] = set()  # POSIX locks do not exclude their own process: this does
_locked_guard = Lock()


def views_path(log_path: Path) -> Path:
    """Return where the views of a log lie: beside its real file."""
    return _beside(Path(os.path.realpath(log_path)), ".views")


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error says that the file itself is broken."""
    if getattr(error, "sqlite_errorcode", 0) == SHORT_READ:
        return True
    return code_of(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class ViewsFile:
    """The views of one log, open for writing in this process; safe to use from any thread."""

    def __init__(self, path: Path | None, identity: str, lock_fd: int | None) -> None:
        self.path = path  # None: in memory
        self.renewals = 0  # grows whenever all tables were lost; writers compare
        self._identity = identity
        self._lock_fd = lock_fd
        self._guard = RLock()
        self._connection = self._open()

    @classmethod
    def open(cls, log_path: Path, *, identity: str, wait_s: float = 0.0) -> "ViewsFile":
        """Open the views of the log at `log_path`, whose identity is given; make them when absent.

        `wait_s`: how long to wait for another command that has them, in seconds.
        Raises: Conflict, when another process writes them; Unreachable, when none can be made here.
        """
        path = views_path(log_path)
        lock_path = _beside(path, ".lock")
        try:
            lock_fd = _take(lock_path, wait_s)
        except OSError as error:
            raise Unreachable(
                f"The views cannot be written beside the log ({error.strerror}: {lock_path})"
            ) from None
        try:
            return cls(path, identity, lock_fd)
        except (OSError, *RAISED) as error:
            _let_go(lock_path, lock_fd)
            raise Unreachable(f"The views at {path} cannot be opened ({error})") from None
        except BaseException:
            _let_go(lock_path, lock_fd)
            raise

    @classmethod
    def in_memory(cls, *, identity: str = "") -> "ViewsFile":
        """Return views that vanish with the object: for tests, and where no file can be written."""
        return cls(None, identity, None)

    @staticmethod
    def read(log_path: Path) -> sqlite3.Connection:
        """Return a read-only connection to the views of a log; the caller closes it.

        Raises: Unreachable, when there are none.
        """
        path = views_path(log_path)
        try:
            return _reader(path)
        except RAISED as error:
            raise Unreachable(f"The views at {path} cannot be read ({error})") from None

    # -- using it

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the writing connection in a transaction: committed at the end, undone by an error.

        Raises: ViewsRenewed, when the file turned out to be damaged; it is empty now.
        """
        with self._guard, self._renewing_if_damaged():
            connection = self._connection
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _undo(connection)
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to read from: one of its own, or in memory the only one, undisturbed.

        Raises: ViewsRenewed, as above.
        """
        if self.path is None:
            with self._guard:
                yield self._connection
            return
        with self._renewing_if_damaged(), closing(_reader(self.path)) as connection:
            yield connection

    def renew(self) -> None:
        """Drop everything and begin with an empty file."""
        with self._guard:
            self._connection.close()
            self._delete()
            self.renewals += 1
            self._connection = self._open()

    def close(self) -> None:
        """Let go of the file and its lock."""
        with self._guard:
            self._connection.close()
            if self._lock_fd is not None and self.path is not None:
                _let_go(_beside(self.path, ".lock"), self._lock_fd)
                self._lock_fd = None

    @contextmanager
    def _renewing_if_damaged(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self.renew()
            raise ViewsRenewed(f"the views were damaged ({error}); they begin anew") from error

    # -- the file

    def _open(self) -> sqlite3.Connection:
        """Return a connection to a file that fits this log, deleting one that does not."""
        if self.path is None:
            connection = connect(IN_MEMORY)
            self._fits(connection)
            return connection
        for _ in range(2):
            connection = self._connect(self.path)
            try:
                if self._fits(connection):
                    return connection
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    connection.close()
                    raise
            except BaseException:
                connection.close()
                raise
            connection.close()
            self._delete()
            self.renewals += 1
        raise Unreachable(f"The views at {self.path} cannot be made: the file does not stay sound")

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        with suppress(FileExistsError):  # made by us first, so that nobody else may read it
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return connect(uri_of(path, mode="rw"))

    def _fits(self, connection: sqlite3.Connection) -> bool:
        """Return whether the file is this log's; an empty one becomes it."""
        for pragma in PRAGMAS:
            connection.execute(pragma).fetchall()
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) STRICT")
            about = (("form", FORM), ("identity", self._identity))
            connection.executemany("INSERT INTO meta VALUES (?, ?)", about)
            connection.execute("COMMIT")
            return True
        try:
            found = dict(connection.execute("SELECT key, value FROM meta"))
        except sqlite3.OperationalError as error:
            if code_of(error) != sqlite3.SQLITE_ERROR:
                raise
            return False  # no such table: the file is not ours
        return found == {"form": FORM, "identity": self._identity}

    def _delete(self) -> None:
        if self.path is None:
            return
        # The file goes first: who opens it now finds none, never an old journal beside a new file.
        for suffix in ("", "-wal", "-shm"):
            _beside(self.path, suffix).unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _reader(path: Path) -> sqlite3.Connection:
    connection = connect(uri_of(path, mode="ro"))
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _undo(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):  # what was wrong is being told already
            connection.execute("ROLLBACK")


def _take(lock_path: Path, wait_s: float) -> int:
    """Return the descriptor that holds the lock.

    Raises: Conflict, when it is held for longer than `wait_s` seconds; OSError.
    """
    with _locked_guard:
        if lock_path in _locked:
            raise Conflict(f"The views of this log are open in this process already: {lock_path}")
        _locked.add(lock_path)
    try:
        lock_fd = os.open(lock_path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        _locked.discard(lock_path)
        raise
    pause = Event()
    for tries_left in range(int(wait_s / LOCK_TRY_S), -1, -1):
        try:
            lockf(lock_fd, LOCK_EX | LOCK_NB)
        except OSError:
            if tries_left:
                pause.wait(LOCK_TRY_S)
        else:
            return lock_fd
    _let_go(lock_path, lock_fd)
    raise Conflict("The views of this log are being written by another process; read them instead")


def _let_go(lock_path: Path, lock_fd: int) -> None:
    with _locked_guard:
        os.close(lock_fd)
        _locked.discard(lock_path)
