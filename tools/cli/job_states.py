"""`job pause`, `resume`, `rename` and `remove`: a job's state and name, or the pause of everything.

What a wish brings about is told by the events it led to: how many fire times were passed over,
which runs were ended.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, get_args

import click

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import BadInput
from scheduler.model.jobs import JobId, Missed
from scheduler.model.streams import compact
from tools.cli.asking import JOB_FIELDS, answer, ask, confirmed
from tools.cli.call import Call, pass_call
from tools.cli.options import writes
from tools.cli.reading import job_named
from tools.wishes import Told

ONE_SECOND = timedelta(seconds=1)

all_option = click.option("--all", "everything", is_flag=True, help="Every job at once.")


@writes("pause", *JOB_FIELDS)
@click.argument("job", required=False)
@all_option
@pass_call
def pause(call: Call, /, *, job: str | None, everything: bool) -> None:
    """Stop deciding for a job, or for all.

    What is planned goes on; fire times wait for `job resume`.
    """
    refuse_both(job, everything=everything)
    if job is None:
        told = ask(call, c.PauseSystem())
        line = "Everything is paused." if told.facts else "Everything was paused already."
        answer(call, told, [line], facts={"job": None, "job_id": None})
        return
    row = job_named(call, job)
    told = ask(call, c.PauseJob(job=JobId(row.job_id)))
    line = f"{row.name} is paused." if told.facts else f"{row.name} was paused already."
    answer(call, told, [line], facts={"job": row.name, "job_id": row.job_id})


@writes("resume", "passed_over", *JOB_FIELDS)
@click.argument("job", required=False)
@all_option
@click.option(
    "--missed",
    type=click.Choice(get_args(Missed)),
    default="skip",
    show_default=True,
    help="What becomes of the fire times of the pause.",
)
@pass_call
def resume(
    call: Call, /, *, job: str | None, everything: bool, missed: Literal["skip", "latest", "all"]
) -> None:
    """Decide for a job again, or for all."""
    refuse_both(job, everything=everything)
    if job is None:
        told = ask(call, c.ResumeSystem(missed=missed))
        lines = ["Everything is resumed."] if told.facts else ["Nothing was paused as a whole."]
        facts = {"job": None, "job_id": None, "passed_over": passed_over(told)}
        answer(call, told, lines, facts=facts)
        return
    row = job_named(call, job)
    told = ask(call, c.ResumeJob(job=JobId(row.job_id), missed=missed))
    answer(
        call,
        told,
        [resumed(row.name, told)],
        facts={"job": row.name, "job_id": row.job_id, "passed_over": passed_over(told)},
    )


@writes("rename", "was", *JOB_FIELDS)
@click.argument("job")
@click.argument("name")
@pass_call
def rename(call: Call, /, *, job: str, name: str) -> None:
    """Give a job another name.

    Its id and history stay.
    """
    row = job_named(call, job)
    told = ask(call, c.RenameJob(job=JobId(row.job_id), name=name))
    line = f"{row.name} is now called {name}." if told.facts else f"It is called {name} already."
    answer(call, told, [line], facts={"job": name, "job_id": row.job_id, "was": row.name})


@writes("remove", "cancelled", *JOB_FIELDS)
@click.argument("job")
@click.option("--yes", "-y", is_flag=True, help="Do not ask back at a terminal.")
@pass_call
def remove(call: Call, /, *, job: str, yes: bool) -> int:
    """Remove a job for good.

    Runs that have not started are cancelled; started ones go on. Its history stays.
    """
    row = job_named(call, job)
    if not (yes or call.dry_run or confirmed(f"Remove {row.name} for good?")):
        return 1
    told = ask(call, c.RemoveJob(job=JobId(row.job_id)))
    ended = sum(isinstance(event, e.RunCancelled) for event in events_of(told))
    line = f"{row.name} is removed."
    if ended:
        line += f" Not started and cancelled: {ended:,} run{'s' if ended > 1 else ''}."
    answer(call, told, [line], facts={"job": row.name, "job_id": row.job_id, "cancelled": ended})
    return 0


def refuse_both(job: str | None, *, everything: bool) -> None:
    """Refuse a call that names both a job and all, or neither."""
    if (job is None) == (not everything):
        raise BadInput.at("JOB", "name one job, or say --all.")


def events_of(told: Told) -> Sequence[e.AnyEvent]:
    """Return the events that a wish led to."""
    return [fact.event for fact in told.facts]


def passed_over(told: Told) -> int:
    """Return how many fire times of a pause were skipped."""
    return sum(
        event.count
        for event in events_of(told)
        if isinstance(event, e.FiresSkipped) and event.reason == "paused"
    )


def resumed(name: str, told: Told) -> str:
    """Return what a resumption brought about, with the command for what was passed over."""
    if not told.facts:
        return f"{name} was not paused."
    skips = [
        event
        for event in events_of(told)
        if isinstance(event, e.FiresSkipped) and event.reason == "paused"
    ]
    if not skips:
        return "Resumed."
    count = passed_over(told)
    since, until = compact(skips[0].after + ONE_SECOND), compact(skips[-1].until + ONE_SECOND)
    return (
        f"Resumed. {count:,} fire{'s were' if count > 1 else ' was'} passed over (skip). "
        f"To run {'them' if count > 1 else 'it'}: horolog backfill start {name} "
        f"--from {since} --until {until}"
    )
