"""The log in memory: for tests and trials, under the same conformance suite as the one on disk.

It shares all but the storage with `sqlite`: requests are prepared, admitted, chained and decoded by
the same code, so a rule tested on it is tested for both. A request is written on the caller's
thread, and its future has resolved when `submit` returns. Nothing outlives the object, and nothing
is purged but when somebody asks.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from threading import Condition

from scheduler.log.admit import Batch, KeyUse, Row, prepare
from scheduler.log.chain import FIRST
from scheduler.log.codec import Codec
from scheduler.log.contract import (
    Appended,
    ContentState,
    Head,
    Nanoseconds,
    Recorded,
    Report,
    Request,
    Retention,
)
from scheduler.log.retention import ERASED_NS, Upkeep, state_of
from scheduler.log.verify import Links, check_content
from scheduler.model.errors import HorologError, Unreachable
from scheduler.model.events import LogCreated
from scheduler.model.limits import PAGE_EVENTS_MAX


class MemoryLog:
    """An engine of `contract.Log` that keeps its rows in a list."""

    def __init__(
        self,
        clock_ns: Nanoseconds,
        *,
        codec: Codec | None = None,
        retention: Retention | None = None,
    ) -> None:
        self.rows: list[Row] = []  # open to tests, which damage it
        self.contents: dict[str, bytes | None] = {}
        self.kept_until: dict[str, int] = {}  # of content that is not kept for good
        self._upkeep = Upkeep[str](retention or Retention(), clock_ns())
        self._clock_ns = clock_ns
        self._codec = codec or Codec()
        self._positions: defaultdict[str, list[int]] = defaultdict(list)  # of each stream's events
        self._keys: dict[str, KeyUse] = {}
        self._grown = Condition()
        self._closed = False
        self.ended: HorologError | None = None  # memory does not fail; tests may say it did

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

    def probe(self) -> Future[None]:
        """Find that all is well; the future returned has resolved."""
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def gathering(self) -> AbstractContextManager[None]:
        """Wait for nothing: each request is written as it comes."""
        return nullcontext()

    def append(self, request: Request) -> Appended:
        """Write the request now."""
        return self.submit(request).result()

    def _write(self, request: Request) -> Appended:
        prepared = prepare(request, self._codec)
        with self._grown:
            if self._closed:
                raise Unreachable("this log is closed")
            last_ns = self.rows[-1][5] if self.rows else 0
            now_ns = self._clock_ns()
            batch = Batch(
                self.head(),
                last_ns,
                now_ns,
                version_of=lambda stream, _: self.version(stream),
                key_use=self._keys.get,
            )
            appended = batch.admit(prepared)
            self._keep(batch.rows)
            self._keep_content(batch, now_ns)
            if prepared.key is not None and not appended.repeated:
                self._keys[prepared.key] = KeyUse(appended.first, appended.last, prepared.who)
            self._grown.notify_all()
            return appended

    def _keep(self, rows: list[Row]) -> None:
        self.rows.extend(rows)
        for row in rows:
            self._positions[row[1]].append(row[0])

    def _keep_content(self, batch: Batch, now_ns: int) -> None:
        for digest, content in batch.contents.items():
            self.contents[digest] = content
            self.kept_until.pop(digest, None)
        until_ns = self._upkeep.kept_until_ns(now_ns)
        for digest, content in batch.outputs.items():
            if digest not in self.contents or digest in self.kept_until:
                self.contents[digest] = content
                self.kept_until[digest] = max(until_ns, self.kept_until.get(digest, ERASED_NS))
        self._upkeep.stored(sum(map(len, batch.outputs.values())))
        for digest in batch.erased:
            if digest in self.contents:
                self.kept_until[digest] = ERASED_NS

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

    def versions(self, streams: Sequence[str]) -> dict[str, int]:
        """Return the last version of each of these streams that has one, at most a page of them."""
        found = {stream: self.version(stream) for stream in streams[:PAGE_EVENTS_MAX]}
        return {stream: version for stream, version in found.items() if version}

    def find(self, key: str) -> tuple[Appended, str | None] | None:
        """Return where a request key was used and the digest of its command, or None."""
        use = self._keys.get(key)
        return None if use is None else (Appended(use.first, use.last), use.who[1])

    def content(self, digest: str) -> bytes | None:
        """Return the bytes under `digest`; None when unknown, erased or no longer kept."""
        if self.kept_until.get(digest) == ERASED_NS:
            return None
        return self.contents.get(digest)

    def content_state(self, digest: str) -> ContentState | None:
        """Return whether the bytes under `digest` are there; None when it was never heard of."""
        if digest not in self.contents:
            return None
        content = self.contents[digest]
        return state_of(None if content is None else len(content), self.kept_until.get(digest))

    def purge(self) -> int:
        """Remove the bytes of erased content, and of output whose time is over."""
        purged = 0
        with self._grown:
            while True:  # each step removes something, or is the last
                now_ns = self._clock_ns()
                step = self._upkeep.step(self, now_ns)
                self.remove(step.keys)
                self._upkeep.done(step, now_ns)
                purged += len(step.keys)
                if not step.keys:
                    return purged

    # -- the content that does not stay for good, as `retention` sees it

    def past(self, until_ns: int, limit: int) -> list[tuple[str, int]]:
        """Return key and size of what is kept until then at most, the soonest over first."""
        found = [
            (kept_ns, digest, len(content))
            for digest, kept_ns in self.kept_until.items()
            if kept_ns <= until_ns and (content := self.contents[digest]) is not None
        ]
        found.sort(key=lambda one: one[0])
        return [(digest, size) for _, digest, size in found[:limit]]

    def output_bytes(self) -> int:
        """Return the size of all of it."""
        return sum(len(self.contents[digest] or b"") for digest in self.kept_until)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove the bytes of these; their digests stay."""
        for digest in keys:
            self.contents[digest] = None

    def verify(self, *, after: int = 0, trusted: bytes | None = None) -> Report:
        """Follow the chain from `after` (its hash is `trusted`) to the head; check all content."""
        links = Links(after, trusted, self._codec)
        links.check(self.rows[max(after - 1, 0) :], self.contents.__contains__)
        return links.report(check_content(self.contents.items()))

    def close(self) -> None:
        """Refuse further requests."""
        with self._grown:
            self._closed = True
