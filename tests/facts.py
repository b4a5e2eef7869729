"""Facts for specs, each built by a short function: what happened, on one day.

The day is 1 March 2026: "10:05" is an instant of it, "03-02 10:05" one of the next. A fact names
its run by the fire time ("10:05") or, without one, as a call ("call-1"). What a spec does not say
about an event may be anything.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypedDict, Unpack
from unittest.mock import ANY

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Contents, Payload
from scheduler.model.invocations import Outcome, Output
from scheduler.model.jobs import (
    CatchUp,
    Cause,
    Definition,
    Exclude,
    FailureKind,
    Isolation,
    JobId,
    Missed,
    OnCrash,
    Overlap,
    Retry,
    RunId,
    SkipReason,
    run_id,
)
from scheduler.model.schedules import Cron, Schedule
from scheduler.model.streams import SYSTEM, call_stream, fire_stream, job_stream, skips_stream
from scheduler.rules.facts import Fact

JOB = JobId("job-1")


def at(text: str) -> datetime:
    """Return the instant of "10:05", "10:05:30.5" or "03-02 10:05"."""
    day = f"2026-{text}" if "-" in text else f"2026-03-01 {text}"
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def maybe_at(text: str | None) -> datetime | None:
    return None if text is None else at(text)


def span(text: str) -> timedelta:
    """Return the length of "90s", "5m" or "2h"."""
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[text[-1]]
    return timedelta(**{unit: float(text[:-1])})


# -- jobs


class Policies(TypedDict, total=False):
    """What can be said of a job besides its schedule; instants and lengths are texts."""

    name: str
    service: str
    start_at: str
    end_at: str
    max_runs: int
    jitter: str
    exclude: Exclude
    misfire_grace: str
    catch_up: CatchUp
    catch_up_window: str
    catch_up_limit: int
    overlap: Overlap
    queue_limit: int
    cancel_grace: str
    timeout: str
    retry: Retry
    start_deadline: str
    on_crash: OnCrash
    isolation: Isolation
    pause_after_failures: int
    concurrency_key: str
    on_success: str
    on_failure: str
    description: str
    input: Payload
    private: bool


INSTANTS = {"start_at", "end_at"}
LENGTHS = {
    "cancel_grace",
    "jitter",
    "misfire_grace",
    "catch_up_window",
    "start_deadline",
    "timeout",
}


def defined(schedule: str | Schedule, **policies: Unpack[Policies]) -> Definition:
    """Return a definition; a schedule given as text is a cron expression in UTC."""
    fields: dict[str, Any] = {"name": "job", "service": "s"}
    for field, value in policies.items():
        read = at if field in INSTANTS else span if field in LENGTHS else None
        fields[field] = value if read is None else read(str(value))
    if isinstance(schedule, str):
        schedule = Cron((schedule,))
    return Definition(schedule=schedule, **fields)


def registered(
    schedule: str | Schedule,
    *,
    at: str,
    job: JobId = JOB,
    exhausted: bool = False,
    **policies: Unpack[Policies],
) -> Fact:
    """Return a job's definition, with `at` as the beginning of what is decided."""
    definition = defined(schedule, **policies)
    begin = _at(at)
    event = e.JobDefined(job=job, definition=definition, cursor=begin, exhausted=exhausted)
    return Fact(job_stream(job), event)


_at = at  # `registered` speaks of "at" too


def revised(
    schedule: str | Schedule,
    *,
    at: str,
    revision: int = 2,
    exhausted: bool = False,
    **policies: Unpack[Policies],
) -> Fact:
    event = e.JobRevised(
        job=JOB,
        revision=revision,
        definition=defined(schedule, **policies),
        effective_at=_at(at),
        exhausted=exhausted,
    )
    return Fact(job_stream(JOB), event)


def renamed(name: str, *, was: str = "job") -> Fact:
    return Fact(job_stream(JOB), e.JobRenamed(job=JOB, name=name, was=was))


def paused(*, until: str | None = None, missed: Missed = "skip", failures: int = 0) -> Fact:
    end = maybe_at(until)
    event = e.JobPaused(job=JOB, until=end, missed=missed, failures=failures)
    return Fact(job_stream(JOB), event)


