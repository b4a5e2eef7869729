"""One group commit: the requests that waited, in one transaction, and what each is answered.

What may go wrong, and what it means:

- A condition fails (version, key): that request alone is refused.
- The disk is full, the file is locked, memory is short: nothing of the batch was stored; later ones
  are tried.
- The head in the file is not the one seen last: another writer was here. `StaleEpoch`, for ever.
- Anything else, a failed COMMIT or sync above all: what the disk holds is unknown, so nothing is
  written again until a restart reads it.

Streams that begin with `fire/`, `call/` or `job/` are new when they are expected to be: their
version is not looked up, for the unique index refuses a second beginning. Then the batch is done
again with every version looked up, so that only the guilty request fails.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from scheduler.log import faults, rows
from scheduler.log.admit import Batch, Prepared
from scheduler.log.codec import Codec
from scheduler.log.contract import Appended, Nanoseconds
from scheduler.log.retention import Step, Upkeep
from scheduler.log.schema import FORMAT
from scheduler.model.errors import HorologError, Outpaced, StaleEpoch, StorageFailed
from scheduler.model.limits import STREAMS_KEPT_MAX

BEGUN_ONCE = ("fire/", "call/", "job/")


class Append(NamedTuple):
    """A request that waits to be written."""

    prepared: Prepared
    future: Future[Appended]


class Purge(NamedTuple):
    """Someone who waits until what was erased is gone; told how many contents went."""

    future: Future[int]


class Probe(NamedTuple):
    """Someone who waits to learn whether anything can be written."""

    future: Future[None]


Waiting = Append | Purge | Probe
Settle = Callable[[], None]  # gives one request its answer


class Versions:
    """The versions of streams written lately, in two generations, of which one is dropped."""

    def __init__(self) -> None:
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def get(self, stream: str) -> int | None:
        """Return the version of a stream, None when it was not written lately."""
        version = self._young.get(stream)
        return self._old.get(stream) if version is None else version

    def update(self, versions: dict[str, int]) -> None:
        """Remember the versions that a commit has made true."""
        if len(self._young) >= STREAMS_KEPT_MAX:
            self._old, self._young = self._young, {}
        self._young.update(versions)

    def clear(self) -> None:
        """Forget them all."""
        self._young, self._old = {}, {}


class Committer:
    """Commits batches through one connection, on one thread, while the file is as it left it."""

    def __init__(
        self,
        db: sqlite3.Connection,
        real: Path,
        *,
        clock_ns: Nanoseconds,
        codec: Codec,
        upkeep: Upkeep[int],
    ) -> None:
        self._db = db
        self._upkeep = upkeep
        self._shelf = rows.ContentShelf(db)
        self._real = real
        self._file = _identity(real)
        self._clock_ns = clock_ns
        self._codec = codec
        self.head, self._recorded_ns = rows.head(db)
        self._versions = Versions()
        self.ended: HorologError | None = None  # why nothing is written until a restart

    def commit(self, waiting: Sequence[Append]) -> tuple[list[Settle], int, int]:
        """Write what the requests ask for; return the answers, and events and bytes written.

        Raises: StorageFailed, StaleEpoch; the batch has failed whole, and `ended` says whether for
        ever.
        """
        with self._explaining():
            try:
                return self._attempt(waiting, look_up=False)
            except sqlite3.IntegrityError:
                return self._attempt(waiting, look_up=True)

    def probe(self) -> None:
        """Write a page as it is, in a transaction of its own.

        Raises: as `commit`.
        """
        with self._explaining(), self._transaction():
            self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def purge(self, now_ns: int) -> Step[int]:
        """Remove some content whose time is over, in a transaction of its own; return what went.

        Raises: as `commit`.
        """
        with self._explaining():
            step = self._upkeep.step(self._shelf, now_ns)
            if step.keys:
                with self._transaction():
                    self._shelf.remove(step.keys)
            self._upkeep.done(step, now_ns)
            return step

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Turn an error of SQLite into ours, and note whether anything may be written again."""
        if self.ended is not None:
            raise again(self.ended)
        try:
            yield
        except faults.RAISED as error:
            self._versions.clear()
            failure = StorageFailed(faults.sentence(error, self._real), in_doubt=False)
            if not faults.is_passing(error):
                self.ended = failure
            raise failure from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit what is written within, if the file is as this writer left it."""
        self._check_file()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._check_head()
            yield
        except BaseException:
            self._roll_back()
            raise
        self._finish()

    def _attempt(
        self, waiting: Sequence[Append], *, look_up: bool
    ) -> tuple[list[Settle], int, int]:
        now_ns = self._clock_ns()
        with self._transaction():
            batch = Batch(
                self.head,
                self._recorded_ns,
                now_ns,
                version_of=self._looked_up if look_up else self._version_of,
                key_use=lambda key: rows.key_use(self._db, key, self._codec),
            )
            settles = [self._admit(batch, request) for request in waiting]
            self._write_content(batch, now_ns)
            rows.insert(self._db, batch.rows)
        self.head, self._recorded_ns = batch.head, batch.recorded_ns
        self._versions.update(batch.versions)
        self._upkeep.stored(sum(map(len, batch.outputs.values())))
        return settles, len(batch.rows), batch.size

    def _write_content(self, batch: Batch, now_ns: int) -> None:
        """Keep what the batch brings; what is both output and more than that is kept for good."""
        rows.insert_content(self._db, batch.contents, None)
        if batch.outputs:
            rows.insert_content(self._db, batch.outputs, self._upkeep.kept_until_ns(now_ns))
        rows.mark_erased(self._db, batch.erased)

    def _admit(self, batch: Batch, request: Append) -> Settle:
        try:
            return partial(request.future.set_result, batch.admit(request.prepared))
        except Outpaced as refusal:
            return partial(request.future.set_exception, refusal)

    def _finish(self) -> None:
        try:
            self._db.execute("COMMIT")
        except faults.RAISED as error:
            self._roll_back()
            if faults.code_of(error) == sqlite3.SQLITE_FULL:
                raise  # the commit's own frame was not written: nothing is in doubt
            self.ended = StorageFailed(faults.sentence(error, self._real), in_doubt=True)
            raise self.ended from error

    def _roll_back(self) -> None:
        if not self._db.in_transaction:  # SQLite has done so itself
            return
        try:
            self._db.execute("ROLLBACK")
        except faults.RAISED as error:
            self.ended = StorageFailed(faults.sentence(error, self._real), in_doubt=True)
            raise self.ended from error

    def _check_file(self) -> None:
        if _identity(self._real) != self._file:
            self.ended = StorageFailed(
                f"{self._real.name} was moved, replaced or removed while in use. Nothing is written"
                " until a restart",
                in_doubt=False,
            )
            raise self.ended

    def _check_head(self) -> None:
        found, _ = rows.head(self._db)
        if found != self.head:
            self.ended = StaleEpoch(
                f"Another writer was at this log: its head is {found.position:,}, this one left"
                f" it at {self.head.position:,}. This one stops"
            )
            raise self.ended

    def _version_of(self, stream: str, expected: int) -> int:
        version = self._versions.get(stream)
        if version is not None:
            return version
        if expected == 0 and stream.startswith(BEGUN_ONCE):
            return 0
        return rows.version_of(self._db, stream)

    def _looked_up(self, stream: str, _expected: int) -> int:
        return rows.version_of(self._db, stream)


def again(failure: HorologError, key: str | None = None) -> HorologError:
    """Return the failure anew, for one more who waits; `key` is that of the request.

    An error that is raised twice would carry the traces of both.
    """
    match failure:
        case StorageFailed(in_doubt=True):
            ask = "" if key is None else f"; ask again with the same request key, {key!r}"
            doubt = f"{failure}. Whether this was stored is not known{ask}"
            return StorageFailed(doubt, in_doubt=True, key=key)
        case StorageFailed():
            return StorageFailed(str(failure), in_doubt=False, key=key)
        case StaleEpoch():
            return StaleEpoch(str(failure))
        case _:
            return failure


def _identity(real: Path) -> tuple[int, int] | None:
    try:
        status = real.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
