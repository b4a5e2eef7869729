"""One verb about many jobs, chosen by their labels: each is decided for itself, each is told."""

from datetime import timedelta

import pytest

from tests.tools.cli.desk import Desk
from tools.cli import bulk


@pytest.fixture
def team(desk: Desk) -> Desk:
    """Return a desk with two jobs of sales, one of which is of tier 1, and one of billing."""
    every = ("--every", "10m", "--anchor", "2026-03-02T12:00Z")
    desk.done("job", "add", "orders", "a.ok", *every, "--label", "team=sales", "--label", "tier=1")
    desk.done("job", "add", "leads", "a.ok", *every, "--label", "team=sales")
    desk.done("job", "add", "bills", "a.ok", *every, "--label", "team=billing", "--label", "tier=1")
    return desk


def status_of(desk: Desk) -> dict[str, str]:
    rows = desk.done("job", "list", "--status", "any", "--json=job,status").json
    return {row["job"]: row["status"] for row in rows}


def test_jobs_are_listed_by_all_labels_that_are_named(team: Desk) -> None:
    def listed(*labels: str) -> list[str]:
        words = [word for label in labels for word in ("--label", label)]
        return [row["job"] for row in team.done("job", "list", *words, "--json=job").json]

    assert ["leads", "orders"] == listed("team=sales")
    assert ["bills", "orders"] == listed("tier")
    assert ["orders"] == listed("team=sales", "tier=1")
    assert [] == listed("team=sales", "team=billing")


def test_every_job_that_bears_the_label_is_paused_and_no_other(team: Desk) -> None:
    printed = team.done("job", "pause", "--label", "team=sales")
    assert "leads is paused.\norders is paused.\n" == printed.out
    assert {"bills": "active", "leads": "paused", "orders": "paused"} == status_of(team)
    printed = team.done("job", "resume", "--label", "team=sales", "--json")
    assert [("leads", True, 0), ("orders", True, 0)] == [
        (row["job"], row["changed"], row["passed_over"]) for row in printed.json
    ]


def test_labels_narrow_one_another(team: Desk) -> None:
    team.done("job", "pause", "--label", "team=sales", "--label", "tier=1")
    assert {"bills": "active", "leads": "active", "orders": "paused"} == status_of(team)


def test_a_call_about_many_that_is_repeated_changes_nothing(team: Desk) -> None:
    team.done("job", "pause", "--label", "team=sales")
    head = team.head
    printed = team.done("job", "pause", "--label", "team=sales")
    assert "leads was paused already.\norders was paused already.\n" == printed.out
    assert head == team.head


def test_one_key_serves_for_each_of_many(team: Desk) -> None:
    words = ("job", "skip-next", "--label", "team=sales", "--key", "k-1", "--json=job,first")
    first = team.done(*words).json
    assert first == team.done(*words).json
    assert 2 == len({row["first"] for row in first})


def test_a_dry_run_shows_which_and_stores_nothing(team: Desk) -> None:
    head = team.head
    printed = team.done("job", "remove", "--label", "team=sales", "--dry-run")
    assert "leads: job-removed\norders: job-removed\n" == printed.out
    assert "Nothing was stored.\n" == printed.err
    rows = team.done("job", "remove", "--label", "team=sales", "--dry-run", "--json").json
    assert [(False, True)] * 2 == [(row["changed"], row["dry_run"]) for row in rows]
    assert head == team.head


def test_reason_and_claim_stand_in_every_event(team: Desk) -> None:
    words = ("--label", "team=sales", "--reason", "holiday", "--actor", "maria")
    team.done("job", "pause", *words)
    events = team.done("log", "list", "--type", "job-paused", "--json").json
    assert [("holiday", "maria")] * 2 == [(one["reason"], one["on_behalf_of"]) for one in events]


def test_many_jobs_are_edited_alike(team: Desk) -> None:
    printed = team.done("job", "edit", "--labelled", "team=sales", "--timeout", "5m")
    assert ('leads: timeout: "1h" → "5m"\norders: timeout: "1h" → "5m"\n') == printed.out
    assert ["1h", "5m", "5m"] == [
        team.definition(job)["timeout"] for job in ("bills", "leads", "orders")
    ]


def test_labels_given_in_an_edit_are_added_to_those_chosen(team: Desk) -> None:
    team.done("job", "edit", "--labelled", "team=sales", "--label", "tier=2")
    assert {"team": "sales", "tier": "2"} == team.definition("leads")["labels"]
    assert {"team": "billing", "tier": "1"} == team.definition("bills")["labels"]


def test_a_wrong_edit_is_told_once_and_nothing_is_stored(team: Desk) -> None:
    head = team.head
    printed = team("job", "edit", "--labelled", "team", "--timeout", "soon", "--json")
    assert (2, "$.timeout") == (printed.code, printed.error["path"])
    assert "problems" not in printed.error
    assert head == team.head


def test_an_edit_that_is_wrong_for_some_is_told_by_their_names_and_nothing_is_stored(
    team: Desk,
) -> None:
    team.done("job", "edit", "bills", "--catch-up", "all")
    head = team.head
    printed = team("job", "edit", "--labelled", "team", "--overlap", "cancel", "--json")
    assert (2, "bills: $.overlap") == (printed.code, printed.error["path"])
    assert head == team.head


