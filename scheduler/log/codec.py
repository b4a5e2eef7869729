"""Events and envelopes as bytes, and back.

A body is the event's JSON with its tag in it, so that one decoder of the whole union reads every
event; the columns `type` and `revision` say the same beside it and must agree. Encoding is checked
by decoding: what was written can be read again, and equals what was handed in. That refuses a NaN
(JSON would make it null), a value of the wrong kind and whatever else a type checker did not see,
before it can stand in a log for ever.

`Codec` knows nothing of tables or chains. Its decoder is the hottest code of a restart: envelopes
repeat (all events of a request share one), so they are decoded once.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import msgspec

from scheduler.log.contract import Meta, Recorded
from scheduler.log.upcast import UPCASTERS, Body, Upcasters, lifted
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Damaged, UnknownEvent
from scheduler.model.events import (
    EVENT_TYPES,
    REVISIONS,
    AnyEvent,
    AttemptFailed,
    AttemptLogged,
    JobDefined,
    JobRevised,
    RunPlanned,
    RunSucceeded,
    ServiceCalled,
    StepCompleted,
)
from scheduler.model.limits import ENVELOPES_KEPT_MAX, EVENT_BYTES_MAX

EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
TAGS: dict[type[AnyEvent], str] = {kind: tag for tag, kind in EVENT_TYPES.items()}

# position, stream, version, type, revision, recorded_at, body, meta, request_key
Columns = tuple[int, str, int, str, int, int, bytes, bytes | None, str | None]


class Encoded(NamedTuple):
    """One event in the form the log keeps."""

    type: str
    revision: int
    body: bytes


class Codec:
    """Turns events and envelopes into bytes and back; bodies older than `revisions` are lifted."""

    def __init__(
        self,
        *,
        upcasters: Upcasters = UPCASTERS,
        revisions: Mapping[str, int] = REVISIONS,
    ) -> None:
        self._upcasters = upcasters
        self._revisions = revisions
        self._kinds = {kind: (tag, revisions[tag]) for kind, tag in TAGS.items()}
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(AnyEvent).decode
        self._decode_meta = msgspec.json.Decoder(Meta).decode
        self._envelopes: dict[bytes, Meta] = {}

    def encode(self, event: AnyEvent) -> Encoded:
        """Return the event as bytes.

        Raises: BadInput, when it is over EVENT_BYTES_MAX or would not come back as it is.
        """
        kind, revision = self._kinds[type(event)]
        try:
            body = self._encode(event)
            same = self._decode(body) == event
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as fault:
            raise BadInput.at("$", f'the event "{kind}" cannot be written: {fault}') from fault
        if not same:
            raise BadInput.at(
                "$",
                f'the event "{kind}" holds a value that JSON cannot keep, such as NaN or infinity',
            )
        if len(body) > EVENT_BYTES_MAX:
            raise BadInput.at(
                "$",
                f'the event "{kind}" is {len(body):,} bytes; at most {EVENT_BYTES_MAX:,}'
                " (EVENT_BYTES_MAX)",
            )
        return Encoded(kind, revision, body)

    def encode_meta(self, meta: Meta) -> bytes:
        """Return the envelope as bytes.

        Raises: BadInput, when it is over EVENT_BYTES_MAX or not text that can be kept.
        """
        try:
            encoded = self._encode(meta)
        except (msgspec.MsgspecError, TypeError, ValueError) as fault:
            raise BadInput.at("$.meta", f"cannot be written: {fault}") from fault
        if len(encoded) > EVENT_BYTES_MAX:
            raise BadInput.at(
                "$.meta",
                f"is {len(encoded):,} bytes; at most {EVENT_BYTES_MAX:,} (EVENT_BYTES_MAX)",
            )
        return encoded

    def decode(self, position: int, event_type: str, revision: int, body: bytes) -> AnyEvent:
        """Return the event of a row.

        Raises: UnknownEvent, when a newer Horolog wrote it; Damaged, when it is none of ours.
        """
        ours = self._revisions.get(event_type)
        if ours is None or revision > ours:
            raise UnknownEvent(position, event_type, revision, ours=our_version())
        try:
            if revision == ours:
                event: AnyEvent = self._decode(body)
            else:
                lifted_body = lifted(
                    strict(body), event_type, revision, to=ours, upcasters=self._upcasters
                )
                event = msgspec.convert(lifted_body, AnyEvent)
        except (msgspec.MsgspecError, ValueError) as fault:
            raise Damaged(
                f'The log is damaged: event {position:,} is no "{event_type}": {fault}',
                position=position,
            ) from fault
        if TAGS[type(event)] != event_type:
            raise Damaged(
                f'The log is damaged: event {position:,} is called "{event_type}" and holds'
                f' "{TAGS[type(event)]}"',
                position=position,
            )
        return event

    def decode_meta(self, encoded: bytes) -> Meta:
        """Return the envelope; equal bytes give the same object.

        Raises: Damaged.
        """
        known = self._envelopes.get(encoded)
        if known is not None:
            return known
        try:
            meta = self._decode_meta(encoded)
        except (msgspec.MsgspecError, ValueError) as fault:
            raise Damaged(f"The log is damaged: an envelope does not decode: {fault}") from fault
        if len(self._envelopes) >= ENVELOPES_KEPT_MAX:
            self._envelopes.clear()
        self._envelopes[encoded] = meta
        return meta

    def decode_rows(self, rows: Iterable[Columns]) -> list[Recorded]:
        """Return the rows as events, in their order.

        Raises: UnknownEvent, Damaged.
        """
        known_revision = self._revisions.get
        known_meta = self._envelopes.get
        decode, tags = self._decode, TAGS
        events: list[Recorded] = []
        add = events.append
        last_ns, last_at = 0, EPOCH_AT
        for (
            position,
            stream,
            number,
            event_type,
            revision,
            recorded_ns,
            body,
            envelope,
            key,
        ) in rows:
            if recorded_ns != last_ns:  # one commit has one time of record
                last_ns, last_at = recorded_ns, instant(recorded_ns)
            if known_revision(event_type) == revision:
                try:
                    event = decode(body)
                except (msgspec.MsgspecError, ValueError):
                    event = self.decode(position, event_type, revision, body)  # says what is wrong
                if tags[type(event)] != event_type:
                    event = self.decode(position, event_type, revision, body)
            else:
                event = self.decode(position, event_type, revision, body)
            meta = None
            if envelope is not None:
                meta = known_meta(envelope) or self.decode_meta(envelope)
            add(Recorded(position, stream, number, last_at, event, meta, key))
        return events


def instant(nanoseconds: int) -> datetime:
    """Return nanoseconds since 1970 as an instant, rounded down to the microsecond."""
    return EPOCH_AT + timedelta(microseconds=nanoseconds // 1_000)


def strict(body: bytes) -> Body:
    """Return a JSON object as a dict; NaN, infinities and keys given twice are a ValueError."""
    value: Any = json.loads(body, object_pairs_hook=_once, parse_constant=_refused)
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  # about the text, not about a type of ours
    return value


def _once(pairs: list[tuple[str, Any]]) -> Body:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")


def payload_in(event: AnyEvent) -> Payload | None:
    """Return the input, result, traceback or output that an event holds or names."""
    match event:
        case RunPlanned(input=payload) | ServiceCalled(input=payload):
            return payload
        case RunSucceeded(result=payload) | StepCompleted(result=payload):
            return payload
        case AttemptFailed(detail=payload):
            return payload
        case JobDefined(definition=definition) | JobRevised(definition=definition):
            return definition.input
        case AttemptLogged():
            return Payload(digest=event.digest, size=event.size, head=event.head)
        case _:
            return None


def digests_of(event: AnyEvent) -> list[str]:
    """Return the digests of the content an event names."""
    payload = payload_in(event)
    return [payload.digest] if payload is not None and payload.digest is not None else []


def our_version() -> str:
    """Return the version of Horolog that is running, for messages."""
    try:
        return version("horolog")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "this one"
