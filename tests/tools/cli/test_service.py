"""Services by the command: looked at, called with and without a server, tried without a log."""

from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.executor.clock import SystemClock
from tests.tools.cli.desk import Desk

MORE = '''
from horolog import service

@service("echo")
def echo(ctx):
    """Returns its input."""
    ctx.log.info("echoing")
    return {"input": ctx.data, "at": str(ctx.fire_time)}

@service("bad")
async def bad():
    """Fails."""
    raise ValueError("no data")

@service("steps")
async def steps(ctx):
    """Does two steps."""
    return await ctx.step("one", lambda: 1) + await ctx.step("two", lambda: 2)

@service("needs")
async def needs(ctx):
    """Needs a connection."""
    return await ctx.rest["My Data Source"].get_text()

def bare(ctx):
    return "bare"
'''


@pytest.fixture
def more(desk: Desk) -> Desk:
    """Return a desk with services to call."""
    (desk.folder / "jobs.py").write_text(MORE)
    return desk


def test_services_are_listed_as_they_load_here_while_nobody_serves(more: Desk) -> None:
    found = {row["service"]: row for row in more.done("service", "list", "--json").json}
    echo = found["echo"]
    assert ("plain", "Returns its input.", 4) == (echo["kind"], echo["summary"], echo["line"])
    assert "async" == found["bad"]["kind"]


def test_a_file_that_does_not_load_is_told_apart(more: Desk) -> None:
    (more.folder / "jobs.py").write_text("def broken(:\n")
    printed = more.done("service", "list")
    assert "jobs.py was not loaded: SyntaxError: invalid syntax (line 1)" in printed.err


def test_services_are_listed_where_there_is_no_log(bare_desk: Desk) -> None:
    assert "a.ok" in bare_desk.done("service", "list").out


def test_a_service_is_shown_with_the_jobs_that_call_it(more: Desk) -> None:
    more.done("job", "add", "mine", "echo", "--manual")
    more.done("job", "add", "other", "bad", "--manual", "--description", "not echo")
    shown = more.done("service", "show", "echo", "--json").json
    assert (["mine"], "echo") == (shown["jobs"], shown["service"])


def test_an_unknown_service_is_not_found(more: Desk) -> None:
    printed = more("service", "show", "ecko")
    assert (3, True) == (printed.code, "Did you mean echo?" in printed.err)


def test_nobody_reloads_what_nobody_serves(more: Desk) -> None:
    printed = more("service", "reload")
    assert (9, True) == (printed.code, "Nobody serves" in printed.err)


# -- calls


def types(desk: Desk) -> list[str]:
    return [row["type"] for row in desk.done("log", "list", "--json=type").json]


def test_a_call_without_a_server_is_carried_out_here_and_recorded(more: Desk) -> None:
    printed = more.done("service", "call", "echo", "--input", '{"a": 1}', "--reason", "to see")
    assert '{"input":{"a":1},"at":"None"}\n' == printed.out
    assert "succeeded" in printed.err
    assert [
        *("log-created", "service-called", "system-started", "attempt-started"),
        *("attempt-logged", "run-succeeded", "system-stopped"),
    ] == types(more)
    event = more.done("log", "list", "--type", "service-called", "--json").json[0]
    assert ("cli", "to see") == (event["channel"], event["reason"])
    run = more.done("run", "list", "--json=run,status").json[0]
    assert "succeeded" == run["status"]


def test_a_call_that_fails_is_exit_code_6(more: Desk) -> None:
    printed = more("service", "call", "bad", "--json=status,result")
    assert (6, {"status": "failed", "result": None}) == (printed.code, printed.json)
    assert "ValueError: no data" in printed.err


def test_a_call_records_its_steps(more: Desk) -> None:
    assert "3\n" == more.done("service", "call", "steps").out
    assert 2 == types(more).count("step-completed")


def test_a_call_carries_out_nothing_else_that_is_due(more: Desk) -> None:
    more.done("job", "add", "mine", "echo", "--every", "1m")
    more.done("run", "start", "mine")
    more.clock.advance(timedelta(hours=1))
    more.done("service", "call", "echo")
    assert 1 == types(more).count("attempt-started")
    assert 1 == types(more).count("run-planned")


