"""`apply FILE`: the plan, what is stored, what is refused, and what pruning may touch."""

import pytest

from tests.tools.cli.desk import Desk, Printed

MANUAL = """
[[jobs]]
name = "a"
service = "a.ok"
schedule = { kind = "none" }
"""
TWO = """
[jobs.orders]
service = "a.ok"
schedule = { cron = "0 9 * * *" }
timeout = "5m"

[jobs."daily mail"]
service = "b.ok"
schedule = { every = "1h" }
retry = { max_attempts = 3 }
"""


@pytest.fixture
def applied(desk: Desk) -> Desk:
    """Return a desk with two jobs that a file has declared."""
    apply(desk, TWO)
    return desk


def apply(desk: Desk, text: str, *words: str, file: str = "crm.toml") -> Printed:
    (desk.folder / file).write_text(text)
    return desk("apply", file, *words)


def actions(desk: Desk, text: str, *words: str, file: str = "crm.toml") -> dict[str, str]:
    printed = apply(desk, text, "--json", *words, file=file)
    assert 0 == printed.code, printed.err
    return {row["job"]: row["action"] for row in printed.json}


def jobs(desk: Desk) -> list[str]:
    return [row["job"] for row in desk.done("job", "list", "--json=job").json]


def test_declared_jobs_are_added(desk: Desk) -> None:
    printed = apply(desk, TWO)
    assert 0 == printed.code
    assert [
        "+ add orders",
        "+ add daily mail",
        "2 added, 0 edited, 0 removed, 0 unchanged.",
    ] == printed.out.splitlines()
    assert ["daily mail", "orders"] == jobs(desk)


def test_a_job_that_names_no_zone_gets_that_of_the_settings(applied: Desk) -> None:
    definition = applied.done("job", "show", "orders", "--json=definition").json["definition"]
    assert "Europe/Warsaw" == definition["schedule"]["timezone"]


def test_applying_again_changes_nothing_and_stores_nothing(applied: Desk) -> None:
    head = applied.done("log", "verify", "--json=position").json
    assert {"orders": "unchanged", "daily mail": "unchanged"} == actions(applied, TWO)
    assert head == applied.done("log", "verify", "--json=position").json


def test_what_differs_is_edited_and_shown_field_by_field(applied: Desk) -> None:
    printed = apply(applied, TWO.replace('"5m"', '"6m"'))
    assert [
        "~ edit orders",
        '    timeout: "5m" → "6m"',
        "0 added, 1 edited, 0 removed, 1 unchanged.",
    ] == printed.out.splitlines()


def test_an_interval_keeps_its_anchor(applied: Desk) -> None:
    printed = apply(applied, TWO.replace('"1h"', '"2h"'), "--json")
    (edit,) = [row for row in printed.json if row["action"] == "edit"]
    was, now = edit["changes"]["schedule"]
    assert (was["anchor"], "2h") == (now["anchor"], now["every"])


def test_a_dry_run_shows_the_plan_and_stores_nothing(desk: Desk) -> None:
    printed = apply(desk, TWO, "--dry-run")
    assert "2 would be added, 0 would be edited" in printed.out
    assert [] == jobs(desk)
    rows = apply(desk, TWO, "--dry-run", "--json").json
    assert ["job-defined"] == [event["type"] for event in rows[0]["events"]]


def test_what_is_no_longer_declared_stays_without_prune(applied: Desk) -> None:
    assert {} == actions(applied, "")
    assert ["daily mail", "orders"] == jobs(applied)


def test_prune_removes_what_this_file_added_and_nothing_else(applied: Desk) -> None:
    applied.done("job", "add", "by hand", "a.ok", "--manual")
    actions(applied, TWO.replace("orders", "others").replace("daily", "weekly"), file="b.toml")
    assert {"orders": "unchanged", "daily mail": "remove"} == actions(
        applied, TWO.partition('[jobs."daily')[0], "--prune"
    )
    assert ["by hand", "orders", "others", "weekly mail"] == jobs(applied)


