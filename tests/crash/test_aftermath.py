"""After a crash with a thousand runs open and a hundred thousand events in the log, all is decided
that is owed, and rightly. How soon: python -m tests.bench.bench_restart
"""

from pathlib import Path

import pytest

from scheduler.model import events as e
from tests.crash.aftermath import DOWN_MINUTES, JOBS, left_behind, settled
from tests.crash.waiting import until
from tools.web import routes

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("has_snapshot", [True, False])
def test_a_restart_with_much_open_decides_all_that_is_owed(
    tmp_path: Path, *, has_snapshot: bool
) -> None:
    site, events, open_runs = left_behind(tmp_path, has_snapshot=has_snapshot)
    try:
        assert events >= 100_000
        assert JOBS == open_runs
        began_at = site.clock.now()
        server = site.serve().ready()
        client = site.client()
        until(lambda: all_is_done(client.get(routes.STATUS)), "nothing is owed, nothing open")
        client.close()
        site.stop(server)
        recorded = site.check()
        found = settled(recorded, began_at)
        print(f"{found.fires:,} owed fires were decided {found.decided} after the start")
        assert JOBS * DOWN_MINUTES <= found.fires
        lost = [one.event for one in recorded if isinstance(one.event, e.AttemptInterrupted)]
        assert JOBS == sum(event.reason == "crash" for event in lost)
    finally:
        site.close()


def all_is_done(status: object) -> bool:
    """Return whether a server owes no decision and has no run open."""
    assert isinstance(status, dict)
    return (status["owed"], status["runs_open"]) == (0, 0)
