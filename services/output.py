"""The lines an attempt writes, kept with its run: all when they are few, else their two ends.

The beginning says how it set out and the end how it came out; what lies between is counted, not
kept, so a service that writes without end costs no more than one that does not. A secret that was
read is no part of what is kept, wherever it stands: whole, or cut in two by the gap.
"""

import threading

from scheduler.model.invocations import Output
from scheduler.model.limits import OUTPUT_BYTES_MAX
from services.connections.secrets import Secrets

_MARK_BYTES = 64  # for the line that stands where bytes are missing


class Lines:
    """What was written so far, in at most `bytes_max` and a half; any thread may write."""

    def __init__(self, bytes_max: int = OUTPUT_BYTES_MAX, secrets: Secrets | None = None) -> None:
        self._bytes_max = bytes_max
        self._secrets = secrets
        self._half = (bytes_max - _MARK_BYTES) // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped_bytes = 0
        self._newlines = 0
        self._unfinished = False
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        """Add some bytes of UTF-8; they need not end where a line does."""
        if not chunk:
            return
        with self._lock:
            self._newlines += chunk.count(b"\n")
            self._unfinished = not chunk.endswith(b"\n")
            room = self._half - len(self._head)
            if room > 0 and not self._tail:
                self._head += chunk[:room]
                chunk = chunk[room:]
            self._tail += chunk
            if len(self._tail) > 2 * self._half:  # not at each write: that would copy it each time
                self._cut_tail()

    def output(self) -> Output | None:
        """Return what was kept, None when nothing was written."""
        with self._lock:
            if not self._head:
                return None
            if len(self._tail) > self._half:
                self._cut_tail()
            lines = self._newlines + self._unfinished
            if not self._dropped_bytes:
                return self._bounded(self._redacted(_text(self._head + self._tail)), lines)
            head, tail = self._whole_lines()
            dropped = self._dropped_bytes + len(self._head + self._tail) - len(head + tail)
            first, last = self._redacted(_text(head)), self._redacted(_text(tail))
            if self._secrets is not None:
                first, last = self._secrets.without_cut_ones(first, last)
            end = "" if first.endswith("\n") else "\n"
            mark = f"{end}[... {dropped} bytes not kept ...]\n"
            return self._bounded(first + mark + last, lines, dropped)

    def _redacted(self, text: str) -> str:
        return text if self._secrets is None else self._secrets.redact(text)

    def _bounded(self, text: str, lines: int, dropped_bytes: int = 0) -> Output:
        """Return the output; a text that grew when its secrets were replaced is cut once more."""
        encoded = text.encode()
        if len(encoded) <= self._bytes_max:
            return Output(text=text, lines=lines, dropped_bytes=dropped_bytes)
        again = Lines(self._bytes_max)
        again.write(encoded)
        cut = again.output() or Output(text="", lines=0)
        dropped_bytes += cut.dropped_bytes
        return Output(text=cut.text, lines=lines, dropped_bytes=dropped_bytes)

    def _cut_tail(self) -> None:
        surplus = len(self._tail) - self._half
        del self._tail[:surplus]
        self._dropped_bytes += surplus

    def _whole_lines(self) -> tuple[bytearray, bytearray]:
        """Return head and tail without the lines the gap cut in two, if any whole one is left."""
        head_end = self._head.rfind(b"\n") + 1
        tail_start = self._tail.find(b"\n") + 1
        head = self._head[:head_end] if head_end else self._head
        tail = self._tail[tail_start:] if 0 < tail_start < len(self._tail) else self._tail
        return head, tail


def _text(kept: bytearray) -> str:
    return kept.decode("utf-8", "replace")
