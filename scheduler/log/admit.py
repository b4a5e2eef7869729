"""What a request must meet, and the rows it becomes: the same in every engine.

`prepare` runs on the caller's thread and turns a request into bytes; it refuses what could never be
written. `Batch` runs where the order is made, one per commit: it answers one request after the
other, each seeing what those before it in the same batch will have written. It reads the log only
through two questions handed in (a stream's version, a key's use) and writes nothing; an engine that
does not commit a batch forgets it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from scheduler.log.chain import link
from scheduler.log.codec import Codec
from scheduler.log.contract import Appended, Head, Meta, Request
from scheduler.model.content import Contents, digest_of
from scheduler.model.errors import BadInput, KeyReused, VersionConflict
from scheduler.model.limits import (
    CONTENT_BYTES_MAX,
    EVENTS_PER_APPEND_MAX,
    KEY_CHARS_MAX,
    STREAM_CHARS_MAX,
)

CLOCK_ACCEPTED = "clock-accepted"

# position, stream, version, type, revision, recorded_at, body, meta, request_key, hash
Row = tuple[int, str, int, str, int, int, bytes, bytes | None, str | None, bytes]


class Prepared(NamedTuple):
    """A request in bytes, checked for all that can be checked without the log."""

    spans: list[tuple[str, int, int]]  # stream, version expected, version afterwards
    events: list[tuple[str, int, str, int, bytes]]  # stream, version, type, revision, body
    meta: bytes
    key: str | None
    who: tuple[str, str | None]  # actor and digest of the command: whose the key is
    contents: Contents
    outputs: Contents
    erased: Sequence[str]
    size: int  # bytes, with the content
    after: int | None = None  # the position it must follow


class KeyUse(NamedTuple):
    """A request that had a key: where it stands, and whose it was."""

    first: int
    last: int
    who: tuple[str, str | None]


def prepare(request: Request, codec: Codec) -> Prepared:
    """Return the request in bytes.

    Raises: BadInput, when it is empty, too large, or holds what cannot be written.
    """
    spans: list[tuple[str, int, int]] = []
    rows: list[tuple[str, int, str, int, bytes]] = []
    size = 0
    encode = codec.encode
    for stream, expected, events in request.writes:
        _check_name(stream, "$.stream", STREAM_CHARS_MAX)
        version = expected
        for event in events:
            kind, revision, body = encode(event)
            version += 1
            size += len(body)
            rows.append((stream, version, kind, revision, body))
        if version == expected:
            raise BadInput.at("$.writes", f"the write to {stream!r} holds no event")
        spans.append((stream, expected, version))
    if not 1 <= len(rows) <= EVENTS_PER_APPEND_MAX:
        raise BadInput.at(
            "$.writes",
            f"one append holds 1 to {EVENTS_PER_APPEND_MAX:,} events"
            f" (EVENTS_PER_APPEND_MAX), not {len(rows):,}",
        )
    meta = request.meta
    if request.key is not None:
        _check_name(request.key, "$.key", KEY_CHARS_MAX)
    if meta.events != 1 or (request.key is not None and len(rows) > 1):
        meta = replace(meta, events=1 if request.key is None else len(rows))
    return Prepared(
        spans=spans,
        events=rows,
        meta=codec.encode_meta(meta),
        key=request.key,
        who=(meta.actor, meta.digest),
        contents=request.contents,
        outputs=request.outputs,
        erased=request.erased,
        size=size + _content_size(request.contents) + _content_size(request.outputs),
        after=request.after,
    )


def _check_name(name: str, path: str, chars_max: int) -> None:
    if not 1 <= len(name) <= chars_max or not name.isprintable():
        raise BadInput.at(path, f"must be 1 to {chars_max} printable characters, not {name!r}")


def _content_size(contents: Contents) -> int:
    size = 0
    for digest, content in contents.items():
        if len(content) > CONTENT_BYTES_MAX:
            raise BadInput.at(
                "$.contents",
                f"a content is {len(content):,} bytes; at most {CONTENT_BYTES_MAX:,}"
                " (CONTENT_BYTES_MAX)",
            )
        if digest != digest_of(content):
            raise BadInput.at("$.contents", f"the content under {digest!r} has another digest")
        size += len(content)
    return size


class Batch:
    """The requests of one commit, in order: their rows, and versions and keys as they will be."""

    def __init__(
        self,
        head: Head,
        recorded_ns: int,
        now_ns: int,
        *,
        version_of: Callable[[str, int], int],
        key_use: Callable[[str], KeyUse | None],
    ) -> None:
        """Begin after `head`, whose event was recorded at `recorded_ns`; it is now `now_ns`.

        `version_of` is asked for a stream's version and told the one expected; `key_use` for the
        use of a key.
        """
        self.rows: list[Row] = []
        self.contents: Contents = {}
        self.outputs: Contents = {}
        self.erased: dict[str, None] = {}  # once the content of this batch is written
        self.size = 0  # bytes of bodies and content
        self.versions: dict[str, int] = {}  # of the streams written by this batch
        self.head = head
        self.recorded_ns = recorded_ns
        self._now_ns = now_ns
        self._version_of = version_of
        self._key_use = key_use
        self._keys: dict[str, KeyUse] = {}

    def admit(self, prepared: Prepared) -> Appended:
        """Add the request's rows, or none of them, and return where they will stand.

        Raises: VersionConflict, KeyReused.
        """
        key = prepared.key
        if key is not None:
            use = self._keys.get(key) or self._key_use(key)
            if use is not None:
                if use.who != prepared.who:
                    raise KeyReused(key)
                return Appended(use.first, use.last, repeated=True)
        after = prepared.after
        if after is not None and after != self.head.position:
            raise VersionConflict("the log", after, self.head.position)
        self.versions.update(self._expect(prepared))
        first = self.head.position + 1
        self._add(prepared)
        last = self.head.position
        if key is not None:
            self._keys[key] = KeyUse(first, last, prepared.who)
        if prepared.contents or prepared.outputs or prepared.erased:
            self._add_content(prepared)
        self.size += prepared.size
        return Appended(first, last)

    def _add_content(self, prepared: Prepared) -> None:
        for digest in (*prepared.contents, *prepared.outputs):
            self.erased.pop(digest, None)  # named again, it stands again
        self.contents.update(prepared.contents)
        self.outputs.update(prepared.outputs)
        self.erased.update(dict.fromkeys(prepared.erased))

    def _expect(self, prepared: Prepared) -> dict[str, int]:
        fresh: dict[str, int] = {}
        written = self.versions
        for stream, expected, last in prepared.spans:
            actual = fresh.get(stream)
            if actual is None:
                actual = written.get(stream)
            if actual is None:
                actual = self._version_of(stream, expected)
            if actual != expected:
                raise VersionConflict(stream, expected, actual)
            fresh[stream] = last
        return fresh

    def _add(self, prepared: Prepared) -> None:
        position, previous = self.head
        recorded_ns = max(self.recorded_ns, self._now_ns)
        meta, key = prepared.meta, prepared.key
        add = self.rows.append
        for stream, version, kind, revision, body in prepared.events:
            position += 1
            if kind == CLOCK_ACCEPTED:  # from here on the time of record is the accepted clock's
                recorded_ns = self._now_ns
            columns = (position, stream, version, kind, revision, recorded_ns, body, meta, key)
            previous = link(previous, columns)
            add((*columns, previous))
            key = None  # on the first event only
        self.head = Head(position, previous)
        self.recorded_ns = recorded_ns


def whose(meta: Meta) -> tuple[str, str | None]:
    """Return to whom a key in this envelope belongs: the actor and the digest of the command."""
    return meta.actor, meta.digest
