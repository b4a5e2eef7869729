"""`why`, `missed`, `next`, `job show` and `job history` tell each policy that keeps fires back."""

from datetime import timedelta
from typing import get_args

import pytest

from scheduler.model.jobs import SkipReason
from tests.tools.cli.desk import Desk
from tools.cli.skip_words import REASONS

GRID = ("--every", "10m", "--anchor", "2026-03-02T12:00Z")
TWENTY_PAST = "2026-03-02T12:20Z"


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with a job that fires every 10 minutes on the grid of the hour."""
    desk.done("job", "add", "orders", "a.ok", *GRID)
    return desk


def sentence(desk: Desk, time: str, job: str = "orders") -> str:
    return str(desk.done("why", job, time, "--json=sentence").json["sentence"])


def reasons(desk: Desk, job: str = "orders") -> list[tuple[str, int]]:
    rows = desk.done("missed", job, "--json=reason,count").json
    return [(row["reason"], row["count"]) for row in rows]


def test_every_reason_there_is_has_words() -> None:
    assert set(get_args(SkipReason)) == set(REASONS)
    assert len(REASONS) == len(set(REASONS.values()))


# -- days that are excluded


@pytest.fixture
def holiday(desk: Desk) -> Desk:
    """Return a desk with the same job, but for the 3rd to the 5th of March in Warsaw."""
    desk.done("job", "add", "orders", "a.ok", *GRID, "--exclude", "2026-03-03..2026-03-05")
    return desk


def test_a_fire_to_come_on_an_excluded_day_says_that_it_will_be_skipped(holiday: Desk) -> None:
    assert sentence(holiday, "2026-03-04T12:00Z").endswith(
        "is not decided yet: it comes in 2d, but its day is excluded "
        "(exclude: 2026-03-03..2026-03-05, Europe/Warsaw)"
    )


def test_a_fire_that_was_excluded_names_the_days(holiday: Desk) -> None:
    holiday.carry_out(4 * 24 * 3600)
    told = holiday.done("why", "orders", "2026-03-04T12:00Z", "--json").json
    assert ("skipped", "excluded") == (told["verdict"], told["reason"])
    assert (
        "was skipped: its day is excluded (exclude: 2026-03-03..2026-03-05, Europe/Warsaw); "
        "one of 432 after "
    ) in told["sentence"]
    assert ("excluded", 432) in reasons(holiday)


def test_excluded_fires_are_in_no_list_of_what_comes(holiday: Desk) -> None:
    holiday.carry_out(10 * 3600 + 50 * 60)  # the last fire of the 2nd in Warsaw
    row = holiday.done("next", "--json").json[0]
    assert "2026-03-05T23:00:00Z" == row["next"]
    for words in (("job", "show", "orders"), ("explain", "orders")):
        fires = holiday.done(*words, "--json=fires").json["fires"]
        assert "2026-03-05T23:00:00Z" == fires[0]["utc"]


# -- fire times that somebody asked to pass over


def test_a_fire_to_be_passed_over_says_so_and_cites_who_asked(orders: Desk) -> None:
    orders.done("job", "skip-next", "orders", "--at", TWENTY_PAST, "--reason", "inventory")
    told = orders.done("why", "orders", TWENTY_PAST, "--json").json
    assert ("not-decided", [2, 3]) == (told["verdict"], told["positions"])
    assert ("it comes in 20m, but it is to be passed over (job skip-next), by uid ") in told[
        "sentence"
    ]
    assert told["sentence"].endswith("(inventory)")


def test_a_fire_that_was_passed_over_cites_who_asked(orders: Desk) -> None:
    orders.done("job", "skip-next", "orders", "--at", TWENTY_PAST, "--reason", "inventory")
    orders.carry_out(10 * 60)
    orders.carry_out(10 * 60)
    told = orders.done("why", "orders", TWENTY_PAST, "--json").json
    assert ("skipped", "skip-next", 3) == (told["verdict"], told["reason"], told["positions"][0])
    assert (
        "was skipped: somebody had asked to pass over it (job skip-next), by uid "
        in told["sentence"]
    )
    assert [("skip-next", 1)] == reasons(orders)


def test_a_fire_that_was_restored_is_one_like_the_others(orders: Desk) -> None:
    orders.done("job", "skip-next", "orders", "--at", TWENTY_PAST)
    orders.done("job", "skip-next", "orders", "--undo")
    assert sentence(orders, TWENTY_PAST).endswith("it comes in 20m")


def test_next_and_show_leave_it_out_and_remark_it(orders: Desk) -> None:
    orders.done("job", "skip-next", "orders")
    header, row = orders.done("next").rows
    told = dict(zip(header, row, strict=True))
    assert ("2026-03-02 13:20:00 CET", "passes over 2026-03-02 13:10:00 CET") == (
        told["next"],
        told["remark"],
    )
    shown = orders.done("job", "show", "orders")
    assert "  passes over 2026-03-02 13:10:00 CET\n" in shown.out
    assert "  2026-03-02 13:10:00 CET   " not in shown.out
    assert ["2026-03-02T12:10:00Z"] == orders.done("next", "--json").json[0]["skipping"]


# -- pauses


def test_a_pause_with_an_end_is_told_of_what_comes_before_and_not_after(orders: Desk) -> None:
    orders.done("job", "pause", "orders", "--until", "2026-03-02T12:25Z", "--missed", "latest")
    assert sentence(orders, TWENTY_PAST).endswith(
        "it comes in 20m, but the job is paused until 2026-03-02 13:25:00 CET; "
        "the newest fire it misses runs then"
    )
    assert sentence(orders, "2026-03-02T12:30Z").endswith("it comes in 30m")


def test_a_pause_of_everything_is_told_with_who_made_it(orders: Desk) -> None:
    orders.done("job", "pause", "--all", "--reason", "migration")
    assert sentence(orders, TWENTY_PAST).endswith("it comes in 20m, but everything is paused")
    orders.clock.advance(timedelta(minutes=25))
    assert sentence(orders, TWENTY_PAST).endswith("is not decided yet: everything is paused")
    orders.done("job", "resume", "--all")
    orders.carry_out()
    told = orders.done("why", "orders", TWENTY_PAST, "--json").json
    assert ("skipped", "paused", 3) == (told["verdict"], told["reason"], told["positions"][0])
    assert told["sentence"].partition("; one of")[0].endswith("13:00:00 CET (migration)")


def test_a_paused_job_is_listed_next_when_its_pause_has_an_end(orders: Desk) -> None:
    orders.done("job", "pause", "orders", "--for", "25m")
    row = orders.done("next", "--json").json[0]
    assert ("2026-03-02T12:30:00Z", "paused", "paused until 2026-03-02 13:25:00 CET") == (
        row["next"],
        row["status"],
        row["remark"],
    )
    orders.done("job", "pause", "orders")
    assert [] == orders.done("next", "--json").json


def test_next_says_until_when_everything_is_paused(orders: Desk) -> None:
    orders.done("job", "pause", "--all", "--for", "1h")
    printed = orders.done("next").err
    assert "Everything is paused since 2026-03-02 13:00:00 CET by " in printed
    assert " until 2026-03-02 14:00:00 CET; what it misses is skipped. To end it: " in printed
    orders.done("job", "pause", "--all")
    printed = orders.done("next").err
    assert "Everything is paused since " in printed
    assert " until 2026" not in printed


def test_show_tells_since_when_by_whom_and_why_a_job_is_paused(orders: Desk) -> None:
    words = ("--for", "1h", "--missed", "all", "--reason", "stocktaking")
    orders.done("job", "pause", "orders", *words)
    told = orders.done("job", "show", "orders").out
    assert "  paused since 2026-03-02 13:00:00 CET by uid " in told
    assert (
        " (stocktaking) until 2026-03-02 14:00:00 CET; every fire it misses runs then\n"
    ) in told
    shown = orders.done("job", "show", "orders", "--json").json
    assert ("paused", "2026-03-02T13:00:00Z") == (shown["status"], shown["paused_until"])
    assert "2026-03-02T13:10:00Z" == shown["fires"][0]["utc"]


def test_a_pause_after_failures_is_told_as_such_everywhere(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", *GRID, "--pause-after-failures", "2")
    for _ in range(2):
        desk.carry_out(10 * 60, kind="error", error="ValueError: no data")
    assert " after 2 failures in a row\n" in desk.done("job", "show", "orders").out
    change = desk.done("job", "history", "orders", "--json").json[0]
    assert ("job-paused", "after 2 failures in a row", "scheduler") == (
        change["type"],
        change["changes"],
        change["actor"],
    )
    desk.clock.advance(timedelta(minutes=15))
    desk.done("job", "resume", "orders")
    assert sentence(desk, "2026-03-02T12:30Z").endswith(
        "was skipped: it fell into a pause, which came after 2 failures in a row"
    )


def test_history_tells_who_paused_and_passed_over_what(orders: Desk) -> None:
    orders.done("job", "skip-next", "orders", "--reason", "inventory")
    orders.done("job", "skip-next", "orders", "--undo")
    orders.done("job", "pause", "orders", "--for", "1h", "--missed", "latest", "--actor", "maria")
    orders.done("job", "resume", "orders", "--missed", "all")
    rows = orders.done("job", "history", "orders", "--json").json
    assert [
        ("job-resumed", "missed: all", None, None),
        (
            "job-paused",
            "until 2026-03-02 14:00:00 CET; the newest fire it misses runs then",
            None,
            "maria",
        ),
        ("next-fire-restored", "2026-03-02 13:10:00 CET", None, None),
        ("next-fire-skipped", "2026-03-02 13:10:00 CET", "inventory", None),
    ] == [(row["type"], row["changes"], row["reason"], row["on_behalf_of"]) for row in rows[:-1]]


# -- overlap


def test_a_fire_that_found_the_queue_full_names_the_policy(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", *GRID, "--overlap", "queue", "--queue-limit", "1")
    with desk.serving() as history:
        for _ in range(3):
            history.tick(10 * 60)
    assert sentence(desk, TWENTY_PAST).endswith(
        "is planned and waits to be started (overlap = queue)"
    )
    assert sentence(desk, "2026-03-02T12:30Z").endswith(
        "was skipped: as many runs as queue_limit allows waited behind the open one "
        "(overlap = queue)"
    )
    assert [("queue-full", 1)] == reasons(desk)


def test_a_run_that_waits_for_others_of_its_key_names_the_key(desk: Desk) -> None:
    for job in ("orders", "leads"):
        desk.done("job", "add", job, "a.ok", *GRID, "--concurrency-key", "the database")
    with desk.serving() as history:
        history.tick(10 * 60)
        assert 1 == len(history.running())
    told = [sentence(desk, "2026-03-02T12:10Z", job) for job in ("orders", "leads")]
    (waiting,) = [one for one in told if "waits to be started" in one]
    assert waiting.endswith("waits to be started (concurrency_key = the database)")


def test_a_run_that_made_way_names_its_successor(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", *GRID, "--overlap", "cancel")
    with desk.serving() as history:
        history.tick(10 * 60)
        first = history.running()[0]
        history.tick(10 * 60)
        history.report(first, "cancelled", error="cancelled")
        history.tick()
    second = desk.done("why", "orders", TWENTY_PAST, "--json=run").json["run"]
    assert sentence(desk, "2026-03-02T12:10Z").endswith(
        f"run {first} was cancelled on attempt 1; run {second} takes its place (overlap = cancel)"
    )
    shown = desk.done("run", "show", first, "--json=status,successor").json
    assert {"status": "cancelled", "successor": second} == shown
    assert ["job-defined"] == [
        row["type"] for row in desk.done("job", "history", "orders", "--json").json
    ]


def test_a_run_that_is_delayed_by_jitter_says_until_when(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", *GRID, "--jitter", "9m")
    with desk.serving() as history:
        history.tick(10 * 60)
        (run,) = history.handle.timetable.runs.values()
    assert sentence(desk, "2026-03-02T12:10Z").endswith(" CET (jitter)")
    due = desk.done("run", "show", run.run, "--json=due_time").json["due_time"]
    assert "2026-03-02T12:10:00" < due < "2026-03-02T12:19:00"


def test_missed_fires_are_listed_with_the_reason_in_words(orders: Desk) -> None:
    with orders.serving() as history:
        history.tick(10 * 60)
        history.tick(10 * 60)
    (row,) = orders.done("missed", "--json").json
    assert ("overlap", REASONS["overlap"]) == (row["reason"], row["because"])
    assert REASONS["overlap"] in orders.done("missed").rows[1]
