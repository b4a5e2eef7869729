"""The demo's own fold of the log takes in so many runs, and lives with more."""

import pytest

from scheduler.log.contract import Meta, Request, Write
from scheduler.log.memory import MemoryLog
from scheduler.model import events as e
from scheduler.rules.facts import Fact
from tests.facts import attempt_started, planned, registered, run, stream
from tools.demo import chronicle
from tools.demo.chronicle import Chronicle


def test_runs_beyond_the_limit_are_left_out_with_all_that_becomes_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chronicle, "DEMO_FIRES_MAX", 1)
    log = MemoryLog(lambda: 0)
    story = [registered("*/5 * * * *", at="10:00")]
    for fire in ("10:05", "10:10"):
        end = e.RunSucceeded(run=run(fire), attempt=1, duration_us=1)
        story += [planned(fire, window=None), attempt_started(fire), Fact(stream(fire), end)]
    for where, event in story:
        log.append(Request([Write(where, log.version(where), [event])], Meta(actor="test")))
    found = Chronicle(log)
    found.look()
    assert [run("10:05")] == list(found.runs)
    assert "run-succeeded" == found.runs[run("10:05")].ended
    told = [one.event for one in found.untold()]
    assert [event for _, event in story[:4]] == told
