"""Bodies of old events are lifted to today's form, step by step; newer ones stop the reader."""

import pytest

from scheduler.log.codec import Codec
from scheduler.log.upcast import Body, lifted
from scheduler.model.errors import Damaged, UnknownEvent
from scheduler.model.events import REVISIONS, AttemptFailed
from scheduler.model.jobs import RunId

FAILED = "attempt-failed"


def kind_for_why(body: Body) -> Body:
    return {**{name: value for name, value in body.items() if name != "why"}, "kind": body["why"]}


def with_attempt(body: Body) -> Body:
    return {**body, "attempt": 1}


UPCASTERS = {(FAILED, 1): kind_for_why, (FAILED, 2): with_attempt}


@pytest.fixture
def codec() -> Codec:
    return Codec(upcasters=UPCASTERS, revisions={**REVISIONS, FAILED: 3})


@pytest.mark.parametrize(
    ("revision", "body"),
    [
        (1, b'{"type":"attempt-failed","run":"r","why":"crash","error":"gone"}'),
        (2, b'{"type":"attempt-failed","run":"r","kind":"crash","error":"gone"}'),
        (3, b'{"type":"attempt-failed","run":"r","kind":"crash","error":"gone","attempt":1}'),
    ],
)
def test_a_body_of_each_revision_is_todays_event(codec: Codec, revision: int, body: bytes) -> None:
    expected = AttemptFailed(run=RunId("r"), attempt=1, kind="crash", error="gone")
    assert expected == codec.decode(9, FAILED, revision, body)


def test_old_and_new_rows_of_one_page_are_lifted_alike(codec: Codec) -> None:
    old = b'{"type":"attempt-failed","run":"r","why":"crash","error":"gone"}'
    new = b'{"type":"attempt-failed","run":"r","kind":"crash","error":"gone","attempt":1}'
    first, second = codec.decode_rows(
        [
            (1, "fire/a", 1, FAILED, 1, 0, old, None, None),
            (2, "fire/a", 2, FAILED, 3, 0, new, None, None),
        ]
    )
    assert first.event == second.event


def test_an_upcaster_is_not_asked_for_bodies_of_today() -> None:
    assert {"a": 1} == lifted({"a": 1}, FAILED, 3, to=3, upcasters=UPCASTERS)


def test_a_revision_that_was_never_released_is_damage() -> None:
    with pytest.raises(Damaged, match='no revision 1 of "run-held" was ever released'):
        lifted({}, "run-held", 1, to=3, upcasters=UPCASTERS)


@pytest.mark.parametrize(("event_type", "revision"), [(FAILED, 4), ("run-suspended", 1)])
def test_an_event_of_a_newer_horolog_stops_the_reader_and_names_its_position(
    codec: Codec, event_type: str, revision: int
) -> None:
    newer = (81_204, "fire/a", 1, event_type, revision, 0, b"{}", None, None)
    with pytest.raises(UnknownEvent, match=f'position 81,204 is of type "{event_type}"') as raised:
        codec.decode_rows([newer])
    assert (81_204, revision) == (raised.value.position, raised.value.revision)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"attempt-failed","run":"r","why":"crash","why":"error","error":"x"}',
        b'{"type":"attempt-failed","run":"r","why":"crash","error":NaN}',
        b"[]",
        b'{"type":',
        b'{"type":"attempt-failed","run":"r","why":"no such kind","error":"x"}',
    ],
)
def test_an_old_body_that_is_no_plain_json_object_is_damage(codec: Codec, body: bytes) -> None:
    with pytest.raises(Damaged, match=r'event 9 is no "attempt-failed"') as raised:
        codec.decode(9, FAILED, 1, body)
    assert 9 == raised.value.position
