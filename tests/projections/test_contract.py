"""Instants as text: of one length, sorted as they read, and the same when read back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from projections.contract import instant, maybe_instant, maybe_stamp, stamp

INSTANTS = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # the strategy adds the zone
    max_value=datetime(2262, 1, 1),  # noqa: DTZ001  # the strategy adds the zone
    timezones=st.just(UTC),
)


@given(INSTANTS)
def test_an_instant_read_back_is_the_same(at: datetime) -> None:
    assert at == instant(stamp(at))
    assert UTC == instant(stamp(at)).tzinfo


@given(INSTANTS, INSTANTS)
def test_instants_sort_as_they_read(one: datetime, other: datetime) -> None:
    assert (one < other) == (stamp(one) < stamp(other))


@given(INSTANTS)
def test_a_stamp_is_what_isoformat_would_write_with_a_z(at: datetime) -> None:
    assert at.isoformat(timespec="microseconds").replace("+00:00", "Z") == stamp(at)
    whole = at.replace(microsecond=0)
    assert whole.isoformat(timespec="microseconds").replace("+00:00", "Z") == stamp(whole)


def test_no_instant_is_no_text() -> None:
    assert maybe_stamp(None) is None
    assert maybe_instant(None) is None
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(microseconds=1)
    assert at == maybe_instant(maybe_stamp(at))
