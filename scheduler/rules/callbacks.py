"""What an end calls: `on_success` and `on_failure`, in the same append as the end.

A callback is named as people write it: `job:NAME` or `service:NAME`. Its run takes the outcome as
input and follows from what ended, so it is planned once, whoever records the end. A job that is
busy is waited for, not skipped; one that is gone leaves a call that fails with that reason, so that
nothing is lost in silence. A run of a backfill calls only when that was asked for; the backfill
itself calls once, at its end.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec

from scheduler.model import events as e
from scheduler.model.callbacks import job_called_by, service_called_by
from scheduler.model.content import Payload
from scheduler.model.errors import Problem
from scheduler.model.jobs import Definition, RunId, derived_id
from scheduler.model.limits import CALLBACK_DEPTH_MAX
from scheduler.model.streams import call_stream
from scheduler.rules.backfill_state import BackfillState
from scheduler.rules.facts import Fact
from scheduler.rules.run_state import RunState
from scheduler.rules.timetable import Timetable


class Caller(NamedTuple):
    """What has ended, as far as the run that it calls follows from it."""

    key: str  # the called run's id is made of it
    at: datetime  # ... and sorts beside this
    run: RunId | None = None
    depth: int = 0  # how many callbacks led to it


def callbacks(timetable: Timetable, run: RunState, end: e.AnyEvent, now: datetime) -> list[Fact]:
    """Return the run that the end of a run calls; none for what is no end, or calls nobody."""
    if run.backfill is not None:
        backfill = timetable.backfills.get(run.backfill)
        if backfill is None or not backfill.asked.callbacks:
            return []
    match end:
        case e.RunSucceeded(result=result):
            told = ending(run, "succeeded", result=result)
            callback = run.definition.on_success
        case e.RunFailed(error=error):
            told, callback = ending(run, "failed", error=error), run.definition.on_failure
        case e.RunExpired():
            told = ending(run, "expired", error="not started by its start deadline")
            callback = run.definition.on_failure
        case _:
            return []
    # The attempt is part of the key: a run that is tried again by a person ends again.
    caller = Caller(f"{run.run}/{run.attempt}", run.due_time, run.run, run.depth)
    return called(timetable, caller, callback, told, now)


def backfill_callback(timetable: Timetable, state: BackfillState, now: datetime) -> list[Fact]:
    """Return the run that the end of a backfill calls; on_failure when a run of it failed."""
    asked = state.asked
    definition = timetable.jobs[asked.job].definition
    told: dict[str, object] = {
        "backfill": asked.backfill,
        "job": definition.name,
        "after": asked.after,
        "until": asked.until,
        "outcome": "failed" if state.failed else "succeeded",
        "occurrences": asked.count,
        "runs": state.planned,
        "succeeded": state.succeeded,
        "failed": state.failed,
        "cancelled": state.cancelled,
    }
    payload = Payload(kind="json", text=msgspec.json.encode(told).decode())
    callback = definition.on_failure if state.failed else definition.on_success
    return called(timetable, Caller(asked.backfill, now), callback, payload, now)


def ending(
    run: RunState, outcome: str, *, result: Payload | None = None, error: str | None = None
) -> Payload:
    """Return what the called run gets as input: which run ended, how, and with what."""
    told: dict[str, object] = {
        "run": run.run,
        "job": run.definition.name,
        "fire_time": run.fire_time,
        "attempts": run.attempt,
        "outcome": outcome,
        "error": error,
    }
    if result is not None:
        told["result"] = (
            msgspec.Raw(result.text.encode())
            if result.text is not None and result.kind == "json"
            else result.text
            if result.text is not None
            else {"digest": result.digest, "size": result.size}
        )
    return Payload(kind="json", text=msgspec.json.encode(told).decode())


def called(
    timetable: Timetable, caller: Caller, callback: str | None, told: Payload, now: datetime
) -> list[Fact]:
    """Return the run that a callback plans, none without one; one too many fails at once."""
    if callback is None:
        return []
    key = RunId(derived_id(caller.at, f"{caller.key}/{callback}"))
    stream = call_stream(key)
    name = job_called_by(callback)
    target = None if name is None else timetable.names.get(name)
    if target is None or caller.depth >= CALLBACK_DEPTH_MAX:
        call = e.ServiceCalled(
            run=key,
            service=service_called_by(callback) or callback,
            cause="callback",
            due_time=now,
            input=told,
            parent=caller.run,
            depth=caller.depth + 1,
        )
        return [Fact(stream, call), *refused(caller, key, name)]
    state = timetable.jobs[target]
    deadline = state.definition.start_deadline
    planned = e.RunPlanned(
        run=key,
        job=target,
        cause="callback",
        revision=state.revision,
        due_time=now,
        input=told,
        start_by=None if deadline is None else now + deadline,
        parent=caller.run,
        depth=caller.depth + 1,
    )
    return [Fact(stream, planned)]


def refused(caller: Caller, key: RunId, job: str | None) -> list[Fact]:
    """Return the end of a call that cannot be carried out, so that it is seen."""
    if caller.depth >= CALLBACK_DEPTH_MAX:
        error = f"it would be callback {caller.depth + 1} in a row; at most {CALLBACK_DEPTH_MAX}"
    elif job is not None:
        error = f"there is no job {job!r} to be called back"
    else:
        return []
    return [Fact(call_stream(key), e.RunFailed(run=key, kind="no-service", error=error))]


def callback_problems(timetable: Timetable, definition: Definition) -> list[Problem]:
    """Return what is wrong with a definition's callbacks: unknown jobs, circles, depth."""
    problems: list[Problem] = []
    for field, callback in callbacks_of(definition):
        name = job_called_by(callback)
        if name is not None and name != definition.name and name not in timetable.names:
            hint = "Define it first"
            problems.append(Problem(f"$.{field}", f"there is no job {name!r}.", hint))
    return problems + chain_problems(timetable, definition)


