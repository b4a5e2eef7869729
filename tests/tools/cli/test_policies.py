"""The table of flags: every field of a definition has one, and each one does what it says."""

from typing import get_args

import pytest

from scheduler.model import jobs
from scheduler.model.jobs import Definition, Retry
from tests.tools.cli.desk import Desk
from tools.cli.policies import POLICIES

ONE_OF_EACH = {
    "start_at": ("2026-04-01T00:00", "2026-03-31T22:00:00Z"),
    "end_at": ("2027-01-01T00:00Z", "2027-01-01T00:00:00Z"),
    "max_runs": ("7", 7),
    "misfire_grace": ("2m", "2m"),
    "catch_up": ("all", "all"),
    "catch_up_window": ("3h", "3h"),
    "catch_up_limit": ("20", 20),
    "overlap": ("allow", "allow"),
    "timeout": ("90s", "1m30s"),
    "retry.max_attempts": ("4", 4),
    "retry.initial": ("5s", "5s"),
    "retry.factor": ("1.5", 1.5),
    "retry.max_delay": ("1h", "1h"),
    "start_deadline": ("15m", "15m"),
    "on_crash": ("hold", "hold"),
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


def test_the_choices_of_flags_are_those_of_the_model() -> None:
    kinds = {
        "catch_up": jobs.CatchUp,
        "overlap": jobs.Overlap,
        "on_crash": jobs.OnCrash,
        "isolation": jobs.Isolation,
    }
    chosen = {policy.field: policy.choices for policy in POLICIES if policy.choices}
    assert {field: get_args(kind) for field, kind in kinds.items()} == chosen
