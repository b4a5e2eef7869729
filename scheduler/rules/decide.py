"""A wish in, events out: `decide(timetable, command, now)`.

Pure: the clock, the policies and what must be looked up in the log are handed in. A command that
changes nothing answers with nothing. Which rule answers which wish stands in the one `match` below.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, assert_never

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import JobId
from scheduler.model.limits import (
    CONNECTIONS_PER_EVENT_MAX,
    FAILURE_CHARS_MAX,
    FAILURES_PER_EVENT_MAX,
    SERVICES_PER_EVENT_MAX,
)
from scheduler.model.streams import SYSTEM
from scheduler.rules import backfill, due, lifecycle, pauses, runs
from scheduler.rules.backfill import LastRun
from scheduler.rules.backfill_request import JobEvents, request_backfill
from scheduler.rules.erasing import HasContent, erase_content
from scheduler.rules.facts import Fact
from scheduler.rules.plan import Taken
from scheduler.rules.reruns import replay_run
from scheduler.rules.skip_next import restore_next, skip_next
from scheduler.rules.timetable import Timetable


class Known(NamedTuple):
    """What a rule may ask that is not in the fold, answered by whoever asks it to decide."""

    taken: Taken  # of an occurrence from before the clock was set back: has it a run?
    code: Callable[[str], str | None]  # the digest of a service's source
    has_content: HasContent = lambda _: False  # whether there are bytes under a digest
    last_run: LastRun = lambda _: None  # of an occurrence, by its stream
    job_events: JobEvents = lambda _: ()  # the job's own stream


def never_taken(job: JobId, fire_time: datetime) -> bool:  # noqa: ARG001  # the shape of Taken
    """Answer for a log whose clock was never set back."""
    return False


def no_code(service: str) -> None:  # noqa: ARG001  # the shape of Known.code
    """Answer where no services are loaded."""
    return


NOTHING_KNOWN = Known(never_taken, no_code)


def decide(
    timetable: Timetable, command: c.AnyCommand, now: datetime, known: Known = NOTHING_KNOWN
) -> list[Fact]:
    """Return the facts that meet the wish, in order; none when it changes nothing.

    Raises: Refused, when the wish cannot be met; nothing is changed then.
    """
    match command:
        case c.RecordOutcomes():
            return runs.record_outcomes(timetable, command, now)
        case c.Tick():
            return tick(timetable, command, now, known)
        case c.StartRun():
            return due.start_run(timetable, command, now, code=known.code)
        case c.EraseContent():
            return erase_content(timetable, command, known.has_content)
        case c.SettleRun():
            return runs.settle_run(timetable, command, now)
        case c.RecordStep():
            return runs.record_step(timetable, command)
        case c.CallService():
            return runs.call_service(timetable, command, now)
        case c.CancelRun() | c.RetryRun() | c.ResolveRun() | c.ReplayRun():
            return decide_run(timetable, command, now)
        case c.RequestBackfill() | c.PauseBackfill() | c.ResumeBackfill() | c.CancelBackfill():
            return decide_backfill(timetable, command, known)
        case (
            c.PauseSystem()
            | c.ResumeSystem()
            | c.AcceptClock()
            | c.NoteBackup()
            | c.NoteRestore()
            | c.StartSystem()
            | c.StopSystem()
            | c.NoteClockJump()
            | c.NoteSettings()
            | c.NoteServices()
        ):
            return decide_system(timetable, command, now)
        case _:
            return decide_job(timetable, command, now, known.taken)


JobCommand = (
    c.DefineJob
    | c.ReviseJob
    | c.RenameJob
    | c.PauseJob
    | c.ResumeJob
    | c.RemoveJob
    | c.TriggerJob
    | c.SkipNextFire
    | c.RestoreNextFire
)
RunCommand = c.CancelRun | c.RetryRun | c.ResolveRun | c.ReplayRun
BackfillCommand = c.RequestBackfill | c.PauseBackfill | c.ResumeBackfill | c.CancelBackfill
SystemCommand = (
    c.PauseSystem
    | c.ResumeSystem
    | c.AcceptClock
    | c.NoteBackup
    | c.NoteRestore
    | c.StartSystem
    | c.StopSystem
    | c.NoteClockJump
    | c.NoteSettings
    | c.NoteServices
)


def decide_job(
    timetable: Timetable, command: JobCommand, now: datetime, taken: Taken
) -> list[Fact]:
    """Answer a wish about a job."""
    match command:
        case c.DefineJob():
            return lifecycle.define_job(timetable, command, now, taken=taken)
        case c.ReviseJob():
            return lifecycle.revise_job(timetable, command, now, taken=taken)
        case c.RenameJob():
            return lifecycle.rename_job(timetable, command)
        case c.PauseJob():
            return pauses.pause_job(timetable, command, now, taken=taken)
        case c.ResumeJob():
            return pauses.resume_job(timetable, command, now, taken=taken)
        case c.RemoveJob():
            return lifecycle.remove_job(timetable, command, now, taken=taken)
        case c.TriggerJob():
            return lifecycle.trigger_job(timetable, command, now)
        case c.SkipNextFire():
            return skip_next(timetable, command, now)
        case c.RestoreNextFire():
            return restore_next(timetable, command, now)
        case _:
            assert_never(command)


def decide_run(timetable: Timetable, command: RunCommand, now: datetime) -> list[Fact]:
    """Answer a person's wish about a run."""
    match command:
        case c.CancelRun():
            return runs.cancel_run(timetable, command)
        case c.RetryRun():
            return runs.retry_run(timetable, command, now)
        case c.ResolveRun():
            return runs.resolve_run(timetable, command, now)
        case c.ReplayRun():
            return replay_run(timetable, command, now)
        case _:
            assert_never(command)


