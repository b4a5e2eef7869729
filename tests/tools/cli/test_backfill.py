"""`backfill plan`, `start`, `pause`, `resume` and `cancel`."""

import pytest

from tests.tools.cli.desk import Desk
from tools.cli.backfill import start
from tools.cli.given import VerbCommand

WINDOW = ("--from", "2026-03-02T11:00Z", "--until", "2026-03-02T12:00Z")


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with a job that fires every 10 minutes on the grid of the hour."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m", "--anchor", "2026-03-02T12:00Z")
    return desk


def started(desk: Desk, *words: str) -> str:
    """Ask for the backfill of an hour and return its id."""
    return desk.done("backfill", "start", "orders", *WINDOW, *words).out.strip()


def test_a_plan_says_what_would_run_and_stores_nothing(orders: Desk) -> None:
    head = orders.head
    plan = orders.done("backfill", "plan", "orders", *WINDOW, "--json").json
    assert (6, "2026-03-02T11:00:00Z", "2026-03-02T11:50:00Z") == (
        plan["count"],
        plan["first_fire"],
        plan["last_fire"],
    )
    assert (6, 0, {}, 0, []) == (
        plan["to_run"],
        plan["to_run_again"],
        plan["unchanged"],
        plan["excluded"],
        plan["skipped_by_hand"],
    )
    assert head == orders.head


def test_people_read_the_plan_in_their_zone(orders: Desk) -> None:
    lines = orders.done("backfill", "plan", "orders", *WINDOW).out.splitlines()
    first, last = "2026-03-02 12:00:00 CET", "2026-03-02 12:50:00 CET"
    assert [
        f"orders: 6 occurrences, the first {first}, the last {last}",
        "  6 would run",
        "  how long it takes is not known yet: no run has succeeded (1 at a time)",
    ] == lines


def test_a_plan_reckons_from_the_usual_length_and_the_pace(orders: Desk) -> None:
    orders.carry_out(10 * 60, duration_us=90_000_000)

    def takes(*words: str) -> str:
        plan = orders.done("backfill", "plan", "orders", *WINDOW, "--json=takes", *words)
        return str(plan.json["takes"])

    assert "9m" == takes()
    assert "4m30s" == takes("--concurrency", "2")
    assert "5m" == takes("--concurrency", "6", "--rate", "1/min")


def test_a_plan_tells_what_ran_and_what_would_run_again(orders: Desk) -> None:
    started(orders)
    orders.carry_out(turns=7)

    def counts(only: str) -> tuple[object, ...]:
        plan = orders.done("backfill", "plan", "orders", *WINDOW, "--only", only, "--json").json
        return plan["to_run"], plan["to_run_again"], plan["unchanged"]

    assert (0, 0, {"succeeded": 6}) == counts("missing")
    assert (0, 0, {"succeeded": 6}) == counts("failed")
    assert (6, 6, {}) == counts("all")


def test_failed_occurrences_would_run_again_and_those_without_a_run_stay(orders: Desk) -> None:
    orders.done("backfill", "start", "orders", *WINDOW[:3], "2026-03-02T11:30Z")
    orders.carry_out(turns=4, kind="error", error="no data")
    plan = orders.done("backfill", "plan", "orders", *WINDOW, "--only", "failed", "--json").json
    assert (3, 3, {"without a run": 3}) == (
        plan["to_run"],
        plan["to_run_again"],
        plan["unchanged"],
    )


def test_a_backfill_is_asked_for_and_waits_for_a_server(orders: Desk) -> None:
    printed = orders.done("backfill", "start", "orders", *WINDOW, "--reason", "outage")
    assert "  6 would run" in printed.err
    assert "Nobody serves this log; `horolog serve` carries it out.\n" in printed.err
    (row,) = orders.done("backfill", "list", "--json").json
    assert (printed.out.strip(), "running", "outage", "0/6") == (
        row["backfill"],
        row["status"],
        row["reason"],
        row["progress"],
    )
    event = orders.done("log", "list", "--type", "backfill-requested", "--json").json[0]
    assert ("cli", "outage") == (event["channel"], event["reason"])


def test_from_is_inclusive_and_until_is_not(orders: Desk) -> None:
    exact = ("--from", "2026-03-02T11:10Z", "--until", "2026-03-02T11:20Z")
    plan = orders.done("backfill", "plan", "orders", *exact, "--json").json
    assert (1, "2026-03-02T11:10:00Z") == (plan["count"], plan["first_fire"])
    assert ("2026-03-02T11:09:59Z", "2026-03-02T11:19:59Z") == (plan["after"], plan["until"])


