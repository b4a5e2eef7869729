"""`job edit`: what is named changes, all else stays."""

from datetime import timedelta

from tests.tools.cli.desk import Desk


def test_an_edit_changes_what_is_named_and_keeps_the_rest(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--cron", "0 9 * * *", "--timeout", "5m", "--gap", "skip")
    printed = desk.done("job", "edit", "o", "--retry-max-attempts", "3", "--json").json
    assert {"retry"} == set(printed["changes"])
    shown = desk.definition("o")
    assert "5m" == shown["timeout"]
    assert {"cron": "0 9 * * *", "timezone": "Europe/Warsaw", "gap": "skip"} == shown["schedule"]


def test_an_edit_tells_what_was_and_what_is(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--cron", "0 9 * * *")
    printed = desk.done("job", "edit", "o", "--timeout", "5m")
    assert 'timeout: "1h" → "5m"' == printed.out.splitlines()[0]


def test_an_edit_of_the_expression_keeps_zone_and_gap(desk: Desk) -> None:
    desk.done(
        *("job", "add", "o", "a.ok", "--cron", "0 9 * * *", "--tz", "Asia/Tokyo", "--gap", "skip")
    )
    desk.done("job", "edit", "o", "--cron", "0 10 * * *")
    assert {"cron": "0 10 * * *", "timezone": "Asia/Tokyo", "gap": "skip"} == desk.definition("o")[
        "schedule"
    ]


def test_an_edit_of_the_zone_alone_keeps_the_expression(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--cron", "0 9 * * *")
    desk.done("job", "edit", "o", "--tz", "Asia/Tokyo")
    assert {"cron": "0 9 * * *", "timezone": "Asia/Tokyo"} == desk.definition("o")["schedule"]


def test_an_edit_of_an_interval_keeps_its_anchor(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--every", "10m", "--anchor", "2026-03-02T12:03Z")
    desk.clock.advance(timedelta(minutes=1))
    desk.done("job", "edit", "o", "--every", "20m")
    assert {"every": "20m", "anchor": "2026-03-02T12:03:00Z"} == desk.definition("o")["schedule"]


def test_an_edit_may_change_the_kind_of_schedule(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--every", "10m")
    desk.done("job", "edit", "o", "--cron", "0 9 * * *")
    assert {"cron": "0 9 * * *", "timezone": "Europe/Warsaw"} == desk.definition("o")["schedule"]


def test_what_belongs_to_another_kind_of_schedule_is_refused(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--every", "10m")
    printed = desk("job", "edit", "o", "--gap", "skip", "--json")
    assert 2 == printed.code


def test_a_field_is_unset_by_none(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--every", "10m", "--max-runs", "3", "--input", "x")
    desk.done("job", "edit", "o", "--max-runs", "none", "--no-input")
    shown = desk.definition("o")
    assert shown["max_runs"] is None
    assert shown["input"] is None


def test_an_edit_that_changes_nothing_stores_nothing(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--every", "10m")
    printed = desk.done("job", "edit", "o", "--every", "10m")
    assert printed.out.startswith("Nothing changed: the job stands so already.\n")
    assert 2 == desk.head


def test_a_large_input_survives_an_edit_of_something_else(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--every", "10m", "--input", "x" * 5_000)
    desk.done("job", "edit", "o", "--timeout", "5m")
    assert "$content" in str(desk.definition("o")["input"])
    assert "5m" == desk.definition("o")["timeout"]


def test_a_job_that_is_not_there_cannot_be_edited(desk: Desk) -> None:
    assert 3 == desk("job", "edit", "nobody", "--timeout", "5m").code


def test_an_edit_onto_an_unknown_service_is_refused(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--every", "10m")
    assert 2 == desk("job", "edit", "o", "--service", "nope").code
    assert 0 == desk("job", "edit", "o", "--service", "b.ok").code
