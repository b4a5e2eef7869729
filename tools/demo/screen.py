"""The demo's screen: lines of at most 80 columns, printed as things happen.

It is a plain stream of lines, so it fills a terminal and a file alike. What stands in them is
decided by who calls.
"""

import sys
from datetime import timedelta
from textwrap import wrap

COLUMNS = 80
NAME_COLUMNS = 15


def say(text: str, indent: str = "") -> None:
    """Print a text at once, on as many lines as it needs; further ones begin with `indent`."""
    lines = wrap(
        "".join(one if one.isprintable() else "?" for one in text),
        COLUMNS,
        subsequent_indent=indent,
        drop_whitespace=True,
        replace_whitespace=False,
        break_on_hyphens=False,
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def happened(since: timedelta, title: str, text: str) -> None:
    """Print what happened, with the seconds since the beginning in front."""
    seconds = f"{since.total_seconds():+.1f}"
    who = f"{title:<{NAME_COLUMNS}}  " if title else ""
    say(f"{seconds:>5} s  {who}{text}", indent=" " * 9)
