"""The options that stand on either side of a verb, and the class of all verbs.

`horolog --db X job list` and `horolog job list --db X` are the same call. An option given here is
kept in the `Call` and not handed to the verb. This module is loaded by `horolog --help`, so it
imports nothing but click.
"""

import click


def keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Keep what was given in the call; an option that was not given changes nothing there."""
    if value is None or value is False:
        return
    from tools.cli.call import Call

    setattr(ctx.ensure_object(Call), str(param.name), value)


def kept(name: str, *, help: str, metavar: str) -> click.Option:
    """Return an option whose value is kept in the call under its own name."""
    return click.Option([name], metavar=metavar, help=help, callback=keep, expose_value=False)


def kept_flag(name: str, *, help: str) -> click.Option:
    """Return a flag that is kept in the call under its own name."""
    return click.Option([name], is_flag=True, help=help, callback=keep, expose_value=False)


def where() -> list[click.Option]:
    """Return the options that say which log is meant."""
    return [
        kept("--db", metavar="FILE", help="The log; else HOROLOG_DB, else the settings' db."),
        kept("--config", metavar="FILE", help="The settings file."),
    ]


def zoned() -> list[click.Option]:
    """Return the option of the zone in which times are read and shown."""
    return [kept("--tz", metavar="ZONE", help="The zone in which times are read and shown.")]


class VerbCommand(click.Command):
    """A verb; `--json` takes its fields only behind an equals sign, so it never eats a word."""

    fields: tuple[str, ...] = ()  # of its answer, when they are checked before it acts

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, after `--json` has been given its empty value."""
        end = args.index("--") if "--" in args else len(args)
        spelled = ["--json=" if arg == "--json" else arg for arg in args[:end]]
        return super().parse_args(ctx, [*spelled, *args[end:]])

    def invoke(self, ctx: click.Context) -> object:
        """Carry the verb out, once what stands around it is right: nothing is done before that."""
        from tools.cli.call import Call

        call = ctx.ensure_object(Call)
        call.refuse_wrong()
        if self.fields:
            from tools.cli.output import Shape, chosen_fields

            chosen_fields(call.form.fields, Shape(self.fields, ()))
        result: object = super().invoke(ctx)
        return result
