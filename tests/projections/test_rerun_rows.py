"""Several runs in one stream: a row each, which knows the others."""

from projections.read_runs import attempts, run, runs
from scheduler.model import events as e
from scheduler.model.jobs import RunId, run_id
from scheduler.model.streams import call_stream, fire_stream
from tests.projections.backfilled import (
    BACKFILL,
    add,
    carried_out,
    minute,
    planned,
    requested,
    rerun,
)
from tests.projections.histories import NOON, History
from tests.projections.views import folded


def test_each_run_of_an_occurrence_is_a_row_with_attempts_of_its_own() -> None:
    history = History()
    history.start()
    job = history.define("orders")
    requested(history, job)
    first = planned(history, job, minute(3))
    carried_out(history, job, minute(3), first, succeeds=False)
    again = rerun(history, job, minute(3))
    carried_out(history, job, minute(3), again, succeeds=True)
    views, _ = folded(history.log)
    with views.reading() as connection:
        second, one = runs(connection)
        assert [1] == [attempt.attempt for attempt in attempts(connection, one)]
        assert ["succeeded"] == [attempt.outcome for attempt in attempts(connection, second)]
    assert ("failed", 1, None, BACKFILL) == (one.status, one.number, one.of, one.backfill)
    assert (again, "succeeded", 2, first, None) == (
        second.run,
        second.status,
        second.number,
        second.of,
        second.backfill,
    )
    assert fire_stream(minute(3), job) == one.stream == second.stream
    assert run_id(job, minute(3), 2) == again


def test_what_happens_to_an_earlier_run_after_a_rerun_is_its_own() -> None:
    history = History()
    history.start()
    job = history.define("orders")
    requested(history, job)
    first = planned(history, job, minute(3))
    carried_out(history, job, minute(3), first, succeeds=False)
    again = rerun(history, job, minute(3))
    add(history, fire_stream(minute(3), job), e.RunReopened(run=first, retry_at=NOON))
    views, _ = folded(history.log)
    with views.reading() as connection:
        assert ("retrying", "waiting") == (
            run(connection, first).status,
            run(connection, again).status,
        )


def test_a_rerun_of_a_call_knows_the_stream_it_stands_in() -> None:
    history = History()
    history.start()
    call, again, third = (RunId(f"call-{number}") for number in (1, 2, 3))
    add(history, call_stream(call), called(call), e.RunCancelled(run=call))
    add(history, call_stream(call), called(again, number=2, of=call), e.RunCancelled(run=again))
    add(history, call_stream(call), called(third, number=3, of=again))
    views, projector = folded(history.log)
    with views.reading() as connection:
        row = run(connection, third)
        assert (call_stream(call), again, 3) == (row.stream, row.of, row.number)
        assert call_stream(call) == run(connection, call).stream
    add(history, call_stream(call), e.RunCancelled(run=third))
    projector.catch_up()
    with views.reading() as connection:
        assert "cancelled" == run(connection, third).status


def called(run: RunId, *, number: int = 1, of: RunId | None = None) -> e.ServiceCalled:
    return e.ServiceCalled(
        run=run,
        service="api.sync",
        cause="call" if of is None else "rerun",
        due_time=NOON,
        number=number,
        of=of,
    )
