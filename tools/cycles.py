"""Stretches of a simulation that go alike: asked of the rules once, and then repeated.

A cycle begins with a fire time that was decided on time while nothing was open, and ends when
nothing is open again. A rule knows time only by fire times and by what is open; so the next cycle
goes the same way if its fire times lie the same way apart, and the answer need not be asked for
again. A delay between two attempts follows from the run's id and differs: then the longest that the
policy allows must fit before the next fire time. `simulation` decides what is repeated and when; a
test holds it against deciding everything.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from scheduler.model import events as e
from scheduler.model.jobs import Definition, JobId, run_id
from scheduler.model.streams import fire_stream
from scheduler.rules.facts import Fact


class Told(NamedTuple):
    """A fact, and when it was decided."""

    at: datetime
    fact: Fact


class Cycle(NamedTuple):
    """What was decided from one quiet moment to the next."""

    planned: e.RunPlanned
    begun_at: datetime  # its first fire time
    length: timedelta  # until nothing is open, at the latest
    offsets: tuple[timedelta, ...]  # of its fire times from the first
    told: Sequence[Told]


def cycle_of(told: Sequence[Told], quiet_at: datetime, policy: Definition) -> Cycle | None:
    """Return the cycle that was told, None when it is not one that may be repeated."""
    if len(told) < 3 or not isinstance(told[0].fact.event, e.RunPlanned):  # noqa: PLR2004  # plan, start, end
        return None
    planned, begun_at = told[0].fact.event, told[0].at
    is_prompt = planned.cause == "schedule" and planned.fire_time == planned.due_time == begun_at
    is_begun = isinstance(told[1].fact.event, e.AttemptStarted) and told[1].at == begun_at
    if not (is_prompt and is_begun):
        return None
    offsets = [timedelta()]
    longest = timedelta()  # the delays between attempts
    for one in told[2:]:
        match one.fact.event:
            case e.FiresSkipped(until=until, count=1) if until == one.at:
                offsets.append(until - begun_at)
            case e.AttemptFailed(attempt=attempt):
                longest += ceiling(policy, attempt)
            case e.AttemptStarted() | e.RunSucceeded() | e.RunFailed():
                continue
            case _:
                return None
    if longest and len(offsets) > 1:
        return None  # what it skips depends on how long it waits
    return Cycle(planned, begun_at, quiet_at - begun_at + longest, tuple(offsets), told)


def ceiling(policy: Definition, failures: int) -> timedelta:
    """Return the longest pause after so many failed attempts."""
    retry = policy.retry
    try:
        seconds = retry.initial.total_seconds() * retry.factor ** (failures - 1)
    except OverflowError:
        return retry.max_delay
    return min(timedelta(seconds=min(seconds, 1e9)), retry.max_delay)


def repeats(cycle: Cycle, fires: Sequence[datetime]) -> int:
    """Return how many of `fires`, from the first, belong to cycles that go like this one.

    The fire time that follows each cycle must be among them.
    """
    offsets, length = cycle.offsets, cycle.length
    many = len(offsets)
    if many == 1:
        for place in range(1, len(fires)):
            if fires[place] - fires[place - 1] < length:
                return place - 1
        return max(len(fires) - 1, 0)
    place = 0
    while place + many < len(fires):
        first = fires[place]
        is_alike = fires[place + many] - first >= length and all(
            fires[place + number] - first == offset for number, offset in enumerate(offsets)
        )
        if not is_alike:
            break
        place += many
    return place


def moved(cycle: Cycle, begun_at: datetime, before: datetime) -> Iterator[Fact]:
    """Yield the cycle's facts as they are when it begins at another fire time.

    `before`: the fire time before that.
    """
    by = begun_at - cycle.begun_at
    job: JobId = cycle.planned.job
    run, stream = run_id(job, begun_at), fire_stream(begun_at, job)
    for _, (own_stream, event) in cycle.told:
        match event:
            case e.RunPlanned(start_by=start_by):
                yield Fact(
                    stream,
                    replace(
                        event,
                        run=run,
                        due_time=begun_at,
                        fire_time=begun_at,
                        window_start=before,
                        start_by=None if start_by is None else start_by + by,
                    ),
                )
            case e.FiresSkipped(after=after, until=until):
                yield Fact(own_stream, replace(event, after=after + by, until=until + by))
            case e.AttemptFailed(retry_at=retry_at):
                retry_at = None if retry_at is None else retry_at + by
                yield Fact(stream, replace(event, run=run, retry_at=retry_at))
            case e.AttemptStarted() | e.RunSucceeded() | e.RunFailed():
                yield Fact(stream, replace(event, run=run))
            case _:
                raise ValueError(f"{type(event).__name__} is in no cycle")
