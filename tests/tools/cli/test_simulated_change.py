"""What `simulate --change` tells of an edit before it is made."""

from tests.tools.cli.desk import Desk

WINDOW = ("--from", "2026-03-02T12:00Z", "--until", "2026-03-02T12:20Z")


def with_job(desk: Desk) -> Desk:
    desk.done("job", "add", "mine", "a.ok", "--cron", "*/5 * * * *", "--tz", "UTC")
    return desk


def test_fires_that_a_policy_adds_are_told_with_why_they_are_skipped_now(desk: Desk) -> None:
    printed = with_job(desk).done(
        *("simulate", "--job", "mine", *WINDOW, "--run-time", "6m", "--json"),
        *("--change", "--overlap allow"),
    )
    told = printed.json
    assert {"overlap": ["skip", "allow"]} == told["changes"]
    assert [
        {"fire_time": "2026-03-02T12:05:00Z", "reason": "overlap"},
        {"fire_time": "2026-03-02T12:15:00Z", "reason": "overlap"},
    ] == told["added"]
    assert ([], [], 2) == (told["removed"], told["moved"], told["added_count"])
    assert (1, 2) == (told["peak_before"], told["peak_after"])


def test_a_zone_moves_fires(desk: Desk) -> None:
    desk.done("job", "add", "daily", "a.ok", "--cron", "0 9 * * *", "--tz", "Europe/Warsaw")
    printed = desk.done(
        *("simulate", "--job", "daily", "--from", "2026-03-02T00:00Z"),
        *("--until", "2026-03-03T00:00Z", "--json=moved", "--change", "--tz America/New_York"),
    )
    moved = [{"before": "2026-03-02T08:00:00Z", "after": "2026-03-02T14:00:00Z"}]
    assert {"moved": moved} == printed.json


def test_people_get_a_line_for_each_and_a_summary(desk: Desk) -> None:
    printed = with_job(desk).done(
        *("simulate", "--job", "mine", *WINDOW, "--tz", "UTC", "--change", "--cron '*/10 * * * *'"),
    )
    assert [
        "- 2026-03-02 12:05:00 UTC",
        "- 2026-03-02 12:15:00 UTC",
    ] == printed.out.splitlines()[1:]
    assert "0 added, 2 removed, 0 moved; at most 1 at once (now 1)." in printed.err


def test_nothing_is_changed(desk: Desk) -> None:
    with_job(desk)
    before = desk.definition("mine")
    desk.done("simulate", "--job", "mine", *WINDOW, "--change", "--overlap allow")
    assert before == desk.definition("mine")


def test_a_change_is_refused_as_the_edit_would_be(desk: Desk) -> None:
    with_job(desk)
    for words in ("--at 2026-03-01T12:00", "--end-at 2026-03-01"):
        edit = desk("job", "edit", "mine", *words.split(), "--json")
        printed = desk("simulate", "--job", "mine", *WINDOW, "--change", words, "--json")
        assert (2, edit.error) == (printed.code, printed.error)


def test_a_one_time_job_that_is_past_runs_when_that_is_said(desk: Desk) -> None:
    printed = with_job(desk).done(
        *("simulate", "--job", "mine", *WINDOW, "--json=removed,changes"),
        *("--change", "--at 2026-03-01T12:00 --if-past run"),
    )
    removed = [one["fire_time"][11:16] for one in printed.json["removed"]]
    assert ["12:05", "12:10", "12:15"] == removed
    assert "2026-03-02T12:00:00Z" == printed.json["changes"]["schedule"][1]["at"]


def test_what_a_change_cannot_be_is_refused_with_what_it_can_be(desk: Desk) -> None:
    with_job(desk)
    for words in ("--help", "--service b.ok", "--no-input", "--on-success job:mine", "--nothing"):
        printed = desk("simulate", "--job", "mine", *WINDOW, "--change", words, "--json")
        assert (2, "--change", "") == (printed.code, printed.error["path"], printed.out)
        assert "It takes the flags of job edit for schedule" in printed.error["hint"]
