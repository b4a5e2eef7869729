"""How an attempt ended that was asked to: what its stop makes of the outcome that it told itself.

The rule: one that succeeds all the same has succeeded. Whatever else it tells is due to the stop,
and is told as the reason for which it was asked; its traceback is kept, since it shows where the
end met it.
"""

from typing import Literal

from msgspec.structs import replace

from scheduler.model.invocations import Invocation, Outcome, StopReason
from scheduler.model.written import format_duration


def stopped(invocation: Invocation, reason: StopReason, outcome: Outcome | None = None) -> Outcome:
    """Return the outcome of an attempt that has ended after it was asked to.

    `outcome` is what it told itself, None when it had not begun.
    """
    if outcome is None:
        outcome = Outcome(
            run=invocation.run, attempt=invocation.attempt, epoch=invocation.epoch, kind="stopped"
        )
    if outcome.kind == "succeeded":
        return outcome
    kind, error = _told_as(invocation, reason)
    return replace(outcome, kind=kind, error=error, fatal=False, retry_after=None)


def given_up(invocation: Invocation, reason: StopReason, duration_us: int) -> Outcome:
    """Return the outcome of an attempt that was asked to end, did not, and still runs."""
    kind, error = _told_as(invocation, reason)
    return Outcome(
        run=invocation.run,
        attempt=invocation.attempt,
        epoch=invocation.epoch,
        kind=kind,
        duration_us=duration_us,
        error=f"{error}; it does not heed its cancellation and still runs",
        abandoned=True,
    )


def come_back(outcome: Outcome) -> Outcome:
    """Return what is told of an attempt that was given up and has ended at last."""
    return Outcome(
        run=outcome.run,
        attempt=outcome.attempt,
        epoch=outcome.epoch,
        kind="returned",
        duration_us=outcome.duration_us,
        error=outcome.error,
        output=outcome.output,
    )


def _told_as(
    invocation: Invocation, reason: StopReason
) -> tuple[Literal["timeout", "cancelled", "stopped"], str]:
    if reason == "timeout":
        return "timeout", f"timed out after {format_duration(invocation.timeout)}"
    if reason == "cancelled":
        return "cancelled", "cancelled on request"
    return "stopped", "ended by the stop of Horolog"
