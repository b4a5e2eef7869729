"""What was probably meant: the known word nearest to a mistyped one."""

from collections.abc import Iterable

_NEAR_ENOUGH = 0.6  # of 1.0; below, a guess confuses more than it helps
_COMPARED_CHARS_MAX = 200  # a longer word is no slip of the hand


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` was probably meant to be, None when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415  # only a refusal needs it

    folded = {name.casefold().replace("-", "_"): name for name in known}
    typed = word[:_COMPARED_CHARS_MAX].casefold().replace("-", "_")
    close = get_close_matches(typed, folded, n=1, cutoff=_NEAR_ENOUGH)
    return folded[close[0]] if close else None