def test_pruning_asks_back_at_a_terminal(applied: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert 1 == apply(applied, "", "--prune").code
    assert 0 == apply(applied, "", "--prune", "--yes").code
    assert [] == jobs(applied)


def test_a_file_may_name_itself_so_that_it_can_be_moved(desk: Desk) -> None:
    apply(desk, 'set = "crm"\n' + TWO, file="here.toml")
    assert {"orders": "remove", "daily mail": "remove"} == actions(
        desk, 'set = "crm"\n', "--prune", file="there.toml"
    )


def test_a_job_that_was_added_by_hand_is_taken_over(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", "--cron", "0 9 * * *", "--timeout", "5m")
    printed = apply(desk, TWO, "--json")
    (edit,) = [row for row in printed.json if row["action"] == "edit"]
    assert ["labels"] == list(edit["changes"])


def test_jobs_may_be_a_list_whose_entries_bear_a_name(desk: Desk) -> None:
    text = '[[jobs]]\nname = "a"\nservice = "a.ok"\nschedule = { kind = "none" }\n'
    assert {"a": "add"} == actions(desk, text)


def test_a_one_time_job_that_is_past_is_only_recorded(desk: Desk) -> None:
    text = '[jobs.a]\nservice = "a.ok"\nschedule = { at = "2026-01-01T00:00" }\n'
    assert {"a": "add"} == actions(desk, text)
    assert "exhausted" == desk.done("job", "show", "a", "--json=status").json["status"]
    assert {"a": "unchanged"} == actions(desk, text)


def test_one_wrong_job_refuses_the_whole_file(desk: Desk) -> None:
    wrong = TWO + '\n[jobs.bad]\nservice = "A"\nschedule = { cron = "61 * * * *" }\ntimeot = "5m"\n'
    printed = apply(desk, wrong, "--json")
    assert 2 == printed.code
    assert {
        "crm.toml: jobs.bad.service",
        "crm.toml: jobs.bad.schedule.expressions[0]",
        "crm.toml: jobs.bad.timeot",
    } == {problem["path"] for problem in printed.error["problems"]}
    assert [] == jobs(desk)


def test_an_unknown_service_refuses_the_whole_file(desk: Desk) -> None:
    printed = apply(desk, TWO.replace("b.ok", "b.okk"), "--json")
    assert 2 == printed.code
    assert "jobs.daily mail.service" == printed.error["path"]
    assert [] == jobs(desk)
    assert 0 == apply(desk, TWO.replace("b.ok", "b.okk"), "--unchecked").code


def test_a_job_that_cannot_be_stored_does_not_hold_up_the_others(desk: Desk) -> None:
    over = (
        '[jobs.over]\nservice = "a.ok"\nend_at = "2026-01-01T00:00Z"\nschedule = { every = "1h" }\n'
    )
    printed = apply(desk, TWO + over)
    assert 2 == printed.code
    assert "over: " in printed.err
    assert "1 of 3 failed; the others are stored." in printed.err
    assert ["daily mail", "orders"] == jobs(desk)


def test_what_failed_does_not_count_as_done(applied: Desk) -> None:
    over = 'end_at = "2026-01-01T00:00Z"\nservice = "a.ok"\nschedule = { every = "1h" }\n'
    text = TWO.replace('"5m"', '"6m"') + "[jobs.over]\n" + over
    printed = apply(applied, text, "--dry-run")
    assert (
        "0 would be added, 1 would be edited, 0 would be removed, 1 unchanged, 1 would fail."
        == printed.out.splitlines()[-1]
    )
    printed = apply(applied, text)
    assert "+ add over (failed)" in printed.out.splitlines()
    assert "0 added, 1 edited, 0 removed, 1 unchanged, 1 failed." == printed.out.splitlines()[-1]
    printed = apply(applied, text)
    assert "0 added, 0 edited, 0 removed, 2 unchanged, 1 failed." == printed.out.splitlines()[-1]
    assert "1 of 1 failed; nothing was stored." in printed.err


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("x = ", "crm.toml"),
        ("jbos = 1", "crm.toml: jbos"),
        ("jobs = 1", "crm.toml: jobs"),
        ("[jobs]\na = 1", "crm.toml: jobs.a"),
        ("set = 1", "crm.toml: set"),
        ('set = ""', "crm.toml: set"),
        ("[[jobs]]\nservice = 'a.ok'\nschedule = { kind = 'none' }", "crm.toml: jobs[0].name"),
        (MANUAL + "labels = { 'horolog.x' = '1' }", "crm.toml: jobs[0].labels"),
        (MANUAL + MANUAL, "crm.toml: jobs[1].name"),
    ],
)
def test_a_wrong_file_is_refused_where_it_is_wrong(desk: Desk, text: str, path: str) -> None:
    printed = apply(desk, text, "--json")
    assert (2, path) == (printed.code, printed.error["path"])


