"""Folding the log into a timetable: all of it, the tail after a snapshot, or one ended run.

The only place where events are folded from what is stored; live decisions are folded by `handle` as
they are made.
"""

from scheduler.log.contract import Log, Recorded
from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import Definition, JobId
from scheduler.model.limits import PAGE_EVENTS_MAX
from scheduler.model.streams import job_stream
from scheduler.rules.job_state import JobState, evolve_job
from scheduler.rules.run_state import RunState, evolve_run, opened, opened_call
from scheduler.rules.timetable import Timetable


def replay(log: Log, timetable: Timetable) -> int:
    """Fold every event past the timetable's position; return how many there were.

    Raises: ImpossibleHistory, naming the position, when an event cannot follow.
    """
    begun_at = timetable.position
    while True:
        page = log.read(after=timetable.position, limit=PAGE_EVENTS_MAX)
        if not page:
            return timetable.position - begun_at
        apply = timetable.apply
        for recorded in page:
            if recorded.position != timetable.position + 1:
                raise ImpossibleHistory(f"position {timetable.position + 1:,} is missing")
            event = recorded.event
            try:
                if type(event) is e.RunReopened and event.run not in timetable.runs:
                    found = last_run(log, recorded.stream, before=recorded.position)
                    if found is not None:
                        timetable.recall(*found)
                elif is_rerun(event):
                    timetable.continue_stream(recorded.stream, recorded.version - 1)
                apply(recorded.stream, event)
            except ImpossibleHistory as impossible:
                raise ImpossibleHistory(f"position {recorded.position:,}: {impossible}") from None


def is_rerun(event: e.AnyEvent) -> bool:
    """Return whether an event opens another run in a stream that has one, which has ended."""
    kind = type(event)
    return (kind is e.RunPlanned or kind is e.ServiceCalled) and event.number > 1  # type: ignore[union-attr]  # told by its kind, which is quicker than isinstance


def last_run(log: Log, stream: str, *, before: int | None = None) -> tuple[RunState, int] | None:
    """Return a stream's last run as the events before `before` left it, and their number."""
    run: RunState | None = None
    recorded = read_stream(log, stream, until=None if before is None else before - 1)
    for one in recorded:
        event = one.event
        if isinstance(event, e.RunPlanned):
            definition = definition_of(log, event.job, until=one.position)
            run = opened(event, stream=stream, definition=definition, line=one.position)
        elif isinstance(event, e.ServiceCalled):
            run = opened_call(event, stream=stream)
        elif run is not None and isinstance(event, e.RunEvent):
            run = evolve_run(run, event)
    return None if run is None else (run, recorded[-1].version)


def read_stream(log: Log, stream: str, *, until: int | None = None) -> list[Recorded]:
    """Return every event of a stream, up to a position."""
    found: list[Recorded] = []
    after = 0
    while page := log.read(after=after, until=until, stream=stream):
        found += page
        after = page[-1].position
    return found


def definition_of(log: Log, job: JobId, *, until: int) -> Definition:
    """Return a job's definition as it stood at a position."""
    state: JobState | None = None
    for recorded in read_stream(log, job_stream(job), until=until):
        state = evolve_job(state, recorded.event)
    if state is None:
        raise ImpossibleHistory(f"job {job} has runs but was never defined")
    return state.definition