def test_a_call_of_an_unknown_service_is_refused_before_anything_is_stored(more: Desk) -> None:
    before = more.head
    printed = more("service", "call", "ecko")
    assert 2 == printed.code
    assert "Did you mean echo?" in printed.err
    assert before == more.head


def test_a_call_under_a_key_is_done_once(more: Desk) -> None:
    first = more.done("service", "call", "echo", "--key", "k-1", "--json=run").json
    assert first == more.done("service", "call", "echo", "--key", "k-1", "--json=run").json
    assert 1 == types(more).count("attempt-started")


def test_a_dry_call_stores_nothing(more: Desk) -> None:
    before = more.head
    assert more.done("service", "call", "echo", "--dry-run").out.startswith("service-called  call/")
    assert before == more.head


def test_a_call_whose_function_cannot_be_stopped_is_not_waited_for(more: Desk) -> None:
    more.clock = SystemClock()  # type: ignore[assignment]  # its timeout is measured
    (more.folder / "jobs.py").write_text(
        "from threading import Event\nfrom horolog import service\n"
        '@service("long")\ndef long():\n    Event().wait(600)\n'
    )
    printed = more("service", "call", "long", "--timeout", "50ms")
    assert (6, True) == (printed.code, "cannot be stopped; the next server" in printed.err)
    assert "system-stopped" == types(more)[-1]


def test_a_call_that_may_take_no_time_is_refused(more: Desk) -> None:
    printed = more("service", "call", "echo", "--timeout", "0s")
    assert (2, True) == (printed.code, "--timeout: must be longer than 0." in printed.err)


# -- trying


def test_a_service_is_tried_without_a_log(bare_desk: Desk) -> None:
    (bare_desk.folder / "jobs.py").write_text(MORE)
    printed = bare_desk.done("service", "try", "echo", "--input", "a=1")
    assert '{"input":{"a":"1"},"at":"None"}\n' == printed.out
    assert "what it does outside is real" in printed.err
    assert "INFO echoing" in printed.err
    assert not bare_desk.db.exists()


def test_a_function_of_a_file_is_tried_in_an_empty_folder(
    tmp_path: Path, bare_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    (empty / "mine.py").write_text(MORE)
    assert '"bare"\n' == bare_desk.done("service", "try", "mine.py:bare").out
    printed = bare_desk.done("service", "try", "mine.py:echo", "--fire-time", "2026-03-01T10:00Z")
    assert '{"input":null,"at":"2026-03-01 10:00:00+00:00"}\n' == printed.out
    assert ["mine.py"] == [path.name for path in empty.iterdir() if path.suffix == ".py"]


def test_a_service_is_tried_in_a_process_of_its_own(more: Desk) -> None:
    assert '"bare"\n' == more.done("service", "try", "jobs.py:bare", "--isolation", "process").out


def test_what_a_tried_service_would_ask_of_the_log_is_granted_and_told(more: Desk) -> None:
    printed = more.done("service", "try", "steps")
    assert ("3\n", True) == (printed.out, 'step "one" is done' in printed.err)


def test_a_tried_service_that_fails_is_exit_code_6_with_its_line(more: Desk) -> None:
    printed = more("service", "try", "bad")
    assert 6 == printed.code
    assert 'raise ValueError("no data")' in printed.err


def test_a_missing_connection_is_named_with_what_to_add(more: Desk) -> None:
    printed = more("service", "try", "needs")
    assert 2 == printed.code
    assert (
        'service try: needs connection "My Data Source"; horolog.toml has none of that name'
        ' (it has: none). Add it:  [connections."My Data Source"]  kind = "rest"  url = "https://…"'
    ) in printed.err


@pytest.mark.parametrize(
    ("name", "told", "code"),
    [
        ("nope", 'NAME: no service "nope". Known: ', 2),
        ("jobs.py:nope", "NAME: jobs.py defines no function nope.", 2),
        ("no.py:f", "no.py was not loaded: FileNotFoundError: No such file or directory", 2),
    ],
)
def test_what_cannot_be_tried_is_told(more: Desk, name: str, told: str, code: int) -> None:
    printed = more("service", "try", name)
    assert (code, True) == (printed.code, told in printed.err), printed.err
