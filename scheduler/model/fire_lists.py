"""The next fire times of cron schedules, kept ready: the hot path of the executor is a look-up.

Jobs with equal schedules share one list, and the very instants in it. A list is complete between
its bounds, never changed once it can be seen, and replaced by the stretch that follows when it is
used up, longer each time; so it costs little for a schedule that fires once a year and nothing per
fire for one that fires each minute. Lists can be dropped at any time: they hold nothing that is not
reckoned again. When there are too many, all are dropped, which is simple and rare.
"""

from bisect import bisect_left, bisect_right
from datetime import datetime
from typing import NamedTuple

from scheduler.model.cron_fires import cron_fires
from scheduler.model.instants import instant, search_ahead
from scheduler.model.limits import (
    FIRE_LIST_FIRST,
    FIRE_LIST_MAX,
    FIRE_LISTS_MAX,
    FIRES_KEPT_MAX,
)
from scheduler.model.schedules import Cron

_GROWTH = 4  # a list that was used up is followed by one so many times as long


class _FireList(NamedTuple):
    """All fire times of a schedule in (after, the last of `times`]; the first may be `after`."""

    after: datetime
    times: tuple[datetime, ...]  # ascending, at least one


class FireLists:
    """The lists of many schedules, bounded in number and in all."""

    def __init__(self) -> None:
        self._lists: dict[Cron, _FireList] = {}
        self._kept = 0  # fire times in all lists

    def next_fire(self, schedule: Cron, after: datetime) -> datetime | None:
        """Return the first fire time later than `after`; None when none comes within 50 years."""
        known = self._lists.get(schedule)
        if known is not None and known.after <= after < known.times[-1]:
            return known.times[bisect_right(known.times, after)]
        fresh = _fire_list(schedule, after, known)
        if fresh is None:
            return None
        self._keep(schedule, fresh, known)
        return fresh.times[bisect_right(fresh.times, after)]

    def within(
        self, schedule: Cron, after: datetime, until: datetime
    ) -> tuple[datetime, ...] | None:
        """Return the fire times in (after, until] when the list at hand holds them all."""
        known = self._lists.get(schedule)
        if known is None or after < known.after or known.times[-1] < until:
            return None
        return known.times[bisect_right(known.times, after) : bisect_right(known.times, until)]

    def previous_fire(self, schedule: Cron, before: datetime) -> datetime | None:
        """Return the last fire time earlier than `before` when the list at hand holds it."""
        known = self._lists.get(schedule)
        if known is None or not known.times[0] < before <= known.times[-1]:
            return None
        return known.times[bisect_left(known.times, before) - 1]

    def _keep(self, schedule: Cron, fresh: _FireList, known: _FireList | None) -> None:
        """Put a list in place of the one known, dropping all when there is no room."""
        self._kept += len(fresh.times) - (len(known.times) if known else 0)
        if self._kept > FIRES_KEPT_MAX or len(self._lists) >= FIRE_LISTS_MAX:
            self._lists.clear()
            self._kept = len(fresh.times)
        self._lists[schedule] = fresh


def _fire_list(schedule: Cron, after: datetime, known: _FireList | None) -> _FireList | None:
    """Return a list that goes on after `after`, longer when it follows the one known."""
    wanted = FIRE_LIST_FIRST
    times: list[datetime] = []
    if known is not None and after >= known.times[-1]:
        wanted = min(len(known.times) * _GROWTH, FIRE_LIST_MAX)
        if after == known.times[-1]:
            times.append(after)  # whoever asks for the one before the next finds it
    found = cron_fires(schedule).earliest(*search_ahead(after), limit=wanted)
    times.extend(map(instant, found))
    return _FireList(after, tuple(times)) if found else None


LISTS = FireLists()
