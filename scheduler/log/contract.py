"""What every engine of the log promises, and the records that cross its border.

The log is a sequence of events without holes, each in one stream, each linked to the one before by
a hash. It knows bytes and order; what events mean is `rules`'. One process writes (`executor.owner`
sees to that), anyone may read.

Promises, each held by the conformance suite that every engine passes
(`tests/scheduler/log/conformance.py`):

1. A request is all or nothing, over any number of streams, and its events stand side by side.
2. Its future resolves only after the transaction is committed and synced.
3. A stream that is not at the expected version refuses the whole request (`VersionConflict`), and
   no other request.
4. A key seen before answers as it did (`repeated`) when the command's digest is the same, else
   `KeyReused`.
5. Positions are 1, 2, 3 ...; versions of a stream are 1, 2, 3 ...; `recorded_at` never falls, save
   at `clock-accepted`.
6. What is stored never changes. Content may lose its bytes, in two ways: output, when its time is
   over or there is too much of it; any, when it is erased by the event that tells so.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from msgspec import Struct

from scheduler.model.content import Contents
from scheduler.model.errors import HorologError
from scheduler.model.events import AnyEvent
from scheduler.model.limits import OUTPUT_KEPT, OUTPUT_KEPT_BYTES, PAGE_EVENTS_MAX

Nanoseconds = Callable[[], int]  # the wall clock as the writer sees it, UTC since 1970


class Meta(Struct, frozen=True, gc=False, omit_defaults=True):
    """Who and why: the envelope's part that is the same for all events of one request."""

    actor: str  # the authenticated principal: "uid 1000 (ben)", "scheduler", a token's name
    on_behalf_of: str | None = None  # a claim, shown as such
    reason: str | None = None
    channel: str | None = None  # "cli", "socket", "http"
    cause: int | None = None  # the position of the event that led to this
    epoch: int | None = None  # of the executor that writes
    traceparent: str | None = None
    digest: str | None = None  # of the command, compared when its key is seen again
    events: int = 1  # of the request, when it has a key; set by the log


class Write(NamedTuple):
    """Events for one stream, which must be at version `expected` (0: not there yet)."""

    stream: str
    expected: int
    events: Sequence[AnyEvent]


class Request(NamedTuple):
    """One append, all of it or nothing: events in each write, at most EVENTS_PER_APPEND_MAX."""

    writes: Sequence[Write]
    meta: Meta
    key: str | None = None
    contents: Contents = {}
    after: int | None = None  # refuse unless it lands right after this position: the writer has
    # read the whole log, and nothing before it failed
    outputs: Contents = {}  # kept for a while; what is kept for good anyway stays so
    erased: Sequence[str] = ()  # digests whose bytes go, whoever else names them


class Appended(NamedTuple):
    """The positions of a request's events, first and last inclusive."""

    first: int
    last: int
    repeated: bool = False  # the key was seen before; nothing was written now


class Retention(NamedTuple):
    """How long output is kept after its event, and how much of it in all: the oldest goes first."""

    output: timedelta = OUTPUT_KEPT
    output_bytes: int = OUTPUT_KEPT_BYTES


class ContentState(NamedTuple):
    """What the log can say of a content it has heard of."""

    size: int | None  # bytes; None: they are gone
    kept_until: datetime | None = None  # of output, if it was not erased; None: for good
    is_erased: bool = False


class Recorded(Struct, frozen=True, gc=False):
    """One event as it stands in the log."""

    position: int
    stream: str
    version: int
    recorded_at: datetime  # UTC, to the microsecond
    event: AnyEvent
    meta: Meta | None = None
    key: str | None = None


class Head(NamedTuple):
    """The end of the log: position 0 and 32 zero bytes when it is empty."""

    position: int
    hash: bytes


class Report(NamedTuple):
    """What a verification found: the first fault, or none."""

    events: int  # verified, from the first
    head: Head  # as verified
    fault: str | None = None  # a sentence
    position: int | None = None  # where the fault is


class Log(Protocol):
    """An append-only log of events. Safe to call from any thread."""

    @property
    def identity(self) -> str:
        """The random identity from `log-created`; empty before it."""
        ...

    def submit(self, request: Request) -> Future[Appended]:
        """Queue a request for the next commit; blocks only while the queue is full.

        The future fails with VersionConflict, KeyReused, BadInput (too large), StorageFailed or
        StaleEpoch. Its callbacks run on the writer's thread, in the order of the requests, after
        the commit; they must neither append nor wait. A future cancelled before its request is
        taken up leaves nothing behind.
        """
        ...

    def probe(self) -> Future[None]:
        """Commit nothing, to learn whether anything can be: the future ends as `submit`'s does."""
        ...

    @property
    def ended(self) -> HorologError | None:
        """Why nothing is written any more until a restart; None while writing goes on."""
        ...

    def append(self, request: Request) -> Appended:
        """Submit, and wait until it is durable."""
        ...

    def gathering(self) -> AbstractContextManager[None]:
        """Have what is submitted within wait for the end of it, so that one commit holds it all.

        Only a writer that rests meanwhile waits; it changes nothing of what is promised.
        """
        ...

    def head(self) -> Head:
        """Return the last durable position and its hash."""
        ...

    def hash_at(self, position: int) -> bytes | None:
        """Return the hash of the event at `position` (32 zero bytes at 0); None beyond the head.

        A view keeps it beside its checkpoint, and so knows whether this is still the log it was
        folded from.
        """
        ...

    def read(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        stream: str | None = None,
        limit: int = PAGE_EVENTS_MAX,
    ) -> list[Recorded]:
        """Return at most `limit` events with after < position <= until; of one stream if named.

        Raises: UnknownEvent, when an event was written by a newer Horolog.
        """
        ...

    def follow(self, after: int) -> Iterator[Recorded]:
        """Yield every event past `after` up to the present head, holding no snapshot meanwhile."""
        ...

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait until the head is past `after`; False when `timeout_s` seconds went by first."""
        ...

    def version(self, stream: str) -> int:
        """Return the last version of a stream, 0 when there is none."""
        ...

    def versions(self, streams: Sequence[str]) -> dict[str, int]:
        """Return the last version of each of these streams that has one, at most a page of them."""
        ...

    def find(self, key: str) -> tuple[Appended, str | None] | None:
        """Return where a request key was used and the digest of its command, or None."""
        ...

    def content(self, digest: str) -> bytes | None:
        """Return the bytes under `digest`; None when unknown, erased or no longer kept."""
        ...

    def content_state(self, digest: str) -> ContentState | None:
        """Return whether the bytes under `digest` are there; None when it was never heard of."""
        ...

    def purge(self) -> int:
        """Remove the bytes of erased content, and of output whose time was over at the last look.

        They are unreadable before; a writer also does this by itself, now and then and in small
        steps. Whoever must know that they are gone waits here. Returns how many contents went.
        Raises: StorageFailed, StaleEpoch.
        """
        ...

    def verify(self, *, after: int = 0, trusted: bytes | None = None) -> Report:
        """Follow the chain from `after` (its hash is `trusted`) to the head; check all content."""
        ...

    def close(self) -> None:
        """Write what is queued, then let go of the file; further requests are refused."""
        ...
