"""`job list`, `show` and `history`: jobs as they stand and as they came to be."""

from datetime import timedelta

import pytest

from scheduler.model.limits import SHOWN_ROWS_MAX
from tests.tools.cli.desk import Desk


@pytest.fixture
def three(desk: Desk) -> Desk:
    """Return a desk with three jobs, each of another kind."""
    desk.done("job", "add", "b", "a.ok", "--cron", "0 9 * * *", "--label", "team=x")
    desk.done("job", "add", "a", "b.ok", "--every", "10m", "--description", "Orders of the day")
    desk.done("job", "add", "c", "a.ok", "--manual")
    return desk


def names(desk: Desk, *words: str) -> list[str]:
    return [row["job"] for row in desk.done("job", "list", "--json=job", *words).json]


def test_jobs_are_listed_by_name_with_their_next_fire(three: Desk) -> None:
    assert [
        ["job", "status", "next_fire", "schedule", "service"],
        [
            "a",
            "active",
            "2026-03-02 13:10:00 CET",
            "every 10 minutes from 2026-03-02 13:00:00 CET",
            "b.ok",
        ],
        ["b", "active", "2026-03-03 09:00:00 CET", "at 09:00 every day, Europe/Warsaw", "a.ok"],
        ["c", "manual", "", "only by hand or by a callback", "a.ok"],
    ] == three.done("job", "list").rows


def test_times_are_shown_in_the_viewers_zone(three: Desk) -> None:
    assert "2026-03-02 21:10:00 JST" == three.done("job", "list", "--tz", "Asia/Tokyo").rows[1][2]


def test_the_settings_may_name_the_viewers_zone(three: Desk) -> None:
    settings = three.folder / "horolog.toml"
    settings.write_text('display_timezone = "Asia/Tokyo"\n' + settings.read_text())
    assert "2026-03-02 21:10:00 JST" == three.done("job", "list").rows[1][2]


def test_a_list_is_narrowed(three: Desk) -> None:
    assert ["c"] == names(three, "--status", "manual")
    assert ["b"] == names(three, "--label", "team")
    assert ["b"] == names(three, "--label", "team=x")
    assert [] == names(three, "--label", "team=y")
    assert ["a"] == names(three, "--search", "orders")
    assert ["a", "b"] == names(three, "--limit", "2")


def test_removed_jobs_are_listed_only_when_asked_for(three: Desk) -> None:
    three.done("job", "remove", "a")
    assert ["b", "c"] == names(three)
    assert ["a"] == names(three, "--status", "removed")
    assert ["a", "b", "c"] == names(three, "--status", "any")


@pytest.mark.parametrize("words", [("job", "list"), ("run", "list"), ("next",), ("missed",)])
def test_a_list_has_an_end(three: Desk, words: tuple[str, ...]) -> None:
    printed = three(*words, "--limit", str(SHOWN_ROWS_MAX + 1))
    assert 2 == printed.code
    assert "1000000" in printed.err


def test_a_wrong_status_is_refused(three: Desk) -> None:
    printed = three("job", "list", "--status", "asleep", "--json")
    assert (2, "--status") == (printed.code, printed.error["path"])


def test_one_run_is_no_runs(three: Desk) -> None:
    three.carry_out(24 * 3600)
    assert " · 1 run planned by schedule" in three.done("job", "show", "b").out


def test_a_job_is_shown_whole(three: Desk) -> None:
    lines = three.done("job", "show", "b").out.splitlines()
    assert "b: at 09:00 every day, Europe/Warsaw" == lines[0]
    assert "status active · service a.ok · 0 runs planned by schedule" in lines
    assert '  labels = {"team":"x"}' in lines


def test_a_job_as_json_has_its_whole_definition(three: Desk) -> None:
    shown = three.done("job", "show", "b", "--json").json
    assert {"cron": "0 9 * * *", "timezone": "Europe/Warsaw"} == shown["definition"]["schedule"]
    assert "1h" == shown["definition"]["timeout"]
    assert "2026-03-03T08:00:00Z" == shown["next_fire"]


def test_a_job_is_reached_by_the_beginning_of_its_id(three: Desk) -> None:
    job_id = three.done("job", "show", "b", "--json=job_id").json["job_id"]
    assert "b" == three.done("job", "show", job_id, "--json=job").json["job"]


def test_the_history_tells_who_when_why_and_what(three: Desk) -> None:
    three.clock.advance(timedelta(minutes=5))
    three.done("job", "edit", "b", "--timeout", "5m", "--reason", "it hangs")
    three.done("job", "rename", "b", "bb")
    rows = three.done("job", "history", "bb", "--json").json
    assert ["job-renamed", "job-revised", "job-defined"] == [row["type"] for row in rows]
    edit = rows[1]
    assert ("it hangs", "cli", 2) == (edit["reason"], edit["channel"], edit["revision"])
    assert 'timeout: "1h" → "5m"' == edit["changes"]
    assert ("1h", "5m") == (edit["before"]["timeout"], edit["after"]["timeout"])
    assert edit["actor"].startswith("uid ")
    assert "2026-03-02T12:05:00Z" == edit["at"]


def test_next_lists_what_fires_next_and_what_fired_last(three: Desk) -> None:
    three.carry_out(10 * 60)
    three.clock.advance(timedelta(seconds=30))
    printed = three.done("next")
    assert [
        ["next", "left", "last", "passed", "job", "service", "remark"],
        [
            "2026-03-02 13:20:00 CET",
            "9 min 30 s",
            "2026-03-02 13:10:00 CET",
            "30 s ago",
            "a",
            "b.ok",
            "",
        ],
        ["2026-03-03 09:00:00 CET", "19 h 49 min", "", "", "b", "a.ok", ""],
    ] == printed.rows
    assert "Nothing fires until `horolog serve` runs.\n" == printed.err


def test_next_says_when_everything_is_paused(three: Desk) -> None:
    three.done("job", "pause", "--all")
    printed = three.done("next").err
    assert "Everything is paused since " in printed
    assert "To end it: horolog job resume --all" in printed
