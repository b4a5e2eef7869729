"""Records for readers: the columns of the stable views, with JSON and instants read."""

import pytest
from msgspec import Struct

from projections import rows
from projections.rows import Shape
from scheduler.model.content import Payload
from tests.projections.backfilled import requested
from tests.projections.histories import History
from tests.projections.views import folded


class Pair(Struct, frozen=True):
    flag: bool
    payload: Payload | None


def test_json_is_read_and_nothing_stays_nothing() -> None:
    shape = Shape(Pair, "payload")
    assert "[flag], [payload]" == shape.columns  # a column may be called like a word of SQL
    assert Pair(flag=True, payload=Payload(text="x")) == shape.read((1, '{"text":"x"}'))
    assert Pair(flag=False, payload=None) == shape.read((0, None))


@pytest.mark.parametrize(
    ("view", "shape", "kind"),
    [
        ("jobs", rows.JOB, rows.JobRow),
        ("runs", rows.RUN, rows.RunRow),
        ("attempts", rows.ATTEMPT, rows.AttemptRow),
        ("misses", rows.MISS, rows.MissRow),
        ("backfills", rows.BACKFILL, rows.BackfillRow),
        ("changes", rows.CHANGE, rows.ChangeRow),
        ("system", rows.SYSTEM, rows.SystemRow),
    ],
)
def test_every_row_of_a_stable_view_becomes_a_record(
    view: str, shape: Shape[Struct], kind: type[Struct]
) -> None:
    history = History()
    history.start()
    requested(history, history.define("orders", catch_up="none"))
    history.handle.refold()
    history.tick(600)
    for run in history.running():
        history.report(run, "error", error="no")
    views, _ = folded(history.log)
    with views.reading() as connection:
        found = connection.execute(f"SELECT {shape.columns} FROM {view}").fetchall()
    assert {kind} == {type(shape.read(row)) for row in found}
