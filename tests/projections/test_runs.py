"""Runs and attempts: events in, rows out."""

from datetime import timedelta

import pytest
from hypothesis import given

from projections.read_runs import attempts, run, runs, steps
from projections.rows import AttemptRow, RunRow
from scheduler.executor.derived import ViewsFile
from scheduler.log.contract import Request, Write
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.invocations import Output
from scheduler.model.jobs import JobId, Retry, RunId
from scheduler.model.schedules import Manual
from tests.projections.histories import BEN, EVERY_MINUTE, LIVES, NOON, History, live
from tests.projections.views import folded

MINUTE = timedelta(minutes=1)
ONCE_MORE = Retry(max_attempts=2, initial=timedelta(0))


def started(**policies: object) -> tuple[History, RunId]:
    """Return a history whose only run has just started."""
    history = History()
    history.start()
    history.define("orders", EVERY_MINUTE, **policies)
    history.tick(60)
    return history, history.running()[0]


def shown(history: History, views: ViewsFile | None = None) -> tuple[RunRow, list[AttemptRow]]:
    """Return the latest run and its attempts, as folded."""
    views, _ = folded(history.log, views)
    with views.reading() as connection:
        row = runs(connection, limit=1)[0]
        return row, attempts(connection, row)


def test_a_run_and_its_attempt_are_running_when_it_has_started() -> None:
    history, key = started()
    row, tries = shown(history)
    assert key == row.run
    assert ("orders", "schedule", "running", 1) == (row.job, row.cause, row.status, row.attempts)
    assert (NOON + MINUTE, NOON + MINUTE, NOON) == (row.fire_time, row.due_time, row.window_start)
    assert (NOON + MINUTE, None, None) == (row.started_at, row.ended_at, row.error)
    assert ("scheduler", 1, 1) == (row.actor, row.revision, row.number)
    assert [(1, NOON + MINUTE, None, None)] == [
        (one.attempt, one.started_at, one.ended_at, one.outcome) for one in tries
    ]


def test_a_success_ends_run_and_attempt_with_result_and_output() -> None:
    history, key = started()
    history.clock.advance(MINUTE / 2)
    result = Payload(kind="json", text='{"rows":3}')
    history.report(key, "succeeded", result=result, output=Output("one\ntwo", 2))
    row, (attempt,) = shown(history)
    assert ("succeeded", result, 1_500) == (row.status, row.result, row.duration_us)
    assert NOON + MINUTE * 1.5 == row.ended_at == attempt.ended_at
    assert ("succeeded", 1_500, None) == (attempt.outcome, attempt.duration_us, attempt.error)
    assert ("one\ntwo", 7, 2, 0) == (
        attempt.output_head,
        attempt.output_size,
        attempt.output_lines,
        attempt.output_dropped_bytes,
    )


def test_a_run_between_attempts_shows_the_last_error_and_when_it_is_tried_again() -> None:
    history, key = started(retry=Retry(max_attempts=2, initial=timedelta(seconds=10)))
    detail = Payload(text="Traceback …")
    history.report(key, "error", error="ValueError: no", detail=detail)
    row, (attempt,) = shown(history)
    assert ("retrying", "error", "ValueError: no") == (row.status, row.error_kind, row.error)
    assert (1, 1, None) == (row.attempts, row.failures, row.ended_at)
    assert attempt.retry_at == row.next_attempt_at
    assert attempt.retry_at is not None
    assert ("error", "ValueError: no", detail) == (attempt.outcome, attempt.error, attempt.detail)


def test_a_run_that_succeeds_after_all_has_no_error_but_its_attempt_keeps_it() -> None:
    history, key = started(retry=ONCE_MORE)
    history.report(key, "error", error="ValueError: no")
    views, _ = folded(history.log)
    history.tick(1)
    history.report(key, "succeeded")
    row, tries = shown(history, views)
    assert ("succeeded", 2, None, None) == (row.status, row.attempts, row.error, row.error_kind)
    assert NOON + MINUTE == row.started_at
    assert [("error", "ValueError: no"), ("succeeded", None)] == [
        (one.outcome, one.error) for one in tries
    ]


def test_a_failed_run_keeps_kind_and_error() -> None:
    history, key = started()
    history.report(key, "timeout", error="took over 1 h")
    row, (attempt,) = shown(history)
    assert ("failed", "timeout", "took over 1 h") == (row.status, row.error_kind, row.error)
    assert ("timeout", history.clock.now()) == (attempt.outcome, row.ended_at)


def test_an_attempt_lost_with_its_executor_is_a_crash_and_the_run_goes_on() -> None:
    history, _ = started()
    history.start()
    row, (attempt,) = shown(history)
    assert ("crash", None) == (attempt.outcome, attempt.error)
    assert ("retrying", 1, None) == (row.status, row.crashes, row.ended_at)


def test_an_attempt_ended_by_an_orderly_stop_is_stopped() -> None:
    history, key = started()
    history.report(key, "stopped")
    row, (attempt,) = shown(history)
    assert ("stopped", "retrying", 0) == (attempt.outcome, row.status, row.crashes)


