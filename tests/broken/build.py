"""A build that is broken on purpose.

It breaks one promise of the design (section 2) in the way in which a hurried change might. The text
must stand exactly once in its file; a change that moves it has to move it here too.
"""

from typing import NamedTuple


class Build(NamedTuple):
    """A tree in which one text is another, and the test that must see it."""

    promise: int  # of the design, section 2
    name: str  # what this build does wrong
    file: str
    old: str
    new: str
    caught_by: str  # the test that fails
