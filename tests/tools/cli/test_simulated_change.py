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
