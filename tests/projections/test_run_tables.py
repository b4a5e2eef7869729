"""The row of a run: a state made of it goes on as the one it was made from would."""

from hypothesis import given
from msgspec.structs import replace

from projections.run_tables import UNREAD, RunColumns, called, planned, reflect, state_of
from scheduler.model.events import RunEvent, RunPlanned, ServiceCalled
from scheduler.rules.run_state import RunState, evolve_run
from tests.projections.histories import LIVES, History, live

Seen = dict[str, tuple[RunColumns, RunState]]


def as_shown(state: RunState) -> RunState:
    """Return the state without what no row tells."""
    return replace(
        state,
        definition=UNREAD,
        input=None,
        in_line=False,
        is_retry_owed=False,
        failure=None,
        steps={},
        depth=0,
    )


@given(LIVES)
def test_after_every_event_the_row_gives_back_the_state(
    steps: list[tuple[str, int, int]],
) -> None:
    history = History()
    history.start()
    history.define("orders", on_crash="hold")
    live(history, steps)
    seen: Seen = {}
    for recorded in history.log.read():
        event = recorded.event
        if isinstance(event, RunPlanned):
            seen[event.run] = planned(recorded, event, "orders")
        elif isinstance(event, ServiceCalled):
            seen[event.run] = called(recorded, event)
        elif isinstance(event, RunEvent):
            row, state = seen[event.run]
            state = evolve_run(state, event)
            reflect(row, state)
            assert as_shown(state) == state_of(row)
            seen[event.run] = row, state_of(row)  # and the next event meets what the row gave
