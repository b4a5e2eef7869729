"""What a projection is: tables folded from the log, that can be dropped and folded again.

A projection owns its tables' DDL and folds batches of events into them; the `projector` decides
when, and keeps the checkpoint. Tables bear a generation (`runs_3`), so that a new set can be built
beside the one in use; the stable SQL views bear the plain name, and are pointed at the set in use.

A projection may keep states in memory to spare itself reading, but never anything that its rows do
not tell as well: when a transaction fails, the object is thrown away and another goes on from the
rows. It is used by one thread at a time.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

import msgspec

from scheduler.log.contract import Recorded


class Projection(Protocol):
    """A view of the log, folded into the tables of one generation."""

    name: ClassVar[str]
    version: ClassVar[int]  # of tables and meaning; raised by a change of either, which rebuilds
    tables: ClassVar[tuple[str, ...]]  # their names, without the generation
    ddl: ClassVar[tuple[str, ...]]  # statements; {g} stands for the generation
    views: ClassVar[Mapping[str, str]]  # stable name -> SELECT; {g} as above

    def __init__(self, generation: int) -> None:
        """Fold into the tables of `generation`; nothing is read or written yet."""

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        """Fold the events, which follow those folded before, inside the caller's transaction."""


def stamp(at: datetime) -> str:
    """Return a UTC instant as 2026-03-01T10:05:00.000000Z: of one length, it sorts as it reads."""
    text = msgspec.json.encode(at).decode()  # in quotes; an eighth of the time of isoformat
    return text[1:-1] if at.microsecond else text[1:-2] + ".000000Z"


def instant(text: str) -> datetime:
    """Return the instant that `stamp` or `streams.compact` wrote."""
    return datetime.fromisoformat(text)


def maybe_stamp(at: datetime | None) -> str | None:
    """Return `stamp(at)`, None for None."""
    return None if at is None else stamp(at)


def maybe_instant(text: str | None) -> datetime | None:
    """Return `instant(text)`, None for None."""
    return None if text is None else datetime.fromisoformat(text)
