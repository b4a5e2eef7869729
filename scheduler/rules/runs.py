"""What becomes of a run once it is planned: ended, tried again, held, cancelled, settled.

An outcome counts only for the attempt that is open: same run, number and epoch. A retry is an event
with a due time; who sleeps is nobody. What an outcome causes stands in the outcome's append.
"""

import hashlib
from datetime import datetime, timedelta

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import digest_of
from scheduler.model.errors import Conflict, NotFound
from scheduler.model.firing import next_fire
from scheduler.model.invocations import Outcome
from scheduler.model.jobs import FailureKind, Retry, RunId
from scheduler.model.limits import CRASHES_MAX, HEAD_CHARS, STEPS_MAX
from scheduler.model.missing_zones import zone_missed_by
from scheduler.model.streams import call_stream
from scheduler.rules.aftermath import Aftermath
from scheduler.rules.facts import Fact
from scheduler.rules.overlap import Line
from scheduler.rules.run_state import ENDED, NO_JOB, REOPENABLE, RunState, evolve_run
from scheduler.rules.timetable import Timetable

JITTER_STEPS = 1 << 32
MICROSECOND = timedelta(microseconds=1)
GAVE_UP = " (tried no further: give_up_after)"


def retry_delay(retry: Retry, run: RunId, failures: int) -> timedelta:
    """Return the pause after `failures` failed attempts: full jitter, seeded by the run.

    At most max_delay; between none and initial * factor ** (failures - 1).
    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full jitter).
    """
    seconds_max = retry.max_delay.total_seconds()
    try:
        ceiling = min(retry.initial.total_seconds() * retry.factor ** (failures - 1), seconds_max)
    except OverflowError:
        ceiling = seconds_max
    seed = hashlib.sha256(f"{run}/{failures}".encode()).digest()
    share = int.from_bytes(seed[:4], "big") / JITTER_STEPS
    return timedelta(seconds=ceiling * share)


def record_outcomes(timetable: Timetable, wish: c.RecordOutcomes, now: datetime) -> list[Fact]:
    """Record how attempts ended, and what follows for their runs."""
    told: dict[RunId, list[Fact]] = {}
    aftermath = Aftermath(timetable, now)
    for outcome in wish.outcomes:
        run = timetable.runs.get(outcome.run)
        if run is None:
            continue  # it has ended: its stream is closed
        before = told.get(run.run)
        if before is None:
            told[run.run] = aftermath.of(run, record_outcome(run, outcome, now))
            continue
        for fact in before:
            if isinstance(fact.event, e.RunEvent) and fact.event.run == run.run:
                run = evolve_run(run, fact.event)
        if run.status not in ENDED:
            before += aftermath.of(run, record_outcome(run, outcome, now))
    return [fact for facts in told.values() for fact in facts]


def record_outcome(run: RunState, outcome: Outcome, now: datetime) -> list[Fact]:
    """Record one outcome; one that is not of the open attempt is ignored, by an event."""
    stream = run.stream
    is_open_attempt = (run.attempt, run.epoch) == (outcome.attempt, outcome.epoch)
    if run.status != "running" or not is_open_attempt or outcome.kind == "returned":
        late = e.LateOutcomeIgnored(
            run=run.run, attempt=outcome.attempt, epoch=outcome.epoch, outcome=outcome.kind
        )
        facts = [Fact(stream, late)]
        if run.status == "abandoned" and is_open_attempt:
            facts += after_return(run)
        return facts
    facts = []
    if outcome.output is not None:
        facts.append(Fact(stream, logged(run, outcome)))
    match outcome.kind:
        case "succeeded":
            event = e.RunSucceeded(
                run=run.run,
                attempt=run.attempt,
                duration_us=outcome.duration_us,
                result=outcome.result,
            )
            return [*facts, Fact(stream, event)]
        case "stopped":
            return facts + interrupted(run, "stop", now)
        case kind:
            return facts + failed(run, outcome, kind, now)


def logged(run: RunState, outcome: Outcome) -> e.AttemptLogged:
    """Return the event that names an attempt's output."""
    output = outcome.output
    if output is None:
        raise ValueError("the outcome has no output")
    encoded = output.text.encode()
    return e.AttemptLogged(
        run=run.run,
        attempt=run.attempt,
        digest=digest_of(encoded),
        size=len(encoded),
        head="" if run.definition.private else output.text[:HEAD_CHARS],
        lines=output.lines,
        dropped_bytes=output.dropped_bytes,
    )


