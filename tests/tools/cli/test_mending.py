"""`run retry`, `replay` and `resolve`, of one run or of many."""

import pytest

from tests.tools.cli.desk import Desk


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with two jobs that fire every 10 minutes; runs of one may overlap."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m", "--overlap", "allow")
    desk.done("job", "add", "bills", "b.ok", "--every", "10m", "--label", "team=billing")
    return desk


def fail(desk: Desk, times: int = 1) -> None:
    for _ in range(times):
        desk.carry_out(10 * 60, kind="error", error="ValueError: no \x1b[31mdata")


def standing(desk: Desk, *words: str) -> list[tuple[str, str, int]]:
    """Return the runs as job, status and number, the newest first."""
    runs = desk.done("run", "list", "--json", *words).json
    return [(run["job"], run["status"], run["number"]) for run in runs]


SINCE = ("--failed", "--since", "2026-03-02T12:00Z")


def test_an_ended_run_is_run_once_more_as_a_new_run_of_its_occurrence(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    (first,) = orders.done("run", "list", "--job", "orders", "--json").json
    again = orders.done("run", "replay", first["run"], "--reason", "asked").out.strip()
    orders.carry_out(1)
    shown = orders.done("run", "show", again, "--json").json
    assert ("rerun", 2, first["run"], first["fire_time"], "succeeded", "asked") == tuple(
        shown[name] for name in ("cause", "number", "of", "fire_time", "status", "reason")
    )
    assert [("orders", "succeeded", 2), ("orders", "succeeded", 1)] == standing(
        orders, "--job", "orders"
    )


def test_a_call_is_run_once_more_and_so_is_its_rerun(orders: Desk) -> None:
    orders.done("job", "add", "by-hand", "a.ok", "--manual")
    run = orders.done("run", "start", "by-hand", "--input", "a=1").out.strip()
    orders.carry_out(1)
    second = orders.done("run", "replay", run).out.strip()
    orders.carry_out(1)
    third = orders.done("run", "replay", second).out.strip()
    shown = orders.done("run", "show", third, "--json").json
    assert (second, run, 3, "a=1") == (
        shown["of"],
        shown["call"],
        shown["number"],
        shown["input"]["text"],
    )
    orders.done("run", "cancel", third)
    assert "cancelled" == orders.done("run", "show", third, "--json=status").json["status"]
    assert "cancelled" != orders.done("run", "show", run, "--json=status").json["status"]


def test_what_has_not_ended_or_was_run_again_is_not_run_once_more(orders: Desk) -> None:
    run = orders.done("run", "start", "orders").out.strip()
    assert 5 == orders("run", "replay", run).code
    orders.carry_out(1)
    again = orders.done("run", "replay", run).out.strip()
    orders.carry_out(1)
    printed = orders("run", "replay", run)
    assert 5 == printed.code
    assert again in printed.err


def test_failed_runs_are_replayed_together_and_only_once(orders: Desk) -> None:
    fail(orders)
    printed = orders.done("run", "replay", *SINCE)
    assert "2 runs to be run once more.\n" in printed.out
    assert "\x1b" not in printed.out
    assert "Nothing fires until `horolog serve` runs.\n" == printed.err
    assert "0 runs to be run once more.\n" == orders.done("run", "replay", *SINCE).out
    orders.carry_out(1)
    assert {("orders", "succeeded", 2), ("bills", "succeeded", 2)} <= set(standing(orders))


def test_a_rerun_that_fails_is_the_one_that_is_replayed_next(orders: Desk) -> None:
    fail(orders)
    orders.done("run", "replay", *SINCE, "--job", "orders")
    orders.carry_out(1, kind="error", error="again")
    (row,) = orders.done("run", "replay", *SINCE, "--job", "orders", "--json").json
    rerun = orders.done("run", "show", row["of"], "--json=number").json
    assert ({"number": 2}, "failed", None) == (rerun, row["was"], row["error"])


def test_many_are_chosen_by_job_label_and_time(orders: Desk) -> None:
    fail(orders, 2)

    def named(*words: str) -> list[str]:
        rows = orders.done("run", "retry", *SINCE, "--dry-run", "--json", *words).json
        return [f"{row['job']} {row['fire_time'][11:16]}" for row in rows]

    head = orders.head
    assert ["bills 12:10", "bills 12:20", "orders 12:10", "orders 12:20"] == sorted(named())
    assert ["orders 12:10", "orders 12:20"] == named("--job", "orders")
    assert ["bills 12:10", "bills 12:20"] == named("--label", "team=billing")
    assert ["bills 12:10", "bills 12:20"] == named("--label", "team")
    assert [] == named("--label", "team=sales")
    assert ["orders 12:10"] == named("--job", "orders", "--until", "2026-03-02T12:15Z")
    assert head == orders.head


def test_one_that_is_refused_holds_up_no_other(orders: Desk) -> None:
    fail(orders, 2)
    printed = orders("run", "retry", *SINCE)
    assert 5 == printed.code
    assert "3 runs to be tried again, 1 refused.\n" in printed.out
    assert "its overlap policy is skip" in printed.err
    assert "horolog run replay --failed" in printed.err


def test_runs_of_a_removed_job_are_not_among_them(orders: Desk) -> None:
    fail(orders)
    orders.done("job", "remove", "bills")
    rows = orders.done("run", "replay", *SINCE, "--json").json
    assert ["orders"] == [row["job"] for row in rows]


def test_more_than_the_bound_is_refused_by_its_name(
    orders: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(orders, 2)
    monkeypatch.setattr("tools.cli.mending.RUNS_PER_BULK_MAX", 3)
    printed = orders("run", "replay", *SINCE)
    assert 2 == printed.code
    assert "--failed: these are more than 3 runs" in printed.err
    assert "(RUNS_PER_BULK_MAX). The first part: --until 2026-03-02T12:20:00Z" in printed.err
    orders.done("run", "replay", *SINCE, "--job", "orders")


def test_a_repeat_under_its_key_plans_nothing_more(orders: Desk) -> None:
    fail(orders)
    (row,) = orders.done("run", "replay", *SINCE, "--job", "orders", "--key", "k", "--json").json
    assert (True, False) == (row["changed"], row["dry_run"])
    assert (
        [] == orders.done("run", "replay", *SINCE, "--job", "orders", "--key", "k", "--json").json
    )


@pytest.mark.parametrize("kind", ["succeeded", "failed"])
def test_held_runs_are_settled_together(orders: Desk, kind: str) -> None:
    for job in ("orders", "bills"):
        orders.done("job", "edit", job, "--on-crash", "hold")
    orders.carry_out(10 * 60, kind="crash", error="killed by signal 9")
    assert 2 == len(orders.done("run", "list", "--status", "held", "--json").json)
    printed = orders.done("run", "resolve", "--held", "--job", "bills", "--as", kind)
    assert f"1 run to be counted as {kind}.\n" in printed.out
    assert ["orders"] == [job for job, *_ in standing(orders, "--status", "held")]
    orders.done("run", "resolve", "--held", "--as", kind)
    assert [] == standing(orders, "--status", "held")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("retry",), "RUN: name one run, or say --failed."),
        (("resolve", "--as", "failed"), "RUN: name one run, or say --held."),
        (("replay", "--failed"), "--since: is missing"),
        (("replay", "abcdefgh", "--failed", "--since", "now"), "--failed: stands against RUN"),
        (("replay", "abcdefgh", "--job", "orders"), "--job: belongs to --failed."),
        (("retry", "abcdefgh", "--since", ""), "--since: belongs to --failed."),
        (("resolve", "abcdefgh", "--as", "failed", "--label", ""), "--label: belongs to --held."),
        (("retry", "--failed", "--since", "teatime"), "--since"),
    ],
)
def test_which_runs_are_meant_must_be_said_in_one_way(
    orders: Desk, words: tuple[str, ...], told: str
) -> None:
    printed = orders("run", *words)
    assert 2 == printed.code
    assert told in printed.err


def test_one_and_many_answer_with_the_same_fields(orders: Desk) -> None:
    fail(orders)
    (many,) = orders.done("run", "replay", *SINCE, "--job", "orders", "--json").json
    (bill,) = orders.done("run", "list", "--job", "bills", "--json").json
    assert list(many) == list(orders.done("run", "replay", bill["run"], "--json").json)
    assert 2 == orders("run", "replay", *SINCE, "--json=nonsense").code
