"""The border of the command: exit codes, one sentence for whatever goes wrong, no traceback."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.model import errors
from tests.tools.cli.desk import Desk
from tools.cli import faults
from tools.cli.main import main

COMMAND = (sys.executable, "-c", "import sys; from tools.cli.main import main; sys.exit(main())")
ROOT = Path(__file__).resolve().parents[3]
UNWANTED = {"asyncio", "httpx", "redis", "rich", "sqlite_utils", "starlette", "uvicorn"}


def loaded_by(*words: str, folder: Path = ROOT) -> set[str]:
    """Return the modules a call has loaded, in a process of its own."""
    code = (
        "import sys; from tools.cli.main import main; main(sys.argv[1:]);"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run(
        (sys.executable, "-c", code, *words),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


def test_help_imports_nothing_it_can_do_without() -> None:
    loaded = loaded_by("--help")
    assert set() == loaded & (UNWANTED | {"sqlite3", "msgspec", "zoneinfo"})


def test_listing_jobs_imports_neither_asyncio_nor_the_web_stack(desk: Desk) -> None:
    assert set() == loaded_by("job", "list", folder=desk.folder) & UNWANTED


def test_a_call_without_a_verb_shows_the_help_and_is_bad_input(bare_desk: Desk) -> None:
    printed = bare_desk()
    assert 2 == printed.code
    assert "Usage: horolog" in printed.err


def test_the_version_is_told(bare_desk: Desk) -> None:
    assert bare_desk.done("--version").out.startswith("horolog ")


def test_a_verb_that_is_mistyped_is_bad_input(bare_desk: Desk) -> None:
    printed = bare_desk("jbo", "list")
    assert 2 == printed.code
    assert "jbo" in printed.err
    assert 1 == printed.err.count("\n")


def test_an_option_that_is_not_there_is_named(bare_desk: Desk) -> None:
    printed = bare_desk("explain", "cron", "@daily", "--nope", "--json")
    assert 2 == printed.code
    assert "--nope" == printed.error["path"]


def test_an_argument_that_is_missing_is_named(bare_desk: Desk) -> None:
    printed = bare_desk("job", "rename", "a", "--json")
    assert 2 == printed.code
    assert "NAME" == printed.error["path"]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("job", "add", "a\udcff", "a.ok", "--every", "5m"), "argument 3"),
        (("--db", "\udcff.db", "job", "list"), "--db"),
        (("explain", "cron", "@daily", "--tz", "\udce9"), "--tz"),
    ],
)
def test_bytes_that_are_no_utf8_are_refused_with_their_field(
    bare_desk: Desk, words: tuple[str, ...], field: str
) -> None:
    printed = bare_desk(*words)
    assert 2 == printed.code
    assert printed.err.startswith(f"{field}: ")
    assert "is not valid UTF-8." in printed.err
    assert 1 == printed.err.count("\n")


def test_json_takes_its_fields_only_behind_an_equals_sign(bare_desk: Desk) -> None:
    printed = bare_desk.done("explain", "cron", "--json", "@daily")
    assert "@daily" == printed.json["expression"]


def test_words_behind_two_dashes_are_no_options(bare_desk: Desk) -> None:
    printed = bare_desk("explain", "interval", "--", "--json")
    assert 2 == printed.code
    assert printed.err.startswith("$.schedule.every: ")


def test_two_forms_for_one_answer_are_refused(bare_desk: Desk) -> None:
    printed = bare_desk("explain", "cron", "@daily", "--json", "--csv")
    assert 2 == printed.code
    assert "--csv" == printed.error["path"]


def test_global_options_stand_on_either_side_of_the_verb(bare_desk: Desk) -> None:
    before = bare_desk.done("--tz", "Asia/Tokyo", "explain", "cron", "@daily", "--json")
    after = bare_desk.done("explain", "cron", "@daily", "--json", "--tz", "Asia/Tokyo")
    assert "Asia/Tokyo" == before.json["timezone"]
    assert before == after


def test_without_a_log_one_is_told_how_to_make_one(bare_desk: Desk) -> None:
    printed = bare_desk("job", "list", "--db", "./horolog.db")
    assert 9 == printed.code
    assert (
        'No log at ./horolog.db. "horolog init" makes one here; if yours is elsewhere: '
        "--db PATH or HOROLOG_DB\n"
    ) == printed.err


def test_a_file_that_is_no_log_is_left_alone(bare_desk: Desk) -> None:
    other = bare_desk.folder / "other.db"
    other.write_bytes(b"not a database, and longer than a header of SQLite would be" * 20)
    before = other.read_bytes()
    printed = bare_desk("job", "list", "--db", str(other))
    assert printed.code in {8, 9}
    assert "other.db" in printed.err
    assert before == other.read_bytes()


def test_a_settings_file_with_a_wrong_key_is_named_with_its_file(bare_desk: Desk) -> None:
    (bare_desk.folder / "wrong.toml").write_text("[servces]\nload = []\n")
    printed = bare_desk("job", "list", "--config", "wrong.toml", "--json")
    assert 2 == printed.code
    assert "wrong.toml: servces" == printed.error["path"]
    assert "Did you mean services?" == printed.error["hint"]


def test_the_settings_file_is_not_needed_to_explain(bare_desk: Desk) -> None:
    (bare_desk.folder / "horolog.toml").unlink()
    assert "UTC" == bare_desk.done("explain", "cron", "@daily", "--json").json["timezone"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadInput.at("$.name", "is empty."), 2),
        (errors.NotFound("job", "a"), 3),
        (errors.NotAuthorised("not yours"), 4),
        (errors.Conflict("later"), 5),
        (errors.KeyReused("k"), 5),
        (errors.Unreachable("nobody"), 9),
        (errors.Damaged("broken"), 8),
        (errors.UnknownEvent(7, "run-suspended", 1, ours="0.1.0"), 9),
        (errors.StorageFailed("disk full", in_doubt=False), 1),
        (PermissionError(13, "Permission denied", "/x"), 1),
        (sqlite3.OperationalError("database is locked"), 1),
        (RuntimeError("a slip of ours"), 1),
    ],
)
def test_every_error_is_one_sentence_and_its_own_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code == faults.tell(error, as_json=False)
    told = capsys.readouterr().err
    assert 1 == told.count("\n")
    assert "Traceback" not in told


def test_an_error_as_json_has_its_three_fields(capsys: pytest.CaptureFixture[str]) -> None:
    faults.tell(errors.NotFound("job", "a"), as_json=True)
    told = capsys.readouterr().err
    assert '{"error":{"path":null,"message":"No job \'a\'","hint":null}}\n' == told


def test_several_problems_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = errors.BadInput(errors.Problem("$.a", "is wrong."), errors.Problem("$.b", "is too."))
    faults.tell(wrong, as_json=True)
    told = capsys.readouterr().err
    assert '"path":"$.a"' in told
    assert '"path":"$.b"' in told


def test_what_is_told_cannot_steer_a_terminal(bare_desk: Desk) -> None:
    printed = bare_desk("explain", "once", "\x1b[2J")
    assert "\x1b" not in printed.err


def test_a_traceback_is_shown_only_to_someone_who_asks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOROLOG_TRACEBACK", "1")
    faults.tell(RuntimeError("a slip"), as_json=False)
    assert "RuntimeError: a slip" in capsys.readouterr().err


def test_an_interruption_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tools.cli.main.refuse_broken_text", interrupted)
    assert 130 == main(["explain"])
    assert "Interrupted\n" == capsys.readouterr().err


def test_a_real_interruption_is_exit_code_130(desk: Desk) -> None:
    with subprocess.Popen(
        (*COMMAND, "log", "tail", "-f"),
        cwd=desk.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tail:
        assert tail.stdout is not None
        tail.stdout.readline()
        assert "log-created" in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        _, err = tail.communicate(timeout=30)
    assert 130 == tail.returncode
    assert "Interrupted\n" == err


def test_a_reader_that_goes_away_is_no_traceback(bare_desk: Desk) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        (*COMMAND, "explain", "cron", "* * * * *", "-n", "10000", "--json"),
        cwd=bare_desk.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert 141 == done.returncode
    assert b"" == done.stderr


def test_an_encoding_without_our_letters_shows_escapes(bare_desk: Desk) -> None:
    done = subprocess.run(
        (*COMMAND, "explain", "once", "2026-01-01", "--tz", "Märs"),
        cwd=bare_desk.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert 2 == done.returncode
    assert b"M\\xe4rs" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("job", "add", "o", "a.ok", "--every", "5m"),
        ("job", "edit", "held", "--timeout", "5m"),
        ("job", "pause", "held"),
        ("job", "pause", "--all"),
        ("job", "resume", "held"),
        ("job", "resume", "--all"),
        ("job", "rename", "held", "freed"),
        ("run", "start", "held"),
        ("clock", "accept"),
        ("job", "remove", "held"),
    ],
    ids=" ".join,
)
def test_a_field_that_is_not_in_the_answer_is_refused_before_anything_is_stored(
    desk: Desk, words: tuple[str, ...]
) -> None:
    desk.done("job", "add", "held", "a.ok", "--manual")
    assert 2 == desk(*words, "--json=nothing").code
    assert 2 == desk(*words, "--json", "--csv").code
    assert 2 == desk.head


def test_a_choice_that_is_missing_is_one_sentence(bare_desk: Desk) -> None:
    printed = bare_desk("run", "resolve", "--held")
    assert 2 == printed.code
    (line,) = printed.err.splitlines()
    assert line.startswith("--as: Missing option '--as'. Choose from: succeeded, failed, retry")


@pytest.mark.parametrize(
    "words",
    [
        ("backfill", "show", "0", "--watch"),
        ("next",),
        ("job", "list"),
        ("job", "show", "none"),
        ("doctor",),
        ("status",),
        ("simulate", "--job", "none"),
        ("simulate", "--job", "none", "--change", "--overlap allow"),
    ],
    ids=" ".join,
)
def test_a_field_that_is_not_in_the_answer_is_refused_before_anything_is_read(
    bare_desk: Desk, words: tuple[str, ...]
) -> None:
    printed = bare_desk(*words, "--json=nothing")
    assert (2, "--json") == (printed.code, printed.error["path"])
