"""What becomes of a wish to pause or to resume, a job or everything.

A pause may end by itself. Whoever asks next, awake or not at that time, finds that it has ended
then, and that the fire times of the pause are treated as it said.
"""

from datetime import datetime

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import BadInput
from scheduler.model.jobs import Missed
from scheduler.model.streams import SYSTEM, job_stream
from scheduler.rules.facts import Fact
from scheduler.rules.job_state import Resumption, evolve_job
from scheduler.rules.lifecycle import due_first, existing, may_be_due
from scheduler.rules.plan import Taken, plan
from scheduler.rules.timetable import Timetable


def pause_job(timetable: Timetable, wish: c.PauseJob, now: datetime, *, taken: Taken) -> list[Fact]:
    """Stop deciding for a job; what is due is decided first. A paused one may get another end.

    A pause that has ended by itself, and nobody was awake, has ended as it said.
    """
    state = existing(timetable, wish.job)
    end = pause_end(wish.until, wish.missed, now)
    if state.paused and state.pause_end == end:
        return []
    facts = end_of_all(timetable, now)
    is_all_paused = timetable.system.paused and not facts
    if state.pause_end is not None and state.pause_end.at <= now:
        at, missed = state.pause_end
        resumed = e.JobResumed(job=wish.job, at=at, missed=missed)
        facts.append(Fact(job_stream(wish.job), resumed))
        state = evolve_job(state, resumed)
    if not state.paused and not is_all_paused:
        facts += due_first(timetable, state, now, policy=state.definition, taken=taken)
    paused = e.JobPaused(job=wish.job, until=wish.until, missed=wish.missed)
    return [*facts, Fact(job_stream(wish.job), paused)]


def pause_end(until: datetime | None, missed: Missed, now: datetime) -> Resumption | None:
    """Return the end of a pause that begins now. Raises: BadInput, when it has gone by."""
    if until is None:
        if missed != "skip":
            raise BadInput.at(
                "$.missed", "is of a pause that ends by itself.", "Give its end: --until TIME"
            )
        return None
    if until <= now:
        raise BadInput.at("$.until", f"{until:%Y-%m-%dT%H:%M:%SZ} has gone by.", "Name a later one")
    return Resumption(until, missed)


def resume_job(
    timetable: Timetable, wish: c.ResumeJob, now: datetime, *, taken: Taken
) -> list[Fact]:
    """Decide for a job again, and at once for the fire times of its pause."""
    state = existing(timetable, wish.job)
    if not state.paused:
        return []
    at, missed = now, wish.missed
    if state.pause_end is not None and state.pause_end.at <= now:
        at, missed = state.pause_end  # it had ended by itself, and nobody was awake
    event = e.JobResumed(job=wish.job, at=at, missed=missed)
    facts = [Fact(job_stream(wish.job), event)]
    resumed = evolve_job(state, event)
    if timetable.system.paused or not may_be_due(resumed):
        return facts
    return facts + plan(timetable, resumed, now, taken=taken)


def pause_system(timetable: Timetable, wish: c.PauseSystem, now: datetime) -> list[Fact]:
    """Stop deciding for every job; a pause that stands may get another end.

    What is due of the jobs is not decided first: it is more than one decision may hold. Their fire
    times of a pause that has ended by itself are kept for what that pause said.
    """
    system = timetable.system
    end = pause_end(wish.until, wish.missed, now)
    if system.paused and system.pause_end == end:
        return []
    paused = e.SystemPaused(until=wish.until, missed=wish.missed)
    return [*end_of_all(timetable, now), Fact(SYSTEM, paused)]


def resume_system(timetable: Timetable, wish: c.ResumeSystem, now: datetime) -> list[Fact]:
    """Decide again; the jobs' fire times of the pause are decided by the ticks that follow."""
    if not timetable.system.paused:
        return []
    resumed = e.SystemResumed(at=now, missed=wish.missed)
    return end_of_all(timetable, now) or [Fact(SYSTEM, resumed)]


def end_of_all(timetable: Timetable, now: datetime) -> list[Fact]:
    """Return the end of a pause of everything whose time has come, as it said; none otherwise."""
    end = timetable.system.pause_end
    if end is None or end.at > now:
        return []
    return [Fact(SYSTEM, e.SystemResumed(at=end.at, missed=end.missed))]