def decide_backfill(timetable: Timetable, command: BackfillCommand, known: Known) -> list[Fact]:
    """Answer a wish about a backfill."""
    match command:
        case c.RequestBackfill():
            return request_backfill(timetable, command, known.job_events)
        case c.PauseBackfill():
            return backfill.pause_backfill(timetable, command)
        case c.ResumeBackfill():
            return backfill.resume_backfill(timetable, command)
        case c.CancelBackfill():
            return backfill.cancel_backfill(timetable, command.backfill)
        case _:
            assert_never(command)


def decide_system(timetable: Timetable, command: SystemCommand, now: datetime) -> list[Fact]:
    """Answer a wish about the whole."""
    system = timetable.system
    match command:
        case c.PauseSystem():
            return pauses.pause_system(timetable, command, now)
        case c.ResumeSystem():
            return pauses.resume_system(timetable, command, now)
        case c.AcceptClock():
            is_ahead = any(job.cursor > now for job in timetable.jobs.values())
            return [Fact(SYSTEM, e.ClockAccepted(at=now))] if is_ahead else []
        case c.StartSystem(host=host, pid=pid, versions=versions):
            started = e.SystemStarted(epoch=system.epoch + 1, host=host, pid=pid, versions=versions)
            return [Fact(SYSTEM, started)]
        case c.StopSystem():
            return [Fact(SYSTEM, e.SystemStopped(epoch=system.epoch))]
        case c.NoteClockJump(by_s=by_s, was=was):
            showed = was + timedelta(seconds=by_s)
            return [Fact(SYSTEM, e.ClockJumped(by_s=by_s, was=was, now=showed))]
        case c.NoteBackup(position=position, hash=digest, file=file):
            return [Fact(SYSTEM, e.BackupTaken(position=position, hash=digest, file=file))]
        case c.NoteRestore(file=file):
            return [Fact(SYSTEM, e.LogRestored(position=timetable.position, file=file))]
        case c.NoteSettings():
            return [Fact(SYSTEM, settings_loaded(command))]
        case c.NoteServices():
            return [Fact(SYSTEM, services_loaded(command))]
        case _:
            assert_never(command)


def settings_loaded(command: c.NoteSettings) -> e.SettingsLoaded:
    """Return the event of these settings, as much of it as one event holds."""
    connections = tuple(sorted(command.connections, key=lambda one: one.name))
    return e.SettingsLoaded(
        digest=command.digest,
        connections=connections[:CONNECTIONS_PER_EVENT_MAX],
        count=len(connections),
    )


def services_loaded(command: c.NoteServices) -> e.ServicesLoaded:
    """Return the event of these services, as much of it as one event holds."""
    first = sorted(command.services.items())[:SERVICES_PER_EVENT_MAX]
    shown = command.failures[:FAILURES_PER_EVENT_MAX]
    return e.ServicesLoaded(
        services=dict(first),
        count=len(command.services),
        failures=tuple(failure[:FAILURE_CHARS_MAX] for failure in shown),
        failed=len(command.failures),
    )


def tick(timetable: Timetable, command: c.Tick, now: datetime, known: Known) -> list[Fact]:
    """Answer what time has brought, one stage at a time: the caller folds and asks again.

    Starts come before plans, so that planning a great number of fires holds up no run; backfills
    come last.
    """
    return (
        due.end_pauses(timetable, now)
        or due.expire(timetable, now)
        or due.start_ready(
            timetable,
            now,
            slots=command.slots,
            key_limits=command.key_limits,
            epoch=command.epoch,
            code=known.code,
        )
        or due.plan_due(timetable, now, taken=known.taken)
        or backfill.advance(timetable, now, known.last_run)
    )