def test_without_an_end_it_goes_up_to_where_the_job_is_decided(orders: Desk) -> None:
    orders.carry_out(25 * 60)
    plan = orders.done("backfill", "plan", "orders", "--from", "2026-03-02T12:00Z", "--json").json
    assert ("2026-03-02T12:20:00Z", {"succeeded": 1}) == (plan["last_fire"], plan["unchanged"])


def test_each_run_gets_its_fire_time_and_another_backfill_runs_nothing_twice(orders: Desk) -> None:
    started(orders)
    orders.carry_out(turns=7)
    runs = orders.done("run", "list", "--cause", "backfill", "--json").json
    assert [f"2026-03-02T11:{minute}0:00Z" for minute in range(6)] == sorted(
        run["fire_time"] for run in runs
    )
    again = started(orders)
    orders.carry_out(turns=2)
    shown = orders.done("backfill", "show", again, "--json").json
    assert ("finished", 0, 6) == (shown["status"], shown["planned"], shown["passed"])


def test_a_dry_run_shows_the_plan_and_the_event_and_stores_nothing(orders: Desk) -> None:
    head = orders.head
    printed = orders.done("backfill", "start", "orders", *WINDOW, "--dry-run")
    assert printed.out.startswith("backfill-requested  backfill/")
    assert "  6 would run" in printed.out
    assert "Nothing was stored.\n" in printed.err
    assert head == orders.head


def test_at_a_terminal_the_plan_is_shown_and_asked_about(
    orders: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    printed = orders("backfill", "start", "orders", *WINDOW)
    assert (1, "") == (printed.code, printed.out)
    assert "  6 would run" in printed.err
    assert [] == orders.done("backfill", "list", "--json").json
    started(orders, "--yes")


def test_the_answer_has_the_fields_it_is_checked_for_and_no_two_of_one_name(orders: Desk) -> None:
    answer = orders.done("backfill", "start", "orders", *WINDOW, "--json").json
    assert isinstance(start, VerbCommand)
    assert sorted(start.fields) == sorted(answer)
    assert ("2026-03-02T11:00:00Z", True) == (answer["first_fire"], answer["first"] > 1)
    plan = orders("backfill", "start", "orders", *WINDOW, "--json=nonsense")
    assert (2, 1) == (plan.code, len(orders.done("backfill", "list", "--json").json))


def test_a_removed_job_is_left_as_it_is(orders: Desk) -> None:
    orders.done("job", "remove", "orders")
    printed = orders("backfill", "plan", "orders", *WINDOW)
    assert 5 == printed.code
    assert "orders was removed" in printed.err


def test_a_repeat_under_its_key_is_the_same_backfill(orders: Desk) -> None:
    first = started(orders, "--key", "k1")
    assert first == started(orders, "--key", "k1")
    moving = orders("backfill", "start", "orders", *WINDOW[:2], "--key", "k1")
    assert (2, True) == (moving.code, "--until: is missing" in moving.err)
    assert 1 == len(orders.done("backfill", "list", "--json").json)


def test_a_second_one_over_the_same_time_is_refused(orders: Desk) -> None:
    first = started(orders)
    printed = orders("backfill", "start", "orders", *WINDOW)
    assert 5 == printed.code
    assert f"horolog backfill show {first}" in printed.err


def test_it_is_paused_resumed_and_cancelled(orders: Desk) -> None:
    backfill = started(orders)

    def status() -> object:
        return orders.done("backfill", "show", backfill, "--json=status").json["status"]

    printed = orders.done("backfill", "pause", backfill[:20])
    assert (f"Backfill {backfill} is paused.\n", "paused") == (printed.out, status())
    assert "was paused already" in orders.done("backfill", "pause", backfill).out
    orders.carry_out(turns=2)
    assert [] == orders.done("run", "list", "--backfill", backfill, "--json").json
    assert "goes on" in orders.done("backfill", "resume", backfill).out
    assert "was not paused" in orders.done("backfill", "resume", backfill).out
    with orders.serving() as history:
        history.tick(slots=0)
    printed = orders.done("backfill", "cancel", backfill)
    assert (
        f"Backfill {backfill} is cancelled. Not started and cancelled: 1 run.\n",
        "cancelled",
    ) == (printed.out, status())


def test_the_history_of_its_job_tells_of_it_in_words(orders: Desk) -> None:
    backfill = started(orders, "--reason", "outage")
    orders.done("backfill", "cancel", backfill)
    cancelled, requested, _ = orders.done("job", "history", "orders").rows[1:]
    assert ["backfill-requested", "outage", f"backfill {backfill} of 6 occurrences"] == [
        requested[place] for place in (2, 4, 5)
    ]
    assert ["backfill-cancelled", f"backfill {backfill}"] == [cancelled[2], cancelled[5]]
    types = [
        event["type"] for event in orders.done("log", "list", "--job", "orders", "--json").json
    ]
    assert ["job-defined", "backfill-requested", "backfill-cancelled"] == types


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_what_is_over_stays_as_it_is(orders: Desk, verb: str) -> None:
    backfill = started(orders)
    orders.done("backfill", "cancel", backfill)
    printed = orders("backfill", verb, backfill)
    assert 5 == printed.code
    assert "is over (cancelled)" in printed.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "2026-03-02T12:00Z", "--until", "2026-03-02T11:00Z"), "--until: does not lie"),
        (("--from", "teatime"), "--from"),
        (
            ("--from", "2026-03-02T11:00Z", "--until", "2026-03-02T13:00Z"),
            "--until: the fire times",
        ),
        (
            ("--from", "2026-03-02T11:01Z", "--until", "2026-03-02T11:09Z"),
            "--until: the job has no fire",
        ),
        ((*WINDOW, "--rate", "quickly"), "--rate"),
        ((*WINDOW, "--rate", "0/min"), "--rate"),
        ((*WINDOW, "--rate", "99999999999/min"), "--rate"),
        ((*WINDOW, "--rate", "٣/min"), "--rate"),
        ((*WINDOW, "--rate", "\x1b[2J"), "--rate"),
        ((*WINDOW, "--concurrency", "1001"), "--concurrency"),
        ((*WINDOW, "--only", "some"), "--only"),
    ],
)
def test_what_cannot_be_had_is_refused_by_its_name(
    orders: Desk, words: tuple[str, ...], told: str
) -> None:
    head = orders.head
    for verb in ("plan", "start"):
        printed = orders("backfill", verb, "orders", *words)
        assert 2 == printed.code
        assert told in printed.err
        assert "\x1b" not in printed.err
    assert head == orders.head


