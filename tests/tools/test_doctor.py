"""The doctor finds what is wrong, names it, and changes nothing."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.executor.clock import Clock, ManualClock
from scheduler.executor.owner import acquire
from scheduler.log.contract import Meta, Request, Write
from scheduler.log.sqlite import SqliteLog
from scheduler.model.events import SystemPaused, SystemResumed
from scheduler.model.limits import DISK_FREE_BYTES_FEW, DISK_FREE_BYTES_MIN
from scheduler.model.streams import SYSTEM
from tests.tools.conftest import Serve
from tests.tools.making import CLOCK, defining
from tools import doctor as module
from tools.app import open_reading, open_wishes
from tools.doctor import Finding, examine
from tools.installation import versions
from tools.serving import Served
from tools.settings import Settings


def found(settings: Settings, clock: Clock = CLOCK) -> dict[str, list[Finding]]:
    findings: dict[str, list[Finding]] = {}
    for finding in examine(settings, clock):
        findings.setdefault(finding.check, []).append(finding)
    return findings


def states(findings: dict[str, list[Finding]]) -> set[str]:
    return {finding.state for several in findings.values() for finding in several}


def messages(findings: dict[str, list[Finding]], check: str, state: str) -> list[str]:
    return [finding.message for finding in findings[check] if finding.state == state]


def test_a_sound_log_that_nobody_serves_has_nothing_wrong(settings: Settings) -> None:
    findings = found(settings)
    assert {"ok"} == states(findings)
    assert {
        *("versions", "sqlite", "names", "settings", "log", "chain", "clock", "server"),
        *("files", "disk", "views", "services", "fires"),
    } == set(findings)


def test_a_sound_server_answers(served: Served) -> None:
    findings = found(served.settings)
    assert {"ok"} == states(findings)
    assert "epoch 1, answers" in findings["server"][0].message


def test_where_there_is_no_log_the_rest_is_not_looked_at(tmp_path: Path) -> None:
    findings = found(Settings(db=tmp_path / "h.db"))
    assert (9, "fail") == (findings["log"][0].exit_code, findings["log"][0].state)
    assert "views" not in findings
    assert [] == list(tmp_path.iterdir())


def test_a_guard_that_was_dropped_is_found(settings: Settings) -> None:
    with sqlite3.connect(settings.db) as db:
        (name,) = db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchone()
        db.execute(f"DROP TRIGGER {name}")
    db.close()
    findings = found(settings)
    assert (8, f"{name} is missing" in findings["log"][0].message) == (
        findings["log"][0].exit_code,
        True,
    )


def test_an_event_that_was_changed_is_found(settings: Settings) -> None:
    with open_wishes(settings) as wishes:
        for name in ("a", "b", "c"):
            wishes.ask(defining(name))
    with sqlite3.connect(settings.db) as db:
        guards = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE log SET stream = 'job/other' WHERE position = 2")
        for _, sql in guards:
            db.execute(sql)
    db.close()
    assert [8] == [finding.exit_code for finding in found(settings)["chain"]]


def test_of_a_long_log_the_newest_events_are_followed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteLog.open(settings.db, clock_ns=CLOCK.now_ns)) as log:
        log.append(
            Request(
                [Write(SYSTEM, 1, [SystemPaused(), SystemResumed(at=CLOCK.now(), missed="skip")])],
                Meta(actor="a"),
            )
        )
    assert messages(found(settings), "chain", "ok")[0].startswith("every event follows")
    monkeypatch.setattr(module, "DOCTOR_EVENTS", 2)
    assert messages(found(settings), "chain", "ok")[0].startswith("the last 2 events follow")


def test_views_that_are_far_behind_are_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_reading(settings).close()
    with closing(SqliteLog.open(settings.db, clock_ns=CLOCK.now_ns)) as log:
        log.append(
            Request(
                [Write(SYSTEM, 1, [SystemPaused(), SystemResumed(at=CLOCK.now(), missed="skip")])],
                Meta(actor="a"),
            )
        )
    monkeypatch.setattr(module, "VIEWS_BEHIND_FEW", 2)
    assert [] == messages(found(settings), "views", "warn")
    monkeypatch.setattr(module, "VIEWS_BEHIND_FEW", 1)
    assert "schedules is 2 events behind" == messages(found(settings), "views", "warn")[0]


def test_an_owner_that_does_not_answer_is_found(settings: Settings) -> None:
    with acquire(settings.db, since=CLOCK.now(), host="web-1"):
        findings = found(settings)
    assert 5 == findings["server"][0].exit_code
    assert "its socket does not answer" in findings["server"][0].message
    assert "kill " in findings["server"][0].message


def test_a_clock_behind_the_log_is_found(settings: Settings) -> None:
    behind = ManualClock(CLOCK.now() - timedelta(hours=2))
    told = messages(found(settings, behind), "clock", "warn")
    assert 1 == len(told)
    assert told[0].endswith("Is the clock right? horolog clock accept")


def test_files_that_are_open_to_others_are_found(settings: Settings) -> None:
    settings.db.chmod(0o644)
    told = messages(found(settings), "files", "warn")
    assert f"{settings.db} is open to others (0644): chmod 600" in told


@pytest.mark.parametrize(
    ("free", "state"),
    [
        (DISK_FREE_BYTES_MIN - 1, "fail"),
        (DISK_FREE_BYTES_MIN, "warn"),
        (DISK_FREE_BYTES_FEW - 1, "warn"),
        (DISK_FREE_BYTES_FEW, "ok"),
    ],
)
def test_a_disk_that_fills_up_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda path: free)
    assert [state] == [finding.state for finding in found(settings)["disk"]]


def test_a_name_that_others_have_too_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "clashes", lambda: {"tools": ["toolbox"]})
    assert [(5, '"tools" is a package of toolbox too')] == [
        (finding.exit_code, finding.message) for finding in found(settings)["names"]
    ]


def test_a_service_file_that_fails_and_a_job_without_service_are_found(settings: Settings) -> None:
    with open_wishes(settings) as wishes:
        wishes.ask(defining(service="elsewhere"), unchecked=True)
    (settings.base / "jobs.py").write_text("import no_such_module")
    told = messages(found(settings), "services", "warn")
    assert 2 == len(told)
    assert told[0].startswith("jobs.py was not loaded: ModuleNotFoundError")
    assert 'job report calls "elsewhere", unknown here' == told[1]


def test_other_versions_than_the_last_servers_are_found(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(settings).stop()
    newer = {**versions(), "tzdata": "2099.1"}
    monkeypatch.setattr(module, "versions", lambda: newer)
    told = messages(found(settings), "versions", "warn")
    assert 1 == len(told)
    assert told[0].startswith("tzdata is 2099.1, the last server had ")


def test_views_that_are_not_there_are_no_fault(settings: Settings) -> None:
    assert ["not there yet; the next look makes them"] == messages(found(settings), "views", "ok")