def test_what_fails_for_some_is_told_by_their_names_and_the_others_are_done(team: Desk) -> None:
    team.done("job", "edit", "leads", "--every", "7m", "--anchor", "2026-03-02T12:00Z")
    words = ("job", "skip-next", "--label", "team=sales", "--at", "2026-03-02T12:20Z")
    printed = team(*words)
    assert 2 == printed.code
    assert printed.out.startswith("orders passes over 2026-03-02 13:20:00 CET.")
    assert "leads: --at: 2026-03-02T12:20:00Z is no fire time of leads." in printed.err
    assert "1 of 2 failed; the others are done." in printed.err
    rows = team(*words, "--json").json
    assert [True, False] == [row["error"] is not None for row in rows]
    assert ["leads", "orders"] == [row["job"] for row in rows]


def test_what_is_wrong_with_all_alike_is_told_once(team: Desk) -> None:
    with (team.folder / "horolog.toml").open("a") as settings:
        settings.write("[audit]\nrequire_reason = true\n")
    head = team.head
    printed = team("job", "pause", "--label", "team=sales")
    assert (2, 1) == (printed.code, printed.err.count("\n"))
    assert printed.err.startswith("$.reason: is missing")
    rows = team("job", "pause", "--label", "team=sales", "--json")
    assert 2 == rows.code
    assert 2 == sum("is missing" in row["error"] for row in rows.json)
    assert head == team.head


def test_at_a_terminal_removing_many_asks_back_once(
    team: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda text, **_: asked.append(text))
    assert 1 == team("job", "remove", "--label", "team=sales").code
    assert ["Remove 2 jobs for good?"] == asked
    assert "active" == status_of(team)["orders"]
    team.done("job", "remove", "--label", "team=sales", "--yes")
    assert {"bills": "active", "leads": "removed", "orders": "removed"} == status_of(team)
    assert 1 == len(asked)


def test_at_a_terminal_an_edit_of_many_asks_back(
    team: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    head = team.head
    assert 1 == team("job", "edit", "--labelled", "team=sales", "--timeout", "5m").code
    assert head == team.head


def test_resuming_many_tells_of_each_what_was_passed_over(team: Desk) -> None:
    team.done("job", "pause", "--label", "team=sales")
    team.clock.advance(timedelta(minutes=25))
    lines = team.done("job", "resume", "--label", "team=sales").out.splitlines()
    assert [
        "leads is resumed. 2 fires were passed over (skip).",
        "orders is resumed. 2 fires were passed over (skip).",
    ] == [line.partition(" To run")[0] for line in lines]


@pytest.mark.parametrize("verb", ["pause", "resume", "remove", "skip-next"])
@pytest.mark.parametrize(
    ("words", "code", "path"),
    [
        ((), 2, "JOB"),
        (("orders", "--label", "team=sales"), 2, "JOB"),
        (("--label", ""), 2, "--label"),
        (("--label", "=sales"), 2, "--label"),
        (("--label", " "), 2, "--label"),
        (("--label", "team=sale"), 3, None),
        (("--label", "team=sales", "--label", "team=billing"), 3, None),
        (("--label", "'; DROP TABLE jobs; --"), 3, None),
        (("--label", "x" * 100_000), 3, None),
        (("--label", "team=sales", "--json=colour"), 2, "--json"),
    ],
)
def test_jobs_that_are_not_clearly_chosen_are_left_alone(
    team: Desk, verb: str, words: tuple[str, ...], code: int, path: str | None
) -> None:
    head = team.head
    printed = team("job", verb, *words, *(() if "--json=colour" in words else ("--json",)))
    assert code == printed.code
    if path is not None and "--json=colour" not in words:
        assert path == printed.error["path"]
    assert head == team.head


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ((), "JOB"),
        (("--label", "team=sales", "--timeout", "5m"), "JOB"),
        (("orders", "--labelled", "team=sales", "--timeout", "5m"), "JOB"),
        (("--labelled", "team=sales"), "--labelled"),
        (("--labelled", "", "--timeout", "5m"), "--label"),
    ],
)
def test_an_edit_of_no_job_in_particular_is_refused(
    team: Desk, words: tuple[str, ...], path: str
) -> None:
    head = team.head
    printed = team("job", "edit", *words, "--json")
    assert (2, path) == (printed.code, printed.error["path"])
    assert head == team.head


def test_all_and_labels_cannot_both_be_meant(team: Desk) -> None:
    head = team.head
    for verb in ("pause", "resume"):
        printed = team("job", verb, "--all", "--label", "team=sales", "--json")
        assert (2, "--all") == (printed.code, printed.error["path"])
    assert head == team.head


def test_no_more_jobs_are_changed_at_once_than_the_bound(
    team: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "JOBS_PER_BULK_MAX", 2)
    team.done("job", "pause", "--label", "team=sales")
    head = team.head
    printed = team("job", "pause", "--label", "team", "--json")
    assert (2, "--label") == (printed.code, printed.error["path"])
    assert "more than 2 jobs" in printed.error["message"]
    assert head == team.head


def test_when_all_fail_no_others_are_told_of(team: Desk) -> None:
    words = ("job", "skip-next", "--label", "team=sales", "--at", "2026-03-02T12:21Z")
    printed = team(*words)
    assert 2 == printed.code
    assert "2 of 2 failed. Each job is decided for itself" in printed.err
