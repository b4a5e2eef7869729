"""`job add` and `job edit`: flags in, a definition in the log, its meaning told at once."""

from datetime import timedelta

import pytest

from tests.tools.cli.desk import Desk

POLICY_LINE = (
    "if late: the newest missed fire runs once · if still running: skip · timeout 1 h · "
    "1 attempt · after a crash: run again"
)


def test_a_job_is_told_in_words_with_its_next_fires_and_policies(desk: Desk) -> None:
    printed = desk.done("job", "add", "orders", "a.ok", "--cron", "0 9 * * 1-5")
    assert [
        "orders: at 09:00 on Monday to Friday, Europe/Warsaw",
        "  2026-03-03 09:00:00 CET   2026-03-03 08:00:00 UTC",
        "  2026-03-04 09:00:00 CET   2026-03-04 08:00:00 UTC",
        "  2026-03-05 09:00:00 CET   2026-03-05 08:00:00 UTC",
        "  2026-03-06 09:00:00 CET   2026-03-06 08:00:00 UTC",
        "  2026-03-09 09:00:00 CET   2026-03-09 08:00:00 UTC",
        POLICY_LINE,
    ] == printed.out.splitlines()
    assert "Nothing fires until `horolog serve` runs.\n" == printed.err


def test_a_job_as_json_has_fires_in_its_zone_and_in_utc(desk: Desk) -> None:
    printed = desk.done("job", "add", "orders", "a.ok", "--cron", "0 9 * * *", "--json").json
    assert ("orders", "a.ok", "Europe/Warsaw") == (
        printed["job"],
        printed["service"],
        printed["timezone"],
    )
    assert {"utc": "2026-03-03T08:00:00Z", "local": "2026-03-03T09:00:00+01:00"} == printed[
        "fires"
    ][0]
    assert 5 == len(printed["fires"])
    assert printed["changed"]
    assert ["job-defined"] == [event["type"] for event in printed["events"]]
    assert ["Nothing fires until `horolog serve` runs."] == printed["notes"]


def test_a_clock_change_of_the_coming_year_is_told(desk: Desk) -> None:
    words = ("job", "add", "orders", "a.ok", "--cron", "30 2 * * *")
    assert 2 == desk.done(*words).err.count("Warning: ")


def test_warnings_under_strict_are_exit_code_10_and_the_job_is_there(desk: Desk) -> None:
    words = ("job", "add", "orders", "a.ok", "--cron", "30 2 * * *", "--strict")
    assert 10 == desk(*words).code
    assert "active" == desk.done("job", "show", "orders", "--json=status").json["status"]


def test_an_interval_says_when_it_begins_and_how_to_begin_at_once(desk: Desk) -> None:
    printed = desk.done("job", "add", "poll", "a.ok", "--every", "10m")
    assert "  2026-03-02 13:10:00 CET   2026-03-02 12:10:00 UTC" in printed.out
    assert (
        "The first fire is one interval from now, at 2026-03-02 13:10:00 CET. "
        "To begin at once: --start-at now\n"
    ) in printed.err


def test_a_first_interval_that_is_excluded_is_not_told_as_the_first_fire(desk: Desk) -> None:
    words = ("job", "add", "poll", "a.ok", "--every", "10m", "--exclude", "2026-03-02")
    assert "The first fire is" not in desk.done(*words).err


def test_an_interval_with_a_start_begins_there(desk: Desk) -> None:
    desk.clock.advance(timedelta(milliseconds=250))
    words = ("job", "add", "poll", "a.ok", "--every", "10m", "--start-at", "now", "--json")
    printed = desk.done(*words).json
    assert "2026-03-02T12:00:01Z" == printed["fires"][0]["utc"]
    assert ["Nothing fires until `horolog serve` runs."] == printed["notes"]


def test_a_one_time_job_is_read_in_the_zone_given(desk: Desk) -> None:
    words = ("job", "add", "once", "a.ok", "--at", "2026-07-01T09:00", "--tz", "Asia/Tokyo")
    assert ["2026-07-01T00:00:00Z"] == [
        fire["utc"] for fire in desk.done(*words, "--json").json["fires"]
    ]


def test_a_relative_instant_counts_from_now(desk: Desk) -> None:
    printed = desk.done("job", "add", "once", "a.ok", "--at", "in 3s", "--json").json
    assert "2026-03-02T12:00:03Z" == printed["fires"][0]["utc"]


def test_a_manual_job_has_no_fire_time(desk: Desk) -> None:
    assert [] == desk.done("job", "add", "m", "a.ok", "--manual", "--json").json["fires"]


def test_a_past_instant_is_refused_in_the_words_typed(desk: Desk) -> None:
    words = ("job", "add", "once", "a.ok", "--at", "2026-02-27T09:00")
    printed = desk(*words)
    assert 2 == printed.code
    assert (
        "$.schedule.at: 2026-02-27T09:00 Europe/Warsaw is 3 days past. "
        "Run it now: --if-past run. Only record it: --if-past skip\n"
    ) == printed.err
    assert 1 == desk.head


