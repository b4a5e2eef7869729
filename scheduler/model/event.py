"""The root of all events, apart from them so that each room of them may build on it."""

from msgspec import Struct


class Event(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag="event"
):
    """The root of all facts."""
