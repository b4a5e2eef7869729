"""The command against a real server: a process of its own, its socket, its workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.executor.clock import SystemClock
from tests.tools.cli.desk import Desk

ROOT = Path(__file__).resolve().parents[3]
SERVE = "import sys; from tools.cli.main import main; sys.exit(main(['serve']))"
SERVICES = '''
from threading import Event

from horolog import service

@service("a.ok")
def ok():
    """Does nothing."""

@service("a.bad")
def bad():
    """Fails."""
    raise ValueError("no data")

@service("a.long")
def long():
    """Does not end while anybody waits."""
    Event().wait(600)
'''


@pytest.fixture
def served(bare_desk: Desk) -> Iterator[Desk]:
    """Return a desk whose log is served by another process, on the machine's clock."""
    bare_desk.clock = SystemClock()  # type: ignore[assignment]  # both processes see one time
    bare_desk.create()
    (bare_desk.folder / "jobs.py").write_text(SERVICES)
    with (bare_desk.folder / "horolog.toml").open("a") as settings:
        settings.write('[serve]\nstop_grace = "0s"\n')
    with subprocess.Popen(
        (sys.executable, "-c", SERVE),
        cwd=bare_desk.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            assert "serving " in server.stdout.readline()
            yield bare_desk
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)


def test_waiting_for_a_run_ends_with_it(served: Desk) -> None:
    notes = served.done("job", "add", "ok", "a.ok", "--manual", "--json=notes").json
    assert {"notes": []} == notes
    printed = served.done("run", "start", "ok", "--wait", "--timeout", "60s")
    run = printed.out.strip()
    assert f"Run {run} succeeded after " in printed.err
    assert "succeeded" == served.done("run", "show", run, "--json=status").json["status"]


def test_waiting_for_a_run_that_fails_is_exit_code_6(served: Desk) -> None:
    served.done("job", "add", "bad", "a.bad", "--manual")
    printed = served("run", "start", "bad", "--wait", "--timeout", "60s", "--json=status")
    assert (6, "failed") == (printed.code, printed.json["status"])
    assert "failed: ValueError: no data" in printed.err


def test_waiting_no_longer_than_asked_is_exit_code_7(served: Desk) -> None:
    served.done("job", "add", "long", "a.long", "--manual")
    printed = served("run", "start", "long", "--wait", "--timeout", "200ms")
    assert 7 == printed.code
    assert "had not ended after 200ms; it goes on. See: horolog run show" in printed.err
    run = printed.out.strip()
    served.done("run", "cancel", run)


def test_writing_verbs_are_answered_by_the_server(served: Desk) -> None:
    served.done("job", "add", "a", "a.ok", "--every", "1h", "--reason", "asked")
    event = served.done("log", "list", "--type", "job-defined", "--json").json[0]
    assert ("socket", "asked") == (event["channel"], event["reason"])
    assert 5 == served("job", "add", "a", "a.ok", "--every", "2h").code
    printed = served("job", "add", "b", "nope", "--every", "2h", "--json")
    assert (2, "$.service") == (printed.code, printed.error["path"])
    printed = served.done("job", "edit", "a", "--timeout", "5m", "--dry-run")
    assert printed.out.startswith("job-revised  job/")
    served.done("job", "pause", "a")
    served.done("job", "resume", "a")
    served.done("job", "rename", "a", "c")
    served.done("job", "remove", "c")


def test_a_file_is_applied_by_the_server(served: Desk) -> None:
    text = "".join(
        f'[jobs.job{number}]\nservice = "a.ok"\nschedule = {{ every = "{number + 1}h" }}\n'
        for number in range(700)
    )
    (served.folder / "many.toml").write_text(text)
    assert served.done("apply", "many.toml").out.endswith(
        "700 added, 0 edited, 0 removed, 0 unchanged.\n"
    )
    assert 700 == len(served.done("job", "list", "--json=job").json)


def test_many_jobs_are_changed_by_the_server(served: Desk) -> None:
    text = "".join(
        f'[jobs.job{number}]\nservice = "a.ok"\nschedule = {{ every = "{number + 1}h" }}\n'
        'labels = { team = "sales" }\n'
        for number in range(600)
    )
    (served.folder / "many.toml").write_text(text)
    served.done("apply", "many.toml")
    words = ("--label", "team=sales", "--key", "k-1", "--reason", "holiday", "--json=changed,last")
    first = served.done("job", "pause", *words).json
    assert [True] * 600 == [row["changed"] for row in first]
    assert first == served.done("job", "pause", *words).json
    rows = served.done("job", "list", "--status", "paused", "--json=job").json
    assert 600 == len(rows)


