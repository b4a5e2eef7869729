"""What can be seen of the executor from outside: when it moved, and when it could last decide."""

from datetime import timedelta

from scheduler.model import commands as c
from scheduler.model.errors import StorageFailed
from scheduler.model.limits import STORAGE_RETRY
from tests.facts import at
from tests.scheduler.executor.rig import MOMENT, Rig

MINUTE = timedelta(minutes=1)


def test_silence_is_measured_from_the_last_turn_whatever_the_clock_is_set_to() -> None:
    rig = Rig()
    rig.executor.turn()
    rig.clock.advance(timedelta(seconds=31))
    assert timedelta(seconds=31) == rig.executor.silence == rig.executor.status().silence
    rig.clock.step(-timedelta(hours=1))
    assert timedelta(seconds=31) == rig.executor.silence
    rig.clock.sleep(timedelta(hours=8))  # a machine that slept has not stood still
    assert timedelta(seconds=31) == rig.executor.silence
    rig.executor.turn()
    assert timedelta(0) == rig.executor.silence


def test_a_full_disk_is_known_since_the_last_turn_that_could_decide() -> None:
    rig = Rig()
    rig.clock.set(at("10:05"))
    rig.turn()
    before = rig.executor.status().decided_at
    assert before > at("10:05")
    rig.log.failure = StorageFailed("Disk full", in_doubt=False)
    rig.ask(c.PauseSystem())
    rig.clock.advance(10 * MINUTE)
    rig.turn()
    status = rig.executor.status()
    assert "Disk full" == status.fault
    assert timedelta(0) <= status.decided_at - before <= 6 * MOMENT
    rig.log.failure = None
    rig.clock.advance(STORAGE_RETRY)
    rig.turn()
    assert rig.clock.now() - MOMENT == rig.executor.status().decided_at


def test_a_rest_after_a_jump_is_known_since_before_it() -> None:
    rig = Rig()
    rig.turn()
    before = rig.executor.status().decided_at
    rig.clock.step(timedelta(hours=3))
    rig.turn()
    status = rig.executor.status()
    assert status.is_resting
    assert before == status.decided_at


def test_what_is_owed_is_known_once_the_log_is_taken_up() -> None:
    rig = Rig()
    rig.define("*/5 * * * *")
    rig.clock.set(at("10:12"))
    assert 1 == rig.restarted().executor.status().owed  # and no turn was made yet
