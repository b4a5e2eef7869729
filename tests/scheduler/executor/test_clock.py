"""The clocks and the ids they make."""

import re
from datetime import UTC, timedelta

import pytest

from scheduler.executor.clock import Clock, ManualClock, SystemClock, uuid7
from tests.facts import at

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
MINUTE = timedelta(minutes=1)


def test_a_uuid_of_version_7_begins_with_its_time() -> None:
    # RFC 9562, appendix A.6
    random = bytes.fromhex("0cc30c0c0c0c0c0c0c0c")
    made = uuid7(0x017F22E279B0, random)
    assert made.startswith("017f22e2-79b0-7")
    assert UUID7.fullmatch(made)


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(at("10:00"))])
def test_every_id_is_new_and_of_version_7(clock: Clock) -> None:
    made = [clock.new_id() for _ in range(1_000)]
    assert 1_000 == len(set(made))
    assert all(UUID7.fullmatch(one) for one in made)


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(at("10:00"))])
def test_random_bytes_come_in_hex_and_differ(clock: Clock) -> None:
    assert 32 == len(clock.random_hex(16))
    assert clock.random_hex(16) != clock.random_hex(16)


def test_the_machines_clocks_are_in_utc_and_do_not_run_backwards() -> None:
    clock = SystemClock()
    assert UTC is clock.now().tzinfo
    assert clock.monotonic_ns() <= clock.monotonic_ns()
    assert clock.elapsed_ns() <= clock.elapsed_ns()


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(at("10:00"))
    assert (at("10:00"), 0, 0) == (clock.now(), clock.monotonic_ns(), clock.elapsed_ns())
    clock.advance(MINUTE)
    assert (at("10:01"), 60 * 10**9, 60 * 10**9) == (
        clock.now(),
        clock.monotonic_ns(),
        clock.elapsed_ns(),
    )


def test_sleep_moves_all_but_the_monotonic_clock() -> None:
    clock = ManualClock(at("10:00"))
    clock.sleep(MINUTE)
    assert (at("10:01"), 0, 60 * 10**9) == (clock.now(), clock.monotonic_ns(), clock.elapsed_ns())


def test_a_step_moves_only_the_wall_clock() -> None:
    clock = ManualClock(at("10:00"))
    clock.step(-MINUTE)
    assert (at("09:59"), 0, 0) == (clock.now(), clock.monotonic_ns(), clock.elapsed_ns())


def test_nanoseconds_and_instants_are_the_same_time() -> None:
    clock = ManualClock(at("10:00:00.25"))
    assert 1_772_359_200_250_000_000 == clock.now_ns()


def test_time_passes_until_an_instant() -> None:
    clock = ManualClock(at("10:00"))
    clock.set(at("10:05"))
    assert (at("10:05"), 300 * 10**9) == (clock.now(), clock.monotonic_ns())
