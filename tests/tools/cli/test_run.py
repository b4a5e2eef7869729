"""`run start`, `list`, `show`, `output`, `cancel`, `retry` and `resolve`."""

import pytest

from scheduler.model.commands import RecordStep
from scheduler.model.content import Payload
from scheduler.model.invocations import Output
from tests.tools.cli.desk import Desk

LISTED = {
    *("run", "job", "job_id", "fire_time", "due_time", "cause", "status", "attempts"),
    *("started_at", "ended_at", "error"),
}


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with one job that fires every 10 minutes."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m")
    return desk


def only_run(desk: Desk) -> dict[str, object]:
    (run,) = desk.done("run", "list", "--json").json
    assert isinstance(run, dict)
    return run


def test_a_run_by_hand_prints_its_id_and_waits_for_a_server(orders: Desk) -> None:
    printed = orders.done("run", "start", "orders")
    run = only_run(orders)
    assert f"{run['run']}\n" == printed.out
    assert "Nothing fires until `horolog serve` runs.\n" == printed.err
    assert ("trigger", "waiting", None) == (run["cause"], run["status"], run["fire_time"])


def test_a_run_has_an_input_of_its_own(orders: Desk) -> None:
    orders.done("run", "start", "orders", "--input", "a=1")
    assert "a=1" == only_run(orders)["input"]["text"]  # type: ignore[index]  # a payload


def test_a_run_may_not_overlap_when_the_job_says_so(orders: Desk) -> None:
    orders.done("run", "start", "orders")
    printed = orders("run", "start", "orders")
    assert 5 == printed.code
    assert "overlap" in printed.err


def test_waiting_for_a_run_that_nobody_starts_is_refused(orders: Desk) -> None:
    printed = orders("run", "start", "orders", "--wait")
    assert 9 == printed.code
    assert "horolog serve" in printed.err
    assert [] == orders.done("run", "list", "--json").json


def test_a_timeout_without_waiting_is_refused(orders: Desk) -> None:
    assert 2 == orders("run", "start", "orders", "--timeout", "5s").code