def test_more_than_10000_is_refused_with_the_part_that_fits(desk: Desk) -> None:
    desk.done("job", "add", "busy", "a.ok", "--cron", "* * * * *")
    printed = desk("backfill", "plan", "busy", "--from", "2025-03-02T00:00Z")
    assert 2 == printed.code
    assert "at most 10,000 at a time. The first part: --until 2025-03-08T22:40:00Z" in printed.err
    first = ("--from", "2025-03-02T00:00Z", "--until", "2025-03-08T22:40:00Z")
    assert {"count": 10_000} == desk.done("backfill", "plan", "busy", *first, "--json=count").json


def test_a_time_that_happens_twice_is_refused_with_both_readings(orders: Desk) -> None:
    printed = orders("backfill", "plan", "orders", "--from", "2025-10-26T02:30")
    assert 2 == printed.code
    assert (
        "--from: 2025-10-26T02:30 happens twice in Europe/Warsaw (the clock goes back). "
        "Say which: 02:30+02:00 or 02:30+01:00"
    ) in printed.err


def test_a_job_that_nobody_knows_has_no_backfill(orders: Desk) -> None:
    assert 3 == orders("backfill", "plan", "nobody", *WINDOW).code
    assert 3 == orders("backfill", "pause", "ffffffff-0000").code


def test_what_a_resumption_passed_over_is_run_by_the_command_it_printed(orders: Desk) -> None:
    orders.done("job", "pause", "orders")
    orders.carry_out(35 * 60)
    command = orders.done("job", "resume", "orders").out.partition("horolog ")[2]
    assert f"To run them: horolog {command}" in orders.done("missed", "orders").err
    backfill = orders.done(*command.split()).out.strip()
    orders.carry_out(turns=4)
    assert "3 fire times in all.\n" == orders.done("missed", "orders").err
    shown = orders.done("backfill", "show", backfill, "--json").json
    assert ("finished", 3, 3) == (shown["status"], shown["count"], shown["succeeded"])
    (miss,) = orders.done("missed", "--json").json
    assert (backfill, 3) == (miss["backfill"], miss["count"])


@pytest.mark.parametrize(
    ("words", "path", "told"),
    [
        (("plan", "orders", "--from", "1970-01-01", "--until", "1970-01-02"), "--from", ""),
        (("plan", "orders", "--from", "2027-01-01"), "--from", "lies beyond what is decided"),
        (
            ("start", "orders", "--from", "2026-03-02", "--until", "+1d", "--key", "k"),
            "--until",
            "",
        ),
    ],
)
def test_a_refusal_names_a_flag_that_was_typed(
    orders: Desk, words: tuple[str, ...], path: str, told: str
) -> None:
    printed = orders("backfill", *words, "--json")
    assert (2, path) == (printed.code, printed.error["path"])
    assert told in printed.error["message"]
