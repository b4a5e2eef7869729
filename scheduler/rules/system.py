"""What is true of the whole, and `evolve_system`: the one meaning of its events."""

from msgspec import Struct
from msgspec.structs import replace

from scheduler.model import events as e
from scheduler.model.limits import RESUMPTIONS_KEPT_MAX
from scheduler.rules.job_state import Resumption


class SystemState(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What is true of the whole: the executor's epoch, and the pause of everything."""

    identity: str = ""
    epoch: int = 0
    running: bool = False  # the epoch has started and not stopped in order
    paused: bool = False
    pause_end: Resumption | None = None  # of a pause that ends by itself
    resumptions: tuple[Resumption, ...] = ()  # of the last pauses; jobs may still be undecided


def evolve_system(state: SystemState, event: e.AnyEvent) -> SystemState:
    """Return the whole after `event`."""
    match event:
        case e.LogCreated(identity=identity):
            return replace(state, identity=identity)
        case e.SystemStarted(epoch=epoch):
            return replace(state, epoch=epoch, running=True)
        case e.SystemStopped():
            return replace(state, running=False)
        case e.SystemPaused(until=until, missed=missed):
            end = None if until is None else Resumption(until, missed)
            return replace(state, paused=True, pause_end=end)
        case e.LogRestored():
            return replace(state, paused=True, pause_end=None)
        case e.SystemResumed(at=at, missed=missed):
            ends = (*state.resumptions, Resumption(at, missed))[-RESUMPTIONS_KEPT_MAX:]
            return replace(state, paused=False, pause_end=None, resumptions=ends)
        case e.ClockAccepted(at=at):
            ends = tuple(Resumption(min(end.at, at), end.missed) for end in state.resumptions)
            return replace(state, resumptions=ends)
        case _:
            return state
