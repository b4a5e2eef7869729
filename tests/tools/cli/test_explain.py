"""What `explain` prints, in the shape that others script against."""

import pytest

from scheduler.model.limits import EXPRESSIONS_MAX, SHOWN_FIRES_MAX
from tests.tools.cli.desk import Desk


def test_a_cron_expression_is_explained_in_the_fixed_shape(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("explain", "cron", "*/5 * * * *", "--tz", "Europe/Warsaw"),
        *("--after", "2026-01-01T00:00Z", "-n", "2", "--json"),
    )
    assert {
        "expression": "*/5 * * * *",
        "timezone": "Europe/Warsaw",
        "sentence": "every 5 minutes, Europe/Warsaw",
        "fires": [
            {"utc": "2026-01-01T00:05:00Z", "local": "2026-01-01T01:05:00+01:00"},
            {"utc": "2026-01-01T00:10:00Z", "local": "2026-01-01T01:10:00+01:00"},
        ],
        "warnings": [],
    } == printed.json
    assert ["expression", "timezone", "sentence", "fires", "warnings"] == list(printed.json)


def test_fires_lie_strictly_after_the_instant(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("explain", "cron", "0 9 * * *", "--tz", "UTC"),
        *("--after", "2026-01-01T09:00:00Z", "-n", "1", "--json=fires"),
    )
    assert "2026-01-02T09:00:00Z" == printed.json["fires"][0]["utc"]


def test_a_fraction_of_a_second_before_a_fire_is_before_it(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("explain", "cron", "0 9 * * *", "--tz", "UTC"),
        *("--after", "2026-01-01T08:59:59.5Z", "-n", "1", "--json=fires"),
    )
    assert "2026-01-01T09:00:00Z" == printed.json["fires"][0]["utc"]


def test_without_an_instant_fires_are_those_after_now(bare_desk: Desk) -> None:
    printed = bare_desk.done("explain", "cron", "@hourly", "--tz", "UTC", "-n", "1", "--json")
    assert "2026-03-02T13:00:00Z" == printed.json["fires"][0]["utc"]


def test_without_a_zone_it_is_that_of_new_jobs(bare_desk: Desk) -> None:
    printed = bare_desk.done("explain", "cron", "0 9 * * *", "--json")
    assert "Europe/Warsaw" == printed.json["timezone"]


def test_a_clock_change_of_the_coming_year_is_a_warning(bare_desk: Desk) -> None:
    printed = bare_desk.done("explain", "cron", "30 2 * * *", "--tz", "Europe/Warsaw", "--json")
    warnings = printed.json["warnings"]
    assert 2 == len(warnings)
    assert "2026-03-29" in warnings[0]
    assert "2026-10-25" in warnings[1]


def test_warnings_under_strict_are_exit_code_10(bare_desk: Desk) -> None:
    words = ("explain", "cron", "30 2 * * *", "--tz", "Europe/Warsaw")
    assert 10 == bare_desk(*words, "--strict").code
    assert 0 == bare_desk(*words).code


def test_a_refused_expression_tells_path_message_and_hint(bare_desk: Desk) -> None:
    printed = bare_desk("explain", "cron", "0 9 31 2 *", "--json")
    assert 2 == printed.code
    assert not printed.out
    assert {
        "path": "$.schedule.expressions[0]",
        "message": '"0 9 31 2 *" never fires: February has no 31st.',
        "hint": "For the last day of the month write L: 0 9 L * *",
    } == printed.error


def test_words_without_quotes_are_one_expression_that_the_shell_has_spoilt(
    bare_desk: Desk,
) -> None:
    printed = bare_desk("explain", "cron", *(f"file{n}" for n in range(14)))
    assert 2 == printed.code
    assert (
        "$.schedule.expressions[0]: got 14 words instead of 5. The shell seems to have turned * "
        "into file names; put the expression in quotes: --cron '*/5 * * * *'\n"
    ) == printed.err


def test_several_expressions_unite(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("explain", "cron", "0 9 * * *", "30 17 * * *", "--tz", "UTC"),
        *("--after", "2026-01-01T00:00Z", "-n", "3", "--json"),
    )
    assert "0 9 * * * | 30 17 * * *" == printed.json["expression"]
    assert ["09:00", "17:30", "09:00"] == [fire["utc"][11:16] for fire in printed.json["fires"]]


