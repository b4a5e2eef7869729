"""When a fire time is due: some time later, by a part of the job's jitter.

The part follows from the occurrence's key, so whoever asks gets the same answer, and it ends before
the next fire time.
"""

import hashlib
from datetime import datetime, timedelta

from scheduler.model.firing import next_fire
from scheduler.model.jobs import Definition, JobId

PARTS = 1 << 32
MICROSECOND = timedelta(microseconds=1)


def due_time(job: JobId, definition: Definition, fire_time: datetime) -> datetime:
    """Return when the occurrence (job, fire_time) is due: at or after it, before the next."""
    most = definition.jitter
    if not most:
        return fire_time
    following = next_fire(definition.schedule, fire_time)
    if following is not None:
        most = min(most, following - fire_time)
    seed = hashlib.sha256(f"{job}/{fire_time.timestamp():.0f}/jitter".encode()).digest()
    part = int.from_bytes(seed[:4], "big")
    return fire_time + most // MICROSECOND * part // PARTS * MICROSECOND
