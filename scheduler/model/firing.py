"""Fire times: when a schedule of any kind is due, within a window or next to an instant.

This is the one place that turns a schedule into instants. Live firing, catch-up, backfill and
previews all ask the same questions about windows (after, until]. Everything is pure: instants come
in, instants go out, in UTC, whole seconds, strictly increasing. Only the years of our calendar
(1970 to 2262) have fire times; a window that reaches beyond them is clipped.

Once and interval are arithmetic (a `range` of seconds). Cron is `cron_fires`, with what changes at
a clock change; the lists kept for the executor are `fire_lists`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from scheduler.model.cron_fires import cron_fires
from scheduler.model.fire_lists import LISTS
from scheduler.model.instants import (
    CALENDAR_END,
    FIRST_SECOND,
    LAST_SECOND,
    SECOND,
    instant,
    search_back,
    second_after,
    second_at,
    second_before,
    second_until,
)
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule


def fire_times(
    schedule: Schedule, *, after: datetime, until: datetime, limit: int
) -> list[datetime]:
    """Return the first `limit` fire times in (after, until]; continue from the last one."""
    if isinstance(schedule, Cron):
        known = LISTS.within(schedule, after, until)
        if known is not None:
            return list(known[:limit])
        fires = cron_fires(schedule)
        found: Sequence[int] = fires.earliest(second_after(after), second_until(until), limit=limit)
    else:
        found = _between(schedule, second_after(after), second_until(until))[:limit]
    return [instant(second) for second in found]


def latest_fire_times(
    schedule: Schedule, *, after: datetime, until: datetime, limit: int
) -> list[datetime]:
    """Return the last `limit` fire times in (after, until], ascending; the others cost nothing."""
    first, last = second_after(after), second_until(until)
    if isinstance(schedule, Cron):
        known = LISTS.within(schedule, after, until)
        if known is not None:
            return list(known[max(len(known) - limit, 0) :])
        found: Sequence[int] = cron_fires(schedule).newest(first, last, limit=limit)
    else:
        every = _between(schedule, first, last)
        found = every[max(len(every) - limit, 0) :]
    return [instant(second) for second in found]


def count_fires(schedule: Schedule, *, after: datetime, until: datetime) -> int:
    """Return the exact number of fire times in (after, until], reckoned and not looped."""
    first, last = second_after(after), second_until(until)
    if isinstance(schedule, Cron):
        known = LISTS.within(schedule, after, until)
        return len(known) if known is not None else cron_fires(schedule).count(first, last)
    return len(_between(schedule, first, last))


def next_fire(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the first fire time later than `after`.

    None when there is none; a cron schedule is searched 50 years ahead.
    """
    if isinstance(schedule, Cron):
        return LISTS.next_fire(schedule, after)
    if isinstance(schedule, Interval) and schedule.anchor is not None and schedule.anchor <= after:
        return _next_on_grid(schedule.anchor, schedule.every, after)
    found = _between(schedule, second_after(after), LAST_SECOND)
    return instant(found[0]) if found else None


def previous_fire(schedule: Schedule, before: datetime) -> datetime | None:
    """Return the last fire time earlier than `before`.

    None when there is none; a cron schedule is searched 50 years back.
    """
    if not isinstance(schedule, Cron):
        found = _between(schedule, FIRST_SECOND, second_before(before))
        return instant(found[-1]) if found else None
    known = LISTS.previous_fire(schedule, before)
    if known is not None:
        return known
    newest = cron_fires(schedule).newest(*search_back(before), limit=1)
    return instant(newest[0]) if newest else None


def _next_on_grid(anchor: datetime, every: timedelta, after: datetime) -> datetime | None:
    """Return the first `anchor + k * every` later than `after`: the executor asks once per fire."""
    try:
        following = anchor + ((after - anchor) // every + 1) * every
    except OverflowError:
        return None
    return following if following <= CALENDAR_END else None


def _between(schedule: Once | Interval | Manual, first: int, last: int) -> range:
    """Return the fires of a schedule without a calendar in [first, last], as seconds."""
    match schedule:
        case Once(at=at):
            second = second_at(at)
            return range(second, second + 1) if first <= second <= last else range(0)
        case Interval(every=every, anchor=anchor):
            if anchor is None or every < SECOND or every % SECOND:
                raise ValueError(f"not a resolved interval: {schedule}")
            begin, step = second_at(anchor), every // SECOND
            steps_before = max(-((begin - first) // step), 0)
            return range(begin + steps_before * step, last + 1, step)
        case Manual():
            return range(0)
