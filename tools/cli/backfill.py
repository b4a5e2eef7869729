"""`backfill plan`, `start`, `pause`, `resume` and `cancel`: runs of a past window, asked for.

`--from` is inclusive and `--until` exclusive, as people mean them; the wish has the window (after,
until] of whole seconds. What a backfill would do is always shown before it is asked for
(`backfill_plan`); who advances it is the server.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, TypedDict, Unpack, get_args

import click

from projections.rows import BackfillRow, JobRow
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.backfill_events import Only, Order
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.instants import SECOND
from scheduler.model.jobs import BackfillId
from scheduler.model.json_values import shown as quoted
from scheduler.model.limits import BACKFILL_CONCURRENCY_MAX, BACKFILL_PER_MINUTE_MAX
from scheduler.model.streams import compact
from tools.app import open_wishes
from tools.cli.asking import ANSWER_FIELDS, answer, ask, confirmed
from tools.cli.backfill_plan import PLAN_FIELDS, Plan, lines_of, plan_of, record_of
from tools.cli.call import Call, pass_call
from tools.cli.lengths import counted
from tools.cli.options import prints, writes
from tools.cli.output import Shape, note, show_record
from tools.cli.reading import (
    backfill_named,
    is_served,
    job_to_change,
    log_of,
    stored_under,
    usual_duration,
)
from tools.wishes import Told

RATE: Final = re.compile(r"([0-9]{1,9}) ?(?:/ ?min)?", re.ASCII)
BACKFILL_FIELDS: Final = ("backfill", "job", "job_id", *ANSWER_FIELDS)
PLAN: Final = Shape(("job", "job_id", *PLAN_FIELDS), ())
LOOKING: Final = "to see what a backfill would do"  # why a wish is decided that is not stored
TYPED: Final = {
    "$.after": "--from",
    "$.until": "--until",
    "$.concurrency": "--concurrency",
    "$.per_minute": "--rate",
}
REPEATED: Final = "It was asked for before, under this key; nothing more is started."
NOBODY_ADVANCES: Final = "Nobody serves this log; `horolog serve` carries it out."


class Asked(TypedDict):
    """What is said of a backfill, as it was typed."""

    since: str
    until: str | None
    only: Only
    order: Order
    concurrency: int
    rate: str | None
    callbacks: bool
    schedule: Literal["then", "current"]


def backfill_options() -> list[click.Parameter]:
    """Return new parameters for a backfill: the job, its window, and how it is gone through."""
    choice = click.Choice
    return [
        click.Argument(["job"]),
        click.Option(
            ["--from", "since"],
            metavar="INSTANT",
            required=True,
            help="Fire times from here on, inclusive.",
        ),
        click.Option(
            ["--until"],
            metavar="INSTANT",
            help="... and before this one; else up to where the job is decided.",
        ),
        click.Option(
            ["--only"],
            type=choice(get_args(Only)),
            default="missing",
            show_default=True,
            help="Those that have no run, those whose last run failed or expired, or all.",
        ),
        click.Option(
            ["--order"],
            type=choice(get_args(Order)),
            default="oldest",
            show_default=True,
            help="Which comes first.",
        ),
        click.Option(
            ["--concurrency"],
            type=click.IntRange(1, BACKFILL_CONCURRENCY_MAX),
            default=1,
            show_default=True,
            metavar="N",
            help="At most so many of its runs at once.",
        ),
        click.Option(["--rate"], metavar="N/min", help="At most so many runs begun a minute."),
        click.Option(
            ["--callbacks"],
            is_flag=True,
            help="Have each run call back; else only the end of the whole does.",
        ),
        click.Option(
            ["--schedule"],
            type=choice(["then", "current"]),
            default="then",
            show_default=True,
            help="Whose fire times: those of the schedule of that time, or of today's.",
        ),
    ]


@prints("plan", *PLAN.fields)
@pass_call
def plan(call: Call, /, *, job: str, **asked: Unpack[Asked]) -> None:
    """Say what a backfill would do, and how long it would take.

    Nothing is stored.
    """
    row = job_to_change(call, job)
    planned = plan_for(call, wish_for(call, row, asked))
    record = {"job": row.name, "job_id": row.job_id, **record_of(planned)}
    show_record(call, PLAN, record, lines_of(call, row.name, planned))


@writes("start", "backfill", "job", "job_id", *PLAN_FIELDS, *ANSWER_FIELDS)
@click.option("--yes", "-y", is_flag=True, help="Do not ask back at a terminal.")
@pass_call
def start(call: Call, /, *, job: str, yes: bool, **asked: Unpack[Asked]) -> int:
    """Run the occurrences of a past window.

    What that means is shown first. A server carries it out, through crashes and restarts; asked for
    again, `missing` and `failed` run nothing twice.
    """
    row = job_to_change(call, job)
    wish = wish_for(call, row, asked)
    is_repeat = not call.dry_run and bool(stored_under(call, call.key))
    planned = None if is_repeat else plan_for(call, wish)
    lines = [] if planned is None else list(lines_of(call, row.name, planned))
    is_for_people = call.form.kind == "people"
    is_asking = is_for_people and not (yes or call.dry_run or is_repeat)
    if is_for_people and not call.dry_run:
        for line in lines:
            note(line)
    if is_asking and not confirmed("Start it?"):
        return 1
    with told_as_flags():
        told = ask(call, wish)
    asked_for = request_in(told)
    backfill = asked_for.backfill
    if planned is None or told.repeated:
        planned = plan_as_asked(call, asked_for, before=told.first)
    record = record_of(planned)
    facts = {"backfill": backfill, "job": row.name, "job_id": row.job_id, **record}
    notes = [] if is_served(call) else [NOBODY_ADVANCES]
    if is_repeat and is_for_people:
        for line in lines_of(call, row.name, planned):
            note(line)
        notes = [REPEATED]
    if not call.dry_run:
        notes.append(f"See how far it is: horolog backfill show {backfill} --watch")
    answer(call, told, [backfill], facts=facts, notes=notes, dry_lines=lines)
    return 0


plan.params[:0] = backfill_options()
start.params[:0] = backfill_options()


@writes("pause", *BACKFILL_FIELDS)
@click.argument("backfill")
@pass_call
def pause(call: Call, /, *, backfill: str) -> None:
    """Plan no further run of a backfill.

    What is planned goes on.
    """
    row = under_way(call, backfill)
    told = ask(call, c.PauseBackfill(backfill=row.backfill))
    line = "is paused." if told.facts else "was paused already."
    settled(call, row, told, line)


@writes("resume", *BACKFILL_FIELDS)
@click.argument("backfill")
@pass_call
def resume(call: Call, /, *, backfill: str) -> None:
    """Go on with a paused backfill."""
    row = under_way(call, backfill)
    told = ask(call, c.ResumeBackfill(backfill=row.backfill))
    notes = [] if is_served(call) else [NOBODY_ADVANCES]
    settled(call, row, told, "goes on." if told.facts else "was not paused.", notes=notes)


@writes("cancel", "cancelled", *BACKFILL_FIELDS)
@click.argument("backfill")
@pass_call
def cancel(call: Call, /, *, backfill: str) -> None:
    """End a backfill for good.

    Its runs that have not started are cancelled; those that have go on.
    """
    row = under_way(call, backfill)
    told = ask(call, c.CancelBackfill(backfill=row.backfill))
    ended = sum(isinstance(fact.event, e.RunCancelled) for fact in told.facts)
    line = "is cancelled."
    if ended:
        line += f" Not started and cancelled: {counted(ended, 'run')}."
    settled(call, row, told, line, cancelled=ended)


def settled(
    call: Call, row: BackfillRow, told: Told, line: str, *, notes: Sequence[str] = (), **more: int
) -> None:
    """Print what became of a wish about a backfill."""
    facts = {**more, "backfill": row.backfill, "job": row.job, "job_id": row.job_id}
    answer(call, told, [f"Backfill {row.backfill} {line}"], facts=facts, notes=notes)


def under_way(call: Call, backfill: str) -> BackfillRow:
    """Return the backfill of an id or of the beginning of one.

    Raises: Conflict, when it is over.
    """
    row = backfill_named(call, backfill)
    if row.is_over:
        raise Conflict(f"backfill {row.backfill} is over ({row.status}); it stays as it is")
    return row


def wish_for(call: Call, row: JobRow, asked: Asked) -> c.RequestBackfill:
    """Return the wish for a backfill, from what was typed. Raises: BadInput."""
    for option, typed in (("--from", asked["since"]), ("--until", asked["until"])):
        call.refuse_moving(typed, option=option)
    first = call.instant(asked["since"], option="--from")
    if asked["until"] is None:
        if call.key is not None:
            raise BadInput.at("--until", "is missing: under --key, a repeat must say the same.")
        until = row.cursor.replace(microsecond=0)
    else:
        until = call.instant(asked["until"], option="--until") - SECOND
    if until < first and asked["until"] is None:
        raise BadInput.at(
            "--from",
            f"{compact(first)} lies beyond what is decided of {row.name}, up to {compact(until)}.",
            "A backfill is of fire times that are decided; those to come run by themselves",
        )
    if until < first:
        raise BadInput.at("--until", "does not lie after --from.")
    return c.RequestBackfill(
        backfill=BackfillId(call.clock.new_id()),
        job=row.job_id,
        after=first - SECOND,
        until=until,
        only=asked["only"],
        order=asked["order"],
        concurrency=asked["concurrency"],
        per_minute=None if asked["rate"] is None else rate_of(asked["rate"]),
        callbacks=asked["callbacks"],
        schedule=asked["schedule"],
    )


def rate_of(text: str) -> int:
    """Return how many runs a minute are meant. Raises: BadInput."""
    found = RATE.fullmatch(text.strip(" "))
    per_minute = 0 if found is None else int(found[1])
    if not 1 <= per_minute <= BACKFILL_PER_MINUTE_MAX:
        raise BadInput.at(
            "--rate",
            f"{quoted(text)} is no number of runs a minute, 1 to {BACKFILL_PER_MINUTE_MAX:,}.",
            "As in --rate 30/min",
        )
    return per_minute


@contextmanager
def told_as_flags() -> Iterator[None]:
    """Have a refusal name the flags that were typed, and not the fields of the wish."""
    try:
        yield
    except BadInput as bad:
        typed = (one._replace(path=TYPED.get(one.path, one.path)) for one in bad.problems)
        raise BadInput(*typed) from None


def plan_for(call: Call, wish: c.RequestBackfill) -> Plan:
    """Return what a backfill would do: it is decided, and not stored."""
    with told_as_flags(), open_wishes(call.settings, clock=call.clock) as wishes:
        told = wishes.ask(wish, reason=call.why() or LOOKING, dry_run=True)
    return plan_as_asked(call, request_in(told))


def plan_as_asked(call: Call, asked: e.BackfillRequested, *, before: int | None = None) -> Plan:
    """Return what a backfill that was drawn up would do now, or by what stood before a position.

    How long it takes is reckoned from how long runs take now.
    """
    usual = usual_duration(call, asked.job)
    with log_of(call) as log:
        return plan_of(log, asked, usual, before=before)


def request_in(told: Told) -> e.BackfillRequested:
    """Return the backfill that a wish led to; under a key that was seen before, the one of then."""
    for fact in told.facts:
        if isinstance(event := fact.event, e.BackfillRequested):
            return event
    raise TypeError("a backfill was asked for and none was drawn up")
