"""The ledger: what really happened, kept outside the log.

Services and clients append one line for each thing they do or are told. A line is one `write` to a
file opened for appending, so lines of several processes never mix and a killed one leaves no half.
"""

import os
from pathlib import Path
from typing import TypedDict

import msgspec
from msgspec import Struct

from scheduler.executor.clock import SystemClock
from tools.wishes import Told, ToldFact

_clock = SystemClock()


class Line(Struct, frozen=True, kw_only=True, tag_field="line", tag="line"):
    """When something happened, by two clocks; the monotonic one is the same in all processes."""

    at_ns: int
    monotonic_ns: int


class Called(Line, frozen=True, kw_only=True, tag="called"):
    """A service was called."""

    run: str
    attempt: int
    pid: int  # of the process that carries it out
    is_owner: bool  # whether that is the one that decided on it
    due_ns: int


class Alive(Line, frozen=True, kw_only=True, tag="alive"):
    """A service is still at work."""

    run: str
    attempt: int


class Ended(Line, frozen=True, kw_only=True, tag="ended"):
    """A service is about to return or to raise."""

    run: str
    attempt: int
    succeeded: bool


class StepDone(Line, frozen=True, kw_only=True, tag="step-done"):
    """The function of a step was really called, and is about to return."""

    run: str
    attempt: int
    name: str
    key: str | None  # under which the far end would know it again


class HandedOn(Line, frozen=True, kw_only=True, tag="handed-on"):
    """A service got the value of a step."""

    run: str
    attempt: int
    name: str
    made_in: int  # the attempt that made it


class Acknowledged(Line, frozen=True, kw_only=True, tag="acknowledged"):
    """A client was told that its wish is durable, and what it led to."""

    key: str
    first: int
    last: int
    facts: tuple[ToldFact, ...]


AnyLine = Called | Alive | Ended | StepDone | HandedOn | Acknowledged


class Stamp(TypedDict):
    """The fields of `Line`."""

    at_ns: int
    monotonic_ns: int


def stamp() -> Stamp:
    """Return the present by both clocks."""
    return {"at_ns": _clock.now_ns(), "monotonic_ns": _clock.monotonic_ns()}


class Ledger:
    """A file of lines, open for appending until this process ends."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)

    def write(self, line: AnyLine) -> None:
        """Append a line; it is there whatever becomes of this process now."""
        os.write(self._descriptor, msgspec.json.encode(line) + b"\n")

    def acknowledge(self, key: str, told: Told) -> None:
        """Note what a client was told, if it was told that something has happened."""
        if told.first is not None and told.last is not None:
            line = Acknowledged(
                key=key, first=told.first, last=told.last, facts=told.facts, **stamp()
            )
            self.write(line)

    def close(self) -> None:
        os.close(self._descriptor)


def lines_of(path: Path) -> list[AnyLine]:
    """Return what a ledger says so far, in the order in which it was written."""
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=AnyLine) for line in path.read_bytes().splitlines()]
