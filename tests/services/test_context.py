import logging
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.asking import Closed
from services.connections.catalog import Connections
from services.connections.errors import UnknownConnection
from services.context import Context, Window
from services.outcomes import Fatal
from tests.services.making import Desk, invocation

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


@pytest.mark.parametrize("kind", ["rest", "redis", "smtp", "sql"])
def test_without_connections_a_name_is_told_as_unknown(kind: str) -> None:
    context = Context(invocation())
    with pytest.raises(UnknownConnection, match=f'it has: none.*kind = "{kind}"'):
        getattr(context, kind)["any"]


def test_connections_are_reached_by_kind_and_name(tmp_path: Path) -> None:
    table = {"orders": {"kind": "sql", "url": "sqlite:///a.db", "create": True}}
    connections = Connections.from_settings(table, tmp_path)
    context = Context(invocation(), reach=connections)
    assert [{"a": 1}] == context.sql["orders"].fetch_all("SELECT 1 AS a")
    assert "orders" in context.sql
    assert "orders" not in context.rest
    connections.close()


def test_what_is_logged_holds_no_secret_wherever_it_is_written() -> None:
    connections = Connections()
    connections.secrets.remember("PW", "open sesame")
    written: list[bytes] = []
    elsewhere = Context(invocation(), written.append, connections)
    here = Context(invocation(), reach=connections)
    for context in (elsewhere, here):
        context.log.info("it is %s", "open sesame")
    output = here.output()
    assert output is not None
    for told in (written[0].decode(), output.text):
        assert told.endswith("INFO it is ‹secret:PW›\n")
    assert "‹secret:PW›" == here.redact("open sesame")
    assert "open sesame" == Context(invocation()).redact("open sesame")


# -- steps


def test_without_an_executor_steps_are_done_and_kept_nowhere() -> None:
    context = Context(invocation())
    assert [1, 2] == context.step("fetch", lambda: (1, 2))
    assert context.unfinished() is None


def test_the_key_of_a_step_is_there_while_it_is_carried_out() -> None:
    context = Context(invocation())
    assert context.step_key is None
    assert "run-1/mail" == context.step("mail", lambda: context.step_key)
    assert context.step_key is None


def test_an_attempt_that_was_given_up_begins_no_step() -> None:
    before, after = Context(invocation()), Context(invocation())
    before.step("one", lambda: 1)
    for context in (before, after):
        context.close()
        with pytest.raises(Closed):
            context.step("two", lambda: 2)


def test_steps_and_jobs_from_inside_are_counted_together() -> None:
    desk = Desk()
    context = Context(invocation(), ask=desk)
    context.step("schedule:2", lambda: 1)
    context.schedule.once("remind", after=1)
    with pytest.raises(Fatal, match='"schedule:2" was begun before'):
        context.schedule.once("remind", after=1)
    assert ["schedule:2", "schedule:1"] == list(desk.kept())


def test_secrets_are_taken_out_of_steps_and_of_the_inputs_of_jobs(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hush-hush")
    (tmp_path / "key").chmod(0o600)
    auth = {"kind": "bearer", "token": "file:key"}
    table = {"source": {"kind": "rest", "url": "http://x", "auth": auth}}
    connections = Connections.from_settings(table, tmp_path)
    assert [] == connections.read_secrets()
    desk = Desk()
    context = Context(invocation(), reach=connections, ask=desk)
    assert "‹secret:" in context.step("fetch", lambda: "the key is hush-hush")
    context.schedule.once("remind", after=1, input={"key": "hush-hush"})
    context.schedule.once("remind", after=1, input="key=hush-hush")
    assert "hush-hush" not in str(desk.asked)