def to_be_skipped(fire: str) -> Fact:
    return Fact(job_stream(JOB), e.NextFireSkipped(job=JOB, fire_time=at(fire)))


def restored(fire: str) -> Fact:
    return Fact(job_stream(JOB), e.NextFireRestored(job=JOB, fire_time=at(fire)))


def resumed(at: str, missed: Missed = "skip") -> Fact:
    return Fact(job_stream(JOB), e.JobResumed(job=JOB, at=_at(at), missed=missed))


def removed() -> Fact:
    return Fact(job_stream(JOB), e.JobRemoved(job=JOB))


def exhausted(reason: Literal["max-runs", "no-fires-left"] = "no-fires-left") -> Fact:
    return Fact(job_stream(JOB), e.JobExhausted(job=JOB, reason=reason))


def skipped(
    until: str, *, reason: SkipReason, count: int = 1, after: str | None = None, job: JobId = JOB
) -> Fact:
    """Return a skip that ends with the fire time `until`."""
    begin = ANY if after is None else at(after)
    event = e.FiresSkipped(job=job, after=begin, until=at(until), count=count, reason=reason)
    return Fact(skips_stream(job), event)


# -- runs


def run(name: str, job: JobId = JOB) -> RunId:
    """Return the id of the run at a fire time, or of a call."""
    return RunId(name) if name.startswith("call") else run_id(job, at(name))


def stream(name: str, job: JobId = JOB) -> str:
    return call_stream(RunId(name)) if name.startswith("call") else fire_stream(at(name), job)


def planned(
    fire: str,
    *,
    cause: Cause = "schedule",
    due: str | None = None,
    window: str | None = "?",
    start_by: str | None = None,
    revision: int = 1,
    in_line: bool = False,
    job: JobId = JOB,
) -> Fact:
    """Return a run of the occurrence at `fire`; the start of its data window may be left open."""
    event = e.RunPlanned(
        run=run(fire, job),
        job=job,
        cause=cause,
        revision=revision,
        due_time=at(due or fire),
        fire_time=at(fire),
        window_start=ANY if window == "?" else maybe_at(window),
        start_by=maybe_at(start_by),
        in_line=in_line,
    )
    return Fact(stream(fire, job), event)


def caught_up(
    fire: str, *, window: str | None = "?", in_line: bool = False, revision: int = 1
) -> Fact:
    return planned(fire, cause="catch-up", window=window, in_line=in_line, revision=revision)


def called(call: str, *, at: str, start_by: str | None = None, revision: int = 1) -> Fact:
    event = e.RunPlanned(
        run=RunId(call),
        job=JOB,
        cause="trigger",
        revision=revision,
        due_time=_at(at),
        start_by=maybe_at(start_by),
    )
    return Fact(stream(call), event)


def attempt_started(
    name: str, *, attempt: int = 1, epoch: int = 1, code: str | None = None, job: JobId = JOB
) -> Fact:
    event = e.AttemptStarted(run=run(name, job), attempt=attempt, epoch=epoch, code=code)
    return Fact(stream(name, job), event)


def step_completed(name: str, step: str, *, attempt: int = 1, result: str | None = "1") -> Fact:
    """Return a finished step; its result is JSON, None when it could not be kept."""
    payload = None if result is None else Payload(kind="json", text=result)
    event = e.StepCompleted(run=run(name), attempt=attempt, name=step, result=payload)
    return Fact(stream(name), event)


def service_called(call: str, service: str, *, at: str, cause: Cause = "call", **rest: Any) -> Fact:  # noqa: ANN401  # any other field of the event
    event = e.ServiceCalled(run=RunId(call), service=service, cause=cause, due_time=_at(at), **rest)
    return Fact(call_stream(RunId(call)), event)


def succeeded(name: str, *, attempt: int = 1, job: JobId = JOB) -> Fact:
    event = e.RunSucceeded(run=run(name, job), attempt=attempt, duration_us=ANY)
    return Fact(stream(name, job), event)