def test_a_past_instant_runs_now_or_is_only_recorded_when_asked(desk: Desk) -> None:
    desk.clock.advance(timedelta(milliseconds=250))
    past = ("--at", "2026-02-27T09:00")
    run = desk.done("job", "add", "run", "a.ok", *past, "--if-past", "run", "--json").json
    skip = desk.done("job", "add", "skip", "a.ok", *past, "--if-past", "skip", "--json").json
    assert ["2026-03-02T12:00:01Z"] == [fire["utc"] for fire in run["fires"]]
    assert [] == skip["fires"]
    assert "exhausted" == desk.done("job", "show", "skip", "--json=status").json["status"]


def test_months_are_no_length(desk: Desk) -> None:
    printed = desk("job", "add", "m", "a.ok", "--every", "1M")
    assert 2 == printed.code
    assert "--every 1M: months differ in length. For monthly: --cron '0 0 1 * *'\n" == printed.err


def test_an_expression_without_quotes_is_told_as_such(desk: Desk) -> None:
    words = ("job", "add", "o", "a.ok", "--cron", *(f"file{n}" for n in range(14)))
    printed = desk(*words)
    assert 2 == printed.code
    assert (
        "$.schedule.expressions[0]: got 14 words instead of 5. The shell seems to have turned * "
        "into file names; put the expression in quotes: --cron '*/5 * * * *'\n"
    ) == printed.err


def test_five_words_without_quotes_are_told_as_such(desk: Desk) -> None:
    printed = desk("job", "add", "o", "a.ok", "--cron", "0", "9", "1", "1", "1")
    assert 2 == printed.code
    assert "--cron: is one argument. Put it in quotes: --cron '0 9 1 1 1'\n" == printed.err


def test_a_word_too_many_is_refused(desk: Desk) -> None:
    printed = desk("job", "add", "o", "a.ok", "surplus", "--every", "5m")
    assert 2 == printed.code
    assert "surplus" in printed.err


def test_an_unknown_service_is_refused_with_those_that_are_known(desk: Desk) -> None:
    printed = desk("job", "add", "o", "a.okk", "--every", "5m")
    assert 2 == printed.code
    assert printed.err.startswith('$.service: no service "a.okk". Known: a.ok, b.ok')
    assert 1 == desk.head


def test_an_unknown_service_passes_unchecked(desk: Desk) -> None:
    desk.done("job", "add", "o", "later.on", "--every", "5m", "--unchecked")
    assert "later.on" == desk.definition("o")["service"]


def test_a_job_that_stands_so_already_changes_nothing(desk: Desk) -> None:
    words = ("job", "add", "orders", "a.ok", "--cron", "0 9 * * *")
    first = desk.done(*words, "--json").json
    printed = desk.done(*words, "--json").json
    assert not printed["changed"]
    assert first["job_id"] == printed["job_id"]
    assert 2 == desk.head


