"""The table of flags: every field of a definition has one, and each one does what it says."""

from typing import get_args

import pytest

from scheduler.model import jobs
from scheduler.model.jobs import Definition, Retry
from tests.tools.cli.desk import Desk
from tools.cli.policies import POLICIES, Policy

ONE_OF_EACH = {
    "start_at": ("2026-04-01T00:00", "2026-03-31T22:00:00Z"),
    "end_at": ("2027-01-01T00:00Z", "2027-01-01T00:00:00Z"),
    "max_runs": ("7", 7),
    "jitter": ("20s", "20s"),
    "exclude": ("2026-12-24..2026-12-26", ["2026-12-24..2026-12-26"]),
    "misfire_grace": ("2m", "2m"),
    "catch_up": ("all", "all"),
    "catch_up_window": ("3h", "3h"),
    "catch_up_limit": ("20", 20),
    "overlap": ("queue", "queue"),
    "queue_limit": ("3", 3),
    "cancel_grace": ("1500ms", "1s500ms"),
    "timeout": ("90s", "1m30s"),
    "retry.max_attempts": ("4", 4),
    "retry.initial": ("5s", "5s"),
    "retry.factor": ("1.5", 1.5),
    "retry.max_delay": ("1h", "1h"),
    "retry.give_up_after": ("2h", "2h"),
    "start_deadline": ("15m", "15m"),
    "on_crash": ("hold", "hold"),
    "pause_after_failures": ("3", 3),
    "concurrency_key": ("the database", "the database"),
    "isolation": ("process", "process"),
    "on_success": ("service:b.ok", "service:b.ok"),
    "on_failure": ("service:a.ok", "service:a.ok"),
    "description": ("Nightly", "Nightly"),
    "owner": ("maria", "maria"),
    "runbook": ("wiki/orders", "wiki/orders"),
}


def test_every_field_of_a_definition_has_a_flag() -> None:
    own = {"name", "service", "schedule", "input", "labels", "retry"}
    fields = set(Definition.__struct_fields__) - own
    fields |= {f"retry.{field}" for field in Retry.__struct_fields__}
    fields.remove("retry.until_next_fire")  # give_up_after says it: next-fire
    assert fields == {policy.field for policy in POLICIES}


def test_every_policy_is_set_by_its_flag_and_shown_again(desk: Desk) -> None:
    flags: list[str] = []
    for policy in POLICIES:
        if policy.kind != "flag":
            flags += [policy.flag, ONE_OF_EACH[policy.field][0]]
    desk.done(
        *("job", "add", "o", "a.ok", "--cron", "0 9 * * *", "--private", *flags),
        *("--label", "team=x", "--label", "tier=1"),
    )
    shown = desk.definition("o")
    retry = shown["retry"]
    assert isinstance(retry, dict)
    assert {field: value for field, (_, value) in ONE_OF_EACH.items()} == {
        policy.field: retry[policy.path[1]] if policy.path[0] == "retry" else shown[policy.field]
        for policy in POLICIES
        if policy.kind != "flag"
    }
    assert shown["private"] is True
    assert {"team": "x", "tier": "1"} == shown["labels"]


@pytest.mark.parametrize("policy", [p for p in POLICIES if p.choices], ids=lambda p: p.field)
def test_a_choice_that_is_none_is_refused_by_its_flag(desk: Desk, policy: object) -> None:
    flag = getattr(policy, "flag", "")
    printed = desk("job", "add", "o", "a.ok", "--every", "5m", flag, "perhaps", "--json")
    assert 2 == printed.code
    assert flag == printed.error["path"]


@pytest.mark.parametrize("flag", ["--retry-give-up-after", "--give-up-after"])
def test_giving_up_at_the_next_fire_is_said_by_either_flag(desk: Desk, flag: str) -> None:
    desk.done("job", "add", "o", "a.ok", "--every", "5m", flag, "next-fire")
    retry = desk.definition("o")["retry"]
    assert isinstance(retry, dict)
    assert "next-fire" == retry["give_up_after"]


def test_several_excluded_days_are_one_list_in_order(desk: Desk) -> None:
    words = ("job", "add", "o", "a.ok", "--cron", "0 9 * * *")
    days = ("--exclude", "2027-01-01", "--exclude", "2026-12-25", "--exclude", "2026-12-24")
    desk.done(*words, *days)
    assert ["2026-12-24..2026-12-25", "2027-01-01"] == desk.definition("o")["exclude"]


@pytest.mark.parametrize("policy", [p for p in POLICIES if p.is_clearable], ids=lambda p: p.field)
def test_what_may_be_unset_is_unset_by_none(desk: Desk, policy: Policy) -> None:
    desk.done("job", "add", "o", "a.ok", "--cron", "0 9 * * *")
    bare = desk.definition("o")
    desk.done("job", "edit", "o", policy.flag, str(ONE_OF_EACH[policy.field][0]))
    assert bare != desk.definition("o")
    desk.done("job", "edit", "o", policy.flag, "none")
    assert bare == desk.definition("o")


