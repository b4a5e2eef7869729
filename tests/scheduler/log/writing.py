"""Requests, clocks and connections for the tests of the log."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scheduler.log.contract import Meta, Request, Write
from scheduler.log.schema import Connect, connect
from scheduler.log.sqlite import SqliteLog
from scheduler.model.content import Contents, digest_of
from scheduler.model.events import (
    AnyEvent,
    AttemptLogged,
    AttemptStarted,
    ContentErased,
    LogCreated,
)
from scheduler.model.jobs import RunId

CREATED = LogCreated(identity="c0ffee", horolog="1.0.0")
META = Meta(actor="scheduler", epoch=7)
NOON_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_NS = 1_772_366_400_000_000_000
RUN = RunId("0193c1f2-1111-8111-8111-111111111111")


class StillClock:
    """Nanoseconds that stand still until a test moves them."""

    def __init__(self, ns: int = NOON_NS) -> None:
        self.ns = ns

    def __call__(self) -> int:
        return self.ns


def started(attempt: int = 1) -> AttemptStarted:
    return AttemptStarted(run=RUN, attempt=attempt, epoch=7)


def write(stream: str, expected: int, events: int = 1) -> Write:
    """Return a write of some events that can be told apart."""
    return Write(stream, expected, [started(expected + place) for place in range(1, events + 1)])


def request(
    *writes: Write, key: str | None = None, meta: Meta = META, contents: Contents | None = None
) -> Request:
    return Request(writes, meta, key, contents or {})


def one(stream: str, expected: int = 0, *, key: str | None = None) -> Request:
    """Return a request of a single event."""
    return request(write(stream, expected), key=key)


def logged(stream: str, content: bytes, expected: int = 0) -> Request:
    """Return a request whose event names `content`, and the content with it."""
    digest = digest_of(content)
    event: AnyEvent = AttemptLogged(
        run=RUN, attempt=1, digest=digest, size=len(content), head="", lines=1
    )
    return request(Write(stream, expected, [event]), contents={digest: content})


def output(stream: str, content: bytes) -> Request:
    """Return a request whose event names `content` as output."""
    named = logged(stream, content)
    return named._replace(contents={}, outputs=named.contents)


def erasing(*contents: bytes, expected: int | None = None) -> Request:
    """Return a request that erases contents; `expected` is the version of a stream of its own."""
    digests = tuple(map(digest_of, contents))
    event = ContentErased(digests=digests, count=len(digests))
    stream = f"erased/{digests[0]}"
    return Request([Write(stream, expected or 0, [event])], META, erased=digests)


def new_log(
    path: Path, clock: Callable[[], int] | None = None, connecting: Connect = connect
) -> SqliteLog:
    """Return a new log at `path` that is open for writing."""
    return SqliteLog.create(
        path, clock_ns=clock or StillClock(), created=CREATED, meta=META, connect=connecting
    )


def plainly(path: Path, *statements: str, parameters: Sequence[object] = ()) -> None:
    """Run statements on a plain connection, as any other tool would."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            db.execute(statement, parameters)
    finally:
        db.close()
