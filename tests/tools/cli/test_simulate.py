"""What `simulate` takes, prints and refuses; it writes nothing."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.model.limits import OUTAGES_MAX, SIMULATED_FIRES_MAX
from tests.tools.cli.desk import Desk

JOBS = """
[jobs.often]
service = "a.ok"
schedule = { cron = "*/5 * * * *", timezone = "UTC" }

[jobs.seldom]
service = "a.ok"
schedule = { every = "10m" }
on_success = "job:often"
"""
WINDOW = ("--from", "2026-03-02T12:00Z", "--until", "2026-03-02T12:15Z")


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def with_job(desk: Desk, text: str) -> str:
    (desk.folder / "jobs.toml").write_text(text, "utf-8")
    return "jobs.toml"


OFTEN = JOBS.partition("[jobs.seldom]")[0]


def test_each_fire_time_is_one_line_in_the_fixed_shape(bare_desk: Desk) -> None:
    file = with_job(bare_desk, OFTEN)
    printed = bare_desk.done(
        *("simulate", "--job", file, *WINDOW, "--jsonl", "--run-time", "6m"),
    )
    first, second, _ = lines(printed.out)
    assert {
        "job": "often",
        "fire_time": "2026-03-02T12:00:00Z",
        "disposition": "run",
        "reason": None,
        "decided_at": "2026-03-02T12:00:00Z",
        "started_at": "2026-03-02T12:00:00Z",
    } == first
    assert list(first) == list(second)
    assert ("skip", "overlap", None) == (
        second["disposition"],
        second["reason"],
        second["started_at"],
    )


def test_it_needs_no_log_for_a_file_and_makes_none(bare_desk: Desk) -> None:
    bare_desk.done("simulate", "--job", with_job(bare_desk, OFTEN))
    assert not bare_desk.db.exists()


def test_a_job_of_the_log_is_simulated_as_it_stands_and_nothing_is_written(desk: Desk) -> None:
    desk.done("job", "add", "mine", "a.ok", "--cron", "*/5 * * * *", "--tz", "UTC")
    before = desk.head
    printed = desk.done("simulate", "--job", "mine", *WINDOW, "--jsonl")
    assert ["12:00:00Z", "12:05:00Z", "12:10:00Z"] == [
        str(line["fire_time"]).partition("T")[2] for line in lines(printed.out)
    ]
    assert before == desk.head


def test_outages_may_be_repeated(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("simulate", "--job", with_job(bare_desk, OFTEN), *WINDOW, "--jsonl"),
        *("--down", "2026-03-02T12:04Z..2026-03-02T12:06Z"),
        *("--down", "2026-03-02T12:09Z..2026-03-02T12:11Z"),
    )
    assert ["12:00:00Z", "12:06:00Z", "12:11:00Z"] == [
        str(line["decided_at"]).partition("T")[2] for line in lines(printed.out)
    ]


def test_failures_are_tried_again_as_the_policy_says(bare_desk: Desk) -> None:
    file = with_job(
        bare_desk, OFTEN + "retry = { max_attempts = 2, initial = '10m', max_delay = '10m' }"
    )
    printed = bare_desk.done("simulate", "--job", file, *WINDOW, "--jsonl", "--fail", "1")
    assert "overlap" in {line["reason"] for line in lines(printed.out)}


def test_an_interval_without_an_anchor_begins_when_the_job_does(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("simulate", "--job", with_job(bare_desk, JOBS), *WINDOW, "--jsonl"),
        *("--created", "2026-03-02T11:53Z"),
    )
    seldom = [line for line in lines(printed.out) if line["job"] == "seldom"]
    assert ["2026-03-02T12:03:00Z", "2026-03-02T12:13:00Z"] == [one["fire_time"] for one in seldom]


def test_people_get_columns_and_a_summary(bare_desk: Desk) -> None:
    file = with_job(bare_desk, OFTEN)
    printed = bare_desk.done("simulate", "--job", file, *WINDOW, "--run-time", "6m")
    assert ["often", "2026-03-02 13:00:00 CET", "run"] == printed.rows[1][:3]
    assert "2 runs, 1 skipped (1 overlap); at most 1 at once." in printed.err


def test_every_option_that_is_wrong_is_told_at_once(bare_desk: Desk) -> None:
    printed = bare_desk(
        *("simulate", "--job", "x", "--from", "yesteryear", "--until", "12", "--created", "?"),
        *("--down", "noon", "--run-time", "long"),
    )
    assert 2 == printed.code
    for option in ("--from", "--until", "--created", "--down", "--run-time"):
        assert f"{option}: " in printed.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--until", "2026-03-01T00:00Z"), "--until: is not later than --from."),
        (("--down", "2026-03-02T12:04Z..2026-03-02T12:03Z"), "ends before it begins"),
        (("--job", "missing.toml"), "--job: missing.toml: No such file or directory."),
        (("--until", "2126-03-01T00:00Z"), "at most 2,000,000 at a time"),
        (("--job", "jobs.toml"), "--job: names 'often' twice."),
        (("--change", "--cron 'a b'"), "$.schedule.expressions[0]"),
        (("--change", "--nonsense"), "--change: No such option '--nonsense'"),
        (("--change", "'"), "--change: No closing quotation."),
        (("--change", ""), "--change: changes nothing."),
    ],
)
def test_what_is_wrong_is_refused_in_words(
    bare_desk: Desk, words: tuple[str, ...], told: str
) -> None:
    file = with_job(bare_desk, OFTEN)
    printed = bare_desk("simulate", "--job", file, "--from", "2026-03-02T12:00Z", *words)
    assert 2 == printed.code
    assert told in printed.err


def test_so_many_fire_times_are_simulated_and_no_more(
    bare_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cli.simulate.simulated", lambda _: pytest.fail("it would take long"))
    job = OFTEN.replace('cron = "*/5 * * * *", timezone = "UTC"', 'every = "1s"')
    until = datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(seconds=SIMULATED_FIRES_MAX + 1)
    printed = bare_desk(
        *("simulate", "--job", with_job(bare_desk, job), "--from", "2026-03-02T12:00Z"),
        *("--created", "2026-03-02T12:00Z", "--until", f"{until:%Y-%m-%dT%H:%M:%SZ}"),
    )
    assert 2 == printed.code
    assert "would be 2,000,001 fire times; at most 2,000,000 at a time" in printed.err


def test_so_many_outages_are_taken_and_no_more(bare_desk: Desk) -> None:
    file = with_job(bare_desk, OFTEN)
    down = ("--down", "2026-03-02T12:00Z..2026-03-02T12:01Z")
    printed = bare_desk("simulate", "--job", file, *WINDOW, *down * (OUTAGES_MAX + 1))
    assert 2 == printed.code
    assert "--down: at most 1,000 outages" in printed.err


def test_a_job_that_is_not_there_is_not_found(desk: Desk) -> None:
    assert 3 == desk("simulate", "--job", "nobody").code


def test_a_change_is_for_one_job(bare_desk: Desk) -> None:
    file = with_job(bare_desk, JOBS)
    printed = bare_desk("simulate", "--job", file, *WINDOW, "--change", "--overlap allow")
    assert (2, True) == (printed.code, "--change: is for one job; --job names 2." in printed.err)


def test_what_a_job_of_the_log_has_had_and_is_to_pass_over_is_carried_over(desk: Desk) -> None:
    grid = ("--every", "10m", "--anchor", "2026-03-02T12:00Z")
    desk.done("job", "add", "mine", "a.ok", *grid, "--max-runs", "5")
    desk.carry_out(10 * 60, turns=2)
    desk.clock.advance(timedelta(minutes=1))
    desk.done("job", "skip-next", "mine", "--at", "2026-03-02T12:40Z")
    printed = desk.done("simulate", "--job", "mine", "--until", "+2h", "--jsonl")
    assert ["run", "skip", "run", "run"] == [row["disposition"] for row in lines(printed.out)]
    assert "skip-next" == lines(printed.out)[1]["reason"]
    fewer = ("simulate", "--job", "mine", "--until", "+2h", "--json=removed_count", "--change")
    assert 3 == desk.done(*fewer, "--max-runs 2").json["removed_count"]
    assert 1 == desk.done(*fewer, "--max-runs 4").json["removed_count"]


def test_what_is_left_out_of_a_job_of_the_log_is_said(desk: Desk) -> None:
    grid = ("--every", "10m", "--anchor", "2026-03-02T12:00Z")
    desk.done("job", "add", "mine", "a.ok", *grid, "--max-runs", "5")
    desk.carry_out(10 * 60, turns=2)
    desk.done("job", "pause", "--all")
    printed = desk.done("simulate", "--job", "mine", *WINDOW, "--jsonl")
    assert [
        "Everything is paused; it is simulated as if it were not",
        "mine has had 2 runs; none counts towards max_runs here",
    ] == printed.err.splitlines()


def test_a_job_comes_before_a_file_of_its_name(desk: Desk) -> None:
    desk.done("job", "add", "jobs", "a.ok", "--cron", "*/5 * * * *", "--tz", "UTC")
    (desk.folder / "jobs").write_text(OFTEN)
    (desk.folder / "others").write_text(OFTEN)
    for name, job in (("jobs", "jobs"), ("others", "often")):
        printed = desk.done("simulate", "--job", name, *WINDOW, "--jsonl")
        assert {job} == {row["job"] for row in lines(printed.out)}
