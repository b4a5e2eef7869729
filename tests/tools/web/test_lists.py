"""What can be read over HTTP, page by page."""

import base64
from typing import Any

import pytest

from scheduler.model.limits import PAGE_ROWS_MAX
from tests.tools.making import defining, triggering
from tests.tools.web.conftest import Send
from tools.client import Client

JOBS = "/api/v1/jobs"


@pytest.fixture
def filled(client: Client) -> list[str]:
    """Return the names of five jobs, each of which was asked to run once."""
    names = [f"job-{letter}" for letter in "abcde"]
    for name in names:
        command = defining(name)
        client.ask(command)
        client.ask(triggering(command.job))
    return names


def pages(send: Send, path: str, name: str) -> list[list[dict[str, object]]]:
    """Return the pages of a list, followed by their cursors."""
    found: list[list[dict[str, object]]] = []
    after = ""
    while True:
        value: Any = send("GET", path + after).value
        found.append(value[name])
        if value["next"] is None:
            return found
        after = f"&after={value['next']}"


@pytest.mark.parametrize("path", ["jobs", "runs"])
def test_a_list_is_read_page_by_page_each_row_once(
    send: Send, filled: list[str], path: str
) -> None:
    found = pages(send, f"/api/v1/{path}?limit=2", path)
    assert [2, 2, 1] == [len(page) for page in found]
    key = "name" if path == "jobs" else "job"
    assert filled == sorted(str(row[key]) for page in found for row in page)


def test_a_list_that_fills_its_last_page_ends_with_an_empty_one(
    send: Send, filled: list[str]
) -> None:
    assert [5, 0] == [len(page) for page in pages(send, f"{JOBS}?limit=5", "jobs")]


def test_a_page_is_so_long_unless_it_is_said(
    send: Send, filled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.web.lists.PAGE_ROWS_DEFAULT", 3)
    assert [3, 2] == [len(page) for page in pages(send, f"{JOBS}?", "jobs")]


def test_jobs_are_chosen(send: Send, filled: list[str]) -> None:
    send("POST", f"{JOBS}/job-b/pause")
    value: Any = send("GET", f"{JOBS}?status=paused").value
    assert ["job-b"] == [row["name"] for row in value["jobs"]]
    searched: Any = send("GET", f"{JOBS}?search=JOB-C").value
    assert ["job-c"] == [row["name"] for row in searched["jobs"]]


def test_runs_are_chosen_by_job_and_time(send: Send, filled: list[str]) -> None:
    value: Any = send("GET", "/api/v1/runs?job=job-c").value
    assert ["job-c"] == [row["job"] for row in value["runs"]]
    later: Any = send("GET", "/api/v1/runs?since=2200-01-01T00:00").value
    assert [] == later["runs"]


def test_a_run_is_read_with_its_attempts(send: Send, filled: list[str]) -> None:
    runs: Any = send("GET", "/api/v1/runs?job=job-a").value
    value = send("GET", f"/api/v1/runs/{runs['runs'][0]['run'][:13]}").value
    assert ("job-a", "trigger") == (value["job"], value["cause"])
    assert isinstance(value["tries"], list)


def test_misses_are_a_list_too(send: Send, filled: list[str]) -> None:
    assert {"misses": [], "next": None} == send("GET", "/api/v1/misses?reason=overlap").value


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "query",
    [
        "jobs?status=asleep",
        "jobs?after=x",
        "jobs?after=%C5%BC",
        f"jobs?after={cursor('5')}",
        f"jobs?after={cursor('[1,2]')}",
        f"runs?after={cursor('[]')}",
        f"jobs?limit={PAGE_ROWS_MAX + 1}",
        "jobs?limit=-1",
        "jobs?limit=%D9%A3",  # a digit of another script
        "jobs?limit=" + "9" * 5_000,
        "runs?status=asleep",
        "runs?since=yesterday-ish",
        "misses?reason=laziness",
        "runs?job=report&job=report",
    ],
)
def test_a_wrong_query_is_refused(refuse: Send, query: str) -> None:
    answer = refuse("GET", f"/api/v1/{query}")
    assert (400, 2) == (answer.status, answer.value["exit_code"])


def test_runs_of_a_job_that_nobody_knows_are_not_an_empty_list(refuse: Send) -> None:
    assert 404 == refuse("GET", "/api/v1/runs?job=nobody").status
