"""`log`: the events themselves, straight from the log; no view stands between.

It reads in pages, so a log of any length is listed in bounded memory. Filters look at the envelope
and at whose stream an event stands in; what events mean is not known here.
"""

from collections.abc import Iterator
from functools import lru_cache

import click
import msgspec

from scheduler.log.contract import Log, Recorded
from scheduler.model.errors import BadInput, Damaged, NotFound
from scheduler.model.events import EVENT_TYPES, BackfillRequested, RunPlanned
from scheduler.model.jobs import JobId
from scheduler.model.limits import SHOWN_EVENTS_MAX, STREAMS_KNOWN_MAX
from scheduler.model.nearness import nearest
from scheduler.model.streams import fire_of
from tools.cli.call import Call, pass_call
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, show_record, show_rows
from tools.cli.reading import job_named, log_of

FIELDS = (
    "position",
    "recorded_at",
    "type",
    "stream",
    "version",
    "actor",
    "on_behalf_of",
    "reason",
    "channel",
    "cause",
    "epoch",
    "key",
    "body",
)
LISTED = Shape(FIELDS, ("position", "recorded_at", "type", "stream", "actor", "reason"))
WHOLE = Shape(FIELDS, FIELDS)
VERIFIED = Shape(("events", "position", "hash", "fault", "fault_position"), ("events",))
LISTED_DEFAULT = 1_000
FOLLOW_S = 1.0  # one wait for new events; an interruption is noticed between two


@prints("list")
@click.option("--after", type=click.IntRange(0), default=0, metavar="POSITION", help="Later ones.")
@click.option("--until", type=click.IntRange(0), metavar="POSITION", help="Up to this one.")
@click.option("--stream", metavar="NAME", help="Only those of this stream.")
@click.option("--job", metavar="JOB", help="Only those of this job and its runs.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type; repeatable.")
@click.option(
    "--limit",
    type=click.IntRange(1, SHOWN_EVENTS_MAX),
    default=LISTED_DEFAULT,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@pass_call
def list_events(
    call: Call,
    /,
    *,
    after: int,
    until: int | None,
    stream: str | None,
    job: str | None,
    types: tuple[str, ...],
    limit: int,
) -> None:
    """List events, the oldest first."""
    for name in types:
        refuse_unknown_type(name)
    job_id = None if job is None else JobId(job_named(call, job).job_id)
    with log_of(call) as log:
        found = wanted(log, after=after, until=until, stream=stream, job=job_id, types=types)
        last = 0

        def shown() -> Iterator[Record]:
            nonlocal last
            for count, recorded in enumerate(found, start=1):
                last = recorded.position if count == limit else 0
                yield record_of(recorded)
                if count == limit:
                    return

        show_rows(call, LISTED, shown())
        if last and last < log.head().position and call.form.kind == "people":
            note(f"{limit:,} events are shown; for the next: --after {last}")


@prints("show")
@click.argument("position", type=click.IntRange(1))
@pass_call
def show(call: Call, /, *, position: int) -> None:
    """Show one event whole."""
    with log_of(call) as log:
        found = log.read(after=position - 1, until=position)
        if not found:
            raise NotFound("event", f"{position}", f"The last one is {log.head().position}")
        show_record(call, WHOLE, record_of(found[0]))


@prints("tail")
@click.option(
    "-n",
    "count",
    type=click.IntRange(0, SHOWN_EVENTS_MAX),
    default=20,
    show_default=True,
    metavar="N",
    help="So many to begin with.",
)
@click.option("--follow/--no-follow", "-f", default=False, help="Go on with new events.")
@pass_call
def tail(call: Call, /, *, count: int, follow: bool) -> None:
    """Print the newest events, and follow."""
    with log_of(call) as log:
        after = max(log.head().position - count, 0)

        def coming() -> Iterator[Record]:
            nonlocal after
            while True:
                for recorded in log.follow(after):
                    after = recorded.position
                    yield record_of(recorded)
                if not follow:
                    return
                while not log.wait(after, FOLLOW_S):
                    pass

        if follow and call.form.kind == "json":
            raise BadInput.at("--json", "has no end while following.", "Use --jsonl")
        show_rows(call, LISTED, coming())


@prints("verify")
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="POSITION", help="From there on."
)
@click.option("--trusted", metavar="HASH", help="The hash of that event, kept elsewhere.")
@pass_call
def verify(call: Call, /, *, after: int, trusted: str | None) -> int:
    """Verify the chain of all events.

    Exit code 8 when it does not verify. The hash that is printed, kept elsewhere, is what a later
    verification can be held against.
    """
    with log_of(call) as log:
        report = log.verify(after=after, trusted=hash_of(trusted))
    record: Record = {
        "events": report.events,
        "position": report.head.position,
        "hash": report.head.hash.hex(),
        "fault": report.fault,
        "fault_position": report.position,
    }
    good = f"{report.events:,} events verified; the last is {report.head.position:,}, hash "
    lines = [] if report.fault else [good + report.head.hash.hex()]
    show_record(call, VERIFIED, record, lines)
    if report.fault is None:
        return 0
    if call.form.kind == "people":
        note(
            f"The log is damaged: {report.fault}. Nothing is fired. Keep the file; "
            "restore a copy: horolog db restore"
        )
    return Damaged.exit_code


