"""Every event ever written is decoded for ever, and none changes under its revision."""

import pytest

from scheduler.log.codec import Codec
from scheduler.log.upcast import UPCASTERS
from scheduler.model.events import EVENT_TYPES, REVISIONS
from tools.dev.record_golden import recorded, specimens, today

GOLDEN = recorded()


@pytest.mark.parametrize(("event_type", "revision"), sorted(GOLDEN))
def test_an_event_of_every_release_is_decoded(event_type: str, revision: int) -> None:
    codec = Codec()
    for body in GOLDEN[event_type, revision]:
        event = codec.decode(1, event_type, revision, body.encode())
        assert EVENT_TYPES[event_type] is type(event)


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_an_event_of_today_is_recorded_and_keeps_its_form_under_its_revision(
    event_type: str,
) -> None:
    """On failure: raise the revision, add an upcaster, run `python -m tools.dev.record_golden`."""
    name = event_type, REVISIONS[event_type]
    assert GOLDEN.get(name) == today()[name]


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_an_event_of_today_is_decoded_from_its_specimen(event_type: str) -> None:
    codec, revision = Codec(), REVISIONS[event_type]
    found = [
        codec.decode(1, event_type, revision, body.encode())
        for body in GOLDEN[event_type, revision]
    ]
    assert specimens(EVENT_TYPES[event_type]) == found


def test_every_revision_before_todays_has_an_upcaster_and_specimens() -> None:
    past = {(name, old) for name, revision in REVISIONS.items() for old in range(1, revision)}
    assert past == set(UPCASTERS)
    assert past <= set(GOLDEN)
