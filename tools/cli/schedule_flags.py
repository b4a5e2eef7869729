"""The flags that say when a job fires, --cron, --every, --at or --manual, in plain form.

`job add` needs exactly one of the four, `job edit` may have none and still change the zone or the
anchor. What the values mean is `model.plain_schedules`' to say.
"""

from collections.abc import Mapping, Sequence

import click

from scheduler.model.cron import parse
from scheduler.model.errors import BadInput

KINDS = ("cron", "every", "at", "manual")
OF_CRON = ("gap", "fold", "seconds", "tz")


def schedule_options() -> list[click.Option]:
    """Return a new option for each part of a schedule."""
    return [
        click.Option(
            ["--cron", "cron"],
            multiple=True,
            metavar="EXPRESSION",
            help="Fire by this cron expression, in quotes; may be repeated.",
        ),
        click.Option(["--every"], metavar="DURATION", help="Fire at this interval."),
        click.Option(["--at"], metavar="INSTANT", help="Fire once, then."),
        click.Option(["--manual"], is_flag=True, help="Fire never; run by hand only."),
        click.Option(
            ["--tz"], metavar="ZONE", help="The zone of the schedule, and of instants typed."
        ),
        click.Option(
            ["--anchor"], metavar="INSTANT", help="With --every: a fire time of the grid."
        ),
        click.Option(["--seconds/--no-seconds"], default=None, help="Six fields, seconds first."),
        click.Option(
            ["--gap"],
            type=click.Choice(["after", "skip"]),
            help="A fixed local time that the clock skips: run right after, or not at all.",
        ),
        click.Option(
            ["--fold"],
            type=click.Choice(["first", "last"]),
            help="A fixed local time that occurs twice: run at the first, or at the last.",
        ),
        click.Option(
            ["--if-past"],
            type=click.Choice(["refuse", "run", "skip"]),
            default="refuse",
            help="With --at in the past: refuse it, run now, or only record it.",
        ),
    ]


def plain_schedule(given: Mapping[str, object]) -> dict[str, object]:
    """Return what the flags say of the schedule, in the plain form; empty when they say nothing.

    Raises: BadInput, when two kinds were given, or a part that belongs to another kind.
    """
    kinds = [kind for kind in KINDS if given.get(kind)]
    if len(kinds) > 1:
        raise BadInput.at(
            f"--{kinds[1]}", f"stands against --{kinds[0]}: a job has one kind of schedule."
        )
    kind = kinds[0] if kinds else None
    parts = {name: given[name] for name in (*OF_CRON, "anchor") if given.get(name) is not None}
    if kind not in (None, "cron"):
        _refuse(parts, ("gap", "fold", "seconds"), "--cron")
    if kind not in (None, "every"):
        _refuse(parts, ("anchor",), "--every")
    plain = {("timezone" if name == "tz" else name): value for name, value in parts.items()}
    match kind:
        case None:
            return plain
        case "manual":
            plain.pop("timezone", None)
            return {"kind": "none"}
        case "cron":
            expressions = given["cron"]
            return {"cron": list(expressions) if isinstance(expressions, tuple) else [], **plain}
        case _:
            return {kind: given[kind], **plain}


def refuse_unquoted(cron: Sequence[str], extra: Sequence[str]) -> None:
    """Refuse words that nobody asked for; an expression without quotes is told as such.

    The shell turns `--cron */5 * * * *` into many words: the first is the option's, the rest stand
    here.
    """
    if not extra:
        return
    if len(cron) == 1 and " " not in cron[0]:
        joined = " ".join((*cron, *extra))
        parse(joined)  # tells how many words there are, and the remedy
        raise BadInput.at("--cron", "is one argument.", f"Put it in quotes: --cron '{joined}'")
    raise BadInput.at(
        "argument 3", f"nobody asked for {extra[0]!r}.", "See: horolog job add --help"
    )


def _refuse(parts: Mapping[str, object], names: Sequence[str], flag: str) -> None:
    for name in names:
        if name in parts:
            raise BadInput.at(f"--{name}", f"belongs to {flag}.")
