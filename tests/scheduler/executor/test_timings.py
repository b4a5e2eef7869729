"""Lengths are counted into buckets, each bounded above and inclusive."""

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.executor.handle import Handle
from scheduler.executor.timings import APPEND_BOUNDS_S, Timings
from scheduler.log.contract import Meta
from scheduler.model import commands as c
from scheduler.model.errors import StorageFailed
from tests.facts import at
from tests.fakes import HeldLog

BEN = Meta(actor="ben")


@pytest.mark.parametrize(
    ("length_ns", "bucket"), [(0, 0), (1_000_000_000, 0), (1_000_000_001, 1), (9 * 10**9, 2)]
)
def test_a_length_is_counted_in_the_first_bucket_that_holds_it(length_ns: int, bucket: int) -> None:
    timings = Timings((1.0, 5.0))
    timings.add(length_ns)
    assert [1 if number == bucket else 0 for number in range(3)] == list(timings.buckets)


def test_the_sum_is_of_all_lengths() -> None:
    timings = Timings((1.0, 5.0))
    for length_ns in (500_000_000, 2_000_000_000, 60_000_000_000):
        timings.add(length_ns)
    assert (62.5, (1, 1, 1)) == (timings.sum_s, timings.buckets)


def test_an_append_takes_from_its_sending_until_it_is_durable() -> None:
    clock = ManualClock(at("10:00"))
    log = HeldLog(clock.now_ns)
    handle = Handle(log, clock)
    log.is_held = True
    handle.ask(c.PauseSystem(), meta=BEN)
    clock.set(at("10:02"))
    log.release()
    assert (120.0, 1) == (handle.appends.sum_s, handle.appends.buckets[len(APPEND_BOUNDS_S)])


def test_an_append_that_failed_took_no_time() -> None:
    clock = ManualClock(at("10:00"))
    log = HeldLog(clock.now_ns)
    handle = Handle(log, clock)
    log.failure = StorageFailed("full", in_doubt=False)
    with pytest.raises(StorageFailed):
        handle.ask(c.PauseSystem(), meta=BEN).result()
    assert 0 == sum(handle.appends.buckets)