def attempt_failed(
    name: str,
    *,
    attempt: int = 1,
    kind: FailureKind = "error",
    retry: str | datetime | None = None,
    give_up: str | None = None,
    abandoned: bool = False,
    error: str = ANY,
) -> Fact:
    event = e.AttemptFailed(
        run=run(name),
        attempt=attempt,
        kind=kind,
        error=error,
        duration_us=ANY,
        retry_at=at(retry) if isinstance(retry, str) else retry,
        give_up_at=maybe_at(give_up),
        abandoned=abandoned,
    )
    return Fact(stream(name), event)


def abandoned_attempt(name: str, *, attempt: int = 1, retry: str | None = None) -> Fact:
    """Return an attempt that timed out on a thread, which goes on."""
    return attempt_failed(name, attempt=attempt, kind="timeout", retry=retry, abandoned=True)


def run_failed(name: str, kind: FailureKind | Literal["crash-loop"] = "error") -> Fact:
    return Fact(stream(name), e.RunFailed(run=run(name), kind=kind, error=ANY))


def interrupted(
    name: str,
    reason: Literal["crash", "stop"] = "crash",
    *,
    attempt: int = 1,
    retry: str | None = None,
) -> Fact:
    event = e.AttemptInterrupted(
        run=run(name), attempt=attempt, reason=reason, retry_at=maybe_at(retry)
    )
    return Fact(stream(name), event)


def held(name: str) -> Fact:
    return Fact(stream(name), e.RunHeld(run=run(name), reason=ANY))


def resolved(
    name: str, verdict: Literal["succeeded", "failed", "retry"], *, retry: str | None = None
) -> Fact:
    event = e.RunResolved(run=run(name), verdict=verdict, retry_at=maybe_at(retry))
    return Fact(stream(name), event)


def reopened(name: str, *, at: str) -> Fact:
    return Fact(stream(name), e.RunReopened(run=run(name), retry_at=_at(at)))


def expired(name: str) -> Fact:
    return Fact(stream(name), e.RunExpired(run=run(name)))


def cancel_requested(name: str, *, by: str | None = None) -> Fact:
    """Return the wish for a run's end; `by` is the run that takes its place."""
    successor = None if by is None else run(by)
    return Fact(stream(name), e.CancelRequested(run=run(name), successor=successor))


def cancelled(name: str, *, by: str | None = None) -> Fact:
    successor = None if by is None else run(by)
    return Fact(stream(name), e.RunCancelled(run=run(name), successor=successor))


def late_outcome(name: str, outcome: str, *, attempt: int = 1, epoch: int = 1) -> Fact:
    event = e.LateOutcomeIgnored(run=run(name), attempt=attempt, epoch=epoch, outcome=outcome)
    return Fact(stream(name), event)


Kind = Literal[
    "succeeded", "error", "timeout", "crash", "cancelled", "no-service", "stopped", "returned"
]


class Told(TypedDict, total=False):
    """What can be said of an outcome besides its run and kind."""

    attempt: int
    epoch: int
    duration_us: int
    error: str
    detail: Payload
    result: Payload
    fatal: bool
    retry_after: timedelta
    abandoned: bool
    output: Output
    contents: Contents


def told(name: str, kind: Kind = "succeeded", **rest: Unpack[Told]) -> Outcome:
    """Return an outcome: of attempt 1 in epoch 1, unless said otherwise."""
    fields: dict[str, Any] = {"attempt": 1, "epoch": 1, **rest}
    return Outcome(run=run(name), kind=kind, **fields)


def outcome(name: str, kind: Kind = "succeeded", **rest: Unpack[Told]) -> c.RecordOutcomes:
    """Return the wish to record one outcome."""
    return c.RecordOutcomes(outcomes=(told(name, kind, **rest),))


# -- the whole


def system_started(epoch: int) -> Fact:
    return Fact(SYSTEM, e.SystemStarted(epoch=epoch, host="host", pid=1, versions={}))


def system_paused(*, until: str | None = None, missed: Missed = "skip") -> Fact:
    return Fact(SYSTEM, e.SystemPaused(until=maybe_at(until), missed=missed))


def system_resumed(at: str, missed: Missed = "skip") -> Fact:
    return Fact(SYSTEM, e.SystemResumed(at=_at(at), missed=missed))


def clock_accepted(at: str) -> Fact:
    return Fact(SYSTEM, e.ClockAccepted(at=_at(at)))