def test_a_file_that_cannot_be_read_is_refused(desk: Desk) -> None:
    assert 2 == desk("apply", "nothing.toml").code
    assert 2 == desk("apply", str(desk.folder)).code
    (desk.folder / "crm.toml").write_bytes(b"\xff\xfe")
    printed = desk("apply", "crm.toml", "--json")
    assert (2, "crm.toml") == (printed.code, printed.error["path"])


def test_a_reason_stands_in_the_event_of_each_job(desk: Desk) -> None:
    apply(desk, TWO, "--reason", "release 7")
    for position in ("2", "3"):
        event = desk.done("log", "show", position, "--json=reason").json
        assert "release 7" == event["reason"]


def test_a_private_input_that_is_declared_again_changes_nothing(desk: Desk) -> None:
    text = MANUAL + 'private = true\ninput = "the key"\n'
    apply(desk, text)
    assert {"a": "unchanged"} == actions(desk, text)


def test_a_private_input_is_shown_to_nobody(desk: Desk) -> None:
    apply(desk, MANUAL + 'private = true\ninput = "the key"\n')
    printed = apply(desk, MANUAL + 'private = true\ninput = "the new key"\n', "--json=changes")
    assert "(private)" in printed.out
    assert "key" not in printed.out


CHAIN = """
[jobs.fetch]
service = "a.ok"
schedule = { cron = "0 9 * * *" }
on_success = "job:store"

[jobs.store]
service = "b.ok"
schedule = { kind = "none" }
on_success = "job:tell"
on_failure = "job:tell"

[jobs.tell]
service = "a.ok"
schedule = { kind = "none" }
"""


def test_jobs_that_others_call_back_are_added_before_these(desk: Desk) -> None:
    assert {"tell": "add", "store": "add", "fetch": "add"} == actions(desk, CHAIN)
    assert ["fetch", "store", "tell"] == jobs(desk)
    assert {"tell": "unchanged", "store": "unchanged", "fetch": "unchanged"} == actions(desk, CHAIN)


def test_a_dry_run_does_not_miss_jobs_that_the_file_itself_adds(desk: Desk) -> None:
    printed = apply(desk, CHAIN, "--dry-run", "--json")
    assert (0, [None, None, None]) == (printed.code, [row["error"] for row in printed.json])
    assert [] == jobs(desk)


def test_a_file_whose_jobs_call_one_another_in_a_circle_is_told_so(desk: Desk) -> None:
    circle = CHAIN + 'on_success = "job:fetch"\n'
    printed = apply(desk, circle)
    assert 2 == printed.code
    assert "there is no job" in printed.err


def test_a_file_that_calls_back_a_service_which_nobody_defines_is_refused_whole(
    desk: Desk,
) -> None:
    printed = apply(desk, CHAIN + 'on_failure = "service:no.such"\n')
    assert 2 == printed.code
    assert 'jobs.tell.on_failure: no service "no.such"' in printed.err
    assert [] == jobs(desk)


