"""After a crash with a thousand runs open and a hundred thousand events in the log, all is decided
that is owed, and rightly. How soon: python -m tests.bench.bench_restart
"""

from functools import partial
from pathlib import Path

import pytest

from scheduler.model import commands as c
from scheduler.model import events as e
from tests.crash.aftermath import DOWN_MINUTES, JOBS, is_settled, left_behind, settled
from tests.crash.waiting import until
from tools.client import Client
from tools.web import routes

pytestmark = pytest.mark.crash

PATIENCE_S = 180.0  # two thousand runs on a few slots of a busy machine


@pytest.mark.parametrize("has_snapshot", [True, False])
def test_a_restart_with_much_open_decides_all_that_is_owed(
    tmp_path: Path, *, has_snapshot: bool
) -> None:
    left = left_behind(tmp_path, has_snapshot=has_snapshot)
    site = left.site
    try:
        assert left.events >= 100_000
        assert JOBS == left.open_runs
        began_at = site.clock.now()
        server = site.serve().ready()
        with site.client() as client:
            until(partial(is_settled, left), "all that was owed is decided", seconds=PATIENCE_S)
            client.ask(c.PauseSystem())  # a thousand jobs go on firing each minute
            until(partial(is_idle, client), "the end of all runs", seconds=PATIENCE_S)
        site.stop(server)
        recorded = site.check()
        found = settled(recorded, began_at)
        print(f"{found.fires:,} owed fires were decided {found.decided} after the start")
        assert JOBS * DOWN_MINUTES <= found.fires
        lost = [one.event for one in recorded if isinstance(one.event, e.AttemptInterrupted)]
        assert JOBS == sum(event.reason == "crash" for event in lost)
    finally:
        site.close()


def is_idle(client: Client) -> bool:
    status = client.get(routes.STATUS)
    assert isinstance(status, dict)
    return bool(status["runs_open"] == 0)
