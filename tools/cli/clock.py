"""`clock accept`: a person vouches for a clock that stands behind the log."""

from scheduler.model.commands import AcceptClock
from tools.cli.asking import ANSWER_FIELDS, answer, ask
from tools.cli.call import Call, pass_call
from tools.cli.options import writes


@writes("accept", *ANSWER_FIELDS)
@pass_call
def accept(call: Call, /) -> None:
    """Vouch for the clock as it stands.

    Every job that was decided further than now is decided from now on again; a fire time ahead
    that has a run keeps it.
    """
    told = ask(call, AcceptClock())
    done = "The clock is accepted; every job is decided from now on."
    line = done if told.facts else "The clock is not behind the log; there is nothing to accept."
    answer(call, told, [line], facts={})
