"""What happens when a run overlaps: the open live runs of one job, and the policy about them.

- skip: while one is open, the next is not planned;
- queue: it waits behind the open one, and `queue_limit` of them at most do;
- allow: it runs beside them;
- cancel: it takes their place: what has not started is ended at once, what runs is asked to end.

While a run catches up in line (catch-up `all`), later fires wait behind it and meet none of this.
"""

from typing import NamedTuple

from scheduler.model import events as e
from scheduler.model.errors import Conflict
from scheduler.model.jobs import Definition, JobId, RunId, SkipReason
from scheduler.rules.facts import Fact
from scheduler.rules.run_state import RunState
from scheduler.rules.timetable import Timetable


class Open(NamedTuple):
    """An open run, as a decision finds it or has just planned it."""

    run: RunId
    stream: str
    has_begun: bool = False  # an attempt of it is under way, or its thread goes on
    is_ending: bool = False  # it was asked to end


class Line:
    """The open live runs of a job, in the order of planning, as a decision leaves them."""

    def __init__(self, timetable: Timetable, job: JobId, policy: Definition) -> None:
        """Take them as they are; `policy` is the definition whose `overlap` holds."""
        self.policy = policy
        runs = [timetable.runs[key] for key in timetable.open_of.get(job, ())]
        self.is_catching_up = any(run.in_line for run in runs)
        self._open = [_as_open(run) for run in runs]

    def refusal(self) -> SkipReason | None:
        """Return why another run may not be planned now; None when it may."""
        if not self._open:
            return None
        if self.policy.overlap == "skip":
            return "overlap"
        if self.policy.overlap == "queue" and len(self._open) > self.policy.queue_limit:
            return "queue-full"
        return None

    def refuse(self, name: str) -> None:
        """Refuse a run that a person asks for, when the policy leaves no room for it."""
        reason = self.refusal()
        if reason is None:
            return
        first = self._open[0].run
        if reason == "queue-full":
            why = f"its queue is full ({self.policy.queue_limit})"
        else:
            why = "its overlap policy is skip"
        raise Conflict(
            f"run {first} of {name} is still open, and {why}. "
            f"Wait for it, or end it: horolog run cancel {first}"
        )

    def give_way(self, successor: RunId) -> list[Fact]:
        """End the open runs for `successor`, as far as the policy says so."""
        if self.policy.overlap != "cancel":
            return []
        facts: list[Fact] = []
        ending: list[Open] = []
        for run in self._open:
            if not run.has_begun:
                cancelled = e.RunCancelled(run=run.run, successor=successor)
                facts.append(Fact(run.stream, cancelled))
                continue
            if not run.is_ending:
                asked = e.CancelRequested(run=run.run, successor=successor)
                facts.append(Fact(run.stream, asked))
            ending.append(run._replace(is_ending=True))
        self._open = ending
        return facts

    def join(self, run: RunId, stream: str, *, in_line: bool = False) -> None:
        """Add a run that was planned."""
        self._open.append(Open(run, stream))
        self.is_catching_up = self.is_catching_up or in_line


def _as_open(run: RunState) -> Open:
    has_begun = run.status in {"running", "abandoned"}
    return Open(run.run, run.stream, has_begun=has_begun, is_ending=run.is_cancel_requested)
