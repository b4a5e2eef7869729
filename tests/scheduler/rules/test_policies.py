"""Each policy, and each choice of one, is told by a spec that can be found here.

What a policy does is told where it belongs; this is the register, checked against the fields of a
job. Beside it, the table in the README says the same to people (tests/test_documentation.py).
"""

from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from scheduler.model.jobs import Definition, Retry
from tests.naming import TESTS, named_in

ABOUT_PEOPLE = {"name", "service", "schedule", "labels", "description", "owner", "runbook"}
RULES = "scheduler/rules"
EXECUTOR = "scheduler/executor"  # what no rule decides: it is handed on with the attempt

# Policy, or a choice of it -> the file and the spec.
SPECS = {
    "start_at": "test_plan_bounds::test_start_at_is_the_first_fire_time_when_it_is_one",
    "end_at": "test_plan_bounds::test_end_at_is_the_last_fire_time_and_ends_the_job",
    "max_runs": "test_plan_bounds::test_with_the_last_run_of_max_runs_the_job_is_exhausted",
    "jitter": "test_lateness::"
    "test_a_fire_with_jitter_is_planned_at_its_time_and_starts_when_it_is_due",
    "exclude": "test_plan_marks::test_a_fire_on_an_excluded_day_is_skipped_as_excluded",
    "input": "test_loop::test_a_service_is_told_all_it_may_know",
    "misfire_grace": "test_plan::test_a_fire_time_is_on_time_up_to_its_grace_inclusive",
    "catch_up='none'": "test_plan::"
    "test_without_catch_up_all_late_fires_are_one_skip_with_their_count",
    "catch_up='latest'": "test_plan::"
    "test_of_late_fires_latest_runs_the_newest_and_coalesces_those_before",
    "catch_up='all'": "test_plan::test_with_all_each_late_fire_runs_in_line_oldest_first",
    "catch_up_window": "test_plan::test_with_all_the_window_is_inclusive",
    "catch_up_limit": "test_plan::test_with_all_only_the_newest_up_to_the_limit_run",
    "overlap='skip'": "test_overlap::test_under_skip_a_fire_during_an_open_run_is_skipped",
    "overlap='queue'": "test_overlap::"
    "test_under_queue_a_fire_waits_behind_the_open_run_and_starts_when_that_has_ended",
    "overlap='allow'": "test_overlap::test_under_allow_a_fire_starts_beside_an_open_run",
    "overlap='cancel'": "test_overlap::"
    "test_under_cancel_a_running_one_is_asked_to_end_and_the_next_waits_for_it",
    "queue_limit": "test_overlap::test_a_longer_queue_holds_as_many_as_it_says",
    "cancel_grace": "test_backfilling::test_the_grace_of_a_cancellation_is_that_of_the_job",
    "timeout": "test_turns::test_a_long_run_is_timed_out_by_the_monotonic_clock",
    "start_deadline": "test_due::test_a_run_that_did_not_start_by_its_deadline_expires",
    "on_crash='retry'": "test_runs::test_after_a_crash_the_run_is_tried_again_at_once",
    "on_crash='fail'": "test_runs::test_with_fail_a_crash_ends_the_run",
    "on_crash='hold'": "test_runs::test_with_hold_a_crash_holds_the_run",
    "pause_after_failures": "test_aftermath::"
    "test_the_last_of_so_many_failures_in_a_row_pauses_the_job_and_says_so",
    "concurrency_key": "test_lanes::test_of_one_key_one_runs_at_a_time_over_all_jobs_that_bear_it",
    "isolation='thread'": "test_loop::test_a_service_is_told_all_it_may_know",
    "isolation='process'": "test_loop::test_a_service_is_told_all_it_may_know",
    "private": "test_runs::test_the_event_of_a_private_jobs_output_shows_nothing_of_it",
    "on_success": "test_callbacks::test_a_run_that_succeeds_runs_the_job_it_calls_back",
    "on_failure": "test_callbacks::test_a_run_that_fails_calls_the_service_of_its_failure",
    "retry": "test_runs::test_a_failed_attempt_is_tried_again_up_to_max_attempts",
    "retry.max_attempts": "test_runs::test_a_failed_attempt_is_tried_again_up_to_max_attempts",
    "retry.initial": "test_retries::test_a_retry_is_delayed_by_the_policy",
    "retry.factor": "test_retries::test_the_second_delay_is_longer_by_the_factor",
    "retry.max_delay": "test_retries::test_a_retry_is_delayed_by_the_policy",
    "retry.give_up_after": "test_giving_up::"
    "test_the_first_failure_says_when_no_further_attempt_begins",
    "retry.until_next_fire": "test_giving_up::test_the_next_fire_time_may_be_where_it_ends",
}


def policies() -> set[str]:
    """Return every field that is a policy; one of a few choices once for each of them."""
    found = {f"retry.{field}" for field in Retry.__struct_fields__}
    for field, kind in get_type_hints(Definition).items():
        if field not in ABOUT_PEOPLE:
            choices = get_args(kind) if get_origin(kind) is Literal else ()
            found |= {f"{field}={choice!r}" for choice in choices} or {field}
    return found


def test_every_policy_and_every_choice_has_its_spec() -> None:
    assert sorted(policies()) == sorted(SPECS)


@pytest.mark.parametrize(("policy", "place"), SPECS.items())
def test_a_spec_is_there_and_says_what_it_is_about(policy: str, place: str) -> None:
    name, _, spec = place.partition("::")
    floor = RULES if (TESTS / RULES / f"{name}.py").exists() else EXECUTOR
    said = named_in(f"{floor}/{name}.py")[spec]
    field = policy.rpartition(".")[2]
    assert {field} & said if "=" in field else {f"{field}=", f'"{field}"'} & said
    assert ("given" if floor == RULES else "Rig") in said