def test_a_held_run_says_why_and_has_not_ended() -> None:
    history, key = started(on_crash="hold")
    history.start()
    row, _ = shown(history)
    assert ("held", "held", None) == (row.status, row.error_kind, row.ended_at)
    assert "attempt 1 was lost" in (row.error or "")
    history.ask(c.ResolveRun(run=key, verdict="succeeded"))
    row, _ = shown(history)
    assert ("succeeded", None, history.clock.now()) == (row.status, row.error, row.ended_at)


def test_a_run_whose_thread_goes_on_is_abandoned_until_it_returns() -> None:
    history, key = started()
    history.report(key, "timeout", error="took over 1 h", abandoned=True)
    row, (attempt,) = shown(history)
    assert ("abandoned", None, True) == (row.status, row.ended_at, attempt.abandoned)
    history.clock.advance(MINUTE)
    history.report(key, "returned")
    row, _ = shown(history)
    assert ("failed", NOON + 2 * MINUTE) == (row.status, row.ended_at)


def test_a_run_asked_to_end_shows_so_until_it_has() -> None:
    history, key = started()
    history.ask(c.CancelRun(run=key))
    row, _ = shown(history)
    assert ("running", True) == (row.status, row.cancelling)
    history.report(key, "cancelled", error="asked to end")
    row, (attempt,) = shown(history)
    assert ("cancelled", "cancelled") == (row.status, attempt.outcome)


def test_a_run_that_did_not_start_in_time_is_expired() -> None:
    history = History()
    history.start()
    history.define("orders", start_deadline=timedelta(seconds=30))
    history.tick(60, slots=0)
    history.tick(31)
    row, tries = shown(history)
    assert ("expired", 0, None, []) == (row.status, row.attempts, row.started_at, tries)
    assert (NOON + timedelta(seconds=90), history.clock.now()) == (row.start_by, row.ended_at)


def test_a_reopened_run_has_not_ended_and_counts_its_failures_anew() -> None:
    history, key = started()
    history.report(key, "error", error="no")
    views, projector = folded(history.log)
    stream = history.log.read()[-1].stream
    history.handle.ask(c.RetryRun(run=key), meta=BEN, stream=stream)
    projector.catch_up()
    row, tries = shown(history, views)
    assert ("retrying", 0, 1, None) == (row.status, row.failures, row.attempts, row.ended_at)
    assert 1 == len(tries)


def test_a_run_by_hand_has_an_input_who_asked_and_no_fire_time() -> None:
    history = History()
    history.start()
    job = history.define("orders", Manual())
    key = RunId(history.clock.new_id())
    history.ask(c.TriggerJob(job=job, run=key, input=Payload(text="by hand")))
    row, _ = shown(history)
    assert (key, "trigger", None) == (row.run, row.cause, row.fire_time)
    assert (Payload(text="by hand"), BEN.actor, BEN.reason) == (row.input, row.actor, row.reason)


def test_a_run_keeps_the_name_its_job_had_when_it_was_planned() -> None:
    history, key = started()
    views, projector = folded(history.log)
    job = next(iter(history.handle.timetable.jobs))
    history.ask(c.RenameJob(job=job, name="invoices"))
    history.report(key, "succeeded")
    history.tick(60)
    projector.catch_up()
    with views.reading() as connection:
        assert ["invoices", "orders"] == [row.job for row in runs(connection)]


def test_each_row_is_written_once_per_page() -> None:
    history, key = started(retry=ONCE_MORE)
    history.report(key, "error", error="no", output=Output("one", 1))
    views = ViewsFile.in_memory(identity=history.log.identity)
    statements: list[str] = []
    with views.transaction() as connection:
        connection.set_trace_callback(statements.append)
    _, projector = folded(history.log, views)
    history.tick(1)
    history.report(key, "succeeded")
    projector.catch_up()
    with views.transaction() as connection:
        connection.set_trace_callback(None)
    verbs = ("INSERT INTO runs_1", "INSERT INTO attempts_1", "UPDATE runs_1", "UPDATE attempts_1")
    written = [verb for one in statements for verb in verbs if one.startswith(verb)]
    assert [*verbs[:2], "UPDATE runs_1", "INSERT INTO attempts_1"] == written


def test_an_event_of_a_run_that_was_never_planned_is_refused() -> None:
    history = History()
    lost = Write("call/none", 0, [e.RunExpired(run=RunId("none"))])
    history.log.append(Request([lost], BEN))
    with pytest.raises(ImpossibleHistory, match="run none was never planned"):
        folded(history.log)


def test_an_end_of_an_attempt_that_never_started_is_refused() -> None:
    history, key = started()
    stream = history.log.read()[-1].stream
    wrong = e.RunSucceeded(run=key, attempt=7, duration_us=1)
    history.log.append(Request([Write(stream, 2, [wrong])], BEN))
    with pytest.raises(ImpossibleHistory, match="attempt 7 of run"):
        folded(history.log)


