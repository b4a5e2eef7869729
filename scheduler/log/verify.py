"""Verification: follows the chain through the rows and compares content with its digests.

`Links` is fed rows in order, page by page, by whichever engine holds them, and keeps the first
fault it meets; what comes after a fault cannot be judged. It decodes only events that name content,
so a log written in part by a newer Horolog still verifies. The sentence of a fault ends where the
advice begins; that is the command line's.
"""

import struct
from collections.abc import Callable, Iterable, Sequence

from scheduler.log.admit import CLOCK_ACCEPTED, Row
from scheduler.log.chain import FIRST, link
from scheduler.log.codec import Codec, digests_of
from scheduler.log.contract import Head, Report
from scheduler.model.content import digest_of
from scheduler.model.errors import Corrupt, UnknownEvent

_NAMES_CONTENT = b'"digest":"'  # inside a JSON string the quotes would be escaped


class Links:
    """The chain as followed so far, and the first fault in it."""

    def __init__(self, after: int, trusted: bytes | None, codec: Codec) -> None:
        """Begin behind event `after`: the first row to come is that event, its hash `trusted`."""
        self.head = Head(after, FIRST if trusted is None else trusted)
        self._after = after
        self._trusted = trusted
        self._codec = codec
        self._anchored = after == 0
        self._recorded_ns = 0
        self._fault: tuple[str, int] | None = None

    def check(self, rows: Sequence[Row], has_content: Callable[[str], bool]) -> bool:
        """Follow the chain through `rows`; False when a fault was met, now or before."""
        for row in rows:
            if self._fault is None:
                self._check(row, has_content)
        return self._fault is None

    def end(self, until: int) -> None:
        """Take note that there are no more rows, and that `until` was to be the last."""
        if self._fault is None and self.head.position < until:
            missing = self.head.position + 1
            self._fail(missing, f"event {missing:,} is missing; the last should be {until:,}")

    def report(self, content_fault: str | None) -> Report:
        """Return what was found; the chain's fault comes before that of the content."""
        if self._fault is None and not self._anchored:
            self._fail(self._after, f"event {self._after:,}, from which to verify, is not there")
        events = self.head.position - self._after
        if self._fault is None:
            return Report(events, self.head, content_fault)
        sentence, position = self._fault
        good = f". Events {self._after + 1:,}–{self.head.position:,} are good" if events else ""
        return Report(events, self.head, sentence + good, position)

    def _check(self, row: Row, has_content: Callable[[str], bool]) -> None:
        position, recorded_ns, found = row[0], row[5], row[9]
        if not self._anchored:
            self._anchor(position, found)
        elif position != self.head.position + 1:
            missing = self.head.position + 1
            self._fail(missing, f"event {missing:,} is missing; the next is {position:,}")
        elif not self._follows(row):
            self._fail(position, f"event {position:,} does not follow from {position - 1:,} (hash)")
        elif recorded_ns < self._recorded_ns and row[3] != CLOCK_ACCEPTED:
            self._fail(position, f"event {position:,} was recorded before {position - 1:,}")
        elif _NAMES_CONTENT in row[6] and (lost := self._lost(row, has_content)):
            self._fail(position, f"content {lost:.12}…, named by event {position:,}, is missing")
        if self._fault is None:
            self.head = Head(position, found)
            self._recorded_ns = recorded_ns

    def _follows(self, row: Row) -> bool:
        try:
            return link(self.head.hash, row[:9]) == row[9]
        except (AttributeError, TypeError, struct.error):  # a column of another kind
            return False

    def _anchor(self, position: int, found: bytes) -> None:
        if position != self._after:
            self._fail(self._after, f"event {self._after:,}, from which to verify, is not there")
        elif self._trusted is not None and found != self._trusted:
            self._fail(position, f"event {position:,} has another hash than the one trusted")
        self._anchored = True

    def _lost(self, row: Row, has_content: Callable[[str], bool]) -> str | None:
        try:
            event = self._codec.decode(row[0], row[3], row[4], row[6])
        except UnknownEvent:
            return None  # written by a newer Horolog, which knows where its digests stand
        except Corrupt as fault:
            self._fail(row[0], str(fault))
            return None
        return next((digest for digest in digests_of(event) if not has_content(digest)), None)

    def _fail(self, position: int, sentence: str) -> None:
        self._fault = self._fault or (sentence, position)


def check_content(contents: Iterable[tuple[str, object]]) -> str | None:
    """Return a sentence on the first content whose bytes do not have its digest."""
    for digest, content in contents:
        if content is None:
            continue
        if not isinstance(content, bytes) or digest_of(content) != digest:
            return f"content {digest:.12}… was changed: its bytes have another digest"
    return None
