"""`run retry`, `replay` and `resolve`: runs that failed or are held, one by its id or many at once.

A retry goes on with the same run and its finished steps; a replay is a new run of the same
occurrence or call, with the same input, that starts with none. Many at once are named by how they
stand, since when, and whose they are; each is asked for itself, so one that is refused holds up no
other, and the call can be repeated: what was mended is no longer named by it.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypedDict, Unpack

import click

from projections import read_runs
from projections.rows import RunRow
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import BadInput, Conflict, HorologError
from scheduler.model.jobs import RunId
from scheduler.model.limits import RUNS_PER_BULK_MAX
from scheduler.model.streams import compact
from tools.app import open_wishes
from tools.cli.asking import ANSWER_FIELDS, answer, answered, ask, serving_notes, with_own_key
from tools.cli.bulk import refuse_no_labels
from tools.cli.call import Call, pass_call
from tools.cli.harmless import safe
from tools.cli.lengths import counted
from tools.cli.options import writes
from tools.cli.output import Record, Shape, note, say, show_rows, shown
from tools.cli.reading import job_of, reading, run_named, stored_under
from tools.wishes import Told, Wish

TRIED_AGAIN = "tried again"
Mending = c.RetryRun | c.ReplayRun | c.ResolveRun
Verdict = Literal["succeeded", "failed", "retry"]
FIELDS = (
    *("run", "of", "verdict", "job", "job_id", "fire_time", "was", "error"),
    *ANSWER_FIELDS,
)
MANY = Shape(FIELDS, ())


class Chosen(TypedDict):
    """What is said of the runs that are meant, when no one run is named."""

    since: str | None
    until: str | None
    job: str | None
    labels: tuple[str, ...]


def choosing(flag: str, help: str) -> list[click.Parameter]:
    """Return new parameters that name one run, or by `flag` all that stand so."""
    return [
        click.Argument(["run"], required=False),
        click.Option([flag, "many"], is_flag=True, help=help),
        click.Option(
            ["--since"], metavar="INSTANT", help=f"With {flag}: only those planned later."
        ),
        click.Option(
            ["--until"], metavar="INSTANT", help=f"With {flag}: only those planned up to then."
        ),
        click.Option(["--job"], metavar="JOB", help=f"With {flag}: only those of this job."),
        click.Option(
            ["--label", "labels"],
            multiple=True,
            metavar="KEY[=VALUE]",
            help=f"With {flag}: only those of jobs that bear this label; may be repeated.",
        ),
    ]


@writes("retry", *FIELDS)
@pass_call
def retry(call: Call, /, *, run: str | None, many: bool, **chosen: Unpack[Chosen]) -> int:
    """Try ended runs again, as the same runs.

    Only failed, expired or cancelled ones; their attempts count from here, finished steps stay.
    """
    if many:
        rows = failed(call, run, chosen)
        return mend(call, rows, lambda of: c.RetryRun(run=of), TRIED_AGAIN)
    row = only(call, run, "--failed", chosen)
    command = c.RetryRun(run=row.run)
    told = ask(call, command, stream=row.stream)
    line = f"Run {row.run} is tried again."
    answer(call, told, [line], facts=facts_of(row, command, told), notes=serving_notes(call))
    return 0


@writes("replay", *FIELDS)
@pass_call
def replay(call: Call, /, *, run: str | None, many: bool, **chosen: Unpack[Chosen]) -> int:
    """Run ended runs once more, as new runs.

    Of the same occurrence or call, with the same input and fire time, and with no finished step.
    """
    if many:
        rows = failed(call, run, chosen)
        return mend(call, rows, lambda of: c.ReplayRun(run=of), "run once more")
    row = only(call, run, "--failed", chosen)
    command = c.ReplayRun(run=row.run)
    told = ask(call, command, stream=row.stream)
    facts = facts_of(row, command, told)
    answer(call, told, [str(facts["run"])], facts=facts, notes=serving_notes(call))
    return 0


@writes("resolve", *FIELDS)
@click.option(
    "--as",
    "verdict",
    type=click.Choice(["succeeded", "failed", "retry"]),
    required=True,
    help="What it counts as, or that it is tried again.",
)
@pass_call
def resolve(
    call: Call, /, *, run: str | None, verdict: Verdict, many: bool, **chosen: Unpack[Chosen]
) -> int:
    """Settle held runs."""
    if many:
        rows = found(call, run, "--held", chosen, "held")
        words = TRIED_AGAIN if verdict == "retry" else f"counted as {verdict}"
        return mend(call, rows, lambda of: c.ResolveRun(run=of, verdict=verdict), words)
    row = only(call, run, "--held", chosen)
    command = c.ResolveRun(run=row.run, verdict=verdict)
    told = ask(call, command, stream=row.stream)
    line = "is tried again" if verdict == "retry" else f"counts as {verdict}"
    answer(call, told, [f"Run {row.run} {line}."], facts=facts_of(row, command, told))
    return 0


FAILED = "All whose last run failed or expired."
retry.params[:0] = choosing("--failed", FAILED)
replay.params[:0] = choosing("--failed", FAILED)
resolve.params[:0] = choosing("--held", "All that are held.")


def facts_of(row: RunRow, command: c.AnyCommand, told: Told | HorologError) -> dict[str, object]:
    """Return the facts of an answer about a run: which it is now, and how it stood."""
    again = rerun_in(told) if isinstance(told, Told) else None
    about = command.run if isinstance(command, Mending) else row.run
    return {
        "run": again or about,
        "of": about if isinstance(command, c.ReplayRun) else None,
        "verdict": command.verdict if isinstance(command, c.ResolveRun) else None,
        "job": row.job,
        "job_id": row.job_id,
        "fire_time": row.fire_time,
        "was": row.status,
        "error": str(told) if isinstance(told, HorologError) else None,
    }


def rerun_in(told: Told) -> RunId | None:
    """Return the run that a replay has planned."""
    for fact in told.facts:
        if isinstance(event := fact.event, e.RunPlanned | e.ServiceCalled):
            return event.run
    return None


# -- which runs are meant


def only(call: Call, run: str | None, flag: str, chosen: Chosen) -> RunRow:
    """Return the one run that is named. Raises: BadInput, when none is, or more was said."""
    if run is None:
        raise BadInput.at("RUN", f"name one run, or say {flag}.")
    for option, value in chosen.items():
        if value not in (None, ()):
            raise BadInput.at(f"--{option.removesuffix('s')}", f"belongs to {flag}.")
    return run_named(call, run)


def failed(call: Call, run: str | None, chosen: Chosen) -> list[RunRow]:
    """Return the runs that failed or expired, of those that were chosen."""
    if chosen["since"] is None:
        raise BadInput.at(
            "--since", "is missing: say since when.", "As in --since 2026-03-01T10:00"
        )
    return found(call, run, "--failed", chosen, "failed", "expired")


def found(
    call: Call,
    run: str | None,
    flag: str,
    chosen: Chosen,
    *statuses: Literal["failed", "expired", "held"],
) -> list[RunRow]:
    """Return the runs that stand so, of those that were chosen.

    Raises: BadInput, when one is named too, or there are more than RUNS_PER_BULK_MAX.
    """
    refuse_no_labels(chosen["labels"])
    if run is not None:
        raise BadInput.at(flag, "stands against RUN: name one run, or say which are meant.")
    most = RUNS_PER_BULK_MAX
    first_at, last_at = call.span(chosen["since"], chosen["until"])
    with reading(call) as opened:
        job = chosen["job"]
        rows = read_runs.mendable(
            opened.views,
            *statuses,
            job=None if job is None else job_of(opened, job).job_id,
            labels=chosen["labels"],
            since=first_at,
            until=last_at,
            limit=most + 1,
        )
    if len(rows) > most:
        raise BadInput.at(
            flag,
            f"these are more than {most:,} runs, the most for one command (RUNS_PER_BULK_MAX).",
            f"The first part: --until {compact(rows[-1].planned_at)}",
        )
    return rows


# -- many at once


def mend(
    call: Call, rows: Sequence[RunRow], command_of: Callable[[RunId], Mending], words: str
) -> int:
    """Ask for each of the runs, print what became of them, and return the exit code.

    The key of each is that of its stream: what was run once more and failed again is another run,
    and a repeat is about the run of then.
    """
    keys = [None if call.key is None else f"{call.key}/{row.stream}" for row in rows]
    stored = stored_under(call, *keys)
    wishes = [
        Wish(
            command=command_of(mended_by(stored.get(key or "", ())) or row.run),
            reason=call.why(),
            on_behalf_of=call.actor,
            key=key,
            stream=row.stream,
            dry_run=call.dry_run,
        )
        for row, key in zip(rows, keys, strict=True)
    ]
    answers: list[Told | HorologError] = []
    if wishes:
        with open_wishes(call.settings, clock=call.clock) as asked:
            answers = [
                with_own_key(call, one) if isinstance(one, HorologError) else one
                for one in asked.ask_all(wishes)
            ]
    if call.form.kind == "people":
        tell(call, rows, answers, words)
    else:
        all_told = zip(rows, wishes, answers, strict=True)
        show_rows(call, MANY, [record_of(call, *one) for one in all_told])
    refusals = [one for one in answers if isinstance(one, HorologError)]
    return refusals[0].exit_code if refusals else 0


def mended_by(events: Sequence[e.AnyEvent]) -> RunId | None:
    """Return the run that a retry, a replay or a verdict was about, by what it led to."""
    for event in events:
        match event:
            case e.RunReopened(run=run) | e.RunResolved(run=run):
                return run
            case e.RunPlanned(of=of) | e.ServiceCalled(of=of) if of is not None:
                return of
    return None


def record_of(call: Call, row: RunRow, wish: Wish, told: Told | HorologError) -> Record:
    """Return a run and what became of it as scripts read it: as if it had been named alone."""
    answer_to = told if isinstance(told, Told) else Told()
    return {**facts_of(row, wish.command, told), **answered(call, answer_to)}


def tell(
    call: Call, rows: Sequence[RunRow], answers: Sequence[Told | HorologError], words: str
) -> None:
    """Print for people which runs are meant and what became of them."""
    done = 0
    for row, told in zip(rows, answers, strict=True):
        at = shown(row.fire_time or row.due_time, call)
        named = f"{row.run}  {row.job or row.service}  {at}  {row.status}"
        say(safe(f"{named}: {row.error}" if row.error else named))
        if isinstance(told, HorologError):
            note(f"  {told}")
            continue
        done += 1
        if told.repeated:
            note("  It was asked for before, under this key; nothing more is done")
    refused = f", {len(rows) - done:,} refused" if done < len(rows) else ""
    say(f"{counted(done, 'run')} {'would be' if call.dry_run else 'to be'} {words}{refused}.")
    if call.dry_run:
        note("Nothing was stored.")
        return
    if words == TRIED_AGAIN and any(isinstance(one, Conflict) for one in answers):
        note("A rerun stands beside the schedule and meets no overlap: horolog run replay --failed")
    for text in serving_notes(call) if done else ():
        note(text)