def failed(run: RunState, outcome: Outcome, kind: FailureKind, now: datetime) -> list[Fact]:
    """Return the failed attempt and what follows: retry, hold, end, or a thread to wait for."""
    retry_at = None
    error = outcome.error
    give_up_at = run.give_up_at or give_up_time(run, now - MICROSECOND * outcome.duration_us)
    if may_retry(run, kind, fatal=outcome.fatal):
        delay = outcome.retry_after
        if delay is None:
            delay = retry_delay(run.definition.retry, run.run, run.failures + run.crashes + 1)
        retry_at = now + delay
        if give_up_at is not None and retry_at >= give_up_at:
            retry_at = None
            error += GAVE_UP
    event = e.AttemptFailed(
        run=run.run,
        attempt=run.attempt,
        kind=kind,
        error=error,
        duration_us=outcome.duration_us,
        detail=outcome.detail,
        retry_at=retry_at,
        give_up_at=None if run.give_up_at is not None else give_up_at,
        abandoned=outcome.abandoned,
    )
    facts = [Fact(run.stream, event)]
    if retry_at is None and not outcome.abandoned:
        facts += endings(run, kind, error)
    return facts


def give_up_time(run: RunState, begun_at: datetime) -> datetime | None:
    """Return from when on no attempt begins, given that of the first one; None for no such time."""
    retry = run.definition.retry
    if retry.until_next_fire:
        if zone_missed_by(run.definition) is not None:
            return None  # the next fire time is not known here; `max_attempts` still holds
        return next_fire(run.definition.schedule, begun_at)
    return None if retry.give_up_after is None else begun_at + retry.give_up_after


def may_retry(run: RunState, kind: FailureKind, *, fatal: bool = False) -> bool:
    """Return whether the policy allows another attempt after one that failed for this reason."""
    if run.is_cancel_requested or fatal or kind == "cancelled":
        return False
    policy = run.definition.on_crash
    if policy == "hold" and kind in {"crash", "timeout"}:
        return False
    if kind == "crash":
        return policy == "retry" and run.crashes + 1 < CRASHES_MAX
    return run.failures + 1 < run.definition.retry.max_attempts


def not_started(run: RunState) -> Fact:
    """Return the end of a run for whose next attempt it is too late: it expires, or gives up."""
    if run.failure is None:
        return Fact(run.stream, e.RunExpired(run=run.run))
    kind, error = run.failure
    return Fact(run.stream, e.RunFailed(run=run.run, kind=kind, error=error + GAVE_UP))


def cancelled(run: RunState) -> Fact:
    """Return the end of a run that was asked to end, for the sake of whoever it was asked for."""
    return Fact(run.stream, e.RunCancelled(run=run.run, successor=run.successor))


def endings(run: RunState, kind: FailureKind, error: str) -> list[Fact]:
    """Return what ends or holds a run whose attempt failed and is not tried again."""
    if run.is_cancel_requested:
        return [cancelled(run)]
    if run.definition.on_crash == "hold" and kind in {"crash", "timeout"}:
        return [Fact(run.stream, e.RunHeld(run=run.run, reason=f"{kind}: {error}"))]
    if kind == "crash" and run.crashes + 1 >= CRASHES_MAX:
        ending = e.RunFailed(
            run=run.run, kind="crash-loop", error=f"{CRASHES_MAX} attempts were lost to crashes"
        )
    else:
        ending = e.RunFailed(run=run.run, kind=kind, error=error)
    return [Fact(run.stream, ending)]


def after_return(run: RunState) -> list[Fact]:
    """Return what follows when an abandoned attempt has ended at last."""
    if run.is_cancel_requested:
        return [cancelled(run)]
    if run.is_retry_owed or run.failure is None:
        return []
    kind, error = run.failure
    if run.definition.on_crash == "hold" and kind == "timeout":
        return [Fact(run.stream, e.RunHeld(run=run.run, reason=f"{kind}: {error}"))]
    return [Fact(run.stream, e.RunFailed(run=run.run, kind=kind, error=error))]


def interrupted(run: RunState, reason: str, now: datetime) -> list[Fact]:
    """Return the attempt as lost, by crash or stop, and what the run's policy makes of it."""
    stream = run.stream
    is_crash = reason == "crash"
    policy = run.definition.on_crash
    lost = e.AttemptInterrupted(
        run=run.run, attempt=run.attempt, reason="crash" if is_crash else "stop", retry_at=now
    )
    ended = e.AttemptInterrupted(run=run.run, attempt=run.attempt, reason=lost.reason)
    if run.is_cancel_requested:
        return [Fact(stream, ended), cancelled(run)]
    if policy == "hold":
        held = e.RunHeld(run=run.run, reason=f"attempt {run.attempt} was lost ({reason})")
        return [Fact(stream, ended), Fact(stream, held)]
    if is_crash and policy == "fail":
        end = e.RunFailed(run=run.run, kind="crash", error=f"attempt {run.attempt} was lost")
        return [Fact(stream, ended), Fact(stream, end)]
    if is_crash and run.crashes + 1 >= CRASHES_MAX:
        loop = e.RunFailed(
            run=run.run, kind="crash-loop", error=f"{CRASHES_MAX} attempts were lost to crashes"
        )
        return [Fact(stream, ended), Fact(stream, loop)]
    return [Fact(stream, lost)]


def settle_run(timetable: Timetable, wish: c.SettleRun, now: datetime) -> list[Fact]:
    """Settle what an older epoch left open, and call what its end calls."""
    run = timetable.runs.get(wish.run)
    if run is None:
        return []
    return Aftermath(timetable, now).of(run, settled(run, wish, now))


