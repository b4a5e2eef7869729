"""What becomes of a wish to erase content: an event that names it, unless it is still needed.

What a job gives its runs, or an open run was given, is needed: without it the service would be
called with nothing, or not at all. All else goes, whoever names it; content is kept once, however
many events name it.
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.limits import DIGESTS_PER_EVENT_MAX, DIGESTS_PER_WISH_MAX
from scheduler.model.streams import SYSTEM
from scheduler.rules.facts import Fact
from scheduler.rules.timetable import Timetable

HasContent = Callable[[str], bool]  # whether there are bytes under a digest


def erase_content(
    timetable: Timetable, wish: c.EraseContent, has_content: HasContent
) -> list[Fact]:
    """Erase what is there of this content; what is not there changes nothing.

    Raises: Conflict, when a job or an open run needs some of it.
    """
    if len(wish.digests) > DIGESTS_PER_WISH_MAX:
        raise BadInput.at(
            "$.digests",
            f"there are {len(wish.digests):,}; at most {DIGESTS_PER_WISH_MAX:,} at a time"
            " (DIGESTS_PER_WISH_MAX).",
        )
    there = [digest for digest in dict.fromkeys(wish.digests) if has_content(digest)]
    refuse_needed(timetable, frozenset(there))
    facts: list[Fact] = []
    for start in range(0, len(there), DIGESTS_PER_EVENT_MAX):
        part = tuple(there[start : start + DIGESTS_PER_EVENT_MAX])
        facts.append(Fact(SYSTEM, e.ContentErased(digests=part, count=len(part))))
    return facts


def refuse_needed(timetable: Timetable, digests: AbstractSet[str]) -> None:
    """Raise Conflict when a job that is not removed, or a run that has not ended, needs one."""
    for job in timetable.jobs.values():
        given = job.definition.input
        if not job.removed and given is not None and given.digest in digests:
            name = job.definition.name
            raise Conflict(
                f"content {given.digest:.12}… is the input of job {name!r}. Give the job another"
                f" one first (horolog job edit {name} --no-input), or remove it"
            )
    for run in timetable.runs.values():
        for payload in needed_by_run(run.input, run.steps):
            if payload.digest in digests:
                raise Conflict(
                    f"run {run.run} is {run.status} and still needs content"
                    f" {payload.digest:.12}…. Wait for its end, or end it: horolog run cancel"
                    f" {run.run}"
                )


def needed_by_run(given: Payload | None, steps: dict[str, Payload | None]) -> Iterator[Payload]:
    """Yield what further attempts of a run are given: its input, and what its steps have done."""
    for payload in (given, *steps.values()):
        if payload is not None:
            yield payload
