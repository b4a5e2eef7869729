"""What a fire time is on a day when the clock changes: Debian cron's rules, one run per instant.

An expression with `*` in minute or hour follows real time: it fires whenever the local clock shows
a time it names, so never in a gap and in both passes of a fold. A fixed time fires once a day: one
that the clock jumps over fires at the first instant after the gap (or is dropped), one that the
clock shows twice fires on its first pass (or its last). A gap of more than three hours is a lost
day, for which nothing is made up.

Such days are laid out as bits, one per second. Bits unite, so two nominal times on one instant are
one occurrence, whichever expression names them.
"""

from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from scheduler.model.cron import CronFields, matching_days
from scheduler.model.instants import SECOND
from scheduler.model.limits import CLOCK_JUMP_MADE_UP_MAX, DAY_TIMES_MAX
from scheduler.model.local_days import SECONDS_A_DAY, Segment, Stretch, date_of

MADE_UP_SECONDS_MAX = CLOCK_JUMP_MADE_UP_MAX // SECOND


class Named(NamedTuple):
    """Local times that expressions name: bit n is the nth second after the first midnight."""

    follows: int  # by those that follow real time
    fixed: int  # by those that fire once a day at each of them


def fires_on_changed_days(
    expressions: Iterable[CronFields],
    stretch: Stretch,
    *,
    makes_up_gaps: bool,
    takes_first_pass: bool,
) -> int:
    """Return the fires on days with a clock change: bit n is the nth second of the stretch."""
    named = named_times(expressions, stretch)
    fires = _in_real_time(named.follows, stretch)
    fires |= _once_each(named.fixed, stretch, takes_first_pass=takes_first_pass)
    if makes_up_gaps:
        fires |= _made_up(named.fixed, stretch)
    return fires


def named_times(expressions: Iterable[CronFields], stretch: Stretch) -> Named:
    """Return the local times that the expressions name on the days of a stretch."""
    follows, fixed = 0, 0
    for day in range(stretch.first_day, stretch.last_day + 1):
        shift = (day - stretch.first_day) * SECONDS_A_DAY
        on = date_of(day)
        for fields in expressions:
            if on.day not in matching_days(fields, on.year, on.month):
                continue
            bits = _day_bits(fields.hours, fields.minutes, fields.seconds) << shift
            if fields.is_wildcard:
                follows |= bits
            else:
                fixed |= bits
    return Named(follows, fixed)


def ones(count: int) -> int:
    """Return `count` bits that are set."""
    return (1 << count) - 1


def positions(bits: int) -> Sequence[int]:
    """Return the numbers of the bits that are set, ascending."""
    found = array("i")
    text = bin(bits)[:1:-1]
    position = text.find("1")
    while position >= 0:  # at most one step a second of two or three days
        found.append(position)
        position = text.find("1", position + 1)
    return found


def _in_real_time(named: int, stretch: Stretch) -> int:
    """Return the instants at which the local clock shows a named time."""
    fires = 0
    for segment in stretch.segments():
        fires |= _instants(named & _shown(segment, stretch), segment, stretch)
    return fires


def _once_each(named: int, stretch: Stretch, *, takes_first_pass: bool) -> int:
    """Return the instants at which the clock shows a named time for the first, or last, time."""
    segments = list(stretch.segments())
    fires = 0
    for segment in segments if takes_first_pass else reversed(segments):
        shown = named & _shown(segment, stretch)
        named ^= shown
        fires |= _instants(shown, segment, stretch)
    return fires


def _made_up(named: int, stretch: Stretch) -> int:
    """Return the first instants after the gaps in which a named time lies."""
    fires = 0
    for before, after in pairwise(stretch.segments()):
        gap = after.offset - before.offset
        if 0 < gap <= MADE_UP_SECONDS_MAX:
            skipped = ones(gap) << before.end + before.offset - stretch.midnight
            if named & skipped:
                fires |= 1 << after.start - stretch.start
    return fires


def _shown(segment: Segment, stretch: Stretch) -> int:
    """Return the local times that the clock shows during a segment."""
    first = segment.start + segment.offset - stretch.midnight
    return ones(segment.end - segment.start) << first


def _instants(shown: int, segment: Segment, stretch: Stretch) -> int:
    """Return the seconds of the stretch at which a segment shows these local times."""
    later = stretch.midnight - segment.offset - stretch.start
    return shown << later if later >= 0 else shown >> -later


@lru_cache(DAY_TIMES_MAX)
def _day_bits(hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...]) -> int:
    """Return the named local times of a day: bit n is the nth second after midnight."""
    in_minute = sum(1 << second for second in seconds)
    in_hour = sum(in_minute << minute * 60 for minute in minutes)
    return sum(in_hour << hour * 3600 for hour in hours)
