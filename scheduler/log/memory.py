"""The log in memory: for tests and trials, under the same conformance suite as the one on disk.

It shares all but the storage with `sqlite`: requests are prepared, admitted, chained and decoded by
the same code, so a rule tested on it is tested for both. A request is written on the caller's
thread, and its future has resolved when `submit` returns. Nothing outlives the object.
"""

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from threading import Condition

from scheduler.log.admit import Batch, KeyUse, Row, prepare
from scheduler.log.chain import FIRST
from scheduler.log.codec import Codec
from scheduler.log.contract import Appended, Head, Nanoseconds, Recorded, Report, Request
from scheduler.log.verify import Links, check_content
from scheduler.model.content import Contents
from scheduler.model.errors import HorologError, Unreachable
from scheduler.model.events import LogCreated
from scheduler.model.limits import PAGE_EVENTS_MAX


class MemoryLog:
    """An engine of `contract.Log` that keeps its rows in a list."""

    def __init__(self, clock_ns: Nanoseconds, *, codec: Codec | None = None) -> None:
        self.rows: list[Row] = []  # open to tests, which damage it
        self.contents: dict[str, bytes | None] = {}
        self._clock_ns = clock_ns
        self._codec = codec or Codec()
        self._positions: defaultdict[str, list[int]] = defaultdict(list)  # of each stream's events
        self._keys: dict[str, KeyUse] = {}
        self._grown = Condition()
        self._closed = False

    @property
    def identity(self) -> str:
        """The random identity from `log-created`; empty before it."""
        for recorded in self.read(limit=1):
            if isinstance(recorded.event, LogCreated):
                return recorded.event.identity
        return ""

    def submit(self, request: Request) -> Future[Appended]:
        """Write the request now; the future returned has resolved."""
        future: Future[Appended] = Future()
        try:
            appended = self._write(request)
        except HorologError as refusal:
            future.set_exception(refusal)
        else:
            future.set_result(appended)
        return future

    def append(self, request: Request) -> Appended:
        """Write the request now."""
        return self.submit(request).result()

    def _write(self, request: Request) -> Appended:
        prepared = prepare(request, self._codec)
        with self._grown:
            if self._closed:
                raise Unreachable("this log is closed")
            last_ns = self.rows[-1][5] if self.rows else 0
            batch = Batch(
                self.head(),
                last_ns,
                self._clock_ns(),
                version_of=lambda stream, _: self.version(stream),
                key_use=self._keys.get,
            )
            appended = batch.admit(prepared)
            self._keep(batch.rows, batch.contents)
            if prepared.key is not None and not appended.repeated:
                self._keys[prepared.key] = KeyUse(appended.first, appended.last, prepared.who)
            self._grown.notify_all()
            return appended

    def _keep(self, rows: list[Row], contents: Contents) -> None:
        self.rows.extend(rows)
        for row in rows:
            self._positions[row[1]].append(row[0])
        self.contents.update(contents)

    def head(self) -> Head:
        """Return the last position and its hash."""
        return Head(self.rows[-1][0], self.rows[-1][9]) if self.rows else Head(0, FIRST)

    def hash_at(self, position: int) -> bytes | None:
        """Return the hash of the event at `position` (32 zero bytes at 0); None beyond the head."""
        if position > len(self.rows):
            return None
        return self.rows[position - 1][9] if position else FIRST

    def read(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        stream: str | None = None,
        limit: int = PAGE_EVENTS_MAX,
    ) -> list[Recorded]:
        """Return at most `limit` events with after < position <= until; of one stream if named."""
        last = len(self.rows) if until is None else min(until, len(self.rows))
        limit = min(limit, PAGE_EVENTS_MAX)
        if stream is None:
            found = self.rows[after : min(last, after + limit)]
        else:
            places = [p for p in self._positions.get(stream, ()) if after < p <= last][:limit]
            found = [self.rows[place - 1] for place in places]
        return self._codec.decode_rows(row[:9] for row in found)

    def follow(self, after: int) -> Iterator[Recorded]:
        """Yield every event past `after` up to the present head."""
        until = self.head().position
        while after < until:
            page = self.read(after=after, until=until)
            yield from page
            after = page[-1].position

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait until the head is past `after`; False when `timeout_s` seconds went by first."""
        with self._grown:
            return self._grown.wait_for(lambda: len(self.rows) > after, timeout_s)

    def version(self, stream: str) -> int:
        """Return the last version of a stream, 0 when there is none."""
        return len(self._positions.get(stream, ()))

    def streams(self, first: str, before: str) -> list[str]:
        """Return the sorted names of the streams with first <= name < before, a page of them."""
        names = list(self._positions)
        return sorted(name for name in names if first <= name < before)[:PAGE_EVENTS_MAX]

    def find(self, key: str) -> tuple[Appended, str | None] | None:
        """Return where a request key was used and the digest of its command, or None."""
        use = self._keys.get(key)
        return None if use is None else (Appended(use.first, use.last), use.who[1])

    def content(self, digest: str) -> bytes | None:
        """Return the bytes under `digest`; None when unknown or erased."""
        return self.contents.get(digest)

    def erase(self, digest: str) -> bool:
        """Remove the bytes under `digest`; False when there were none."""
        with self._grown:
            if self.contents.get(digest) is None:
                return False
            self.contents[digest] = None
            return True

    def verify(self, *, after: int = 0, trusted: bytes | None = None) -> Report:
        """Follow the chain from `after` (its hash is `trusted`) to the head; check all content."""
        links = Links(after, trusted, self._codec)
        links.check(self.rows[max(after - 1, 0) :], self.contents.__contains__)
        return links.report(check_content(self.contents.items()))

    def close(self) -> None:
        """Refuse further requests."""
        with self._grown:
            self._closed = True
