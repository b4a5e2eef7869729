"""Backfills and reruns as somebody sees them who has no client of ours."""

from typing import Any

import pytest

from tests.tools.web.conftest import Send
from tools.serving import Served

JOBS = "/api/v1/jobs"
LOOKS_MAX = 10_000
BACKFILLS = "/api/v1/backfills"
HOURLY = {"name": "report", "service": "say.hello", "schedule": {"every": "1h"}}
WINDOW = {"after": "2026-01-01T00:00Z", "until": "2026-01-01T03:00Z"}


@pytest.fixture
def job(send: Send) -> str:
    """Return the id of a job that fires every hour, which began just now; all is paused."""
    send("POST", "/api/v1/system/pause")
    facts: Any = send("POST", JOBS, {"definition": HOURLY}).value["facts"]
    return str(facts[0]["body"]["job"])


def requested(send: Send, job: str, **more: object) -> dict[str, Any]:
    """Ask for a backfill and return its event."""
    answer = send("POST", f"{JOBS}/{job}/backfills", {**WINDOW, **more})
    assert 200 == answer.status, answer
    facts: Any = answer.value["facts"]
    body: dict[str, Any] = facts[0]["body"]
    return body


def test_a_backfill_is_asked_for_and_read_again(send: Send, job: str) -> None:
    made = requested(send, job, only="all", concurrency=2, per_minute=30, reason="outage")
    shown = send("GET", f"{BACKFILLS}/{made['backfill'][:20]}").value
    assert (made["backfill"], "report", "running", 3, 0) == tuple(
        shown[name] for name in ("backfill", "job", "status", "count", "looked_at")
    )
    assert ("all", 2, 30, "outage") == tuple(
        shown[name] for name in ("only", "concurrency", "per_minute", "reason")
    )


def test_what_a_backfill_would_be_is_asked_by_a_dry_run(
    send: Send, served: Served, job: str
) -> None:
    before = served.log.head()
    facts: Any = send("POST", f"{JOBS}/{job}/backfills?dry_run=true", WINDOW).value["facts"]
    assert ("backfill-requested", 3) == (facts[0]["type"], facts[0]["body"]["count"])
    assert before == served.log.head()


def test_a_key_makes_a_repeat_the_same_backfill(send: Send, job: str) -> None:
    path, key = f"{JOBS}/{job}/backfills", {"Idempotency-Key": "k"}
    first, again = send("POST", path, WINDOW, key).value, send("POST", path, WINDOW, key).value
    assert (first["first"], True) == (again["first"], again["repeated"])
    other = send("POST", path, {**WINDOW, "only": "all"}, key)
    assert 422 == other.status


def test_an_id_that_is_taken_is_replaced(send: Send, job: str) -> None:
    first = requested(send, job)["backfill"]
    send("POST", f"{BACKFILLS}/{first}/cancel")
    assert first != requested(send, job, backfill=first)["backfill"]


def test_backfills_are_listed_page_by_page_and_chosen(send: Send, job: str) -> None:
    ids = []
    for hour in range(3):
        window = {"after": f"2026-02-01T0{hour}:00Z", "until": f"2026-02-01T0{hour + 1}:00Z"}
        ids.append(requested(send, job, **window)["backfill"])
    send("POST", f"{BACKFILLS}/{ids[0]}/pause")
    send("POST", f"{BACKFILLS}/{ids[1]}/cancel")

    def listed(query: str) -> tuple[list[str], object]:
        value: Any = send("GET", f"{BACKFILLS}?{query}").value
        return [row["backfill"] for row in value["backfills"]], value["next"]

    page, cursor = listed("limit=2")
    assert ids[:0:-1] == page
    assert (ids[:1], None) == listed(f"limit=2&after={cursor}")
    assert ids[:1] == listed("status=paused")[0]
    assert [ids[2], ids[0]] == listed("status=open&job=report")[0]
    send("POST", f"{BACKFILLS}/{ids[0]}/resume")
    assert [] == listed("status=paused")[0]


def ended(send: Send, run: str) -> bool:
    """Ask again and again whether a run has ended; it takes a moment."""
    looks = (send("GET", f"/api/v1/runs/{run}").value["status"] for _ in range(LOOKS_MAX))
    return "succeeded" in looks


def test_a_run_is_replayed_by_its_id(send: Send) -> None:
    manual = {"name": "by-hand", "service": "say.hello", "schedule": {"kind": "none"}}
    send("POST", JOBS, {"definition": manual})
    started: Any = send("POST", f"{JOBS}/by-hand/runs").value["facts"]
    run = started[0]["body"]["run"]
    assert ended(send, run)
    again = send("POST", f"/api/v1/runs/{run}/replay")
    assert 200 == again.status, again
    facts: Any = again.value["facts"]
    assert ("run-planned", "rerun", run, 2) == (
        facts[0]["type"],
        *(facts[0]["body"][name] for name in ("cause", "of", "number")),
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"after": "2026-01-01", "until": "2025-01-01"}, "$.until"),
        ({"after": "1970-01-01", "until": "2026-01-01"}, "at most 10,000 at a time"),
        ({**WINDOW, "concurrency": 0}, "$.concurrency"),
        ({**WINDOW, "per_minute": 60_001}, "$.per_minute"),
        ({"after": "2026-01-01", "until": "2200-01-01"}, "are not decided yet"),
        ({"after": "2026-01-01T00:00:01", "until": "2026-01-01T00:00:02"}, "no fire time"),
    ],
)
def test_what_cannot_be_had_is_a_problem_that_names_the_field(
    send: Send, served: Served, job: str, body: dict[str, object], told: str
) -> None:
    before = served.log.head()
    answer = send("POST", f"{JOBS}/{job}/backfills", body)
    assert (400, "application/problem+json") == (answer.status, answer.kind)
    assert told in str(answer.value["detail"])
    assert before == served.log.head()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{BACKFILLS}/0193f6a2-7c1e-7abc-8def-0123456789ab", 404),
        ("POST", f"{BACKFILLS}/0193f6a2-7c1e-7abc-8def-0123456789ab/pause", 404),
        ("POST", f"{BACKFILLS}/nobody/cancel", 404),
        ("DELETE", f"{BACKFILLS}/nobody", 405),
        ("POST", f"{JOBS}/nobody/backfills", 404),
        ("POST", "/api/v1/runs/0193f6a2-7c1e-7abc-8def-0123456789ab/replay", 404),
        ("GET", f"{BACKFILLS}?status=asleep", 400),
        ("GET", f"{BACKFILLS}?job=nobody", 404),
        ("GET", f"{BACKFILLS}?after=eA==", 400),
        ("GET", f"{BACKFILLS}?colour=red", 400),
        ("GET", "/api/v1/runs?backfill=nobody", 404),
    ],
)
def test_what_is_not_there_is_refused(refuse: Send, method: str, path: str, status: int) -> None:
    assert status == refuse(method, path).status
