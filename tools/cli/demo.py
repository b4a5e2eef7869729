"""`demo`: Horolog at work against real servers, in half a minute; it needs the extra `demo`."""

from importlib.util import find_spec

import click

from scheduler.model.errors import BadInput, Unreachable
from scheduler.model.limits import DEMO_LENGTH_MAX, DEMO_LENGTH_MIN
from scheduler.model.written import format_duration, parse_duration
from tools.cli.call import Call, pass_call
from tools.cli.given import VerbCommand


@click.command(name="demo", cls=VerbCommand)
@click.option(
    "--for",
    "length",
    default="30s",
    show_default=True,
    metavar="DURATION",
    help="About how long it takes.",
)
@click.option("--keep", is_flag=True, help="Leave its folder, and say where it is.")
@pass_call
def demo(call: Call, /, *, length: str, keep: bool) -> int:
    """Show jobs at work on real servers, through a refused mail and a kill -9.

    Everything is in a folder of its own, which goes with it. Exits with 1 when a line of its
    summary is not true.
    """
    wanted = parse_duration(length, path="--for")
    if not DEMO_LENGTH_MIN <= wanted <= DEMO_LENGTH_MAX:
        least, most = format_duration(DEMO_LENGTH_MIN), format_duration(DEMO_LENGTH_MAX)
        raise BadInput.at("--for", f"got {length} instead of {least} to {most}.")
    if find_spec("aiosmtpd") is None:
        raise Unreachable(
            "The demo needs a mail server, which comes with its extra: pip install 'horolog[demo]'"
        )
    from tools.demo.show import show

    return show(wanted, call.clock, keep=keep)
