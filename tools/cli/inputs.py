"""The input of a job or a run as it is given: a text, a file, or standard input.

Text is passed on as it was typed; what is in it (JSON, key=value) is the service's matter.
"""

import sys
from pathlib import Path

import click

from scheduler.model.errors import BadInput
from scheduler.model.limits import INPUT_BYTES_MAX


def input_options() -> list[click.Option]:
    """Return new options for an input."""
    return [
        click.Option(["--input"], metavar="TEXT", help="The input: text, JSON or key=value lines."),
        click.Option(
            ["--input-file"], metavar="FILE", help="A file that holds the input; - is stdin."
        ),
    ]


def input_text(text: str | None, file: str | None) -> str | None:
    """Return the input that was given, None when none was.

    Raises: BadInput, when both were given, or the file cannot be read, is too large or no UTF-8.
    """
    if file is None:
        return text
    if text is not None:
        raise BadInput.at("--input-file", "stands against --input: a job has one input.")
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(INPUT_BYTES_MAX + 1)
        if len(raw) > INPUT_BYTES_MAX:
            raise BadInput.at("--input-file", f"{file} has more than {INPUT_BYTES_MAX:,} bytes.")
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadInput.at("--input-file", f"{file}: byte {error.start} is not UTF-8.") from None
    except OSError as error:
        raise BadInput.at("--input-file", f"{file}: {error.strerror}.") from None
