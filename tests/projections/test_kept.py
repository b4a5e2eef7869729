"""What the views hold in memory between two pages is bounded; the rest is read from their rows."""

import pytest

from projections.projector import Projector
from scheduler.executor.derived import ViewsFile
from tests.projections.histories import History

JOBS = 5


def held(view: str, states: str) -> int:
    """Return how many states of five jobs, each with an open run, a view holds."""
    history = History()
    history.start()
    for number in range(JOBS):
        history.define(f"job-{number}")
    history.tick(60)
    projector = Projector(history.log, ViewsFile.in_memory())
    projector.catch_up()
    return len(vars(vars(projector)["_folds"][view].projection)[states])


@pytest.mark.parametrize(
    ("view", "states", "limit"),
    [
        ("schedules", "_kept", "VIEW_JOBS_KEPT_MAX"),
        ("runs", "_kept", "VIEW_RUNS_KEPT_MAX"),
        ("runs", "_names", "VIEW_NAMES_KEPT_MAX"),
        ("tally", "_kept", "VIEW_TALLIES_KEPT_MAX"),
        ("tally", "_runs", "VIEW_RUNS_KEPT_MAX"),
    ],
)
def test_states_beyond_so_many_are_let_go_at_the_end_of_a_page(
    view: str, states: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"projections.{view}.{limit}", JOBS)
    assert JOBS == held(view, states)
    monkeypatch.setattr(f"projections.{view}.{limit}", JOBS - 1)
    assert 0 == held(view, states)