FULL = """
[jobs.orders]
service = "a.ok"
schedule = { cron = ["0 9 * * *", "30 17 * * *"], gap = "skip", fold = "last" }
jitter = "20s"
exclude = [2026-12-24, "2026-12-31..2027-01-01"]
overlap = "queue"
queue_limit = 3
cancel_grace = "2s"
retry = { max_attempts = 3, give_up_after = "next-fire" }
pause_after_failures = 5
concurrency_key = "the database"
"""


def test_every_policy_is_declared_shown_and_applied_again_without_a_change(desk: Desk) -> None:
    assert {"orders": "add"} == actions(desk, FULL)
    definition = desk.definition("orders")
    assert ["2026-12-24", "2026-12-31..2027-01-01"] == definition["exclude"]
    assert ("20s", "queue", 3, "2s", 5, "the database") == tuple(
        definition[field]
        for field in (
            "jitter",
            "overlap",
            "queue_limit",
            "cancel_grace",
            "pause_after_failures",
            "concurrency_key",
        )
    )
    assert {"orders": "unchanged"} == actions(desk, FULL)
    assert {"orders": "edit"} == actions(desk, FULL.replace("2026-12-24, ", ""))
    assert {"orders": "edit"} == actions(desk, FULL.replace('"next-fire"', '"1h"'))


@pytest.mark.parametrize(
    ("field", "path"),
    [
        # in a hurry
        ("jitter = 20", "jitter"),
        ('exclude = "christmas"', "exclude"),
        ('exclude = ["24.12.2026"]', "exclude[0]"),
        ("exclude = [2026-12-24, 5]", "exclude[1]"),
        ("exclude = [2026-12-24T10:00:00Z]", "exclude[0]"),
        ('queue_limit = "3"', "queue_limit"),
        ('overlap = "cancel"\ncatch_up = "all"', "overlap"),
        ("pause_after_failures = true", "pause_after_failures"),
        ("concurrency_key = 5", "concurrency_key"),
        ('retry = { give_up_after = "next fire" }', "retry.give_up_after"),
        # half asleep
        ('excludes = ["2026-12-24"]', "excludes"),
        ('exclude = { days = ["2026-12-24"] }', "exclude.days"),
        ('exclude = ["2026-12-26..2026-12-24"]', "exclude[0]"),
        ('cancel_grace = ""', "cancel_grace"),
        ('concurrency_key = ""', "concurrency_key"),
        ("retry = { until_next_fire = true }", "retry.until_next_fire"),
        # hostile
        ("exclude = [0001-01-01]", "exclude"),
        ("exclude = [9999-12-31, 9999-12-31]", "exclude"),
        ('exclude = { dates = [2026-12-24], timezone = "../x" }', "exclude.timezone"),
        ('jitter = "' + "9" * 5_000 + 's"', "jitter"),
        ("queue_limit = 9223372036854775807", "queue_limit"),
        ('concurrency_key = "a\\u001b[2J"', "concurrency_key"),
    ],
)
def test_a_wrong_policy_is_refused_by_job_and_field_and_nothing_is_stored(
    desk: Desk, field: str, path: str
) -> None:
    text = f'[jobs.orders]\nservice = "a.ok"\nschedule = {{ cron = "0 9 * * *" }}\n{field}\n'
    printed = apply(desk, text, "--json")
    assert 2 == printed.code
    assert f"crm.toml: jobs.orders.{path}" == printed.error["path"]
    assert len(printed.err) < 1_000
    assert 1 == desk.head


def test_a_thousand_excluded_days_are_the_most(desk: Desk) -> None:
    days = [f"{2026 + n // 12}-{n % 12 + 1:02}-01" for n in range(1_001)]

    def declared(count: int) -> str:
        return (
            '[jobs.orders]\nservice = "a.ok"\nschedule = { cron = "0 9 * * *" }\n'
            f"exclude = {days[:count]}\n"
        )

    printed = apply(desk, declared(1_001), "--json")
    assert (2, "crm.toml: jobs.orders.exclude") == (printed.code, printed.error["path"])
    assert 0 == apply(desk, declared(1_000)).code