def test_runs_are_listed_with_the_fields_others_script_against(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    (line,) = orders.done("run", "list", "--jsonl").out.splitlines()
    run = only_run(orders)
    assert set(run) >= LISTED
    assert line.startswith('{"run":"')
    assert {
        "job": "orders",
        "fire_time": "2026-03-02T12:10:00Z",
        "due_time": "2026-03-02T12:10:00Z",
        "cause": "schedule",
        "status": "succeeded",
        "attempts": 1,
        "started_at": "2026-03-02T12:10:00Z",
        "ended_at": "2026-03-02T12:10:00Z",
        "error": None,
    } == {name: run[name] for name in LISTED - {"run", "job_id"}}


def test_a_list_of_runs_is_narrowed(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    orders.carry_out(10 * 60, kind="error", error="ValueError: no data")

    def count(*words: str) -> int:
        return len(orders.done("run", "list", "--json", *words).json)

    assert 2 == count()
    assert 1 == count("--status", "failed")
    assert 0 == count("--status", "open")
    assert 0 == count("--cause", "trigger")
    assert 1 == count("--since", "2026-03-02T12:10Z")
    assert 1 == count("--until", "2026-03-02T12:10Z")
    assert 1 == count("--limit", "1")
    assert 2 == count("--job", "orders")


def test_people_see_the_newest_first_and_how_long_it_took(orders: Desk) -> None:
    orders.carry_out(10 * 60, duration_us=1_500_000)
    assert ["2026-03-02 13:10:00 CET", "succeeded", "1", "1s500ms"] == orders.done(
        "run", "list"
    ).rows[1][2:6]


def test_a_run_is_shown_with_its_attempts_and_traceback(orders: Desk) -> None:
    orders.carry_out(
        10 * 60, kind="error", error="ValueError: no data", detail=Payload(text="Traceback\n  x")
    )
    run = str(only_run(orders)["run"])
    lines = orders.done("run", "show", run[:13]).out.splitlines()
    assert "status  failed" in lines
    assert any(line.startswith("attempt 1: error, started 2026-03-02 13:10:00") for line in lines)
    assert "  | Traceback" in lines
    shown = orders.done("run", "show", run, "--json").json
    assert "error" == shown["attempt_list"][0]["outcome"]


def test_a_run_is_shown_with_the_steps_that_each_attempt_has_done(orders: Desk) -> None:
    with orders.serving() as history:
        history.tick(10 * 60)
        (run,) = history.running()
        epoch = history.handle.timetable.runs[run].epoch
        result = Payload(kind="json", text='"data"')
        history.ask(RecordStep(run=run, attempt=1, epoch=epoch, name="fetch", result=result))
        history.report(run, "error", error='step "store": ConnectionError: no')
    lines = orders.done("run", "show", str(run)).out.splitlines()
    assert [
        '  step "fetch" done 2026-03-02 13:10:00 CET',
        '  step "store": ConnectionError: no',
    ] == (lines[-2:])
    (step,) = orders.done("run", "show", str(run), "--json").json["step_list"]
    assert ("fetch", 1) == (step["name"], step["attempt"])


def test_the_beginning_of_an_id_may_not_be_too_short(orders: Desk) -> None:
    orders.done("run", "start", "orders")
    run = str(only_run(orders)["run"])
    assert 3 == orders("run", "show", run[:7]).code


def test_output_is_printed_as_it_was_written_and_harms_nobody(orders: Desk) -> None:
    output = Output("one\n\x1b[31mtwo\tx", 2, dropped_bytes=7)
    with orders.serving() as history:
        history.tick(10 * 60)
        (run,) = history.running()
        state = history.handle.timetable.runs[run]
        from scheduler.model.commands import RecordOutcomes
        from scheduler.model.content import digest_of
        from scheduler.model.invocations import Outcome

        outcome = Outcome(run=run, attempt=1, epoch=state.epoch, kind="succeeded", output=output)
        raw = output.text.encode()
        history.handle.gather(RecordOutcomes(outcomes=(outcome,)), {digest_of(raw): raw})
        history.handle.flush()
    printed = orders.done("run", "output", str(run))
    assert "one\n\\x1b[31mtwo\tx\n" == printed.out
    assert "7 bytes in the middle were not kept.\n" == printed.err
    assert output.text == orders.done("run", "output", str(run), "--json").json["text"]


def test_a_run_without_an_attempt_has_no_output(orders: Desk) -> None:
    orders.done("run", "start", "orders")
    printed = orders("run", "output", str(only_run(orders)["run"]))
    assert 3 == printed.code
    assert "None has started yet" in printed.err


def test_a_waiting_run_is_cancelled_at_once(orders: Desk) -> None:
    orders.done("run", "start", "orders")
    run = str(only_run(orders)["run"])
    assert f"Run {run} is cancelled.\n" == orders.done("run", "cancel", run).out
    assert "cancelled" == only_run(orders)["status"]


def test_a_running_run_is_asked_to_end(orders: Desk) -> None:
    with orders.serving() as history:
        history.tick(10 * 60)
        (run,) = history.running()
    assert f"Run {run} is asked to end.\n" == orders.done("run", "cancel", str(run)).out
    assert f"Run {run} was asked to end before.\n" == orders.done("run", "cancel", str(run)).out


def test_an_ended_run_cannot_be_cancelled(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    assert 5 == orders("run", "cancel", str(only_run(orders)["run"])).code


def test_a_failed_run_is_tried_again_as_the_same_run(orders: Desk) -> None:
    orders.carry_out(10 * 60, kind="error", error="ValueError: no data")
    run = str(only_run(orders)["run"])
    assert f"Run {run} is tried again.\n" == orders.done("run", "retry", run).out
    orders.carry_out()
    again = only_run(orders)
    assert ("succeeded", 2) == (again["status"], again["attempts"])


def test_a_run_that_succeeded_is_not_tried_again(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    assert 5 == orders("run", "retry", str(only_run(orders)["run"])).code


@pytest.mark.parametrize(
    ("verdict", "status"), [("succeeded", "succeeded"), ("failed", "failed"), ("retry", "retrying")]
)
def test_a_held_run_is_settled(orders: Desk, verdict: str, status: str) -> None:
    orders.done("job", "edit", "orders", "--on-crash", "hold")
    orders.carry_out(10 * 60, kind="crash", error="killed by signal 9")
    run = str(only_run(orders)["run"])
    assert "held" == only_run(orders)["status"]
    orders.done("run", "resolve", run, "--as", verdict)
    assert status == only_run(orders)["status"]


def test_a_run_that_is_not_held_cannot_be_settled(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    run = str(only_run(orders)["run"])
    assert 5 == orders("run", "resolve", run, "--as", "failed").code
    assert 2 == orders("run", "resolve", run).code
    assert 2 == orders("run", "resolve", run, "--as", "done").code


def test_the_id_of_a_run_cannot_steer_a_terminal(orders: Desk) -> None:
    printed = orders("run", "show", "\x1b[2Jxxxxxxxx")
    assert 3 == printed.code
    assert "\x1b" not in printed.err
