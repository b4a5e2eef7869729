"""`why JOB TIME`: whether that occurrence ran, was skipped or is none, with the events it cites.

The answer is one sentence and the events it rests on, by position: anyone may look them up with
`log show`. Where they are found is `occurrence`'s matter.
"""

from collections.abc import Sequence
from datetime import datetime

import click

from scheduler.executor.owner import OwnerRecord
from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.excluded import is_excluded
from scheduler.model.jobs import JobId
from scheduler.model.missing_zones import zone_missed_by
from scheduler.model.sentence import sentence
from scheduler.model.streams import compact
from scheduler.model.written import format_duration, format_instant
from scheduler.rules.run_state import RunState
from tools.cli.call import Call, pass_call
from tools.cli.occurrence import Found, find
from tools.cli.options import prints
from tools.cli.output import Record, Shape, show_record
from tools.cli.reading import job_of, reading
from tools.cli.skip_words import REASONS, excluded_words
from tools.cli.state_words import failure_words, until_words

FIELDS = (
    "job",
    "job_id",
    "time",
    "verdict",
    "sentence",
    "run",
    "runs",
    "status",
    "attempts",
    "error",
    "reason",
    "window",
    "before",
    "after",
    "positions",
)
SHAPE = Shape(FIELDS, ("sentence",))


@prints("why")
@click.argument("job")
@click.argument("time")
@pass_call
def why(call: Call, /, *, job: str, time: str) -> None:
    """Say what became of one fire time of a job, and why."""
    with reading(call) as opened:
        row = job_of(opened, job)
        at = call.instant(time, option="TIME")
        found = find(opened.log, JobId(row.job_id), at)
        told = verdict_sentence(call, row.name, at, found, opened.owner)
    record: Record = {
        "job": row.name,
        "job_id": row.job_id,
        "time": compact(at),
        "verdict": found.verdict,
        "sentence": told,
        "run": found.run.run if found.run else None,
        "runs": [run_record(run, found.cited) for run in found.runs],
        "status": found.run.status if found.run else None,
        "attempts": found.run.attempt if found.run else None,
        "error": error_of(found.cited, found.run),
        "reason": found.skip.reason if found.skip else None,
        "window": window_of(found),
        "before": found.before,
        "after": found.after,
        "positions": [recorded.position for recorded in found.cited],
    }
    show_record(call, SHAPE, record, [told, *(line_of(call, one) for one in found.cited)])


def verdict_sentence(
    call: Call, name: str, at: datetime, found: Found, owner: OwnerRecord | None
) -> str:
    """Return the answer in words."""
    when = f"{name} at {format_instant(at, call.zone)}"
    match found.verdict:
        case "run" if found.skip is not None:
            since = runs_words(call, found)
            return f"{when} was skipped: {skip_words(call, at, found)}; since then: {since}"
        case "run":
            return f"{when}: {runs_words(call, found)}"
        case "skipped":
            return f"{when} was skipped: {skip_words(call, at, found)}"
        case "removed":
            return f"{when} did not run: the job was removed before it was decided"
        case "exhausted":
            return f"{when} did not run: the job had its last run or fire time before"
        case "before-definition":
            return f"{when} did not run: the job did not exist yet{neighbours(call, found)}"
        case "no-fire-time":
            words = sentence(found.definition.schedule, zone=call.zone)
            return f"{when} is no fire time: the job fires {words}{neighbours(call, found)}"
        case "no-zone":
            zone = zone_missed_by(found.definition)
            return f'{when} cannot be told: this machine has no time zone "{zone}"'
        case "not-decided":
            return f"{when} is not decided yet: {undecided_words(call, at, found, owner)}"


def runs_words(call: Call, found: Found) -> str:
    """Return how the runs of the occurrence stand, the first one first."""
    words = [run_words(call, run, error_of(found.cited, run)) for run in found.runs]
    told = [f"{told}{asker_words(run)}" for told, run in zip(words, found.runs, strict=True)]
    return "; then ".join(told)


def asker_words(run: RunState) -> str:
    """Return who asked for a run that the schedule did not."""
    if run.cause == "backfill":
        return f", for backfill {run.backfill}"
    return ", asked for by a person" if run.cause == "rerun" else ""


def run_words(call: Call, run: RunState, error: str | None) -> str:
    """Return how a run of the occurrence stands."""
    attempts = f"on attempt {run.attempt}" if run.attempt else "before a first attempt"
    words = {
        "waiting": f"run {run.run} is planned and waits to be started",
        "running": f"run {run.run} is running, attempt {run.attempt}",
        "retrying": f"run {run.run} is tried again at {format_instant(run.start_at, call.zone)}",
        "abandoned": f"run {run.run} was given up, but its thread still runs",
        "held": f"run {run.run} waits for a person: horolog run resolve {run.run}",
        "succeeded": f"ran; run {run.run} succeeded {attempts}",
        "failed": f"ran; run {run.run} failed {attempts}",
        "expired": f"run {run.run} expired: no attempt had started by its start deadline",
        "cancelled": f"run {run.run} was cancelled {attempts}",
    }[run.status]
    if run.status == "waiting":
        words += turn_words(run)
        if run.due_time > call.now:
            words = f"run {run.run} starts at {format_instant(run.due_time, call.zone)} (jitter)"
    if run.successor is not None:
        words += f"; run {run.successor} takes its place (overlap = cancel)"
    return f"{words} ({error})" if error and run.status in {"failed", "held", "retrying"} else words


def turn_words(run: RunState) -> str:
    """Return which policies may have a run that is due wait for its turn."""
    definition = run.definition
    queue = ["overlap = queue"] if definition.overlap == "queue" and run.is_live else []
    key = definition.concurrency_key
    keys = [] if key is None else [f"concurrency_key = {key}"]
    return f" ({', '.join([*queue, *keys])})" if queue or keys else ""


