"""`job pause`, `resume`, `rename` and `remove`, and the pause of everything."""

from datetime import timedelta

import pytest

from tests.tools.cli.desk import Desk


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with one job, due every 10 minutes on the grid of the hour."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m", "--anchor", "2026-03-02T12:00Z")
    return desk


def status_of(desk: Desk, job: str = "orders") -> str:
    return str(desk.done("job", "show", job, "--json=status").json["status"])


def test_a_paused_job_is_paused(orders: Desk) -> None:
    assert "orders is paused.\n" == orders.done("job", "pause", "orders").out
    assert "paused" == status_of(orders)


def test_pausing_twice_changes_nothing(orders: Desk) -> None:
    orders.done("job", "pause", "orders")
    printed = orders.done("job", "pause", "orders", "--json").json
    assert not printed["changed"]
    assert [] == printed["events"]


def test_resuming_tells_what_was_passed_over_and_how_to_run_it(orders: Desk) -> None:
    orders.done("job", "pause", "orders")
    orders.clock.advance(timedelta(hours=2, minutes=5))
    assert (
        "Resumed. 12 fires were passed over (skip). To run them: horolog backfill start orders "
        "--from 2026-03-02T12:00:01Z --until 2026-03-02T14:00:01Z\n"
    ) == orders.done("job", "resume", "orders").out
    assert "active" == status_of(orders)


def test_resuming_with_nothing_missed_says_only_that(orders: Desk) -> None:
    orders.done("job", "pause", "orders")
    assert "Resumed.\n" == orders.done("job", "resume", "orders").out


def test_resuming_a_job_that_is_not_paused_changes_nothing(orders: Desk) -> None:
    assert "orders was not paused.\n" == orders.done("job", "resume", "orders").out


def test_the_newest_of_a_pause_runs_when_asked(orders: Desk) -> None:
    orders.done("job", "pause", "orders")
    orders.clock.advance(timedelta(hours=1, minutes=5))
    printed = orders.done("job", "resume", "orders", "--missed", "latest", "--json").json
    types = [event["type"] for event in printed["events"]]
    assert ["job-resumed", "fires-skipped", "run-planned"] == types
    assert 0 == printed["passed_over"]


def test_everything_is_paused_and_resumed_as_a_whole(orders: Desk) -> None:
    assert "Everything is paused.\n" == orders.done("job", "pause", "--all").out
    assert "Everything was paused already.\n" == orders.done("job", "pause", "--all").out
    assert "active" == status_of(orders)
    assert "Everything is resumed.\n" == orders.done("job", "resume", "--all").out
    assert "Nothing was paused as a whole.\n" == orders.done("job", "resume", "--all").out


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_job_or_all_must_be_named_and_not_both(orders: Desk, verb: str) -> None:
    assert 2 == orders("job", verb).code
    assert 2 == orders("job", verb, "orders", "--all").code


def test_a_renamed_job_keeps_its_id(orders: Desk) -> None:
    before = orders.done("job", "show", "orders", "--json=job_id").json
    assert "orders is now called sales.\n" == orders.done("job", "rename", "orders", "sales").out
    assert before == orders.done("job", "show", "sales", "--json=job_id").json


def test_a_name_that_is_taken_is_a_conflict(orders: Desk) -> None:
    orders.done("job", "add", "sales", "a.ok", "--manual")
    assert 5 == orders("job", "rename", "orders", "sales").code


def test_a_wrong_name_is_refused(orders: Desk) -> None:
    printed = orders("job", "rename", "orders", "a\x01", "--json")
    assert (2, "$.name") == (printed.code, printed.error["path"])


def test_a_removed_job_is_still_shown_and_its_name_is_free(orders: Desk) -> None:
    assert "orders is removed.\n" == orders.done("job", "remove", "orders").out
    assert "removed" == status_of(orders)
    orders.done("job", "add", "orders", "b.ok", "--manual")
    assert "manual" == status_of(orders)


def test_a_removed_job_is_removed_once(orders: Desk) -> None:
    orders.done("job", "remove", "orders")
    assert 5 == orders("job", "remove", "orders").code


def test_removing_cancels_runs_that_have_not_started(orders: Desk) -> None:
    orders.done("run", "start", "orders")
    assert (
        "orders is removed. Not started and cancelled: 1 run.\n"
        == orders.done("job", "remove", "orders").out
    )


def test_at_a_terminal_removing_asks_back(orders: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert 1 == orders("job", "remove", "orders").code
    assert "active" == status_of(orders)
    orders.done("job", "remove", "orders", "--yes")


def test_a_dry_run_claims_nothing(orders: Desk) -> None:
    printed = orders.done("job", "pause", "orders", "--dry-run")
    assert printed.out.startswith("job-paused  job/")
    assert "is paused" not in printed.out
    assert "Nothing was stored.\n" == printed.err
    assert "active" == status_of(orders)


@pytest.mark.parametrize(
    "words",
    [
        ("job", "pause", "nobody"),
        ("job", "resume", "nobody"),
        ("job", "rename", "nobody", "x"),
        ("job", "remove", "nobody"),
        ("job", "show", "nobody"),
        ("job", "history", "nobody"),
        ("run", "start", "nobody"),
        ("run", "list", "--job", "nobody"),
        ("missed", "nobody"),
        ("why", "nobody", "now"),
        ("log", "list", "--job", "nobody"),
        ("run", "show", "01234567-nobody"),
        ("run", "output", "01234567-nobody"),
        ("run", "cancel", "01234567-nobody"),
        ("run", "retry", "01234567-nobody"),
        ("run", "resolve", "01234567-nobody", "--as", "failed"),
        ("log", "show", "99"),
        ("projection", "verify", "nothing"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_exit_code_3(orders: Desk, words: tuple[str, ...]) -> None:
    printed = orders(*words)
    assert 3 == printed.code
    assert 1 == printed.err.count("\n")