def chain_problems(timetable: Timetable, definition: Definition) -> list[Problem]:
    """Return why callbacks would follow on one another without end, or too often."""
    problems: list[Problem] = []
    for field, callback in callbacks_of(definition):
        path = f"$.{field}"
        following = chain_from(timetable, definition, callback)
        if following is None:
            name = definition.name
            problems.append(Problem(path, f"leads back to {name!r}: the chain would never end."))
            continue
        chain = chain_to(timetable, definition.name) + following
        if chain > CALLBACK_DEPTH_MAX:
            problems.append(
                Problem(
                    path,
                    f"makes a chain of {chain} callbacks or more; at most {CALLBACK_DEPTH_MAX}"
                    " (CALLBACK_DEPTH_MAX).",
                )
            )
    return problems


def callbacks_of(definition: Definition) -> list[tuple[str, str]]:
    """Return the callbacks that a definition has, each with its field."""
    fields = (("on_success", definition.on_success), ("on_failure", definition.on_failure))
    return [(field, callback) for field, callback in fields if callback is not None]


def chain_from(timetable: Timetable, definition: Definition, first: str) -> int | None:
    """Return how many callbacks may follow on one another, `first` included; None: a circle.

    Counts no further than one beyond CALLBACK_DEPTH_MAX.
    """
    level = {first}
    depth = 0
    while level and depth <= CALLBACK_DEPTH_MAX:
        depth += 1
        names = {name for name in map(job_called_by, level) if name is not None}
        if definition.name in names:
            return None
        called = [timetable.names[name] for name in names if name in timetable.names]
        level = {
            callback
            for job in called
            for _, callback in callbacks_of(timetable.jobs[job].definition)
        }
    return depth


def chain_to(timetable: Timetable, name: str) -> int:
    """Return how many callbacks may follow on one another until the job of this name is called.

    Counts no further than one beyond CALLBACK_DEPTH_MAX.
    """
    level = {name}
    depth = -1
    while level and depth <= CALLBACK_DEPTH_MAX:
        depth += 1
        callers = {job for called in level for job in timetable.callers.of(called)}
        level = {timetable.jobs[job].definition.name for job in callers}
    return depth