def test_a_run_of_a_job_that_was_never_defined_is_refused() -> None:
    history = History()
    plan = e.RunPlanned(
        run=RunId("r"), job=JobId("none"), cause="trigger", revision=1, due_time=NOON
    )
    history.log.append(Request([Write("call/r", 0, [plan])], BEN))
    with pytest.raises(ImpossibleHistory, match="planned for unknown job none"):
        folded(history.log)


@given(LIVES)
def test_the_rows_say_of_each_open_run_what_the_executor_believes(
    steps: list[tuple[str, int, int]],
) -> None:
    history = History()
    history.start()
    live(history, steps)
    views, _ = folded(history.log)
    with views.reading() as connection:
        for state in history.handle.timetable.runs.values():
            row = run(connection, state.run)
            assert (state.status, state.attempt, state.failures, state.crashes) == (
                row.status,
                row.attempts,
                row.failures,
                row.crashes,
            )
            assert (state.due_time, state.start_by, state.is_cancel_requested) == (
                row.due_time,
                row.start_by,
                row.cancelling,
            )
            if state.status in {"waiting", "retrying"}:
                assert state.start_at == row.next_attempt_at
        open_rows = {row.run for row in runs(connection, status="open")}
    assert {s.run for s in history.handle.timetable.runs.values() if s.is_open} == open_rows


# -- steps, calls and callbacks


def finish(history: History, key: RunId, name: str, result: Payload | None = None) -> None:
    state = history.handle.timetable.runs[key]
    history.ask(
        c.RecordStep(run=key, attempt=state.attempt, epoch=state.epoch, name=name, result=result)
    )


def test_finished_steps_are_shown_with_the_attempt_that_did_them() -> None:
    history, key = started(retry=ONCE_MORE)
    finish(history, key, "fetch", Payload(kind="json", text='"data"'))
    history.report(key, "error", error="ValueError: no")
    history.tick(1)
    finish(history, key, "store")
    views, _ = folded(history.log)
    with views.reading() as connection:
        row = run(connection, key)
        shown_steps = steps(connection, row)
    assert [("fetch", 1, Payload(kind="json", text='"data"')), ("store", 2, None)] == [
        (one.name, one.attempt, one.result) for one in shown_steps
    ]
    assert [NOON + MINUTE, NOON + MINUTE + timedelta(seconds=1)] == [one.at for one in shown_steps]
    assert ("running", 2) == (row.status, row.attempts)


def test_steps_of_two_pages_meet_in_one_run() -> None:
    history, key = started()
    views, _ = folded(history.log)
    finish(history, key, "fetch")
    shown(history, views)
    finish(history, key, "store")
    shown(history, views)
    with views.reading() as connection:
        assert ["fetch", "store"] == [one.name for one in steps(connection, run(connection, key))]


def test_a_call_is_a_run_of_a_service_and_of_no_job() -> None:
    history = History()
    history.start()
    history.ask(c.CallService(run=RunId("call-1"), service="api.sync", input=Payload(text="x")))
    history.tick()
    row, tries = shown(history)
    assert ("", "", "api.sync", "call", "running") == (
        row.job,
        row.job_id,
        row.service,
        row.cause,
        row.status,
    )
    assert (BEN.actor, Payload(text="x"), None) == (row.actor, row.input, row.fire_time)
    assert 1 == len(tries)
    history.report(RunId("call-1"), "succeeded")
    row, _ = shown(history)
    assert ("succeeded", 1_500) == (row.status, row.duration_us)


def test_what_an_end_calls_is_shown_with_the_run_it_answers() -> None:
    history, key = started(on_success="service:api.after", on_failure="service:api.alert")
    history.report(key, "succeeded")
    row, _ = shown(history)
    assert (key, "api.after", "callback") == (row.parent, row.service, row.cause)
    history.define("next", Manual())
    history.define("first", EVERY_MINUTE, on_failure="job:next")
    history.tick(60)
    for other in history.running():
        history.report(other, "error", error="ValueError: no")
    views, _ = folded(history.log)
    with views.reading() as connection:
        called = [one for one in runs(connection, cause="callback") if one.job == "next"]
    assert [(None, "waiting")] == [(one.service, one.status) for one in called]


def test_a_run_that_made_way_names_the_run_that_took_its_place() -> None:
    history = History()
    history.start()
    history.define("orders", overlap="cancel")
    history.tick(60)
    history.tick(60)
    first, second = (history.handle.timetable.runs[key] for key in all_runs(history))
    views, _ = folded(history.log)
    with views.reading() as connection:
        row = run(connection, first.run)
    assert ("running", True, second.run) == (row.status, row.cancelling, row.successor)
    history.report(first.run, "cancelled", error="cancelled")
    folded(history.log, views)
    with views.reading() as connection:
        row = run(connection, first.run)
    assert ("cancelled", second.run) == (row.status, row.successor)


def all_runs(history: History) -> list[RunId]:
    events = (recorded.event for recorded in history.log.read())
    return [event.run for event in events if isinstance(event, e.RunPlanned)]
