"""Whether durable steps were done once, and what they brought is what later attempts got.

Told from the ledger, where a step's function writes that it was really called, and from the events.
A step may be done again as long as it is not in the log; from its event on it may not.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from scheduler.log.contract import Recorded
from scheduler.model import events as e
from tests.crash.ledger import AnyLine, HandedOn, StepDone

Step = tuple[str, str]  # run and name


def step_faults(recorded: Sequence[Recorded], lines: Sequence[AnyLine]) -> Iterator[str]:
    """Yield each step that was done too often, not really, or under another key."""
    done: dict[Step, int] = {}
    for one in recorded:
        if isinstance(event := one.event, e.StepCompleted):
            step = (event.run, event.name)
            if step in done:
                yield f"step {step} is in the log by attempts {done[step]} and {event.attempt}"
            done[step] = event.attempt
    yield from _repeated(done, lines)
    yield from _strange(done, lines)


def _repeated(done: dict[Step, int], lines: Sequence[AnyLine]) -> Iterator[str]:
    """Yield the steps that were done again after their event, and the events of what was not."""
    really: Counter[tuple[Step, int]] = Counter(
        ((line.run, line.name), line.attempt) for line in lines if isinstance(line, StepDone)
    )
    for (step, attempt), times in really.items():
        if times > 1:
            yield f"step {step} was done {times} times in attempt {attempt}"
        if step in done and attempt > done[step]:
            yield f"step {step} was done in attempt {done[step]}, and again in {attempt}"
    for step, attempt in done.items():
        if not really[step, attempt]:
            yield f"step {step} is done by the log in attempt {attempt}, and not really"


def _strange(done: dict[Step, int], lines: Sequence[AnyLine]) -> Iterator[str]:
    """Yield the values handed on that are not the durable ones, and the keys that differ."""
    keys: defaultdict[Step, set[str | None]] = defaultdict(set)
    for line in lines:
        if isinstance(line, StepDone):
            keys[line.run, line.name].add(line.key)
        elif isinstance(line, HandedOn) and line.made_in != done.get((line.run, line.name)):
            step, attempt = (line.run, line.name), done.get((line.run, line.name))
            yield f"step {step} handed on a value of attempt {line.made_in}, the log's is {attempt}"
    for step, found in keys.items():
        if len(found) > 1 or None in found:
            yield f"step {step} was done under the keys {found}"
