"""`job pause`, `resume`, `rename`, `remove` and `skip-next`: a job's state, or that of many or all.

What a wish brings about is told by the events it led to: how many fire times were passed over,
which runs were ended.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from shlex import quote
from typing import get_args

import click

from projections.rows import JobRow
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import BadInput
from scheduler.model.jobs import JobId, Missed
from scheduler.model.written import format_instant
from tools.cli.asking import JOB_FIELDS, answer, ask, confirmed
from tools.cli.bulk import BULK_FIELDS, Deed, do, labels_option
from tools.cli.call import Call, pass_call
from tools.cli.options import writes
from tools.cli.reading import job_to_change, stored_under
from tools.cli.skip_words import command_for
from tools.cli.state_words import until_words
from tools.wishes import Told

all_option = click.option("--all", "everything", is_flag=True, help="Every job at once.")


@writes("pause", "until", *BULK_FIELDS)
@click.argument("job", required=False)
@all_option
@labels_option
@click.option("--until", metavar="INSTANT", help="The pause ends by itself then.")
@click.option("--for", "length", metavar="DURATION", help="The pause ends by itself after this.")
@click.option(
    "--missed",
    type=click.Choice(get_args(Missed)),
    help="What becomes of the fire times of the pause at that end; else skip.",
)
@pass_call
def pause(
    call: Call,
    /,
    *,
    job: str | None,
    everything: bool,
    labels: tuple[str, ...],
    until: str | None,
    length: str | None,
    missed: Missed | None,
) -> int:
    """Stop deciding for a job, or for all.

    What is planned goes on; fire times wait for `job resume`, or for the end of the pause.
    """
    refuse_others(job, labels, everything=everything)
    end = end_of(call, until, length)
    if end is None and missed is not None:
        raise BadInput.at(
            "--missed",
            "belongs to --until or --for.",
            "Of a pause without an end it is said at the end: horolog job resume --missed",
        )
    choice: Missed = missed or "skip"
    if everything:
        told = ask(call, c.PauseSystem(until=end, missed=choice))
        line = pause_line(call, "Everything", told)
        answer(call, told, [line], facts={"job": None, "job_id": None, "error": None, "until": end})
        return 0
    deed = Deed(
        command=lambda row: (c.PauseJob(job=JobId(row.job_id), until=end, missed=choice), {}),
        line=lambda row, told: pause_line(call, row.name, told),
        facts=lambda *_: {"until": end},
    )
    return do(call, job, labels, deed)


@writes("resume", "passed_over", *BULK_FIELDS)
@click.argument("job", required=False)
@all_option
@labels_option
@click.option(
    "--missed",
    type=click.Choice(get_args(Missed)),
    default="skip",
    show_default=True,
    help="What becomes of the fire times of the pause.",
)
@pass_call
def resume(
    call: Call,
    /,
    *,
    job: str | None,
    everything: bool,
    labels: tuple[str, ...],
    missed: Missed,
) -> int:
    """Decide for a job again, or for all."""
    refuse_others(job, labels, everything=everything)
    if everything:
        told = ask(call, c.ResumeSystem(missed=missed))
        lines = ["Everything is resumed."] if told.facts else ["Nothing was paused as a whole."]
        facts = {"job": None, "job_id": None, "error": None, "passed_over": passed_over(told)}
        answer(call, told, lines, facts=facts)
        return 0
    deed = Deed(
        command=lambda row: (c.ResumeJob(job=JobId(row.job_id), missed=missed), {}),
        line=lambda row, told: resumed(row.name, told, is_one=job is not None),
        facts=lambda _, told: {"passed_over": passed_over(told)},
    )
    return do(call, job, labels, deed)


@writes("rename", "was", *JOB_FIELDS)
@click.argument("job")
@click.argument("name")
@pass_call
def rename(call: Call, /, *, job: str, name: str) -> None:
    """Give a job another name.

    Its id and history stay.
    """
    row = job_to_change(call, renamed_before(call, job) or job)
    told = ask(call, c.RenameJob(job=JobId(row.job_id), name=name))
    was = next((one.was for one in events_of(told) if isinstance(one, e.JobRenamed)), row.name)
    line = f"{was} is now called {name}." if told.facts else f"It is called {name} already."
    answer(call, told, [line], facts={"job": name, "job_id": row.job_id, "was": was})


def renamed_before(call: Call, job: str) -> JobId | None:
    """Return the job that lost this name by an earlier call under the same key."""
    for event in chain.from_iterable(stored_under(call, call.key).values()):
        if isinstance(event, e.JobRenamed) and event.was == job:
            return event.job
    return None


@writes("remove", "cancelled", *BULK_FIELDS)
@click.argument("job", required=False)
@labels_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask back at a terminal.")
@pass_call
def remove(call: Call, /, *, job: str | None, labels: tuple[str, ...], yes: bool) -> int:
    """Remove a job for good.

    Runs that have not started are cancelled; started ones go on. Its history stays.
    """
    if job is not None and not (yes or call.dry_run):
        row = job_to_change(call, job)
        if not confirmed(f"Remove {row.name} for good?"):
            return 1
    deed = Deed(
        command=lambda row: (c.RemoveJob(job=JobId(row.job_id)), {}),
        line=removed_line,
        facts=lambda _, told: {"cancelled": cancelled(told)},
        question="" if yes else "Remove {} jobs for good?",
    )
    return do(call, job, labels, deed)


@writes("skip-next", "fire_times", *BULK_FIELDS)
@click.argument("job", required=False)
@labels_option
@click.option("--at", metavar="INSTANT", help="The fire time to pass over; else the next.")
@click.option("--undo", is_flag=True, help="Take it back: the one named, else all to come.")
@pass_call
def skip_next(
    call: Call, /, *, job: str | None, labels: tuple[str, ...], at: str | None, undo: bool
) -> int:
    """Pass over the next fire time of a job.

    It is skipped when it comes, with the reason skip-next; --undo takes that back until then.
    """
    call.refuse_moving(at, option="--at")
    fire_time = None if at is None else call.instant(at, option="--at")
    command = c.RestoreNextFire if undo else c.SkipNextFire
    deed = Deed(
        command=lambda row: (command(job=JobId(row.job_id), fire_time=fire_time), {}),
        line=lambda row, told: skip_line(call, row.name, told, undo=undo),
        facts=lambda _, told: {"fire_times": list(fire_times_of(told))},
        flags={"$.fire_time": "--at"},
    )
    return do(call, job, labels, deed)


def refuse_others(job: str | None, labels: Sequence[str], *, everything: bool) -> None:
    """Refuse a call about all that names a job or labels too, or one that names nothing."""
    if everything and (job is not None or labels):
        raise BadInput.at("--all", "stands against a job or --label.", "Say one of them")
    if not everything and job is None and not labels:
        raise BadInput.at("JOB", "name one job, choose many by --label, or say --all.")


def end_of(call: Call, until: str | None, length: str | None) -> datetime | None:
    """Return when a pause ends by itself, None when it does not."""
    if until is not None and length is not None:
        raise BadInput.at("--for", "stands against --until.", "Say one of them")
    option, typed = ("--until", until) if length is None else ("--for", f"+{length}")
    if typed is None:
        return None
    call.refuse_moving(typed, option=option)
    end = call.instant(typed, option=option)
    if call.unrounded(typed, option=option) <= call.now:
        if length is not None:
            raise BadInput.at("--for", "is no time at all.", "As in --for 30m")
        raise BadInput.at(
            option, f"{format_instant(end, call.zone)} has gone by.", "Name a later one"
        )
    return end


def pause_line(call: Call, name: str, told: Told) -> str:
    """Return what a pause brought about."""
    if not told.facts:
        return f"{name} was paused already."
    for event in events_of(told):
        if isinstance(event, e.JobPaused | e.SystemPaused) and event.until is not None:
            return f"{name} is paused {until_words(call, event.until, event.missed)}."
    return f"{name} is paused."


def removed_line(row: JobRow, told: Told) -> str:
    """Return what a removal brought about."""
    line, ended = f"{row.name} is removed.", cancelled(told)
    if ended:
        line += f" Not started and cancelled: {ended:,} run{'s' if ended > 1 else ''}."
    return line


def cancelled(told: Told) -> int:
    """Return how many runs were ended with a job."""
    return sum(isinstance(event, e.RunCancelled) for event in events_of(told))


def skip_line(call: Call, name: str, told: Told, *, undo: bool) -> str:
    """Return which fire times will be passed over, or will not be any more."""
    times = [format_instant(at, call.zone) for at in fire_times_of(told)]
    if not times:
        return f"{name}: nothing was to be passed over." if undo else f"{name}: it is so already."
    if undo:
        return f"{name} fires at {', '.join(times)} again."
    undoing = f"horolog job skip-next {quote(name)} --undo"
    return f"{name} passes over {', '.join(times)}. To undo it: {undoing}"


def fire_times_of(told: Told) -> Iterator[datetime]:
    """Yield the fire times that will be passed over, or will not be any more."""
    for event in events_of(told):
        if isinstance(event, e.NextFireSkipped | e.NextFireRestored):
            yield event.fire_time


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


def resumed(name: str, told: Told, *, is_one: bool = True) -> str:
    """Return what a resumption brought about, with the command for what was passed over."""
    if not told.facts:
        return f"{name} was not paused."
    done = "Resumed." if is_one else f"{name} is resumed."
    skips = [
        event
        for event in events_of(told)
        if isinstance(event, e.FiresSkipped) and event.reason == "paused"
    ]
    if not skips:
        return done
    count = passed_over(told)
    return (
        f"{done} {count:,} fire{'s were' if count > 1 else ' was'} passed over (skip). "
        f"To run {'them' if count > 1 else 'it'}: "
        f"{command_for(name, skips[0].after, skips[-1].until)}"
    )
