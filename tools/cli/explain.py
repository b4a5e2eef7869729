"""`explain`: what a schedule means, in words and in fire times; like `systemd-analyze calendar`.

It needs no log, save for a job's schedule. What it prints is what the executor would do: both ask
`model.firing`. The JSON shape is fixed, others script against it: expression, timezone, sentence,
fires (utc, local), warnings.
"""

from collections.abc import Sequence
from datetime import datetime

import click
from msgspec import Struct

from scheduler.model.cron import parse
from scheduler.model.errors import BadInput
from scheduler.model.firing import fire_times
from scheduler.model.jobs import Definition
from scheduler.model.limits import EXPRESSIONS_MAX
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.model.sentence import sentence
from scheduler.model.streams import compact
from scheduler.model.written import format_duration, format_instant, parse_duration
from scheduler.model.zones import zone
from tools.cli import fires
from tools.cli.call import Call, pass_call
from tools.cli.lengths import spoken
from tools.cli.options import prints
from tools.cli.output import Shape, note, show_record
from tools.cli.policy_words import policy_line

SHAPE = Shape(("expression", "timezone", "sentence", "fires", "warnings"), ("sentence",))
EXIT_WARNINGS = 10

after_option = click.option(
    "--after", metavar="INSTANT", help="Show fire times later than this; else than now."
)
strict_option = click.option("--strict", is_flag=True, help="Exit with 10 when there are warnings.")


class Explained(Struct, frozen=True, kw_only=True):
    """A schedule, ready to be told."""

    expression: str
    timezone: str
    sentence: str
    fires: Sequence[datetime]
    warnings: list[str]


def tell(call: Call, explained: Explained, *, strict: bool, lines: Sequence[str] = ()) -> int:
    """Print an explanation and return the exit code."""
    record: dict[str, object] = {
        "expression": explained.expression,
        "timezone": explained.timezone,
        "sentence": explained.sentence,
        "fires": fires.as_records(explained.fires, explained.timezone),
        "warnings": explained.warnings,
    }
    shown = fires.as_lines(explained.fires, explained.timezone) or ["  no fire time"]
    show_record(call, SHAPE, record, [explained.sentence, *shown, *lines])
    if call.form.kind == "people":
        for warning in explained.warnings:
            note(f"Warning: {warning}")
    return EXIT_WARNINGS if strict and explained.warnings else 0


def zone_typed(call: Call) -> str:
    """Return the zone a schedule is explained in: --tz, else the zone of new jobs."""
    return call.settings.timezone if call.tz is None else zone(call.tz, path="--tz").key


def after_typed(call: Call, text: str | None, timezone: str) -> datetime:
    """Return what fire times are to be later than: --after, else now."""
    if text is None:
        return call.now.replace(microsecond=0)
    return call.instant_after(text, option="--after", zone=timezone)


def expressions_typed(words: Sequence[str]) -> tuple[str, ...]:
    """Return the expressions typed; words of which none has a blank are one without quotes."""
    is_unquoted = len(words) > 1 and not any(" " in word or word.startswith("@") for word in words)
    expressions = (" ".join(words),) if is_unquoted else tuple(words)
    if len(expressions) > EXPRESSIONS_MAX:
        raise BadInput.at(
            "$.schedule.expressions",
            f"got {len(expressions)} expressions; at most {EXPRESSIONS_MAX} in one schedule.",
        )
    return expressions


@prints("cron")
@click.argument("expressions", metavar="EXPRESSION...", nargs=-1, required=True)
@after_option
@fires.fires_option
@click.option("--seconds", is_flag=True, help="Six fields, seconds first.")
@click.option(
    "--gap",
    type=click.Choice(["after", "skip"]),
    default="after",
    help="A fixed local time that the clock skips: run right after the gap, or not at all.",
)
@click.option(
    "--fold",
    type=click.Choice(["first", "last"]),
    default="first",
    help="A fixed local time that occurs twice: run at the first, or at the last.",
)
@strict_option
@pass_call
def cron(
    call: Call,
    /,
    *,
    expressions: tuple[str, ...],
    after: str | None,
    count: int,
    seconds: bool,
    gap: str,
    fold: str,
    strict: bool,
) -> int:
    """Explain a cron expression.

    Several expressions unite in one schedule; put each in quotes.
    """
    timezone = zone_typed(call)
    typed = expressions_typed(expressions)
    for place, expression in enumerate(typed):
        parse(expression, seconds=seconds, path=f"$.schedule.expressions[{place}]")
    schedule = Cron(
        expressions=typed,
        timezone=timezone,
        gap="skip" if gap == "skip" else "after",
        fold="last" if fold == "last" else "first",
        seconds=seconds,
    )
    since = after_typed(call, after, timezone)
    return tell(call, explained(" | ".join(typed), schedule, timezone, since, count), strict=strict)


