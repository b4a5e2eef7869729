"""The options that verbs share, each written once: forms of the answer, what writers take.

`verb`, `prints` and `writes` make a verb out of a function; which of them it is decides what it can
be told. The policies of a job are another table, `policies`.
"""

from collections.abc import Callable

import click

from tools.cli.given import VerbCommand, kept, kept_flag, where, zoned

Function = Callable[..., int | None]


def formed() -> list[click.Option]:
    """Return the options of the forms an answer can be printed in."""
    return [
        kept("--json", metavar="[=FIELDS]", help="Print JSON; narrowed by --json=FIELD,FIELD."),
        kept_flag("--jsonl", help="Print JSON, one line for each record."),
        kept_flag("--csv", help="Print CSV."),
    ]


def accountable() -> list[click.Option]:
    """Return what every writer takes: the reason, on whose behalf, and the dry run."""
    return [
        kept("--reason", metavar="TEXT", help="Why; stored with the events."),
        kept("--actor", metavar="NAME", help="On whose behalf; stored as a claim."),
        kept(
            "--key",
            metavar="KEY",
            help="Makes a repeat of this call harmless: it answers the same.",
        ),
        kept_flag("--dry-run", help="Print the events that would be stored; store none."),
    ]


def verb(name: str) -> Callable[[Function], click.Command]:
    """Make a verb that is told nothing in common with others but which log is meant."""

    def made(function: Function) -> click.Command:
        command = click.command(name=name, cls=VerbCommand)(function)
        command.params += where()
        return command

    return made


def prints(name: str, *fields: str) -> Callable[[Function], click.Command]:
    """Make a verb that answers in any form and in any zone.

    `fields` are those of its answer, checked before it begins; without, when it prints.
    """

    def made(function: Function) -> click.Command:
        command = click.command(name=name, cls=VerbCommand)(function)
        command.fields = fields
        command.params += [*formed(), *zoned(), *where()]
        return command

    return made


def writes(name: str, *fields: str, has_tz: bool = True) -> Callable[[Function], click.Command]:
    """Make a verb that changes something, and answers with these fields.

    Without `has_tz`, its --tz is its own.
    """

    def made(function: Function) -> click.Command:
        command = click.command(name=name, cls=VerbCommand)(function)
        command.fields = fields
        command.params += [*accountable(), *formed(), *(zoned() if has_tz else ()), *where()]
        return command

    return made
