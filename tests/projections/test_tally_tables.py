"""Rows of the tally come back as they were stored, and policies say what they allow."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.tally_tables import (
    DELAY_BOUNDS_US,
    DURATION_BOUNDS_US,
    Counts,
    TallyColumns,
    allowance_us,
    as_row,
    from_row,
    micros,
    no_delays,
)
from scheduler.model.jobs import Definition, JobId, Retry
from scheduler.model.limits import (
    DURATION_MAX,
    QUEUE_MAX,
    RETRY_ATTEMPTS_MAX,
    RETRY_FACTOR_MAX,
)
from scheduler.model.schedules import Manual
from tests.projections.histories import NOON

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000


def defined(**policies: object) -> Definition:
    fields: dict[str, object] = {"name": "a", "service": "s", "schedule": Manual(), **policies}
    return Definition(**fields)  # type: ignore[arg-type]  # any policy


def test_a_row_is_read_as_it_was_stored() -> None:
    counts = Counts(runs={"schedule/failed": 2}, skipped={"misfire": 3})
    counts.attempt_ended("catch-up", "timeout", 70_000_000)
    counts.delays.add(2_000_000, DELAY_BOUNDS_US)
    columns = TallyColumns(JobId("j"), "_other", 7, 5, 1, 2, 3, 4, None, 6, counts)
    assert columns == from_row(as_row(columns))


def test_buckets_count_each_length_once_whatever_it_is() -> None:
    assert len(DELAY_BOUNDS_US) + 1 == len(no_delays().buckets)
    assert sorted(DELAY_BOUNDS_US) == list(DELAY_BOUNDS_US)
    assert sorted(DURATION_BOUNDS_US) == list(DURATION_BOUNDS_US)


def test_less_than_no_time_is_no_time() -> None:
    lengths = no_delays()
    lengths.add(-5, DELAY_BOUNDS_US)
    assert (1, 0) == (lengths.buckets[0], lengths.sum_us)


COUNTS = st.builds(
    Counts,
    runs=st.dictionaries(st.sampled_from(["a/b", "c/d"]), st.integers(1, 9)),
    attempts=st.dictionaries(st.sampled_from(["a/b", "e/f"]), st.integers(1, 9)),
    skipped=st.dictionaries(st.sampled_from(["misfire", "limit"]), st.integers(1, 9)),
)


@given(one=COUNTS, other=COUNTS, third=COUNTS)
def test_counting_together_is_counting_each(one: Counts, other: Counts, third: Counts) -> None:
    at_once, in_turn = Counts(), Counts()
    for part in (one, other, third):
        at_once.include(part)
    other_first = Counts()
    other_first.include(other)
    other_first.include(third)
    in_turn.include(other_first)
    in_turn.include(one)
    assert in_turn == at_once
    total = sum(sum(part.skipped.values()) for part in (one, other, third))
    assert total == sum(at_once.skipped.values())


@pytest.mark.parametrize(
    ("policies", "expected_us"),
    [
        ({}, MINUTE_US + HOUR_US),
        ({"misfire_grace": timedelta(0)}, HOUR_US),
        ({"retry": Retry(max_attempts=3)}, MINUTE_US + 3 * HOUR_US + 30_000_000),
        (
            {"retry": Retry(max_attempts=3, initial=timedelta(hours=1))},
            MINUTE_US + 3 * HOUR_US + 20 * MINUTE_US,
        ),
        ({"jitter": timedelta(minutes=2)}, 3 * MINUTE_US + HOUR_US),
        (
            {"retry": Retry(max_attempts=9, give_up_after=timedelta(hours=1))},
            MINUTE_US + 2 * HOUR_US,
        ),
        (
            {"retry": Retry(max_attempts=2, give_up_after=timedelta(days=1))},
            MINUTE_US + 2 * HOUR_US + 10_000_000,
        ),
        ({"overlap": "queue", "queue_limit": 3}, MINUTE_US + 4 * HOUR_US),
        ({"overlap": "skip", "queue_limit": 3}, MINUTE_US + HOUR_US),
    ],
)
def test_the_allowance_is_all_that_the_policies_allow(
    policies: dict[str, object], expected_us: int
) -> None:
    assert expected_us == allowance_us(defined(**policies))


def test_the_most_generous_policies_fit_in_a_column() -> None:
    retry = Retry(
        max_attempts=RETRY_ATTEMPTS_MAX,
        initial=DURATION_MAX,
        factor=RETRY_FACTOR_MAX,
        max_delay=DURATION_MAX,
    )
    lengths = dict.fromkeys(("misfire_grace", "timeout", "jitter"), DURATION_MAX)
    for policies in ({}, {"overlap": "queue", "queue_limit": QUEUE_MAX}):
        most = allowance_us(defined(**lengths, retry=retry, **policies))
        assert micros(NOON) + most < 2**63
