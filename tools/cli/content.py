"""`content erase` and `show`: inputs, results, tracebacks and output, by digest.

What is erased is gone for everyone who names it; the events, which hold only digests, stay, and the
chain with them. A repeat of the same call is harmless, and finishes what a crash interrupted.
"""

from collections.abc import Sequence
from typing import Literal

import click

from scheduler.log.codec import payload_in
from scheduler.log.contract import ContentState, Log
from scheduler.model.commands import EraseContent
from scheduler.model.content import DIGEST_SHAPE, Payload, text_of
from scheduler.model.errors import BadInput, NotFound
from scheduler.model.events import ContentErased
from scheduler.model.json_values import shown as quoted
from scheduler.model.limits import DIGESTS_PER_WISH_MAX, NAMING_SHOWN_MAX
from scheduler.model.written import parse_duration
from tools.cli.asking import answer, ask, confirmed
from tools.cli.call import Call, pass_call
from tools.cli.holdings import Holdings, of_job, of_run
from tools.cli.options import prints, writes
from tools.cli.output import Record, Shape, show_record, shown
from tools.cli.reading import job_of, log_of, reading
from tools.wishes import Told

SHOWN = Shape(
    (
        *("digest", "state", "size", "kept_until", "kind", "salted"),
        *("named", "named_by", "erased_by", "text"),
    ),
    (),
)
State = Literal["kept", "erased", "expired"]


