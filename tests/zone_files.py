"""Zone data of our own: a zone that this machine does not know, and one that comes to it."""

import struct
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduler.model import zones
from scheduler.model.schedules import Cron

ATLANTIS = "Europe/Atlantis"  # no machine knows it
LEMURIA = "Indian/Lemuria"  # known as long as it is `installed`
IN_ATLANTIS = Cron(("*/5 * * * *",), timezone=ATLANTIS)
IN_LEMURIA = Cron(("*/5 * * * *",), timezone=LEMURIA)


def zone_file(hours: int) -> bytes:
    """Return a TZif file (RFC 9636) of a zone whose clock never changes."""
    header = struct.pack(">4sc15x6I", b"TZif", b"\0", 0, 0, 0, 0, 1, 4)
    return header + struct.pack(">ibB", hours * 3_600, 0, 0) + f"+{hours:02}\0".encode()


@contextmanager
def installed(zone: str, folder: Path, *, hours: int = 2) -> Iterator[None]:
    """Have this process know a zone for a while."""
    path = folder / zone
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zone_file(hours))
    zoneinfo.reset_tzpath(to=[str(folder), *zoneinfo.TZPATH])
    try:
        yield
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache(only_keys=[zone])
        zones._known.cache_clear()  # noqa: SLF001  # or it would go on being known