def test_a_dry_run_stores_nothing_when_a_server_answers(served: Desk) -> None:
    text = '[jobs.a]\nservice = "a.ok"\nschedule = { kind = "none" }\n'
    (served.folder / "one.toml").write_text(text)
    rows = served.done("apply", "one.toml", "--dry-run", "--json").json
    assert ["job-defined"] == [event["type"] for event in rows[0]["events"]]
    assert [] == served.done("job", "list", "--json").json


def test_views_are_verified_while_a_server_keeps_them(served: Desk) -> None:
    served.done("job", "add", "ok", "a.ok", "--manual")
    served.done("run", "start", "ok", "--wait", "--timeout", "60s")
    served.done("projection", "verify", "--all")


def test_views_that_a_server_keeps_are_not_rebuilt(
    served: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    monkeypatch.setattr("tools.cli.projection.VIEWS_PATIENCE", timedelta(0))
    printed = served("projection", "rebuild", "runs")
    assert 5 == printed.code
    assert "which serves this log. They can be rebuilt when it is stopped" in printed.err


def test_a_backfill_is_carried_out_and_mended_by_the_server(
    served: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cli.backfill_views.rest", lambda: None)
    for name, service in (("good", "a.ok"), ("bad", "a.bad")):
        served.done("job", "add", name, service, "--cron", "0 * * * *")
    window = ("--from", "2026-01-05T00:00Z", "--until", "2026-01-05T06:00Z", "--concurrency", "3")

    def ended(job: str, *words: str) -> tuple[int, object]:
        backfill = served.done("backfill", "start", job, *window, *words).out.strip()
        watched = served("backfill", "show", backfill, "--watch", "--json=succeeded,failed,passed")
        return watched.code, list(watched.json.values())

    assert (0, [6, 0, 0]) == ended("good")
    assert (0, [0, 0, 6]) == ended("good")
    assert (6, [0, 6, 0]) == ended("bad")
    assert (6, [0, 6, 0]) == ended("bad", "--only", "failed")
    rows = served.done("run", "replay", "--failed", "--since", "2026-01-05", "--json").json
    assert [("bad", None)] * 6 == [(row["job"], row["error"]) for row in rows]
    numbers = {run["number"] for run in served.done("run", "list", "--job", "bad", "--json").json}
    assert {1, 2, 3} == numbers
    served.done("projection", "verify", "--all")


def test_the_longest_key_is_taken_by_a_server_also_for_many(served: Desk) -> None:
    key = "k " * 63 + "-1"
    served.done("job", "add", "a", "a.ok", "--manual", "--label", "team=sales")
    first = served.done("job", "pause", "a", "--key", key, "--json=first").json
    assert first == served.done("job", "pause", "a", "--key", key, "--json=first").json
    served.done("job", "resume", "--label", "team", "--key", key)
    assert 2 == served("job", "pause", "a", "--key", "łódź").code


def test_waiting_again_under_the_key_is_told_of_the_same_run(served: Desk) -> None:
    served.done("job", "add", "ok", "a.ok", "--manual")
    words = ("run", "start", "ok", "--wait", "--timeout", "60s", "--key", "k-1")
    first = served.done(*words)
    assert first == served.done(*words)
    assert 1 == len(served.done("run", "list", "--json=run").json)


def test_a_repeat_under_its_key_is_told_as_it_was_then_by_a_server_too(served: Desk) -> None:
    served.done("job", "add", "a", "a.ok", "--every", "1h", "--anchor", "2026-01-05T00:00Z")
    window = ("--from", "2026-01-05T00:00Z", "--until", "2026-01-05T06:00Z")
    for number, words in enumerate(
        (
            ("job", "edit", "a", "--timeout", "3m"),
            ("backfill", "start", "a", *window, "--json=backfill,to_run,first"),
            ("job", "rename", "a", "b"),
            ("job", "remove", "b"),
        )
    ):
        first = served.done(*words, "--key", f"k-{number}")
        assert first.out == served.done(*words, "--key", f"k-{number}").out
    assert 5 == served("job", "pause", "b").code
