"""What is true of the whole, event by event."""

from scheduler.model import events as e
from scheduler.model.limits import RESUMPTIONS_KEPT_MAX
from scheduler.rules.job_state import Resumption
from scheduler.rules.system import SystemState, evolve_system
from tests.facts import at, cancelled

STATE = SystemState(identity="x", epoch=3, running=True)


def test_a_log_has_the_identity_it_was_created_with() -> None:
    created = e.LogCreated(identity="y", horolog="1")
    assert "y" == evolve_system(SystemState(), created).identity


def test_an_epoch_runs_from_its_start_to_its_stop() -> None:
    started = e.SystemStarted(epoch=4, host="h", pid=1, versions={})
    after = evolve_system(STATE, started)
    assert (4, True) == (after.epoch, after.running)
    assert not evolve_system(after, e.SystemStopped(epoch=4)).running


def test_a_pause_of_everything_ends_with_what_becomes_of_the_missed() -> None:
    paused = evolve_system(STATE, e.SystemPaused())
    assert paused.paused
    resumed = evolve_system(paused, e.SystemResumed(at=at("10:00"), missed="all"))
    assert (False, Resumption(at("10:00"), "all")) == (resumed.paused, *resumed.resumptions)


def test_an_accepted_clock_moves_the_end_of_a_pause_that_lay_ahead_of_it() -> None:
    resumed = evolve_system(STATE, e.SystemResumed(at=at("10:00"), missed="all"))
    accepted = evolve_system(resumed, e.ClockAccepted(at=at("09:00")))
    assert (Resumption(at("09:00"), "all"),) == accepted.resumptions


def test_of_the_ends_of_pauses_only_the_last_are_kept() -> None:
    state = STATE
    for minute in range(RESUMPTIONS_KEPT_MAX + 1):
        state = evolve_system(state, e.SystemResumed(at=at(f"10:{minute:02}"), missed="skip"))
    assert (RESUMPTIONS_KEPT_MAX, at("10:01")) == (len(state.resumptions), state.resumptions[0].at)


def test_what_concerns_runs_or_jobs_leaves_the_whole_as_it_is() -> None:
    assert STATE is evolve_system(STATE, cancelled("10:05").event)