def test_a_wrong_expression_among_several_is_named_by_its_place(bare_desk: Desk) -> None:
    printed = bare_desk("explain", "cron", "0 9 * * *", "61 * * * *", "--json")
    assert "$.schedule.expressions[1]" == printed.error["path"]


def test_more_expressions_than_a_schedule_holds_are_refused(bare_desk: Desk) -> None:
    printed = bare_desk("explain", "cron", *["@daily"] * (EXPRESSIONS_MAX + 1), "--json")
    assert 2 == printed.code
    assert "$.schedule.expressions" == printed.error["path"]


def test_a_preview_has_an_end(bare_desk: Desk) -> None:
    printed = bare_desk("explain", "cron", "@daily", "-n", str(SHOWN_FIRES_MAX + 1))
    assert 2 == printed.code
    assert "10000" in printed.err


def test_seconds_stand_first_when_asked_for(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("explain", "cron", "*/20 * * * * *", "--seconds", "--tz", "UTC"),
        *("--after", "2026-01-01T00:00Z", "-n", "2", "--json"),
    )
    assert ["00:00:20", "00:00:40"] == [fire["utc"][11:19] for fire in printed.json["fires"]]


@pytest.mark.parametrize(
    ("option", "choice", "days"),
    [("--gap", "after", [28, 29, 30]), ("--gap", "skip", [28, 30, 31])],
)
def test_a_local_time_in_a_gap_is_as_asked(
    bare_desk: Desk, option: str, choice: str, days: list[int]
) -> None:
    printed = bare_desk.done(
        *("explain", "cron", "30 2 * * *", "--tz", "Europe/Warsaw", option, choice),
        *("--after", "2026-03-27T12:00Z", "-n", "3", "--json"),
    )
    assert days == [int(fire["local"][8:10]) for fire in printed.json["fires"]]


def test_a_local_time_that_occurs_twice_is_as_asked(bare_desk: Desk) -> None:
    words = ("explain", "cron", "30 2 * * *", "--tz", "Europe/Warsaw", "-n", "1", "--json")
    after = ("--after", "2026-10-24T12:00Z")
    first = bare_desk.done(*words, *after, "--fold", "first").json["fires"][0]["local"]
    last = bare_desk.done(*words, *after, "--fold", "last").json["fires"][0]["local"]
    assert "2026-10-25T02:30:00+02:00" == first
    assert "2026-10-25T02:30:00+01:00" == last


def test_an_interval_fires_on_the_grid_of_its_anchor(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("explain", "interval", "90m", "--anchor", "2026-01-01T00:00Z", "--tz", "UTC"),
        *("--after", "2026-01-01T04:00Z", "-n", "2", "--json"),
    )
    assert "90m" == printed.json["expression"]
    assert [
        {"utc": "2026-01-01T04:30:00Z", "local": "2026-01-01T04:30:00+00:00"},
        {"utc": "2026-01-01T06:00:00Z", "local": "2026-01-01T06:00:00+00:00"},
    ] == printed.json["fires"]


def test_an_anchor_to_come_is_itself_the_first_fire(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("explain", "interval", "1h", "--anchor", "2026-03-02T12:30Z", "--tz", "UTC"),
        *("-n", "1", "--json=fires"),
    )
    assert "2026-03-02T12:30:00Z" == printed.json["fires"][0]["utc"]


def test_an_interval_without_an_anchor_fires_one_interval_from_now(bare_desk: Desk) -> None:
    printed = bare_desk.done("explain", "interval", "10m", "-n", "1", "--tz", "UTC", "--json")
    assert "2026-03-02T12:10:00Z" == printed.json["fires"][0]["utc"]


@pytest.mark.parametrize("duration", ["0s", "500ms", "1.5s", "200y", "5", "", "1M", "-5m", "nan"])
def test_a_wrong_interval_is_refused_with_its_field(bare_desk: Desk, duration: str) -> None:
    printed = bare_desk("explain", "interval", "--json", "--", duration)
    assert 2 == printed.code
    assert "$.schedule.every" == printed.error["path"]


