"""The composition root: settings in, wired parts out.

The only place that knows which part stands behind which protocol. What runs for one command is
light (`Reading`, `Owning`, `Client`); what runs as a server is `serving`, imported when it is
wanted, because it brings the web stack and the workers with it.
"""

import time
from contextlib import suppress
from pathlib import Path
from socket import gethostname

from scheduler.executor.clock import Clock, SystemClock
from scheduler.executor.owner import OwnerRecord, acquire, socket_path, who_owns
from scheduler.log.contract import Meta
from scheduler.log.place import real_path
from scheduler.log.sqlite import SqliteLog
from scheduler.model.errors import Conflict, NotAuthorised
from scheduler.model.events import LogCreated
from scheduler.model.limits import OWNER_PATIENCE
from tools.client import Client
from tools.installation import versions
from tools.owning import CHANNEL, Owning
from tools.principals import own_principal
from tools.reading import Reading, open_reading
from tools.settings import Settings

__all__ = ["Client", "Owning", "Reading", "create", "open_reading", "open_wishes"]

LOOK_S = 0.02  # between two looks at a log that another command owns


def create(path: Path, clock: Clock | None = None) -> None:
    """Make a new, empty log.

    Raises: Conflict, when there is a file; Unreachable, NotAuthorised, StorageFailed.
    """
    clock = clock or SystemClock()
    with acquire(path, since=clock.now(), host=gethostname()):
        created = LogCreated(identity=clock.random_hex(16), horolog=versions()["horolog"])
        meta = Meta(actor=own_principal(), channel=CHANNEL)
        SqliteLog.create(path, clock_ns=clock.now_ns, created=created, meta=meta).close()


def open_wishes(settings: Settings, *, clock: Clock | None = None) -> Client | Owning:
    """Return who can answer for the log: its owner, over the socket, or else this process.

    Another command that owns the log is done in a moment, and a server that starts needs one: both
    are waited for. Raises: Conflict, when the owner stays and does not answer; Unreachable,
    NotAuthorised, Corrupt.
    """
    clock = clock or SystemClock()
    path = real_path(settings.db)
    for _ in range(int(OWNER_PATIENCE.total_seconds() / LOOK_S)):
        with suppress(Conflict):
            return _who_answers(settings, path, clock)
        time.sleep(LOOK_S)
    return _who_answers(settings, path, clock)


def _who_answers(settings: Settings, path: Path, clock: Clock) -> Client | Owning:
    try:
        owner = who_owns(path)
    except NotAuthorised:
        # The lock is not ours to read, but its owner may let our group in by the socket.
        return Client(path, OwnerRecord(0, socket=str(socket_path(path))), clock)
    if owner is not None:
        return Client(path, owner, clock)
    return Owning(settings, acquire(path, since=clock.now(), host=gethostname()), clock)