@prints("interval")
@click.argument("duration")
@click.option(
    "--anchor", metavar="INSTANT", help="A fire time of the grid; else --after, else now."
)
@after_option
@fires.fires_option
@strict_option
@pass_call
def interval(
    call: Call, /, *, duration: str, anchor: str | None, after: str | None, count: int, strict: bool
) -> int:
    """Explain an interval.

    The duration is written as in 90s, 5m, 1h30m, 2d or PT1H.
    """
    timezone = zone_typed(call)
    since = after_typed(call, after, timezone)
    grid = since if anchor is None else call.instant(anchor, option="--anchor", zone=timezone)
    every = parse_duration(duration, path="$.schedule.every")
    schedule = Interval(every=every, anchor=grid)
    refuse_unfit(schedule)
    return tell(call, explained(duration, schedule, timezone, since, count), strict=strict)


@prints("once")
@click.argument("instant")
@after_option
@strict_option
@pass_call
def once(call: Call, /, *, instant: str, after: str | None, strict: bool) -> int:
    """Explain a single instant."""
    timezone = zone_typed(call)
    at = call.instant(instant, option="$.schedule.at", zone=timezone)
    since = after_typed(call, after, timezone)
    told = explained(instant, Once(at=at), timezone, since, 1)
    if at <= since:
        told.warnings.append(f"This lies {spoken(since - at)} in the past.")
    return tell(call, told, strict=strict)


@prints("job")
@click.argument("name", metavar="JOB")
@after_option
@fires.fires_option
@strict_option
@pass_call
def job(call: Call, /, *, name: str, after: str | None, count: int, strict: bool) -> int:
    """Explain the schedule of a job in the log.

    `explain JOB` does the same for every job that is not called cron, interval, once or job.
    """
    from projections import read_jobs
    from tools.cli.reading import job_of, reading
    from tools.whole import fires_after, pause_words

    with reading(call) as opened:
        row = job_of(opened, name)
        whole = read_jobs.system(opened.views)
    definition = row.definition
    timezone = fires.zone_of(definition.schedule, call.zone)
    since = (
        max(row.cursor, call.now) if after is None else call.instant_after(after, option="--after")
    )
    coming = fires.coming(
        definition,
        after=fires_after(whole, since),
        count=count,
        planned=row.planned,
        skipping=row.skipping,
    )
    told = Explained(
        expression=expression_of(definition.schedule),
        timezone=timezone,
        sentence=sentence(definition.schedule, zone=timezone),
        fires=[] if row.status in {"removed", "exhausted"} else coming,
        warnings=fires.warnings_of(definition.schedule, after=since),
    )
    if row.status != "active":
        end = row.paused_until
        until = "" if end is None else f" until {format_instant(end, call.zone)}"
        told.warnings.append(f"This job is {row.status}{until}.")
    paused = pause_words(whole, call.zone)
    if paused is not None:
        told.warnings.append(paused)
    return tell(call, told, strict=strict, lines=[policy_line(definition)])


def explained(
    typed: str, schedule: Schedule, timezone: str, after: datetime, count: int
) -> Explained:
    """Return a schedule with its next `count` fire times later than `after`."""
    return Explained(
        expression=typed,
        timezone=timezone,
        sentence=sentence(schedule, zone=timezone),
        fires=fire_times(schedule, after=after, until=fires.LAST_AT, limit=count),
        warnings=fires.warnings_of(schedule, after=after),
    )


def expression_of(schedule: Schedule) -> str:
    """Return what defines a schedule as it would be typed; several cron expressions with bars."""
    match schedule:
        case Cron(expressions=expressions):
            return " | ".join(expressions)
        case Interval(every=every):
            return format_duration(every)
        case Once(at=at):
            return compact(at)
        case Manual():
            return ""


def refuse_unfit(schedule: Schedule) -> None:
    """Refuse a schedule that no job could have."""
    from scheduler.model.validation import validate

    validate(Definition(name="explain", service="explain", schedule=schedule))