def test_a_single_instant_is_read_in_the_zone(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        "explain", "once", "2026-07-01T09:00", "--tz", "Asia/Tokyo", "--json=fires,warnings"
    )
    assert {
        "fires": [{"utc": "2026-07-01T00:00:00Z", "local": "2026-07-01T09:00:00+09:00"}],
        "warnings": [],
    } == printed.json


def test_a_single_instant_in_the_past_never_fires_and_warns(bare_desk: Desk) -> None:
    printed = bare_desk.done("explain", "once", "2026-02-28T12:00Z", "--json")
    assert [] == printed.json["fires"]
    assert ["This lies 2 d in the past."] == printed.json["warnings"]


@pytest.mark.parametrize("instant", ["", "soon", "2026-02-30", "2026-01-01T25:00", "99999-01-01"])
def test_a_wrong_instant_is_refused_with_its_field(bare_desk: Desk, instant: str) -> None:
    printed = bare_desk("explain", "once", instant, "--json")
    assert 2 == printed.code
    assert "$.schedule.at" == printed.error["path"]


def test_a_local_time_that_occurs_twice_asks_which(bare_desk: Desk) -> None:
    printed = bare_desk(
        *("explain", "cron", "@daily", "--tz", "Europe/Berlin", "--after", "2026-10-25T02:30")
    )
    assert 2 == printed.code
    assert (
        "--after: 2026-10-25T02:30 happens twice in Europe/Berlin (the clock goes back). "
        "Say which: 02:30+02:00 or 02:30+01:00\n"
    ) == printed.err


@pytest.mark.parametrize("zone", ["Mars", "europe/warsaw", "localtime", "posixrules", "", "+02:00"])
def test_a_wrong_zone_is_refused_with_its_option(bare_desk: Desk, zone: str) -> None:
    printed = bare_desk("explain", "cron", "@daily", "--tz", zone, "--json")
    assert 2 == printed.code
    assert "--tz" == printed.error["path"]


@pytest.mark.parametrize("count", ["0", "-1", "10001", "many", "1e3", "9" * 5_000])
def test_a_wrong_count_is_refused(bare_desk: Desk, count: str) -> None:
    printed = bare_desk("explain", "cron", "@daily", "-n", count, "--json")
    assert 2 == printed.code
    assert "-n" == printed.error["path"]


def test_people_see_the_sentence_and_both_clocks(bare_desk: Desk) -> None:
    printed = bare_desk.done(
        *("explain", "cron", "0 9 * * *", "--tz", "Europe/Warsaw"),
        *("--after", "2026-01-01T00:00Z", "-n", "1"),
    )
    assert (
        "at 09:00 every day, Europe/Warsaw\n  2026-01-01 09:00:00 CET   2026-01-01 08:00:00 UTC\n"
    ) == printed.out


def test_warnings_for_people_are_messages(bare_desk: Desk) -> None:
    printed = bare_desk.done("explain", "cron", "30 2 * * *", "-n", "1")
    assert "Warning" not in printed.out
    assert 2 == printed.err.count("Warning: ")


def test_a_job_is_explained_by_its_name_alone(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", "--cron", "0 9 * * *", "--max-runs", "2")
    printed = desk.done("explain", "orders", "--json")
    assert "0 9 * * *" == printed.json["expression"]
    assert ["2026-03-03T08:00:00Z", "2026-03-04T08:00:00Z"] == [
        fire["utc"] for fire in printed.json["fires"]
    ]


def test_a_job_that_is_called_like_a_verb_is_explained_by_the_long_form(desk: Desk) -> None:
    desk.done("job", "add", "cron", "a.ok", "--every", "1h")
    assert "1h" == desk.done("explain", "job", "cron", "--json").json["expression"]


def test_a_job_that_is_paused_says_so(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", "--every", "1h")
    desk.done("job", "pause", "orders")
    assert ["This job is paused."] == desk.done("explain", "orders", "--json").json["warnings"]


def test_a_job_that_is_not_there_is_not_found(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", "--every", "1h")
    printed = desk("explain", "order")
    assert 3 == printed.code
    assert "Did you mean orders?" in printed.err
