import logging
import re
import threading
from datetime import UTC, datetime

import pytest

from services.context import Context, Window
from services.outcomes import Fatal
from tests.services.making import invocation

TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
FIVE_PAST = datetime(2026, 3, 1, 10, 5, tzinfo=UTC)


def test_it_tells_what_the_run_is_for() -> None:
    context = Context(invocation(run="run-9", attempt=2, fire_time=FIVE_PAST))
    assert ("job-1", "the job", "run-9", 2) == (
        context.job,
        context.job_name,
        context.run,
        context.attempt,
    )
    assert "schedule" == context.cause
    assert FIVE_PAST == context.fire_time
    assert FIVE_PAST == context.due_time


def test_the_key_against_repeats_is_equal_in_all_attempts_of_a_run() -> None:
    first, second = (Context(invocation(attempt=number)) for number in (1, 2))
    assert first.idempotency_key == second.idempotency_key
    assert first.idempotency_key != Context(invocation(run="run-2")).idempotency_key


def test_the_window_ends_at_the_fire_time() -> None:
    context = Context(invocation(fire_time=FIVE_PAST, window_start=TEN))
    assert Window(TEN, FIVE_PAST) == context.window


def test_the_window_of_a_first_run_has_no_start() -> None:
    assert Window(None, FIVE_PAST) == Context(invocation(fire_time=FIVE_PAST)).window


def test_a_run_by_hand_has_no_window() -> None:
    assert Context(invocation()).window is None


def test_the_input_is_there_raw_and_read() -> None:
    context = Context(invocation(input_text='{"a": 1}'))
    assert '{"a": 1}' == context.input
    assert {"a": 1} == context.data
    assert {"a": 1} == context.input_json()


def test_the_input_is_read_once() -> None:
    context = Context(invocation(input_text="[1]"))
    assert context.data is context.data


def test_an_input_that_reads_as_nothing_but_text_is_none_each_time() -> None:
    context = Context(invocation(input_text="hello"))
    assert (None, None) == (context.data, context.data)


def test_a_service_that_wants_json_fails_for_good_without() -> None:
    with pytest.raises(Fatal):
        Context(invocation(input_text="hello")).input_json()


def test_what_is_logged_is_kept_line_by_line_with_its_time() -> None:
    context = Context(invocation())
    context.log.info("fetched %d rows", 3)
    context.log.debug("more")
    output = context.output()
    assert output is not None
    assert 2 == output.lines
    first, second = output.text.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}Z INFO fetched 3 rows", first)
    assert second.endswith("Z DEBUG more")


def test_what_is_logged_reaches_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    Context(invocation()).log.error("mine")
    assert [] == caplog.records


def test_two_attempts_do_not_share_a_log() -> None:
    first, second = Context(invocation()), Context(invocation())
    first.log.info("first")
    second.log.info("second")
    output = first.output()
    assert output is not None
    assert "second" not in output.text


def test_a_service_that_logs_nothing_has_no_output() -> None:
    context = Context(invocation())
    assert isinstance(context.log, logging.Logger)
    assert context.output() is None


def test_a_traceback_is_logged_with_its_message() -> None:
    context = Context(invocation())
    try:
        raise ValueError("no")
    except ValueError:
        context.log.exception("it failed")
    output = context.output()
    assert output is not None
    assert output.text.endswith("ValueError: no\n")


def test_a_text_that_no_store_takes_is_logged_as_escapes() -> None:
    context = Context(invocation())
    context.log.info("half \ud800")
    output = context.output()
    assert output is not None
    assert output.text.endswith("INFO half \\ud800\n")


def test_threads_of_one_service_share_its_log() -> None:
    context = Context(invocation())
    begin = threading.Barrier(4)

    def log() -> None:
        begin.wait()
        context.log.info("here")

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    output = context.output()
    assert output is not None
    assert 4 == output.lines


def test_a_log_can_be_written_elsewhere() -> None:
    written: list[bytes] = []
    context = Context(invocation(), written.append)
    context.log.info("there")
    assert written[0].endswith(b"INFO there\n")
    assert context.output() is None
