"""`why JOB TIME`: one answer for each thing that can have become of an instant, with its events."""

from datetime import timedelta

import pytest

from tests.tools.cli.desk import Desk, Printed


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with a job that fires every 10 minutes on the grid of the hour."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m", "--anchor", "2026-03-02T12:00Z")
    return desk


def why(desk: Desk, time: str, job: str = "orders") -> Printed:
    return desk.done("why", job, time, "--json")


def test_an_occurrence_that_ran_is_told_with_its_run_and_events(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    told = why(orders, "2026-03-02T12:10Z").json
    assert ("run", "succeeded", 1) == (told["verdict"], told["status"], told["attempts"])
    assert [4, 5, 6] == told["positions"]
    assert (
        f"orders at 2026-03-02 13:10:00 CET: ran; run {told['run']} succeeded on attempt 1"
    ) == told["sentence"]


def test_every_event_cited_stands_at_its_position(orders: Desk) -> None:
    orders.carry_out(10 * 60, kind="error", error="ValueError: no data")
    lines = orders.done("why", "orders", "2026-03-02T12:10Z").out.splitlines()[1:]
    for line in lines:
        position, *_ = line.split()
        kind = orders.done("log", "show", position, "--json=type").json["type"]
        assert f"  {kind}" in line


def test_a_run_that_failed_tells_its_error(orders: Desk) -> None:
    orders.carry_out(10 * 60, kind="error", error="ValueError: no data")
    told = why(orders, "2026-03-02T12:10Z").json
    assert ("failed", "ValueError: no data") == (told["status"], told["error"])
    assert told["sentence"].endswith("failed on attempt 1 (ValueError: no data)")


def test_a_run_that_is_running_says_so(orders: Desk) -> None:
    with orders.serving() as history:
        history.tick(10 * 60)
    told = why(orders, "2026-03-02T12:10Z").json
    assert ("run", "running") == (told["verdict"], told["status"])
    assert told["sentence"].endswith("is running, attempt 1")


def test_a_run_that_waits_for_a_person_tells_how_to_settle_it(orders: Desk) -> None:
    orders.done("job", "edit", "orders", "--on-crash", "hold")
    orders.carry_out(10 * 60, kind="crash", error="killed by signal 9")
    told = why(orders, "2026-03-02T12:10Z").json
    assert "held" == told["status"]
    assert f"horolog run resolve {told['run']}" in told["sentence"]


def test_a_coalesced_fire_names_the_run_that_stands_for_it(orders: Desk) -> None:
    orders.carry_out(65 * 60)
    told = why(orders, "2026-03-02T12:20Z").json
    stand_in = why(orders, "2026-03-02T13:00Z").json["run"]
    assert ("skipped", "coalesced") == (told["verdict"], told["reason"])
    assert {"after": "2026-03-02T12:00:00Z", "until": "2026-03-02T12:50:00Z", "count": 5} == told[
        "window"
    ]
    assert f"run {stand_in} of 2026-03-02 14:00:00 CET stands for it" in told["sentence"]


def test_a_fire_of_a_pause_is_told_as_such(orders: Desk) -> None:
    orders.done("job", "pause", "orders", "--reason", "stocktaking")
    orders.clock.advance(timedelta(minutes=15))
    orders.done("job", "resume", "orders")
    told = why(orders, "2026-03-02T12:10Z").json
    assert ("skipped", "paused", [3, 5]) == (told["verdict"], told["reason"], told["positions"])
    assert "was skipped: it fell into a pause, by uid " in told["sentence"]
    assert told["sentence"].endswith(" at 2026-03-02 13:00:00 CET (stocktaking)")


def test_a_fire_of_a_pause_of_everything_cites_no_pause_that_had_ended(orders: Desk) -> None:
    orders.done("job", "pause", "orders", "--reason", "stocktaking")
    orders.clock.advance(timedelta(minutes=1))
    orders.done("job", "resume", "orders")
    orders.done("job", "pause", "--all", "--reason", "move", "--until", "+15m")
    orders.carry_out(20 * 60)
    told = why(orders, "2026-03-02T12:10Z")
    assert told.json["sentence"].endswith("(move)")


def test_a_fire_of_a_jobs_own_pause_cites_no_later_pause_of_everything(orders: Desk) -> None:
    orders.done("job", "pause", "orders", "--until", "+15m", "--reason", "stocktaking")
    orders.clock.advance(timedelta(minutes=18))
    orders.done("job", "pause", "--all", "--reason", "move")
    orders.clock.advance(timedelta(minutes=20))
    orders.done("job", "resume", "--all")
    orders.carry_out(60)
    own, whole = (why(orders, f"2026-03-02T12:{minute}Z").json for minute in (10, 20))
    assert "(stocktaking)" in own["sentence"]
    assert "(move)" in whole["sentence"]


def test_a_fire_due_before_the_pause_that_swallowed_it_cites_that_pause(orders: Desk) -> None:
    orders.clock.advance(timedelta(minutes=11))
    orders.done("job", "pause", "--all", "--reason", "move")
    orders.clock.advance(timedelta(minutes=4))
    orders.done("job", "resume", "--all")
    orders.carry_out(60)
    assert why(orders, "2026-03-02T12:10Z").json["sentence"].endswith("(move)")


def test_a_fire_while_a_run_is_open_is_told_as_such(orders: Desk) -> None:
    with orders.serving() as history:
        history.tick(10 * 60)
        history.tick(10 * 60)
    told = why(orders, "2026-03-02T12:20Z").json
    assert ("skipped", "overlap") == (told["verdict"], told["reason"])


def backfilled(orders: Desk) -> str:
    """Have a fire time of a pause run by a backfill; return the backfill's id."""
    orders.done("job", "pause", "orders")
    orders.clock.advance(timedelta(minutes=15))
    orders.done("job", "resume", "orders")
    window = ("--from", "2026-03-02T12:00Z", "--until", "2026-03-02T12:15Z")
    backfill = orders.done("backfill", "start", "orders", *window).out.strip()
    orders.carry_out(turns=2)
    return backfill


def test_a_skipped_occurrence_that_a_backfill_has_run_cites_the_skip_and_the_run(
    orders: Desk,
) -> None:
    backfill = backfilled(orders)
    told = why(orders, "2026-03-02T12:10Z").json
    assert ("run", "succeeded", "paused") == (told["verdict"], told["status"], told["reason"])
    assert (
        f"; since then: ran; run {told['run']} succeeded on attempt 1, for backfill {backfill}"
    ) in told["sentence"]
    kinds = [
        orders.done("log", "show", str(position), "--json=type").json["type"]
        for position in told["positions"]
    ]
    assert [
        "job-paused",
        "fires-skipped",
        "run-planned",
        "attempt-started",
        "run-succeeded",
    ] == kinds


def test_reruns_are_told_one_after_the_other_each_with_its_own_error(orders: Desk) -> None:
    orders.carry_out(10 * 60, kind="error", error="no data")
    first = why(orders, "2026-03-02T12:10Z").json["run"]
    again = orders.done("run", "replay", first).out.strip()
    orders.carry_out(1)
    told = why(orders, "2026-03-02T12:10Z").json
    assert (again, "succeeded", None) == (told["run"], told["status"], told["error"])
    assert [(first, 1, "failed", "no data"), (again, 2, "succeeded", None)] == [
        (run["run"], run["number"], run["status"], run["error"]) for run in told["runs"]
    ]
    assert told["sentence"].endswith(
        f": ran; run {first} failed on attempt 1 (no data); "
        f"then ran; run {again} succeeded on attempt 1, asked for by a person"
    )


def test_an_occurrence_from_before_the_job_was_defined_may_have_been_backfilled(
    orders: Desk,
) -> None:
    window = ("--from", "2026-03-02T11:50Z", "--until", "2026-03-02T12:00Z")
    orders.done("backfill", "start", "orders", *window)
    orders.carry_out()
    told = why(orders, "2026-03-02T11:50Z").json
    assert ("run", "succeeded", None) == (told["verdict"], told["status"], told["reason"])


def test_a_skip_ahead_of_a_clock_that_was_accepted_is_void(orders: Desk) -> None:
    orders.carry_out(6 * 3_600)
    assert "skipped" == why(orders, "2026-03-02T17:00Z").json["verdict"]
    orders.clock.step(-timedelta(hours=5))
    orders.done("clock", "accept")
    assert "not-decided" == why(orders, "2026-03-02T17:00Z").json["verdict"]
    assert "run" == why(orders, "2026-03-02T18:00Z").json["verdict"]


def test_a_job_may_be_decided_before_its_definition_once_a_slower_clock_was_accepted(
    desk: Desk,
) -> None:
    desk.done("job", "add", "ticks", "a.ok", "--cron", "*/10 * * * *", "--tz", "UTC")
    desk.clock.step(-timedelta(hours=1))
    desk.done("clock", "accept")
    desk.carry_out(10 * 60)
    assert "run" == why(desk, "2026-03-02T11:10Z", "ticks").json["verdict"]
    assert "not-decided" == why(desk, "2026-03-02T11:20Z", "ticks").json["verdict"]


def test_an_instant_that_is_no_fire_time_names_its_neighbours(orders: Desk) -> None:
    told = why(orders, "2026-03-02T12:15Z").json
    assert ("no-fire-time", "2026-03-02T12:10:00Z", "2026-03-02T12:20:00Z") == (
        told["verdict"],
        told["before"],
        told["after"],
    )
    assert [2] == told["positions"]


def test_an_instant_before_the_job_was_defined_says_so(orders: Desk) -> None:
    told = why(orders, "2026-03-02T11:50Z").json
    assert "before-definition" == told["verdict"]
    assert "the job did not exist yet; the next is 2026-03-02 13:10:00 CET" in told["sentence"]


def test_an_instant_to_come_is_not_decided_yet(orders: Desk) -> None:
    told = why(orders, "2026-03-02T12:10Z").json
    assert "not-decided" == told["verdict"]
    assert told["sentence"].endswith("is not decided yet: it comes in 10m")


def test_an_instant_that_nobody_decides_says_why(orders: Desk) -> None:
    orders.clock.advance(timedelta(minutes=12))
    assert "nobody serves this log" in why(orders, "2026-03-02T12:10Z").json["sentence"]
    orders.done("job", "pause", "orders")
    orders.clock.advance(timedelta(minutes=10))
    assert why(orders, "2026-03-02T12:20Z").json["sentence"].endswith("the job is paused")


def test_an_instant_after_the_removal_says_so(orders: Desk) -> None:
    orders.done("job", "remove", "orders")
    told = why(orders, "2026-03-02T12:10Z").json
    assert ("removed", [2, 3]) == (told["verdict"], told["positions"])


def test_an_instant_after_the_last_run_says_so(desk: Desk) -> None:
    desk.done("job", "add", "twice", "a.ok", "--every", "10m", "--max-runs", "1")
    desk.carry_out(10 * 60)
    assert "exhausted" == why(desk, "2026-03-02T12:20Z", "twice").json["verdict"]


def test_an_instant_beyond_the_bounds_is_no_fire_time(desk: Desk) -> None:
    desk.done(
        *("job", "add", "short", "a.ok", "--every", "10m", "--end-at", "2026-03-02T12:30Z"),
    )
    told = why(desk, "2026-03-02T12:40Z", "short").json
    assert ("no-fire-time", "2026-03-02T12:30:00Z", None) == (
        told["verdict"],
        told["before"],
        told["after"],
    )


def test_the_definition_that_was_in_force_answers(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    orders.done("job", "edit", "orders", "--every", "1h")
    assert "run" == why(orders, "2026-03-02T12:10Z").json["verdict"]
    assert "no-fire-time" == why(orders, "2026-03-02T12:20Z").json["verdict"]


def test_a_renamed_job_answers_for_its_old_runs(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    orders.done("job", "rename", "orders", "sales")
    assert "run" == why(orders, "2026-03-02T12:10Z", "sales").json["verdict"]


def test_the_time_is_read_in_the_viewers_zone(orders: Desk) -> None:
    orders.carry_out(10 * 60)
    assert "run" == why(orders, "2026-03-02T13:10").json["verdict"]


def test_a_wrong_time_is_refused(orders: Desk) -> None:
    printed = orders("why", "orders", "teatime", "--json")
    assert (2, "TIME") == (printed.code, printed.error["path"])


def test_missed_fires_are_listed_with_window_reason_and_count(orders: Desk) -> None:
    orders.carry_out(65 * 60)
    (miss,) = orders.done("missed", "--json").json
    assert {
        "job": "orders",
        "after": "2026-03-02T12:00:00Z",
        "until": "2026-03-02T12:50:00Z",
        "count": 5,
        "reason": "coalesced",
    } == {name: miss[name] for name in ("job", "after", "until", "count", "reason")}
    assert orders.done("missed", "--jsonl").out.startswith('{"job":"orders","after":"2026-03-02T12')


def test_people_see_how_many_fires_were_missed_in_all(orders: Desk) -> None:
    assert "0 fire times in all.\n" == orders.done("missed").err
    orders.carry_out(65 * 60)
    printed = orders.done("missed", "orders")
    window = "--from 2026-03-02T12:00:01Z --until 2026-03-02T12:50:01Z"
    assert (
        f"5 fire times in all.\nTo run them: horolog backfill start orders {window}\n"
    ) == printed.err
    assert ["orders", "5", "coalesced"] == [printed.rows[1][place] for place in (0, 3, 4)]


def test_missed_fires_are_narrowed(orders: Desk) -> None:
    orders.carry_out(65 * 60)

    def count(*words: str) -> int:
        return len(orders.done("missed", "--json", *words).json)

    assert 1 == count("--reason", "coalesced")
    assert 0 == count("--reason", "paused")
    assert 0 == count("--since", "2026-03-02T12:50Z")
    assert 1 == count("--since", "2026-03-02T12:40Z")
    assert 0 == count("--until", "2026-03-02T12:00Z")
