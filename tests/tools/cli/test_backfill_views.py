"""`backfill list` and `show`, and following one until it is over."""

import json
from collections.abc import Callable

import pytest

from scheduler.model.commands import CancelBackfill
from scheduler.model.jobs import BackfillId
from tests.tools.cli.desk import Desk

HOUR = ("--from", "2026-03-02T11:00Z", "--until", "2026-03-02T12:00Z")


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with a job that fires every 10 minutes on the grid of the hour."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m", "--anchor", "2026-03-02T12:00Z")
    return desk


def started(desk: Desk, *words: str) -> str:
    return desk.done("backfill", "start", "orders", *HOUR, *words).out.strip()


def moved_by(monkeypatch: pytest.MonkeyPatch, step: Callable[[], object]) -> None:
    """Have something happen between two looks of whoever follows, as if a server served."""
    monkeypatch.setattr("tools.cli.backfill_views.is_served", lambda _: True)
    monkeypatch.setattr("tools.cli.backfill_views.rest", step)


def test_a_list_tells_how_far_each_is_and_how_long_it_still_takes(orders: Desk) -> None:
    backfill = started(orders, "--concurrency", "2")
    orders.carry_out(1, duration_us=60_000_000)
    printed = orders.done("backfill", "list")
    assert ["backfill", "job", "status", "after", "until", "progress", "failed", "time_left"] == (
        printed.rows[0]
    )
    assert [backfill, "orders", "running", "4/6", "0", "2m"] == [
        printed.rows[1][place] for place in (0, 1, 2, 5, 6, 7)
    ]
    orders.done("backfill", "pause", backfill)
    assert [None] == [row["time_left"] for row in orders.done("backfill", "list", "--json").json]


def test_a_list_is_narrowed(orders: Desk) -> None:
    orders.done("backfill", "cancel", started(orders))
    started(orders)

    def count(*words: str) -> int:
        return len(orders.done("backfill", "list", "--json", *words).json)

    assert 2 == count()
    assert 1 == count("--status", "open")
    assert 1 == count("--status", "cancelled")
    assert 1 == count("--limit", "1")
    assert 2 == count("--job", "orders")
    assert 3 == orders("backfill", "list", "--job", "nobody").code
    assert 2 == orders("backfill", "list", "--status", "asleep").code


def test_people_see_what_was_asked_for_and_how_far_it_is(orders: Desk) -> None:
    backfill = started(orders, "--reason", "the \x1b[31moutage", "--rate", "30/min")
    orders.carry_out(1, kind="error", error="no data")
    lines = orders.done("backfill", "show", backfill[:20]).out.splitlines()
    assert f"backfill {backfill} of orders: running" == lines[0]
    assert "(the \\x1b[31moutage)" in lines[1]
    assert [
        "  after 2026-03-02 11:59:59 CET up to 2026-03-02 12:59:59 CET: 6 occurrences",
        "  missing, oldest first, 1 at a time, 30 a minute at most",
        "  1 of 6 looked at, 1 run: 1 failed · at most about 8 s left",
        f"  See: horolog run list --backfill {backfill}",
    ] == lines[2:]


def test_one_that_rests_while_everything_is_paused_says_so(
    orders: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill = started(orders, "--concurrency", "6")
    orders.done("job", "pause", "--all")
    orders.carry_out(1)
    assert "Everything is paused" in orders.done("backfill", "show", backfill).out

    def cancel() -> None:
        with orders.serving() as history:
            history.ask(CancelBackfill(backfill=BackfillId(backfill)))

    moved_by(monkeypatch, cancel)
    printed = orders("backfill", "show", backfill, "--watch")
    assert (6, ["0 of 6 looked at, 0 runs", "0 of 6 looked at, 0 runs · cancelled"]) == (
        printed.code,
        printed.out.splitlines(),
    )
    assert "horolog job resume --all" in printed.err


def test_a_server_that_goes_meanwhile_is_told_once_and_waited_for(
    orders: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill = started(orders, "--concurrency", "6")
    served = iter([True, False, False, True])
    looks = iter([None, None, 1, 1, 1])

    def step() -> None:
        if next(looks):
            orders.carry_out(1)

    moved_by(monkeypatch, step)
    monkeypatch.setattr("tools.cli.backfill_views.is_served", lambda _: next(served, True))
    printed = orders.done("backfill", "show", backfill, "--watch")
    assert "The server has gone; this goes on when the log is served again.\n" == printed.err
    assert printed.out.endswith(" · finished\n")


def test_one_that_is_over_is_not_waited_for(orders: Desk) -> None:
    backfill = started(orders)
    orders.done("backfill", "cancel", backfill)
    printed = orders("backfill", "show", backfill, "--watch")
    assert (6, "0 of 6 looked at, 0 runs · cancelled\n") == (printed.code, printed.out)


def test_one_that_nobody_carries_out_is_not_waited_for(orders: Desk) -> None:
    printed = orders("backfill", "show", started(orders), "--watch")
    assert 9 == printed.code
    assert "horolog serve" in printed.err


def test_following_prints_each_change_and_ends_with_it(
    orders: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill = started(orders, "--concurrency", "3")
    moved_by(monkeypatch, lambda: orders.carry_out(1, duration_us=1_000_000))
    printed = orders.done("backfill", "show", backfill, "--watch")
    assert [
        "0 of 6 looked at, 0 runs",
        "6 of 6 looked at, 6 runs: 3 succeeded, 3 open · at most about 1 s left",
        "6 of 6 looked at, 6 runs: 6 succeeded · finished",
    ] == printed.out.splitlines()


def test_following_one_whose_runs_fail_is_exit_code_6(
    orders: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill = started(orders, "--concurrency", "6")
    moved_by(monkeypatch, lambda: orders.carry_out(1, kind="error", error="no data"))
    printed = orders("backfill", "show", backfill, "--watch", "--json=status,failed")
    assert (6, {"status": "finished", "failed": 6}) == (printed.code, printed.json)
    assert f"Of 6 runs 6 failed. See: horolog run list --backfill {backfill}\n" == printed.err


def test_scripts_follow_by_json_lines_and_not_by_csv(
    orders: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill = started(orders, "--concurrency", "6")
    moved_by(monkeypatch, lambda: orders.carry_out(1))
    assert 2 == orders("backfill", "show", backfill, "--watch", "--csv").code
    lines = orders.done("backfill", "show", backfill, "--watch", "--jsonl").out.splitlines()
    told = [json.loads(line) for line in lines]
    assert [("running", 0), ("running", 6), ("finished", 6)] == [
        (one["status"], one["looked_at"]) for one in told
    ]


def test_a_terminal_has_its_line_drawn_anew(orders: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    backfill = started(orders, "--concurrency", "6")
    moved_by(monkeypatch, lambda: orders.carry_out(1))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    printed = orders.done("backfill", "show", backfill, "--watch")
    first, *anew = printed.out.split("\r\x1b[2K")
    assert "0 of 6 looked at, 0 runs" == first
    assert anew[-1].endswith(" · finished\n")
    assert all("\n" not in line for line in anew[:-1])
