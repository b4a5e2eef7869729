"""`why` says of every occurrence of a day what the model says, and a log that was changed is found.

The answer of `why` is looked up in the log alone; the model followed the day event by event. What
they say of each fire time must be the same, also where a clock was set back and decided anew.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.limits import PAGE_EVENTS_MAX
from tests.fakes import HeldLog
from tests.simulation.lives import lived
from tests.simulation.model import Model
from tests.simulation.model_jobs import RAN, Job
from tests.simulation.model_runs import BrokenError
from tests.simulation.world import KEY_LIMITS, SLOTS, Turn, World
from tools.cli.occurrence import find

FEW = 8
MANY = 500
HOURS = 5.0
SAMPLES = 12  # events of one day that are changed, each by itself
BEYOND = timedelta(hours=3)  # past the cursor, fire times are not decided yet


class Archive(HeldLog):
    """The log of a day, decoded once: `why` reads the same streams over and over."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock.now_ns)
        self._streams: dict[str, list[Recorded]] = {}
        for recorded in world.log.copied().follow(0):
            self._streams.setdefault(recorded.stream, []).append(recorded)

    def read(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        stream: str | None = None,
        limit: int = PAGE_EVENTS_MAX,
    ) -> list[Recorded]:
        """Return the events of a stream after a position."""
        assert stream is not None
        assert until is None
        kept = self._streams.get(stream, ())
        return [recorded for recorded in kept if recorded.position > after][:limit]


def disagreements(seed: str) -> Iterator[str]:
    """Yield each fire time of which `why` says another thing than the model."""
    world = lived(seed, hours=HOURS).world
    log = Archive(world)
    for key, job in world.model.jobs.items():
        for at in sorted({*job.fates, *job.window(job.cursor + BEYOND)}):
            found = find(log, key, at)
            told = found.skip.reason if found.skip is not None else found.verdict
            if told != expected(job, at):
                yield f"seed {seed!r}, job {key}, {at}: {told}, not {expected(job, at)}"
            if (
                found.run is not None
                and found.run.status != world.model.work.runs[found.run.run].status
            ):
                yield f"seed {seed!r}, run {found.run.run} is not {found.run.status}"


def expected(job: Job, at: datetime) -> str:
    """Return what the model says of a fire time: "run", the reason of its skip, or not decided."""
    fate = job.fates.get(at)
    if fate is None:
        return "run" if at in job.carried_out else "not-decided"
    return "run" if fate in RAN else fate


@pytest.mark.parametrize("number", range(FEW))
def test_why_says_what_the_model_says(number: int) -> None:
    assert [] == list(disagreements(f"why {number}"))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FEW, MANY, 12))
def test_why_says_what_the_model_says_of_many_days(first: int) -> None:
    for number in range(first, min(first + 12, MANY)):
        assert [] == list(disagreements(f"why {number}"))


# -- a log that was changed


def found_in(turns: list[Turn], world: World) -> str | None:
    """Return what the model finds wrong with a day that was changed."""
    model = Model(SLOTS, KEY_LIMITS)
    try:
        for turn in turns:
            model.take(*turn, world.told)
    except (BrokenError, KeyError) as broken:
        return str(broken)
    return None


def changed(turns: list[Turn], victim: Recorded, by: Sequence[Recorded]) -> list[Turn]:
    """Return the day with one event replaced by others, or by none."""
    return [
        turn._replace(
            batch=[
                one
                for recorded in turn.batch
                for one in (by if recorded is victim else (recorded,))
            ]
        )
        for turn in turns
    ]


def altered(recorded: Recorded) -> Recorded:
    """Return a decision about a fire time as a forger would have it."""
    event = recorded.event
    if isinstance(event, e.FiresSkipped):
        reason = "misfire" if event.reason != "misfire" else "coalesced"
        return replace(recorded, event=replace(event, reason=reason))
    assert isinstance(event, e.RunPlanned)
    assert event.fire_time is not None
    moved = event.fire_time + timedelta(seconds=1)
    return replace(recorded, event=replace(event, fire_time=moved, due_time=moved))


@pytest.mark.parametrize("number", range(3))
def test_a_decision_that_is_taken_out_altered_or_told_twice_is_found(number: int) -> None:
    world = lived(f"changed {number}").world
    decisions = [
        one
        for one in world.history
        if isinstance(one.event, e.FiresSkipped)
        or (isinstance(one.event, e.RunPlanned) and one.event.cause in RAN)
    ]
    assert found_in(world.turns, world) is None
    assert decisions
    for victim in decisions[:: max(len(decisions) // SAMPLES, 1)]:
        for by in ((), (altered(victim),), (victim, victim)):
            assert found_in(changed(world.turns, victim, by), world) is not None, (victim, by)


@pytest.mark.parametrize("number", range(3))
def test_any_event_that_is_taken_out_or_altered_breaks_the_chain(number: int) -> None:
    log = lived(f"chain {number}", hours=HOURS).world.log
    assert log.verify().fault is None
    for place in range(0, len(log.rows) - 1, max(len(log.rows) // SAMPLES, 1)):
        row = log.rows[place]
        log.rows[place : place + 1] = []
        assert log.verify().fault is not None
        log.rows[place:place] = [(*row[:6], row[6][:-1] + b" }", *row[7:])]
        assert log.verify().fault is not None
        log.rows[place] = row
    assert log.verify().fault is None
