"""Laws of the views: rows follow from the log alone, however and whenever they were folded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.catalog import CATALOG
from projections.projector import Projector
from scheduler.executor.derived import ViewsFile
from tests.projections.histories import LIVES, History, live
from tests.projections.views import folded, rows_of

Steps = list[tuple[str, int, int]]


@given(
    steps=LIVES,
    pages=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    restarts=st.booleans(),
)
def test_rows_do_not_depend_on_pages_and_restarts(
    *, steps: Steps, pages: list[int], restarts: bool
) -> None:
    history = History()
    history.start()
    live(history, steps)
    views = ViewsFile.in_memory(identity=history.log.identity)
    projector = Projector(history.log, views)
    head = history.log.head().position
    number = 0
    while projector.position < head:
        projector.catch_up(until=min(projector.position + pages[number % len(pages)], head))
        number += 1
        if restarts:
            projector = Projector(history.log, views)
            projector.catch_up(until=0)
    assert rows_of(folded(history.log)[0]) == rows_of(views)


@given(LIVES)
def test_views_follow_a_living_log_to_the_rows_of_one_that_is_folded_whole(steps: Steps) -> None:
    history = History()
    history.start()
    views, projector = folded(history.log)
    for step in steps:
        live(history, [step])
        projector.catch_up()
    assert rows_of(folded(history.log)[0]) == rows_of(views)


@given(LIVES)
def test_what_is_kept_in_memory_makes_no_difference(steps: Steps) -> None:
    history = History()
    history.start()
    views, projector = folded(history.log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("projections.runs.VIEW_RUNS_KEPT_MAX", 0)
        patch.setattr("projections.runs.VIEW_NAMES_KEPT_MAX", 0)
        patch.setattr("projections.schedules.VIEW_JOBS_KEPT_MAX", 0)
        patch.setattr("projections.schedules.PAGE_EVENTS_MAX", 1)
        for step in steps:
            live(history, [step])
            projector.catch_up()
    assert rows_of(folded(history.log)[0]) == rows_of(views)


@given(LIVES)
def test_a_rebuild_gives_the_same_rows(steps: Steps) -> None:
    history = History()
    live(history, steps)
    views, projector = folded(history.log)
    before = rows_of(views)
    for kind in CATALOG:
        assert projector.rebuild(kind.name)
    assert before == rows_of(views)
