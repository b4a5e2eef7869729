import os
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from scheduler.model.content import Payload
from scheduler.model.invocations import Outcome, Output
from scheduler.model.jobs import RunId
from services import wire
from services.sources import Source
from tests.services.making import PATIENCE_S, invocation

OUTCOME = Outcome(
    run=RunId("run-1"),
    attempt=2,
    epoch=3,
    kind="error",
    error="ValueError: ü",
    duration_us=5,
    result=Payload(kind="json", text="1"),
    detail=Payload(digest="d", size=3, head="..."),
    fatal=True,
    retry_after=timedelta(seconds=1, microseconds=500_000),
    abandoned=True,
    output=Output("a\n", 1, 2),
    contents={"d": b"\0\xff"},
)


def body(message: bytes) -> bytes:
    incoming = wire.Incoming(1_000_000)
    incoming.feed(message)
    found = incoming.message()
    assert found is not None
    return found


def test_an_outcome_arrives_as_it_was_sent() -> None:
    ending = wire.Ending(outcome=OUTCOME)
    assert ending == wire.said_of(body(wire.packed(ending)))


def test_a_call_arrives_as_it_was_sent() -> None:
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    call = wire.Call(
        invocation=invocation(fire_time=at, window_start=at, input_text="x"),
        module="m",
        code="c",
        source=Source(path="/a.py", content=b"\xff", module="m"),
    )
    assert call == wire.call_of(body(wire.packed(call)))


def test_a_message_is_whole_when_its_last_byte_is_here() -> None:
    message = wire.packed(wire.Ending(outcome=OUTCOME))
    incoming = wire.Incoming(1_000_000)
    for byte in message[:-1]:
        incoming.feed(bytes([byte]))
        assert incoming.message() is None
    incoming.feed(message[-1:] + b"and more")
    assert message[4:] == incoming.message()


def test_a_message_that_announces_too_much_is_refused_by_its_length() -> None:
    incoming = wire.Incoming(10)
    incoming.feed(b"\0\0\0\x0a")
    with pytest.raises(wire.TooLong):
        wire.Incoming(10).feed(b"\0\0\0\x0b")


def test_what_is_no_outcome_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        wire.said_of(b"\x93")


def test_a_message_larger_than_a_pipe_goes_through_it() -> None:
    receiving, sending = os.pipe()
    large = Outcome(
        run=RunId("r"), attempt=1, epoch=1, kind="succeeded", contents={"d": b"x" * 1_000_000}
    )
    message = wire.packed(wire.Ending(outcome=large))
    thread = threading.Thread(target=wire.send, args=(sending, message))
    thread.start()
    assert message[4:] == wire.receive(receiving, wire.Incoming(2_000_000))
    thread.join(PATIENCE_S)
    os.close(sending)
    assert wire.receive(receiving, wire.Incoming(10)) is None
    os.close(receiving)


def test_half_a_message_is_none() -> None:
    receiving, sending = os.pipe()
    os.write(sending, wire.packed(wire.Ending(outcome=OUTCOME))[:-1])
    os.close(sending)
    assert wire.receive(receiving, wire.Incoming(1_000)) is None
    os.close(receiving)