def hash_of(text: str | None) -> bytes | None:
    """Return the bytes of a hash typed in hex, None when none was."""
    if text is None:
        return None
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32:  # noqa: PLR2004  # bytes of SHA-256
        raise BadInput.at("--trusted", "is no SHA-256 in hex.", "64 characters of 0-9 and a-f")
    return found


def refuse_unknown_type(name: str) -> None:
    """Refuse a type of events that there is not."""
    if name not in EVENT_TYPES:
        near = nearest(name, EVENT_TYPES)
        hint = f"Did you mean {near}?" if near else f"Known: {', '.join(EVENT_TYPES)}"
        raise BadInput.at("--type", f"there are no events of type {name!r}.", hint)


def wanted(
    log: Log,
    *,
    after: int,
    until: int | None,
    stream: str | None,
    job: JobId | None,
    types: tuple[str, ...],
) -> Iterator[Recorded]:
    """Yield the events of a stretch of the log that pass the filters, page by page."""

    @lru_cache(STREAMS_KNOWN_MAX)
    def job_asked(name: str) -> JobId | None:
        first = log.read(stream=name, limit=1)
        event = first[0].event if first else None
        return event.job if isinstance(event, RunPlanned | BackfillRequested) else None

    def is_of_job(recorded: Recorded) -> bool:
        kind, _, rest = recorded.stream.partition("/")
        if kind in {"job", "skips"}:
            return rest == job
        if kind in {"call", "backfill"}:
            return job_asked(recorded.stream) == job
        occurrence = fire_of(recorded.stream)
        return occurrence is not None and occurrence[1] == job

    while page := log.read(after=after, until=until, stream=stream):
        for recorded in page:
            if types and type_of(recorded) not in types:
                continue
            if job is None or is_of_job(recorded):
                yield recorded
        after = page[-1].position


def type_of(recorded: Recorded) -> str:
    """Return the literal type of an event."""
    return str(recorded.event.__struct_config__.tag)


def record_of(recorded: Recorded) -> Record:
    """Return an event as scripts read it."""
    meta = recorded.meta
    body = msgspec.to_builtins(recorded.event)
    body.pop("type")
    return {
        "position": recorded.position,
        "recorded_at": recorded.recorded_at,
        "type": type_of(recorded),
        "stream": recorded.stream,
        "version": recorded.version,
        "actor": meta.actor if meta else None,
        "on_behalf_of": meta.on_behalf_of if meta else None,
        "reason": meta.reason if meta else None,
        "channel": meta.channel if meta else None,
        "cause": meta.cause if meta else None,
        "epoch": meta.epoch if meta else None,
        "key": recorded.key,
        "body": body,
    }
