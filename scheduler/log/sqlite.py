"""The log on disk: one SQLite file, one writer, any number of readers.

This file puts the parts together: where a log may lie (`place`), what its file must look like
(`schema`), the thread that writes (`writer`, `commit`, `wal`) and the connections that read
(`reader`). Who may open it for writing is not decided here: the executor's `owner` holds the lock
beside the file, and every commit checks that nobody else was there.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Condition, Event

from scheduler.log import faults, leftovers, place, rows, schema
from scheduler.log.admit import Batch, prepare
from scheduler.log.chain import FIRST
from scheduler.log.codec import Codec
from scheduler.log.commit import Append, Probe, Purge
from scheduler.log.contract import (
    Appended,
    ContentState,
    Head,
    Meta,
    Nanoseconds,
    Recorded,
    Report,
    Request,
    Retention,
    Write,
)
from scheduler.log.reader import Reader
from scheduler.log.writer import Health, Writer
from scheduler.model.errors import Conflict, Damaged, HorologError, Refused, Unreachable
from scheduler.model.events import LogCreated
from scheduler.model.limits import PAGE_EVENTS_MAX
from scheduler.model.streams import SYSTEM

_POLL_S = 0.05  # how often one who does not write looks for new events


class SqliteLog:
    """An engine of `contract.Log` over a file. Made by `create` and `open`."""

    def __init__(self, real: Path, reader: Reader, codec: Codec) -> None:
        self.path = real
        self._reader = reader
        self._codec = codec
        self._grown = Condition()
        self._writer: Writer | None = None
        self._identity = ""

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        clock_ns: Nanoseconds,
        created: LogCreated,
        meta: Meta,
        connect: schema.Connect = schema.connect,
    ) -> "SqliteLog":
        """Make a new log at `path` whose first event is `created`, and open it for writing.

        Raises: Conflict, when there is a file; Unreachable, NotAuthorised, StorageFailed.
        """
        real = place.new_path(path)
        try:
            os.close(os.open(real, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            raise Conflict(f"{place.shown(path)} exists already; it was left alone") from None
        try:
            _fill(real, connect, clock_ns(), Request([Write(SYSTEM, 0, [created])], meta))
        except BaseException:
            _remove(real)
            raise
        return cls.open(path, clock_ns=clock_ns, connect=connect)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock_ns: Nanoseconds | None = None,
        unowned: bool = False,
        connect: schema.Connect = schema.connect,
        codec: Codec | None = None,
        retention: Retention | None = None,
    ) -> "SqliteLog":
        """Open the log at `path`: for writing when a clock is handed in, else for reading only.

        `unowned` says that nobody writes: then a reader can do without a writable folder.
        Raises: Unreachable (none here, not ours, newer, on a network), NotAuthorised, Damaged.
        """
        real = place.real_path(path)
        if clock_ns is not None:
            place.check_writable(real)
            place.check_writable(real.parent)
        codec = codec or Codec()
        reader = Reader(real, connect, codec, immutable=_is_immutable(real, unowned=unowned))
        log = cls(real, reader, codec)
        try:
            with reader.connection() as db:
                schema.identify(db, real.name)
                schema.check_guards(db)
            log._identity = log._read_identity()
            reader.check_end()
            if clock_ns is not None:
                log._start_writer(clock_ns, connect, retention or Retention())
        except BaseException:
            reader.close()
            raise
        return log

    def _read_identity(self) -> str:
        for recorded in self.read(limit=1):
            if recorded.position == 1 and isinstance(recorded.event, LogCreated):
                return recorded.event.identity
        raise Damaged("The log is damaged: it does not begin with log-created", position=1)

    def _start_writer(
        self, clock_ns: Nanoseconds, connect: schema.Connect, retention: Retention
    ) -> None:
        try:
            db = connect(schema.uri_of(self.path, mode="rw"))
            try:
                schema.configure(db, schema.WRITER_PRAGMAS)
                leftovers.make_durable(db, self.path)
                self._writer = Writer(
                    db,
                    self.path,
                    clock_ns=clock_ns,
                    codec=self._codec,
                    retention=retention,
                    grown=self._tell,
                )
            except BaseException:
                db.close()
                raise
        except faults.RAISED as error:
            raise faults.opening(error, self.path) from error

    def _tell(self) -> None:
        with self._grown:
            self._grown.notify_all()

    @property
    def identity(self) -> str:
        """The random identity from `log-created`."""
        return self._identity

    def submit(self, request: Request) -> Future[Appended]:
        """Queue a request for the next commit; blocks only while the queue is full."""
        future: Future[Appended] = Future()
        try:
            self._writing().put(Append(prepare(request, self._codec), future))
        except Refused as refusal:
            future.set_exception(refusal)
        return future

    def probe(self) -> Future[None]:
        """Commit nothing, to learn whether anything can be."""
        future: Future[None] = Future()
        self._writing().put(Probe(future))
        return future

    @property
    def ended(self) -> HorologError | None:
        """Why nothing is written any more until a restart; None while writing goes on."""
        return None if self._writer is None else self._writer.ended

    def gathering(self) -> AbstractContextManager[None]:
        """Have what is submitted within wait for the end of it, if the writer rests."""
        return self._writing().gathering()

    def append(self, request: Request) -> Appended:
        """Submit, and wait until it is durable."""
        return self.submit(request).result()

    def _writing(self) -> Writer:
        if self._writer is None:
            raise Unreachable("this log was opened for reading only")
        return self._writer

    def head(self) -> Head:
        """Return the last durable position and its hash."""
        return self._reader.head() if self._writer is None else self._writer.head

    def hash_at(self, position: int) -> bytes | None:
        """Return the hash of the event at `position` (32 zero bytes at 0); None beyond the head."""
        return self._reader.hash_at(position)

    def read(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        stream: str | None = None,
        limit: int = PAGE_EVENTS_MAX,
    ) -> list[Recorded]:
        """Return at most `limit` events with after < position <= until; of one stream if named."""
        page = self._reader.page(after, until, stream, limit)
        try:
            return self._codec.decode_rows(page)
        except (AttributeError, TypeError) as fault:
            raise Damaged(f"The log is damaged: a column is of another kind ({fault})") from fault

    def follow(self, after: int) -> Iterator[Recorded]:
        """Yield every event past `after` up to the present head, in pages."""
        until = self.head().position
        while after < until:
            page = self.read(after=after, until=until)
            if not page:
                raise Damaged(f"The log is damaged: event {after + 1:,} is missing")
            yield from page
            after = page[-1].position

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait until the head is past `after`; False when `timeout_s` seconds went by first."""
        if self._writer is not None:
            with self._grown:
                return self._grown.wait_for(lambda: self.head().position > after, timeout_s)
        never = Event()
        for _ in range(round(timeout_s / _POLL_S)):
            if self.head().position > after:
                return True
            never.wait(_POLL_S)
        return self.head().position > after

    def version(self, stream: str) -> int:
        """Return the last version of a stream, 0 when there is none."""
        return self._reader.version(stream)

    def versions(self, streams: Sequence[str]) -> dict[str, int]:
        """Return the last version of each of these streams that has one, at most a page of them."""
        return self._reader.versions(streams)

    def find(self, key: str) -> tuple[Appended, str | None] | None:
        """Return where a request key was used and the digest of its command, or None."""
        return self._reader.find(key)

    def content(self, digest: str) -> bytes | None:
        """Return the bytes under `digest`; None when unknown, erased or no longer kept."""
        return self._reader.content(digest)

    def content_state(self, digest: str) -> ContentState | None:
        """Return whether the bytes under `digest` are there; None when it was never heard of."""
        return self._reader.content_state(digest)

    def purge(self) -> int:
        """Remove the bytes of erased content, and of output whose time is over."""
        future: Future[int] = Future()
        self._writing().put(Purge(future))
        return future.result()

    def verify(self, *, after: int = 0, trusted: bytes | None = None) -> Report:
        """Follow the chain from `after` to the head, and compare all content with its digests."""
        return self._reader.verify(after, trusted)

    def health(self) -> Health:
        """Return how the writer does."""
        return self._writing().health()

    def close(self) -> None:
        """Write what is queued, then let go of the file; further requests are refused.

        The last connection to close empties the write-ahead log and removes it; one that only reads
        cannot. After a failed sync nothing is written, so there the readers go last.
        """
        closing: list[Reader | Writer] = [self._reader]
        if self._writer is not None:
            self._writer.stop()
            closing.insert(0 if self._writer.health().ended else 1, self._writer)
        for part in closing:
            part.close()


def _fill(real: Path, connect: schema.Connect, now_ns: int, request: Request) -> None:
    batch = Batch(
        Head(0, FIRST), 0, now_ns, version_of=lambda _stream, _expected: 0, key_use=lambda _: None
    )
    batch.admit(prepare(request, Codec()))
    try:
        db = connect(schema.uri_of(real, mode="rw"))
        try:
            schema.configure(db, schema.WRITER_PRAGMAS)
            db.execute("BEGIN IMMEDIATE")
            schema.create_tables(db)
            rows.insert(db, batch.rows)
            db.execute("COMMIT")
        finally:
            db.close()
    except faults.RAISED as error:
        raise faults.opening(error, real) from error


def _remove(real: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{real}{suffix}").unlink(missing_ok=True)


def _is_immutable(real: Path, *, unowned: bool) -> bool:
    if os.access(real.parent, os.W_OK):
        return False
    wal = Path(f"{real}-wal")
    if unowned and not (wal.exists() and wal.stat().st_size):
        return True
    raise Unreachable(
        f"{real.parent} is not writable, and {real.name} is in use or was not closed in order. To"
        " read it there, the folder must be writable (or stop its server first)"
    )