def settled(run: RunState, wish: c.SettleRun, now: datetime) -> list[Fact]:
    """Settle what an older epoch left open: a lost attempt, or a thread that died with it."""
    if run.status == "abandoned":
        late = e.LateOutcomeIgnored(
            run=run.run, attempt=run.attempt, epoch=run.epoch, outcome="lost with its executor"
        )
        return [Fact(run.stream, late), *after_return(run)]
    if run.status != "running":
        return []
    if wish.alive:
        lost = e.AttemptInterrupted(run=run.run, attempt=run.attempt, reason="crash")
        held = e.RunHeld(
            run=run.run, reason=f"attempt {run.attempt} still runs, in a child of the last executor"
        )
        return [Fact(run.stream, lost), Fact(run.stream, held)]
    return interrupted(run, "crash", now)


def record_step(timetable: Timetable, wish: c.RecordStep) -> list[Fact]:
    """Keep a step of the open attempt; another attempt's is refused, and the attempt with it."""
    run = timetable.runs.get(wish.run)
    is_open = run is not None and run.status == "running"
    if run is None or not is_open or (run.attempt, run.epoch) != (wish.attempt, wish.epoch):
        raise Conflict(f"attempt {wish.attempt} of run {wish.run} is no longer open")
    if wish.name in run.steps:
        raise Conflict(f"step {wish.name!r} of run {wish.run} is done already")
    if len(run.steps) >= STEPS_MAX:
        raise Conflict(f"run {wish.run} has {STEPS_MAX:,} steps already (STEPS_MAX)")
    done = e.StepCompleted(run=run.run, attempt=run.attempt, name=wish.name, result=wish.result)
    return [Fact(run.stream, done)]


def call_service(timetable: Timetable, wish: c.CallService, now: datetime) -> list[Fact]:
    """Run a service once, with no job behind it."""
    if wish.run in timetable.runs:
        return []  # asked again: the id was made for this wish
    call = e.ServiceCalled(
        run=wish.run,
        service=wish.service,
        cause="call",
        due_time=now,
        timeout=wish.timeout,
        isolation=wish.isolation,
        input=wish.input,
    )
    return [Fact(call_stream(wish.run), call)]


# -- what people ask


def found(timetable: Timetable, key: RunId) -> RunState:
    """Return a run that is open, held or was recalled."""
    run = timetable.runs.get(key)
    if run is None:
        raise NotFound("open run", key)
    return run


def cancel_run(timetable: Timetable, wish: c.CancelRun) -> list[Fact]:
    """End a run: at once when nothing of it is running, else when its attempt has ended."""
    run = found(timetable, wish.run)
    if run.status in {"running", "abandoned"}:
        if run.is_cancel_requested:
            return []
        return [Fact(run.stream, e.CancelRequested(run=run.run))]
    if run.status in {"waiting", "retrying", "held"}:
        return [Fact(run.stream, e.RunCancelled(run=run.run))]
    raise Conflict(f"run {run.run} has ended ({run.status}); there is nothing to cancel")


def retry_run(timetable: Timetable, wish: c.RetryRun, now: datetime) -> list[Fact]:
    """Try an ended run again, as the same run; refused while overlap forbids it."""
    run = found(timetable, wish.run)
    if run.status == "held":
        return resolve_run(timetable, c.ResolveRun(run=run.run, verdict="retry"), now)
    if run.status not in REOPENABLE:
        raise Conflict(
            f"run {run.run} is {run.status}; only a failed, expired or cancelled run is retried"
        )
    _refuse_overlap(timetable, run)
    return [Fact(run.stream, e.RunReopened(run=run.run, retry_at=now))]


def resolve_run(timetable: Timetable, wish: c.ResolveRun, now: datetime) -> list[Fact]:
    """Settle a held run as a person decides."""
    run = found(timetable, wish.run)
    if run.status != "held":
        raise Conflict(f"run {run.run} is {run.status}, not held; there is nothing to resolve")
    if wish.verdict != "retry":
        return [Fact(run.stream, e.RunResolved(run=run.run, verdict=wish.verdict))]
    _refuse_overlap(timetable, run)
    return [Fact(run.stream, e.RunResolved(run=run.run, verdict="retry", retry_at=now))]


def _refuse_overlap(timetable: Timetable, run: RunState) -> None:
    if run.job == NO_JOB:
        return  # calls do not wait for one another
    job = timetable.jobs.get(run.job)
    if job is None or job.removed:
        if run.status != "held":
            raise Conflict(f"the job of run {run.run} was removed; its ended runs stay as they are")
        return
    if not run.is_live:
        return
    line = Line(timetable, run.job, job.definition)
    if job.definition.overlap == "cancel" and timetable.is_busy(run.job):
        raise Conflict(
            f"a run of {job.definition.name} is open, and would be ended for this one (overlap is"
            " cancel). Wait for it"
        )
    line.refuse(job.definition.name)