def run_record(run: RunState, cited: Sequence[Recorded]) -> Record:
    """Return a run of the occurrence as scripts read it."""
    return {
        "run": run.run,
        "number": run.number,
        "cause": run.cause,
        "backfill": run.backfill,
        "status": run.status,
        "attempts": run.attempt,
        "error": error_of(cited, run),
    }


def skip_words(call: Call, at: datetime, found: Found) -> str:
    """Return why the occurrence was skipped, and with how many others."""
    skip = found.skip
    if skip is None:
        return "no reason was found"
    words = REASONS[skip.reason]
    if skip.reason == "excluded":
        words = excluded_words(found.definition.exclude, at)
    words += because_words(call, found.cited)
    if skip.count > 1:
        after, until = format_instant(skip.after, call.zone), format_instant(skip.until, call.zone)
        words += f"; one of {skip.count:,} after {after} up to {until}"
    if found.stand_in is not None and found.stand_in.fire_time is not None:
        words += f"; run {found.stand_in.run} of "
        words += f"{format_instant(found.stand_in.fire_time, call.zone)} stands for it"
    return words


def because_words(call: Call, cited: Sequence[Recorded]) -> str:
    """Return who did what led to a skip, and why."""
    for recorded in cited:
        match recorded.event:
            case e.JobPaused(failures=failures) if failures:
                return f", which came {failure_words(failures)}"
            case e.JobPaused() | e.SystemPaused() | e.LogRestored() | e.NextFireSkipped():
                meta = recorded.meta
                reason = f" ({meta.reason})" if meta and meta.reason else ""
                when = format_instant(recorded.recorded_at, call.zone)
                return f", by {meta.actor} at {when}{reason}" if meta and meta.actor else ""
            case _:
                continue
    return ""


def undecided_words(call: Call, at: datetime, found: Found, owner: OwnerRecord | None) -> str:
    """Return what an undecided fire time waits for."""
    kept = kept_words(call, at, found)
    if at > call.now:
        comes = f"it comes in {format_duration(at - call.now.replace(microsecond=0))}"
        return f"{comes}, but {kept}" if kept else comes
    if kept:
        return kept
    if owner is None:
        return "nobody serves this log; nothing fires until `horolog serve` runs"
    return "it is being decided now"


def kept_words(call: Call, at: datetime, found: Found) -> str:
    """Return what keeps a fire time from running; nothing when nothing does."""
    if is_excluded(found.definition.exclude, at):
        return excluded_words(found.definition.exclude, at)
    pauses = (e.JobPaused, e.SystemPaused, e.LogRestored)
    for recorded in found.cited:
        event = recorded.event
        if isinstance(event, e.NextFireSkipped):
            return f"it is to be passed over (job skip-next){because_words(call, [recorded])}"
        if isinstance(event, pauses):
            who = "the job" if isinstance(event, e.JobPaused) else "everything"
            end = None if isinstance(event, e.LogRestored) else event.until
            if end is None:
                return f"{who} is paused"
            if end >= at and not isinstance(event, e.LogRestored):
                return f"{who} is paused {until_words(call, end, event.missed)}"
    return ""


def neighbours(call: Call, found: Found) -> str:
    """Return the fire times around an instant that is none."""
    parts = []
    if found.before is not None:
        parts.append(f"the one before is {format_instant(found.before, call.zone)}")
    if found.after is not None:
        parts.append(f"the next is {format_instant(found.after, call.zone)}")
    return f"; {', '.join(parts)}" if parts else ""


def window_of(found: Found) -> dict[str, object] | None:
    """Return the window of the skip as scripts read it."""
    skip = found.skip
    if skip is None:
        return None
    return {"after": compact(skip.after), "until": compact(skip.until), "count": skip.count}


def error_of(cited: Sequence[Recorded], run: RunState | None) -> str | None:
    """Return the last error that the events tell of a run."""
    found = None
    for recorded in cited:
        event = recorded.event
        if run is None or not isinstance(event, e.RunEvent) or event.run != run.run:
            continue
        match event:
            case e.AttemptFailed(error=error) | e.RunFailed(error=error):
                found = error
            case e.RunHeld(reason=reason):
                found = reason
            case e.RunSucceeded() | e.RunReopened():
                found = None
            case _:
                continue
    return found


def line_of(call: Call, recorded: Recorded) -> str:
    """Return an event that is cited, on one line."""
    actor = f" by {recorded.meta.actor}" if recorded.meta else ""
    kind = str(recorded.event.__struct_config__.tag)
    return (
        f"  {recorded.position}  {format_instant(recorded.recorded_at, call.zone)}  "
        f"{kind}{detail_of(recorded.event)}{actor}"
    )


def detail_of(event: e.AnyEvent) -> str:
    """Return what of an event matters to someone who asks why."""
    match event:
        case e.RunPlanned(cause=cause):
            return f" ({cause})"
        case e.AttemptStarted(attempt=attempt):
            return f" {attempt}"
        case e.AttemptFailed(attempt=attempt, kind=kind, error=error):
            return f" {attempt} ({kind}: {error})"
        case e.RunFailed(kind=kind, error=error):
            return f" ({kind}: {error})"
        case e.AttemptInterrupted(attempt=attempt, reason=reason):
            return f" {attempt} ({reason})"
        case e.FiresSkipped(reason=reason, count=count):
            return f" ({reason}, {count:,})"
        case e.RunHeld(reason=reason) | e.JobExhausted(reason=reason):
            return f" ({reason})"
        case e.JobPaused(failures=failures) if failures:
            return f" ({failure_words(failures)})"
        case e.JobRevised(revision=revision):
            return f" (revision {revision})"
        case _:
            return ""
