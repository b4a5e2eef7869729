"""What a decision answers with: events, each with the stream it belongs to."""

from typing import NamedTuple

from scheduler.model.events import AnyEvent


class Fact(NamedTuple):
    """An event to append to a stream."""

    stream: str
    event: AnyEvent
