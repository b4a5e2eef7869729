"""Pauses as the log tells them, each with its end: which one held a fire time back.

A pause ends by itself or is resumed, whichever the log says; asked for again, it has another end.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from scheduler.log.contract import Recorded
from scheduler.model import events as e


class Pause(Struct, frozen=True):
    """What somebody paused, and until when that held; None when it holds still."""

    recorded: Recorded
    until: datetime | None


def pauses_in(told: Iterable[Recorded]) -> Iterator[Pause]:
    """Yield the pauses of one stream, a job's own or those of everything, the oldest first."""
    begun: Recorded | None = None
    for recorded in told:
        match recorded.event:
            case e.JobPaused() | e.SystemPaused() | e.LogRestored():
                if begun is not None:
                    yield Pause(begun, recorded.recorded_at)
                begun = recorded
            case e.JobResumed(at=at) | e.SystemResumed(at=at):
                if begun is not None:
                    yield Pause(begun, at)
                begun = None
            case _:
                continue
    if begun is not None:
        yield Pause(begun, until_of(begun.event))


def until_of(event: e.AnyEvent) -> datetime | None:
    """Return when a pause ends by itself; None when it does not."""
    return event.until if isinstance(event, e.JobPaused | e.SystemPaused) else None


def pause_at(at: datetime, pauses: Iterable[Pause], *, before: int) -> Recorded | None:
    """Return the pause that kept a fire time from being decided, of those before a position.

    Of several that held at that instant the one that began last; else the first that came while the
    fire time was still undecided.
    """
    found = [
        one
        for one in pauses
        if one.recorded.position < before and (one.until is None or at <= one.until)
    ]
    held = [one.recorded for one in found if one.recorded.recorded_at <= at]
    if held:
        return max(held, key=lambda one: one.position)
    return min((one.recorded for one in found), key=lambda one: one.position, default=None)
