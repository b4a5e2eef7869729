"""The command `horolog`: the root of all verbs, and the border that no traceback crosses.

Parse, call, print; no rules. A verb's module is loaded when the verb is called (`verbs`); whatever
goes wrong below is turned into one sentence and an exit code here and nowhere else (`faults`). It
must not import anything that
`horolog --help` can do without.
"""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

import click

from scheduler.executor.clock import Clock
from tools.cli.given import where, zoned
from tools.cli.verbs import VerbTable

NAME = "horolog"
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141  # what a shell says of a program that wrote to a closed pipe
HELP = """Runs jobs on a schedule. Every change to a job and every outcome of a run is an event in
one append-only log; `horolog why` answers from it.

Exit codes: 0 done, 1 failed, 2 bad input, 3 not found, 4 not authorised, 5 conflict, 6 the run
waited for failed, 7 waiting timed out, 8 does not verify, 9 unreachable, 10 warnings under
--strict, 130 interrupted.
"""


def print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001  # click's own signature
    """Print the version of the installed distribution, and end."""
    if not value:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("horolog")
    except PackageNotFoundError:
        found = "(not installed)"
    click.echo(f"horolog {found}")
    ctx.exit()


@click.group(
    name=NAME,
    cls=VerbTable,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    callback=print_version,
    expose_value=False,
    is_eager=True,
    help="Print the version.",
)
def horolog() -> None:
    """Take the global options; the verb does the rest."""


horolog.params += [*where(), *zoned()]


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run one call of the command and return its exit code; the entry point of `horolog`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        escape_what_cannot_be_encoded(stream)
    try:
        code = called(words, clock)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("Interrupted\n")
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        code = EXIT_PIPE_CLOSED  # the reader has gone; nothing more can be said
        silence()
    except OSError as error:
        sys.stderr.write(f"The answer could not be written: {error.strerror}\n")
        code = EXIT_FAILED
        silence()
    return code


def called(words: list[str], clock: Clock | None) -> int:
    """Run a call; every error but the end of the pipe and an interruption becomes its sentence."""
    if f"_{NAME.upper()}_COMPLETE" in os.environ:
        return int(horolog.main(args=words, prog_name=NAME, standalone_mode=False) or 0)
    try:
        refuse_broken_text(words)
        with horolog.make_context(NAME, words, obj=call_at(clock)) as context:
            result = horolog.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001  # the border that no traceback crosses
        return told(error, words)
    return result if isinstance(result, int) else 0


def call_at(clock: Clock | None) -> object:
    """Return the call for a clock that was handed in; None for the machine's, made when needed."""
    if clock is None:
        return None
    from tools.cli.call import Call

    return Call(clock)


def told(error: Exception, words: Sequence[str]) -> int:
    """Tell what went wrong, as JSON when the answer was to be JSON."""
    from tools.cli.faults import tell

    before_end = words[: words.index("--")] if "--" in words else words
    as_json = any(
        word in {"--json", "--jsonl"} or word.startswith("--json=") for word in before_end
    )
    return tell(error, as_json=as_json)


def refuse_broken_text(words: Sequence[str]) -> None:
    """Refuse an argument whose bytes are no UTF-8, naming the option it belongs to."""
    for number, word in enumerate(words):
        try:
            word.encode()
        except UnicodeEncodeError:
            from scheduler.model.errors import BadInput

            before = words[number - 1] if number else ""
            field = before if before.startswith("--") else f"argument {number + 1}"
            shown = word.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise BadInput.at(field, f'"{shown}" is not valid UTF-8.') from None


def escape_what_cannot_be_encoded(stream: TextIO) -> None:
    """Have a stream show as escapes what its encoding does not hold, instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def silence() -> None:
    """Point standard output at nothing, so that the interpreter's last flush cannot fail."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return  # not a real file: there is nothing to flush
