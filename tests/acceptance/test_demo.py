"""`horolog demo` as it is typed: what it prints, how it exits, and that nothing stays behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "import sys; from tools.cli.main import main; sys.exit(main())"  # the console script
MARK = "DEMO_OF_A_TEST"  # children inherit it, so they are told from all other processes
PATIENCE_S = 120.0


@contextmanager
def demo(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start the demo without a terminal; its folder is made below `folder`."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", COMMAND, "demo", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), MARK: str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        for one in left_by(folder):
            one.kill()
        process.communicate()


def left_by(folder: Path) -> list[psutil.Process]:
    """Return the processes of a demo that live."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_the_demo_shows_what_it_says_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
        left = left_by(tmp_path)
    assert (0, "") == (process.returncode, err), out
    assert [] == left
    assert [] == list(tmp_path.iterdir())
    assert [] == [line for line in out.splitlines() if len(line) > 80]
    for told in (
        "sync.once        ok  finished for ever",
        "sync.interval 1  ok",
        "sync.cron 1      ok",
        "sync.interval 2  the mail server refuses (451): attempt 1 failed",
        'sync.interval 2  ok  attempt 2 · step "store" not repeated',
        'sync.interval 3  kill -9 of the scheduler between "store" and "mail" …',
        "sync.interval 3  ok  attempt 2, same run id · mailed once",
        "chain ok · complete · views deleted and rebuilt: same rows",
    ):
        assert told in out
    due, run, skipped, lost, twice, mails = map(
        int,
        re.findall(
            r"fires due (\d+) = run (\d+) \+ skipped with a reason (\d+)"
            r"\s+lost (\d+)\s+twice (\d+)\s+mails (\d+)",
            out,
        )[0],
    )
    assert (due, 0, 0, run) == (run + skipped, lost, twice, mails)
    assert "PASS in " in out.splitlines()[-1]


def test_the_demo_ends_in_order_when_it_is_interrupted(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "sync.interval 1" in line:
                process.send_signal(signal.SIGINT)
                break
        process.communicate(timeout=PATIENCE_S)
        left = left_by(tmp_path)
    assert 130 == process.returncode
    assert [] == left
    assert [] == list(tmp_path.iterdir())