def test_another_job_of_the_name_is_a_conflict(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", "--cron", "0 9 * * *")
    printed = desk("job", "add", "orders", "a.ok", "--cron", "0 10 * * *")
    assert 5 == printed.code
    assert "horolog job edit orders" in printed.err


@pytest.mark.parametrize(
    ("flag", "value", "path"),
    [
        ("--timeout", "0s", "$.timeout"),
        ("--timeout", "-5m", "$.timeout"),
        ("--timeout", "5", "$.timeout"),
        ("--timeout", "999999999d", "$.timeout"),
        ("--misfire-grace", "soon", "$.misfire_grace"),
        ("--catch-up-window", "1M", "$.catch_up_window"),
        ("--catch-up-limit", "0", "$.catch_up_limit"),
        ("--catch-up-limit", "-1", "$.catch_up_limit"),
        ("--max-runs", "0", "$.max_runs"),
        ("--max-runs", "9" * 30, "$.max_runs"),
        ("--max-runs", "9" * 5_000, "--max-runs"),
        ("--max-runs", "1.5", "--max-runs"),
        ("--retry-max-attempts", "0", "$.retry.max_attempts"),
        ("--retry-factor", "nan", "--retry-factor"),
        ("--retry-factor", "inf", "--retry-factor"),
        ("--retry-factor", "-1", "$.retry.factor"),
        ("--retry-factor", "two", "--retry-factor"),
        ("--retry-initial", "x", "$.retry.initial"),
        ("--start-at", "2026-02-30", "$.start_at"),
        ("--end-at", "1969-01-01", "$.end_at"),
        ("--end-at", "2026-01-01", "$.end_at"),
        ("--start-deadline", "", "$.start_deadline"),
        ("--description", "x" * 4_001, "$.description"),
        ("--owner", "a\x00b".replace("\x00", "\x01"), "$.owner"),
        ("--label", "team", "--label"),
        ("--label", "=x", "--label"),
        ("--label", "horolog.file=x", "--label"),
        ("--label", "team=" + "x" * 201, "$.labels"),
        ("--input", "x" * (512 * 1024 + 1), "$.input"),
        ("--tz", "Mars", "--tz"),
        ("--gap", "sometimes", "--gap"),
        ("--anchor", "2026-01-01", "--anchor"),
    ],
)
def test_a_wrong_field_is_refused_by_name_and_nothing_is_stored(
    desk: Desk, flag: str, value: str, path: str
) -> None:
    printed = desk("job", "add", "o", "a.ok", "--cron", "0 9 * * *", flag, value, "--json")
    assert 2 == printed.code, printed.err
    assert printed.error["path"].startswith(path)
    assert printed.error["message"]
    assert 1 == desk.head


@pytest.mark.parametrize(
    ("name", "service", "path"),
    [
        ("", "a.ok", "$.name"),
        ("x" * 201, "a.ok", "$.name"),
        ("a\nb", "a.ok", "$.name"),
        ("a\x1b[31mb", "a.ok", "$.name"),
        (" a", "a.ok", "$.name"),
        ("a\u202eb", "a.ok", "$.name"),
        ("a", "", "$.service"),
        ("a", "A.Ok", "$.service"),
        ("a", "a b", "$.service"),
        ("a", "x" * 129, "$.service"),
        ("a", "../a", "$.service"),
    ],
)
def test_a_wrong_name_is_refused_and_nothing_is_stored(
    desk: Desk, name: str, service: str, path: str
) -> None:
    printed = desk("job", "add", name, service, "--every", "5m", "--json")
    assert 2 == printed.code
    assert path == printed.error["path"]
    assert 1 == desk.head


def test_all_wrong_fields_are_told_at_once(desk: Desk) -> None:
    printed = desk(
        *("job", "add", "a\x01", "A", "--cron", "61 * * * *", "--timeout", "0s", "--json")
    )
    paths = {problem["path"] for problem in printed.error["problems"]}
    assert {"$.name", "$.service", "$.schedule.expressions[0]", "$.timeout"} == paths


def test_two_kinds_of_schedule_are_refused(desk: Desk) -> None:
    printed = desk("job", "add", "o", "a.ok", "--every", "5m", "--cron", "@daily", "--json")
    assert 2 == printed.code
    assert "--every" == printed.error["path"]


def test_no_schedule_is_refused_with_the_flags(desk: Desk) -> None:
    printed = desk("job", "add", "o", "a.ok")
    assert 2 == printed.code
    assert printed.err.startswith("$.schedule: is missing. Say when: --cron, --every, --at")


def test_several_cron_expressions_are_one_schedule(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--cron", "0 9 * * *", "--cron", "0 17 * * *")
    assert {"cron": ["0 9 * * *", "0 17 * * *"], "timezone": "Europe/Warsaw"} == desk.definition(
        "o"
    )["schedule"]


def test_an_input_may_come_from_a_file(desk: Desk) -> None:
    (desk.folder / "in.json").write_text('{"a": 1}')
    desk.done("job", "add", "o", "a.ok", "--every", "5m", "--input-file", "in.json")
    assert '{"a": 1}' == desk.definition("o")["input"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"\xff\xfe", "UTF-8"), (b"x" * (512 * 1024 + 1), "bytes")],
)
def test_an_input_file_that_is_none_is_refused(
    desk: Desk, content: bytes | None, message: str
) -> None:
    if content is not None:
        (desk.folder / "in").write_bytes(content)
    printed = desk("job", "add", "o", "a.ok", "--every", "5m", "--input-file", "in", "--json")
    assert 2 == printed.code
    assert "--input-file" == printed.error["path"]
    assert message in printed.error["message"]


def test_one_input_is_enough(desk: Desk) -> None:
    words = ("--input", "a", "--input-file", "b", "--json")
    printed = desk("job", "add", "o", "a.ok", "--every", "5m", *words)
    assert (2, "--input-file") == (printed.code, printed.error["path"])


def test_a_dry_run_prints_the_events_and_stores_none(desk: Desk) -> None:
    printed = desk.done("job", "add", "o", "a.ok", "--every", "5m", "--dry-run")
    assert printed.out.startswith("job-defined  job/")
    assert "Nothing was stored.\n" in printed.err
    assert 1 == desk.head


def test_reason_and_claim_stand_in_the_event(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--every", "5m", "--reason", "asked", "--actor", "maria")
    event = desk.done("log", "show", "2", "--json").json
    assert ("asked", "maria") == (event["reason"], event["on_behalf_of"])
    assert event["actor"].startswith("uid ")


def test_a_reason_may_be_required_by_the_settings(desk: Desk) -> None:
    with (desk.folder / "horolog.toml").open("a") as settings:
        settings.write("[audit]\nrequire_reason = true\n")
    words = ("job", "add", "o", "a.ok", "--every", "5m")
    assert 2 == desk(*words).code
    assert 0 == desk(*words, "--reason", "asked").code


def test_a_repeat_under_one_key_answers_the_same(desk: Desk) -> None:
    desk.done("job", "add", "o", "a.ok", "--manual")
    words = ("run", "start", "o", "--key", "k-1", "--json=first,last")
    assert desk.done(*words).json == desk.done(*words).json
    assert 3 == desk.head
