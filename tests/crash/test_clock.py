"""A real server whose wall clock is set to and fro: it keeps quiet, and runs nothing twice.

What it decides on each step is told on a manual clock, in tests/properties/test_clock.py; here it
is seen that nothing in a whole server spins while the clock is not to be believed.
"""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from scheduler.model import events as e
from scheduler.model.jobs import Definition
from scheduler.model.schedules import Interval
from tests.crash.drain import drained
from tests.crash.occurrences import occurrence_faults
from tests.crash.site import Site
from tests.crash.waiting import let_pass, until

pytestmark = pytest.mark.crash

HOUR = 3_600
YEAR = 365 * 24 * HOUR
OFF_S = (1, 0, 6, 0, -1, 0, -HOUR, 0, 2 * HOUR, 0, -YEAR, 0, 10 * YEAR, 0, -10 * YEAR, 0)
STOOD_S = 1.5  # for each of them
CORE_PART_MAX = 0.1
EACH_SECOND = Definition(name="job", service="crash.plain", schedule=Interval(timedelta(seconds=1)))


def set_clock(path: Path, off_s: int) -> None:
    """Set the clock at once: whoever reads it sees the old time or the new."""
    path.with_suffix(".new").write_text(str(off_s))
    path.with_suffix(".new").replace(path)


def test_a_clock_set_to_and_fro_costs_little_and_runs_nothing_twice(site: Site) -> None:
    clock = site.folder / "clock"
    set_clock(clock, 0)
    site.define(EACH_SECOND)
    server = site.moved(clock).ready()
    until(site.calls, "the first call")
    process = psutil.Process(server.pid)
    began, began_ns = process.cpu_times(), site.clock.monotonic_ns()
    for off_s in OFF_S:
        set_clock(clock, off_s)
        let_pass(STOOD_S)
    used, passed_s = process.cpu_times(), (site.clock.monotonic_ns() - began_ns) / 1e9
    part = (used.user + used.system - began.user - began.system) / passed_s
    print(f"{part:.1%} of a core while the clock was set {len(OFF_S)} times")
    assert CORE_PART_MAX > part
    site.stop(server)
    drained(site)  # by the right clock
    recorded = site.recorded()
    assert [] == occurrence_faults(recorded)
    assert {1} == set(Counter((line.run, line.attempt) for line in site.calls()).values())
    jumps = [one.event for one in recorded if isinstance(one.event, e.ClockJumped)]
    assert [6, -6, -HOUR] == [round(jump.by_s) for jump in jumps][:3]