@pytest.mark.parametrize(
    ("flag", "value", "path"),
    [
        # in a hurry
        ("--jitter", "20", "$.jitter"),
        ("--jitter", "a bit", "$.jitter"),
        ("--jitter", "1M", "$.jitter"),
        ("--queue-limit", "all", "--queue-limit"),
        ("--queue-limit", "0", "$.queue_limit"),
        ("--queue-limit", "1,000", "--queue-limit"),
        ("--cancel-grace", "5", "$.cancel_grace"),
        ("--exclude", "christmas", "$.exclude[0]"),
        ("--exclude", "24.12.2026", "$.exclude[0]"),
        ("--exclude", "2026-12-24,2026-12-25", "$.exclude[0]"),
        ("--pause-after-failures", "three", "--pause-after-failures"),
        ("--pause-after-failures", "1_0", "--pause-after-failures"),
        ("--pause-after-failures", "+5", "--pause-after-failures"),
        ("--pause-after-failures", "\u0663", "--pause-after-failures"),
        ("--pause-after-failures", "-1", "$.pause_after_failures"),
        ("--pause-after-failures", "9" * 300, "$.pause_after_failures"),
        ("--pause-after-failures", "9" * 5_000, "--pause-after-failures"),
        ("--retry-factor", "1_0", "--retry-factor"),
        ("--retry-factor", "1e3", "--retry-factor"),
        ("--pause-after-failures", "0", "$.pause_after_failures"),
        ("--give-up-after", "next fire", "$.retry.give_up_after"),
        ("--give-up-after", "0s", "$.retry.give_up_after"),
        # half asleep
        ("--jitter", "", "$.jitter"),
        ("--exclude", "", "$.exclude[0]"),
        ("--exclude", "2026-02-30", "$.exclude[0]"),
        ("--exclude", "2026-12-26..2026-12-24", "$.exclude[0]"),
        ("--concurrency-key", "", "$.concurrency_key"),
        ("--concurrency-key", " db", "$.concurrency_key"),
        ("--give-up-after", "", "$.retry.give_up_after"),
        ("--overlap", "que", "--overlap"),
        # hostile
        ("--jitter", "-1s", "$.jitter"),
        ("--jitter", "9" * 5_000 + "s", "$.jitter"),
        ("--queue-limit", "9" * 5_000, "--queue-limit"),
        ("--queue-limit", "-1", "$.queue_limit"),
        ("--cancel-grace", "999999999d", "$.cancel_grace"),
        ("--exclude", "0001-01-01", "$.exclude"),
        ("--exclude", "\x1b[2J", "$.exclude[0]"),
        ("--exclude", "9" * 100_000, "$.exclude[0]"),
        ("--pause-after-failures", "1e3", "--pause-after-failures"),
        ("--concurrency-key", "a\x1b[2Jb", "$.concurrency_key"),
        ("--concurrency-key", "k" * 100_000, "$.concurrency_key"),
        ("--give-up-after", "P1Y", "$.retry.give_up_after"),
    ],
)
def test_a_wrong_policy_is_refused_by_its_field_and_nothing_is_stored(
    desk: Desk, flag: str, value: str, path: str
) -> None:
    printed = desk("job", "add", "o", "a.ok", "--cron", "0 9 * * *", flag, value, "--json")
    assert (2, path) == (printed.code, printed.error["path"])
    assert len(printed.err) < 1_000
    assert 1 == desk.head


def test_no_days_and_some_days_cannot_both_be_excluded(desk: Desk) -> None:
    days = ("--exclude", "none", "--exclude", "2026-12-24")
    printed = desk("job", "add", "o", "a.ok", "--every", "5m", *days, "--json")
    assert (2, "--exclude") == (printed.code, printed.error["path"])
    assert 1 == desk.head


def test_policies_that_stand_against_one_another_are_refused(desk: Desk) -> None:
    words = ("--overlap", "cancel", "--catch-up", "all", "--json")
    printed = desk("job", "add", "o", "a.ok", "--every", "5m", *words)
    assert (2, "$.overlap") == (printed.code, printed.error["path"])
    assert 1 == desk.head


def test_the_choices_of_flags_are_those_of_the_model() -> None:
    kinds = {
        "catch_up": jobs.CatchUp,
        "overlap": jobs.Overlap,
        "on_crash": jobs.OnCrash,
        "isolation": jobs.Isolation,
    }
    chosen = {policy.field: policy.choices for policy in POLICIES if policy.choices}
    assert {field: get_args(kind) for field, kind in kinds.items()} == chosen


def test_a_slip_in_next_fire_is_told_what_was_meant(desk: Desk) -> None:
    words = ("job", "add", "orders", "a.ok", "--every", "10m", "--give-up-after")
    assert "Did you mean next-fire?" == desk(*words, "next-fir", "--json").error["hint"]
    assert "next-fire" not in desk(*words, "5x", "--json").error["hint"]
