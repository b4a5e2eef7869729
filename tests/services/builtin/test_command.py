import asyncio
import os
import shlex
import sys
from pathlib import Path

import psutil
import pytest

from scheduler.model.limits import LINE_BYTES_MAX
from services.builtin.command import CommandFailed
from services.outcomes import Fatal
from services.permissions import Permissions
from tests.services.builtin.making import called, carried_out, context

ANY = Permissions(commands=True)
PYTHON = sys.executable


def shell(script: str, **fields: object) -> object:
    return called("shell.run", {"script": script, **fields}, permissions=ANY)


def kept(script: str) -> str:
    """Return what the run keeps of a script's output."""
    ctx = context({"script": script}, permissions=ANY)
    asyncio.run(carried_out("shell.run", ctx))
    output = ctx.output()
    assert output is not None
    return output.text


@pytest.mark.parametrize(
    ("service", "given"),
    [("shell.run", {"script": "exit 0"}), ("command.run", {"command": ["/bin/true"]})],
)
def test_commands_are_off_unless_the_settings_say_otherwise(service: str, given: object) -> None:
    with pytest.raises(Fatal) as caught:
        called(service, given)
    expected = f'"{service}" runs commands, which are off. Add to horolog.toml:  [commands]  '
    assert f"{expected}allow = true" == str(caught.value)


def test_only_a_program_of_the_list_runs() -> None:
    some = Permissions(commands=("/bin/echo",))
    assert 5 == called("command.run", {"command": ["/bin/echo", "5"]}, permissions=some)
    with pytest.raises(Fatal, match=r"'/bin/cat' is not among .*\(/bin/echo\)"):
        called("command.run", {"command": ["/bin/cat"]}, permissions=some)
    with pytest.raises(Fatal, match="'/bin/sh' is not among"):
        called("shell.run", {"script": "echo 5"}, permissions=some)


def test_no_shell_reads_the_arguments() -> None:
    given = {"command": ["/bin/echo", '"$HOME; exit 3"']}
    assert "$HOME; exit 3" == called("command.run", given, permissions=ANY)


def test_a_command_of_no_words_is_refused() -> None:
    with pytest.raises(Fatal, match=r"\$\.input\.command"):
        called("command.run", {"command": []}, permissions=ANY)


def test_a_program_that_is_not_there_fails_for_good(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="/no/such"):
        called("command.run", {"command": ["/no/such"]}, permissions=ANY)
    with pytest.raises(Fatal):
        shell("exit 0", directory=str(tmp_path / "none"))


def test_no_variable_of_the_server_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "hush")
    monkeypatch.setenv("HOROLOG_TOKEN", "hush")
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    given = {"command": [PYTHON, "-c", script], "environment": {"MINE": "1"}}
    seen = called("command.run", given, permissions=ANY)
    assert isinstance(seen, dict)
    of_the_run = {"JOB", "RUN", "ATTEMPT", "IDEMPOTENCY_KEY"} | {
        "FIRE_TIME",
        "WINDOW_START",
        "WINDOW_END",
    }
    ours = {f"HOROLOG_{name}" for name in of_the_run} | {"MINE"}
    passed_on = {"PATH", "LANG", "LC_ALL", "HOME", "TZ"}
    assert set() == set(seen) - ours - passed_on - {"LC_CTYPE"}  # Python's own, in a C locale
    assert set() == ours - set(seen)
    assert ("the job", "1", "1") == (seen["HOROLOG_JOB"], seen["HOROLOG_ATTEMPT"], seen["MINE"])


def test_it_runs_in_the_directory_that_was_named(tmp_path: Path) -> None:
    shell("echo here > made", directory=str(tmp_path))
    assert "here\n" == (tmp_path / "made").read_text()


def test_a_status_other_than_0_fails_with_the_last_line_of_what_was_said() -> None:
    with pytest.raises(CommandFailed) as caught:
        shell("echo first >&2; echo no disk >&2; exit 3")
    assert "/bin/sh ended with status 3: no disk" == str(caught.value)


def test_an_end_by_a_signal_is_told() -> None:
    with pytest.raises(CommandFailed, match=r"^/bin/sh was killed by signal 9$"):
        shell("kill -9 $$")


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("""echo progress; echo '{"rows": 3}'; echo""", {"rows": 3}),
        ("echo no json", None),
        ("true", None),
        ("""printf '[1]'""", [1]),
    ],
)
def test_the_result_is_the_last_line_when_that_is_json(script: str, result: object) -> None:
    assert result == shell(script)


def test_both_outputs_are_kept_with_the_run() -> None:
    text = kept("echo one; echo two >&2; printf 'three \\377'")
    assert {"out: one", "err: two", "out: three �"} == {
        line.partition("INFO ")[2] for line in text.splitlines()
    }


def test_a_line_beyond_the_limit_is_kept_in_pieces_and_is_no_result() -> None:
    long = f"'1' * {3 * LINE_BYTES_MAX}"
    script = f"{PYTHON} -c \"print('begin' + {long}); print('after')\""
    text = kept(script)
    assert "out: begin1" in text
    assert "out: …" in text
    assert "out: after" in text
    assert shell(f'{PYTHON} -c "print({long})"') is None


def test_much_output_on_both_sides_does_not_block() -> None:
    script = "import sys\nfor n in range(20_000): print('o' * 50); print('e' * 50, file=sys.stderr)"
    given = {"command": [PYTHON, "-c", script]}
    assert called("command.run", given, permissions=ANY) is None


async def cancelled_once_there(script: str, pipe: Path) -> None:
    """Cancel a run as soon as its script has opened the pipe and said so."""
    run = asyncio.ensure_future(
        carried_out("shell.run", context({"script": script}, permissions=ANY))
    )
    with await asyncio.to_thread(pipe.open) as said:
        await asyncio.to_thread(said.read)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


@pytest.mark.parametrize("deaf", ["", "trap '' TERM; "])
def test_a_cancelled_run_ends_the_whole_group(tmp_path: Path, deaf: str) -> None:
    pipe, ids = tmp_path / "pipe", tmp_path / "ids"
    os.mkfifo(pipe)
    child = f"{deaf}sleep 60 & echo $! >> {ids}; echo there > {pipe}; wait; wait"
    quoted = shlex.quote(child)
    script = f"trap 'exit 1' TERM; sh -c {quoted} & echo $! >> {ids}; wait"
    asyncio.run(cancelled_once_there(script, pipe))
    started = [int(word) for word in ids.read_text().split()]
    assert 2 == len(started)
    assert [] == [one for one in started if is_running(one)]


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    shell(f"trap '' TERM; sleep 60 >/dev/null 2>&1 & echo $! > {ids}")
    assert not is_running(int(ids.read_text()))


def is_running(number: int) -> bool:
    """Return whether a process is there and not dead already; waits a while for the last turn."""
    try:
        process = psutil.Process(number)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        process.wait(5)
    except psutil.NoSuchProcess:
        return False
    except psutil.TimeoutExpired:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
