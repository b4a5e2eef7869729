"""Which services the server that runs now has, by its own word in the log: jobs without are marked.

The log is read and not the server asked, so that a list of jobs is printed also while the server is
stuck. Of a log that nobody serves nothing is said: the files may have changed since.
"""

from scheduler.model import events as e
from scheduler.model.limits import PAGE_EVENTS_MAX
from scheduler.model.streams import SYSTEM
from tools.reading import Reading


class Offered:
    """The services of the server that runs now."""

    def __init__(self, opened: Reading) -> None:
        found = None if opened.owner is None else last_loaded(opened)
        is_whole = found is not None and found.count == len(found.services)
        self._names = set(found.services) if found is not None and is_whole else None

    def lacks(self, service: str) -> bool | None:
        """Return whether this service is missing there; None when that is not known."""
        return None if self._names is None else service not in self._names


def last_loaded(opened: Reading) -> e.ServicesLoaded | None:
    """Return what the present server said last of its services; None before it has."""
    found: e.ServicesLoaded | None = None
    after = 0
    while True:
        page = opened.log.read(after=after, stream=SYSTEM)
        for recorded in page:
            match recorded.event:
                case e.ServicesLoaded() as loaded:
                    found = loaded
                case e.SystemStarted():
                    found = None  # of a server before
                case _:
                    pass
        if len(page) < PAGE_EVENTS_MAX:
            return found
        after = page[-1].position
