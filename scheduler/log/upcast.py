"""Lifts the bodies of old events into today's form, one revision at a time.

Stored bytes never change. When an event gains or loses a field, its revision in
`model.events.REVISIONS` is counted up and a function is added here that makes a body of the
revision before into one of the revision after. The functions are pure, dict to dict, and chained,
so each is written once and never touched again. Nothing else in Horolog knows that events ever
looked different.
"""

from collections.abc import Callable, Mapping
from typing import Any

from scheduler.model.errors import Damaged

Body = dict[str, Any]
Upcasters = Mapping[tuple[str, int], Callable[[Body], Body]]  # (type, revision) -> to revision + 1


def unchanged(body: Body) -> Body:
    """Return a body to which only fields were added that may be absent."""
    return body


UPCASTERS: Upcasters = {
    ("run-planned", 1): unchanged,  # + of, backfill
    ("service-called", 1): unchanged,  # + number, of
    ("attempt-failed", 1): unchanged,  # + give_up_at
    ("cancel-requested", 1): unchanged,  # + successor
    ("run-cancelled", 1): unchanged,  # + successor
    ("fires-skipped", 1): unchanged,  # more reasons
    ("job-defined", 1): unchanged,  # the definition's policies: jitter, exclude, queue, cancel ...
    ("job-revised", 1): unchanged,  # likewise
    ("job-paused", 1): unchanged,  # + until, missed, failures
    ("system-paused", 1): unchanged,  # + until, missed
}


def lifted(body: Body, event_type: str, revision: int, *, to: int, upcasters: Upcasters) -> Body:
    """Return `body`, written as `revision` of `event_type`, in the form of revision `to`.

    Raises: Damaged, when no upcaster leads there: every revision ever released has one.
    """
    for step in range(revision, to):
        upcaster = upcasters.get((event_type, step))
        if upcaster is None:
            raise Damaged(f'no revision {step} of "{event_type}" was ever released')
        body = upcaster(body)
    return body
