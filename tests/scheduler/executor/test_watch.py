"""Telling a jump of the wall clock from sleep and slew, and resting after a forward one."""

from datetime import timedelta

from scheduler.executor.clock import ManualClock
from scheduler.executor.watch import ClockWatch, Jump
from scheduler.model.limits import CLOCK_JUMP, CLOCK_NOTED, CLOCK_SETTLE, JUMPS_KEPT_MAX
from tests.facts import at

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


def watching() -> tuple[ManualClock, ClockWatch]:
    clock = ManualClock(at("10:00"))
    return clock, ClockWatch(clock)


def test_time_that_passes_is_no_jump() -> None:
    clock, watch = watching()
    clock.advance(5 * HOUR)
    assert ([], False) == (watch.look(), watch.is_resting)


def test_sleep_of_the_machine_is_no_jump() -> None:
    clock, watch = watching()
    clock.sleep(50 * HOUR)
    assert ([], False) == (watch.look(), watch.is_resting)


def test_slew_is_no_jump() -> None:
    clock, watch = watching()
    clock.step(CLOCK_NOTED)
    assert [] == watch.look()
    clock.step(CLOCK_NOTED + MICROSECOND)
    assert [CLOCK_NOTED + MICROSECOND] == [jump.by for jump in watch.look()]


def test_a_small_jump_is_told_and_needs_no_rest() -> None:
    clock, watch = watching()
    clock.advance(SECOND)
    clock.step(CLOCK_JUMP)
    assert [Jump(CLOCK_JUMP, at("10:00:01"))] == watch.look()
    assert not watch.is_resting
    assert [] == watch.look()


def test_a_backward_jump_is_told_and_needs_no_rest() -> None:
    clock, watch = watching()
    clock.step(-10 * HOUR)
    assert [Jump(-10 * HOUR, at("10:00"))] == watch.look()
    assert not watch.is_resting


def test_a_forward_jump_rests_until_it_has_stood_for_a_minute() -> None:
    clock, watch = watching()
    clock.step(CLOCK_JUMP + SECOND)
    assert ([], True, 60.0) == (watch.look(), watch.is_resting, watch.rest_s())
    clock.advance(CLOCK_SETTLE - SECOND)
    assert ([], True, 1.0) == (watch.look(), watch.is_resting, watch.rest_s())
    clock.advance(SECOND)
    assert [Jump(CLOCK_JUMP + SECOND, at("10:00"))] == watch.look()
    assert (False, 0.0) == (watch.is_resting, watch.rest_s())


def test_a_jump_that_goes_back_ends_the_rest_and_both_are_told() -> None:
    clock, watch = watching()
    clock.step(10 * HOUR)
    watch.look()
    clock.step(-10 * HOUR)
    assert [10 * HOUR, -10 * HOUR] == [jump.by for jump in watch.look()]
    assert not watch.is_resting


def test_a_jump_that_goes_back_only_in_part_rests_anew() -> None:
    clock, watch = watching()
    clock.step(10 * HOUR)
    watch.look()
    clock.advance(59 * SECOND)
    clock.step(-5 * HOUR)
    watch.look()
    clock.advance(2 * SECOND)
    assert ([], True) == (watch.look(), watch.is_resting)
    clock.advance(58 * SECOND)
    assert 2 == len(watch.look())


def test_a_second_jump_forward_rests_anew() -> None:
    clock, watch = watching()
    clock.step(2 * HOUR)
    watch.look()
    clock.advance(59 * SECOND)
    clock.step(2 * HOUR)
    watch.look()
    clock.advance(59 * SECOND)
    watch.look()
    assert watch.is_resting


def test_a_clock_that_jumps_on_and_on_does_not_pile_up() -> None:
    clock, watch = watching()
    for _ in range(2 * JUMPS_KEPT_MAX):
        clock.step(2 * HOUR)
        watch.look()
    clock.advance(60 * SECOND)
    assert JUMPS_KEPT_MAX == len(watch.look())