@writes("erase")
@click.argument("digests", nargs=-1, metavar="[DIGEST]...")
@click.option("--run", metavar="RUN", help="All that this run brought: input, results, output.")
@click.option("--job", metavar="JOB", help="All of its ended runs, and its former inputs.")
@click.option(
    "--older-than", metavar="DURATION", help="With --job: only what was over so long ago."
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask back, at a terminal.")
@pass_call
def erase(
    call: Call,
    /,
    *,
    digests: tuple[str, ...],
    run: str | None,
    job: str | None,
    older_than: str | None,
    yes: bool,
) -> int:
    """Remove content from the log for good.

    What a job or an open run still needs is not removed. Content is kept once: what is removed here
    is gone for every other run that names the same.
    """
    found, there, size = chosen(call, digests, run=run, job=job, older_than=older_than)
    question = f"Erase {counted(len(there))}, {size:,} bytes, for good?"
    if there and not (yes or call.dry_run or confirmed(question)):
        return 1
    if len(there) > DIGESTS_PER_WISH_MAX and call.key is not None:
        raise BadInput.at(
            "--key",
            f"stands for one wish, and more than {DIGESTS_PER_WISH_MAX:,} contents take several.",
            "Leave it out: a repeat is harmless",
        )
    told = erased(call, there or found.digests[:DIGESTS_PER_WISH_MAX])
    count = sum(fact.event.count for fact in told.facts if isinstance(fact.event, ContentErased))
    line = f"Erased {counted(count)}, {size:,} bytes." if count else "There was nothing to erase."
    facts = {"erased": count, "bytes": size if count else 0, "needed": found.needed}
    notes = []
    if found.needed:
        notes = [f"{counted(found.needed)} stay: the job, an open run or a newer one names them."]
    answer(call, told, [line], facts=facts, notes=notes)
    return 0


def chosen(
    call: Call,
    digests: tuple[str, ...],
    *,
    run: str | None,
    job: str | None,
    older_than: str | None,
) -> tuple[Holdings, list[str], int]:
    """Return what a call names, and what is there of it, with its size in bytes."""
    if [bool(digests), run is not None, job is not None].count(True) != 1:
        raise BadInput.at("DIGEST", "say what to erase: digests, --run RUN or --job JOB.")
    if older_than is not None and job is None:
        raise BadInput.at("--older-than", "belongs to --job.")
    with reading(call) as opened:
        log = opened.log
        if run is not None:
            from projections import read_runs

            found = of_run(log, read_runs.run(opened.views, run))
        elif job is not None:
            age = None if older_than is None else parse_duration(older_than, path="--older-than")
            found = of_job(opened, job_of(opened, job), None if age is None else call.now - age)
        else:
            found = Holdings(tuple(dict.fromkeys(map(checked, digests))))
            for digest in found.digests:
                state_of(log, digest)
        sizes = {digest: log.content_state(digest) for digest in found.digests}
    there = {
        digest: state.size
        for digest, state in sizes.items()
        if state is not None and state.size is not None
    }
    return found, list(there), sum(there.values())


def erased(call: Call, digests: Sequence[str]) -> Told:
    """Ask for the content to be erased, in as many wishes as it takes; return all that was told."""
    answers = [
        ask(call, EraseContent(digests=tuple(digests[start : start + DIGESTS_PER_WISH_MAX])))
        for start in range(0, len(digests) or 1, DIGESTS_PER_WISH_MAX)
    ]
    return Told(
        first=next((one.first for one in answers if one.first is not None), None),
        last=next((one.last for one in reversed(answers) if one.last is not None), None),
        facts=tuple(fact for one in answers for fact in one.facts),
        repeated=all(one.repeated for one in answers),
    )


@prints("show")
@click.argument("digest")
@pass_call
def show(call: Call, /, *, digest: str) -> None:
    """Show one content, and which events name it.

    The whole log is read for that.
    """
    digest = checked(digest)
    with log_of(call) as log:
        state = state_of(log, digest)
        raw = log.content(digest)
        payload, named, erased_by = naming(log, digest)
    text = None if raw is None else text_of(payload, raw)
    record: Record = {
        "digest": digest,
        "state": word_of(state),
        "size": state.size,
        "kept_until": state.kept_until,
        "kind": payload.kind,
        "salted": payload.salted,
        "named": len(named),
        "named_by": named[:NAMING_SHOWN_MAX],
        "erased_by": erased_by,
        "text": text,
    }
    show_record(call, SHOWN, record, told_lines(call, record, text))


def naming(log: Log, digest: str) -> tuple[Payload, list[Record], list[int]]:
    """Return how a content is named, by which events, and the positions that tell of its end."""
    payload = Payload(digest=digest)
    named: list[Record] = []
    erased_by: list[int] = []
    for recorded in log.follow(0):
        event = recorded.event
        if isinstance(event, ContentErased):
            erased_by += [recorded.position] if digest in event.digests else []
            continue
        found = payload_in(event)
        if found is not None and found.digest == digest:
            payload = found
            kind = type(event).__struct_config__.tag
            named.append({"position": recorded.position, "stream": recorded.stream, "type": kind})
    return payload, named, erased_by


def told_lines(call: Call, record: Record, text: str | None) -> list[str]:
    """Return a content as people read it."""
    told = [
        f"{name}  {value}"
        for name in ("digest", "state", "size", "kept_until")
        if (value := shown(record[name], call))
    ]
    named_by, erased_by = record["named_by"], record["erased_by"]
    if isinstance(named_by, list):
        told += [f"named by {one['position']}  {one['type']}  {one['stream']}" for one in named_by]
        more = int(str(record["named"])) - len(named_by)
        told += [f"... and by {more:,} more"] if more else []
    if isinstance(erased_by, list):
        told += [f"erased by {position}" for position in erased_by]
    return told + [f"  | {line}" for line in (text or "").splitlines()]


def checked(digest: str) -> str:
    """Return a digest as the log knows it.

    Raises: BadInput, when it is none.
    """
    found = digest.lower()
    if DIGEST_SHAPE.fullmatch(found) is None:
        raise BadInput.at("DIGEST", f"{quoted(digest)} is no digest of 64 hex digits.")
    return found


def state_of(log: Log, digest: str) -> ContentState:
    """Return how a content stands.

    Raises: NotFound, when the log never had it.
    """
    state = log.content_state(digest)
    if state is None:
        raise NotFound("content", digest)
    return state


def word_of(state: ContentState) -> State:
    """Return the one word for how a content stands."""
    if state.size is not None:
        return "kept"
    return "erased" if state.is_erased else "expired"


def counted(contents: int) -> str:
    """Return how many contents there are, in words."""
    return "1 content" if contents == 1 else f"{contents:,} contents"
