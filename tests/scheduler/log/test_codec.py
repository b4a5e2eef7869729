"""What is encoded comes back as it was; what does not is refused; what was damaged is named."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scheduler.log.codec import Codec, Columns, digests_of, instant
from scheduler.log.contract import Meta
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Damaged
from scheduler.model.events import (
    EVENT_TYPES,
    AnyEvent,
    AttemptFailed,
    AttemptLogged,
    AttemptStarted,
    JobDefined,
    JobPaused,
    JobRenamed,
    RunPlanned,
    RunSucceeded,
)
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.limits import ENVELOPES_KEPT_MAX, EVENT_BYTES_MAX
from scheduler.model.schedules import Manual
from tests.scheduler.log.writing import NOON_AT, RUN
from tools.dev.record_golden import specimens

NAMED = Payload(digest="d" * 64, size=2_000, head="head")
INLINE = Payload(text='"digest":"' + "e" * 64)


def row(event_type: str, body: bytes, *, meta: bytes | None = None) -> Columns:
    return 7, "fire/a", 1, event_type, 1, 0, body, meta, None


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_every_event_comes_back_equal(event_type: str) -> None:
    codec = Codec()
    for event in specimens(EVENT_TYPES[event_type]):
        encoded = codec.encode(event)
        assert event_type == encoded.type
        assert event == codec.decode(1, *encoded)


@given(name=st.text(max_size=50), was=st.text(max_size=50))
def test_every_text_comes_back_equal_or_is_refused(name: str, was: str) -> None:
    codec = Codec()
    event = JobRenamed(job=JobId("a"), name=name, was=was)
    assert event == codec.decode(1, *codec.encode(event))


def broken(**fields: object) -> AnyEvent:
    """Return an event that no type checker has seen."""
    return replace(AttemptStarted(run=RUN, attempt=1, epoch=1), **fields)


@pytest.mark.parametrize(
    "event",
    [
        broken(attempt=float("nan")),
        broken(attempt=None),
        broken(attempt="1"),
        broken(attempt=1.5),
        broken(run="\ud800"),
        broken(run=b"bytes"),
        broken(run=object()),
        broken(epoch=10**5_000),
    ],
)
def test_an_event_that_would_not_come_back_is_refused(event: AnyEvent) -> None:
    with pytest.raises(BadInput, match="attempt-started"):
        Codec().encode(event)


def test_a_body_may_be_as_large_as_the_limit_and_no_larger() -> None:
    def failed(size: int) -> AnyEvent:
        return AttemptFailed(run=RUN, attempt=1, kind="error", error="x" * size)

    overhead = len(Codec().encode(failed(0)).body)
    assert EVENT_BYTES_MAX == len(Codec().encode(failed(EVENT_BYTES_MAX - overhead)).body)
    with pytest.raises(BadInput, match=r"65,537 bytes; at most 65,536 \(EVENT_BYTES_MAX\)"):
        Codec().encode(failed(EVENT_BYTES_MAX - overhead + 1))


@pytest.mark.parametrize("reason", ["\udcff", "x" * EVENT_BYTES_MAX])
def test_an_envelope_that_cannot_be_kept_is_refused(reason: str) -> None:
    with pytest.raises(BadInput, match=r"\$\.meta"):
        Codec().encode_meta(Meta(actor="ben", reason=reason))


@pytest.mark.parametrize(
    ("event_type", "body"),
    [
        ("job-paused", b'{"type":"job-removed","job":"a"}'),
        ("job-paused", b'{"type":"job-paused"}'),
        ("job-paused", b'{"type":"job-paused","job":7}'),
        ("job-paused", b'{"job":"a"}'),
        ("job-paused", b""),
        ("job-paused", b"\xff"),
    ],
)
def test_a_body_that_does_not_fit_its_columns_is_damage(event_type: str, body: bytes) -> None:
    with pytest.raises(Damaged, match="event 7 is") as raised:
        Codec().decode_rows([row(event_type, body)])
    assert 7 == raised.value.position


def test_a_field_that_this_version_does_not_know_is_passed_over() -> None:
    body = b'{"type":"job-paused","job":"a","later":1}'
    assert [JobPaused(job=JobId("a"))] == [
        recorded.event for recorded in Codec().decode_rows([row("job-paused", body)])
    ]


def test_equal_envelopes_are_decoded_once() -> None:
    codec, body = Codec(), b'{"type":"job-paused","job":"a"}'
    meta = codec.encode_meta(Meta(actor="ben"))
    first, second = codec.decode_rows([row("job-paused", body, meta=bytes(meta))] * 2)
    assert Meta(actor="ben") == first.meta
    assert first.meta is second.meta


def test_an_envelope_that_does_not_decode_is_damage() -> None:
    with pytest.raises(Damaged, match="an envelope does not decode"):
        Codec().decode_meta(b"{}")


def test_the_envelopes_kept_are_bounded() -> None:
    codec = Codec()
    for number in range(3 * ENVELOPES_KEPT_MAX):
        codec.decode_meta(msgspec.json.encode({"actor": str(number)}))
    assert ENVELOPES_KEPT_MAX >= len(codec._envelopes)  # noqa: SLF001  # the bound is the point


def test_an_instant_is_rounded_down_to_the_microsecond() -> None:
    at = datetime(2262, 4, 11, 23, 47, 16, 854_775, tzinfo=UTC)
    assert at == instant(9_223_372_036_854_775_807)
    assert datetime(1970, 1, 1, tzinfo=UTC) == instant(999)


@pytest.mark.parametrize(
    ("event", "digests"),
    [
        (RunSucceeded(run=RUN, attempt=1, duration_us=1, result=NAMED), [NAMED.digest]),
        (RunSucceeded(run=RUN, attempt=1, duration_us=1, result=INLINE), []),
        (RunSucceeded(run=RUN, attempt=1, duration_us=1), []),
        (
            AttemptFailed(run=RUN, attempt=1, kind="error", error="", detail=NAMED),
            [NAMED.digest],
        ),
        (
            RunPlanned(
                run=RunId("r"),
                job=JobId("j"),
                cause="trigger",
                revision=1,
                due_time=NOON_AT,
                input=NAMED,
            ),
            [NAMED.digest],
        ),
        (
            JobDefined(
                job=JobId("j"),
                definition=Definition(name="n", service="s", schedule=Manual(), input=NAMED),
                cursor=NOON_AT,
            ),
            [NAMED.digest],
        ),
        (
            AttemptLogged(run=RUN, attempt=1, digest="f" * 64, size=1, head="", lines=1),
            ["f" * 64],
        ),
        (JobPaused(job=JobId("j")), []),
    ],
)
def test_an_event_tells_which_content_it_names(event: AnyEvent, digests: list[str]) -> None:
    assert digests == digests_of(event)


@pytest.mark.parametrize("event_type", sorted(set(EVENT_TYPES) - {"settings-loaded"}))
def test_no_event_names_content_unknown_to_verification(event_type: str) -> None:
    """On failure: name the new field in `payload_in`. The digest of settings is no content's."""
    for event in specimens(EVENT_TYPES[event_type]):
        assert (b'"digest":"' in Codec().encode(event).body) == bool(digests_of(event))
