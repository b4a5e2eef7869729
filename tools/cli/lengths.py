"""Lengths of time and numbers as people say them: two units at most, read at a glance in a list.

`model.written` writes lengths exactly; here they are rounded down on purpose.
"""

from datetime import timedelta

UNITS = (
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("min", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
)


def spoken(length: timedelta) -> str:
    """Return a length in its two largest units, as in `2 h 5 min`; a negative one with its sign."""
    if length < timedelta(0):
        return f"-{spoken(-length)}"
    for place, (name, unit) in enumerate(UNITS):
        count, rest = divmod(length, unit)
        if count:
            text = f"{count} {name}"
            if place + 1 < len(UNITS):
                below, smaller = UNITS[place + 1]
                less = rest // smaller
                text += f" {less} {below}" if less else ""
            return text
    milliseconds = length // timedelta(milliseconds=1)
    return f"{milliseconds} ms" if milliseconds else "0 s"


def counted(count: int, what: str) -> str:
    """Return how many there are of something, as in `1 run` and `1,204 runs`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
