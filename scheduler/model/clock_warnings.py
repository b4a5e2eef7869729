"""What the clock changes ahead do to a cron schedule, told in sentences before it happens.

It asks what the expressions name on those days (`clock_changes`, which holds the rule) and only
words the result. A schedule whose beat is not disturbed (each minute; each hour when the clock
changes by one) is not warned about.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from scheduler.model.clock_changes import MADE_UP_SECONDS_MAX, named_times, ones, positions
from scheduler.model.cron import CronFields
from scheduler.model.cron_fires import cron_fires
from scheduler.model.instants import second_after, second_until
from scheduler.model.local_days import SECONDS_A_DAY, Segment, Stretch, date_of, stretches
from scheduler.model.schedules import Cron, Schedule

TIMES_NAMED_MAX = 3  # more are told by the first, the last and their number
SECONDS_A_MINUTE = 60
SECONDS_AN_HOUR = 3_600


class _Change(NamedTuple):
    """A clock change in local seconds: when the clock shows `at`, it is set to `to`."""

    at: int
    to: int


def clock_change_warnings(schedule: Schedule, *, after: datetime, until: datetime) -> list[str]:
    """Return a sentence for each clock change in (after, until] that moves, doubles or drops fires.

    A change that moves some fires and drops others has a sentence for each.
    """
    if not isinstance(schedule, Cron):
        return []
    first, last = second_after(after), second_until(until)
    return [
        sentence
        for stretch in stretches(schedule.timezone, first, last)
        for before, following in pairwise(stretch.segments())
        if first <= following.start <= last
        for sentence in _sentences(schedule, stretch, before, following)
    ]


def _sentences(
    schedule: Cron, stretch: Stretch, before: Segment, following: Segment
) -> Iterator[str]:
    """Yield what one clock change does: to fixed times, then to those that follow real time."""
    change = _Change(before.end + before.offset, following.start + following.offset)
    disturbed = [
        fields
        for fields in cron_fires(schedule).expressions
        if not _keeps_its_beat(fields, abs(change.to - change.at))
    ]
    named = named_times(disturbed, stretch)
    first = min(change) - stretch.midnight
    window = ones(abs(change.to - change.at)) << first
    way = "forward" if change.to > change.at else "back"
    opening = (
        f"on {date_of(change.at // SECONDS_A_DAY)} the clock goes {way} at {_clock(change.at)}"
    )
    for bits, fixed in ((named.fixed & window, True), (named.follows & window, False)):
        if bits:
            times = [stretch.midnight + position for position in positions(bits)]
            does = (
                _gap(schedule, change, times, fixed=fixed)
                if way == "forward"
                else _fold(schedule, times, fixed=fixed)
            )
            yield f"{opening}: {does}"


def _keeps_its_beat(fields: CronFields, shift: int) -> bool:
    """Whether a jump of the clock by `shift` seconds leaves the fires evenly apart."""
    if not fields.is_wildcard or (shift >= SECONDS_A_DAY and not fields.is_every_day):
        return False
    every_hour = len(fields.hours) == SECONDS_A_DAY // SECONDS_AN_HOUR
    every_minute = every_hour and len(fields.minutes) == SECONDS_AN_HOUR // SECONDS_A_MINUTE
    beat = SECONDS_A_MINUTE if every_minute else SECONDS_AN_HOUR if every_hour else SECONDS_A_DAY
    return shift % beat == 0


def _gap(schedule: Cron, change: _Change, times: list[int], *, fixed: bool) -> str:
    """Return what happens to times that the clock jumps over."""
    occur = "does" if len(times) == 1 else "do"
    made_up = schedule.gap == "after" and change.to - change.at <= MADE_UP_SECONDS_MAX
    if fixed and made_up:
        fires = f"it fires {'' if len(times) == 1 else 'once, '}at {_clock(change.to)}"
    else:
        fires = "it does not fire"
    return f"{_clocks(times)} {occur} not occur; {fires}"


def _fold(schedule: Cron, times: list[int], *, fixed: bool) -> str:
    """Return what happens to times that the clock shows twice."""
    occur = "occurs" if len(times) == 1 else "occur"
    fires = f"at the {schedule.fold}" if fixed else "both times"
    return f"{_clocks(times)} {occur} twice; it fires {fires}"


def _clocks(times: list[int]) -> str:
    """Return local times for people; many by the first, the last and how many."""
    if len(times) > TIMES_NAMED_MAX:
        return f"{_clock(times[0])} to {_clock(times[-1])} ({len(times)} times)"
    return " and ".join(_clock(time) for time in times)


def _clock(time: int) -> str:
    """Return what the clock shows at a local second: `02:30`, `02:30:15`."""
    minutes, second = divmod(time % SECONDS_A_DAY, SECONDS_A_MINUTE)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}" + (f":{second:02d}" if second else "")
