"""`simulate`: what would become of each fire time of a stretch, by the real rules and no clock.

Jobs come from a file for `apply` or from the log; outages, lengths and failures of runs are said.
With `--change`, the same stretch is gone through twice, as the job stands and as an edit would make
it, and what differs is told. Nothing is written. What is reckoned is `tools.simulation`'s.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
from msgspec.structs import replace

from projections import read_jobs
from projections.rows import JobRow, SystemRow
from scheduler.model.callbacks import job_called_by
from scheduler.model.errors import BadInput, NotFound, Problem, Unreachable
from scheduler.model.firing import count_fires
from scheduler.model.jobs import EPOCH_AT, Definition, JobId, derived_id
from scheduler.model.limits import (
    MANIFEST_BYTES_MAX,
    OUTAGES_MAX,
    SIMULATED_FIRES_MAX,
    SIMULATED_SKIPS_MAX,
)
from scheduler.model.schedules import Manual
from scheduler.model.written import parse_duration
from scheduler.rules.lifecycle import anchored
from tools.cli.call import Call, pass_call
from tools.cli.lengths import counted
from tools.cli.options import prints
from tools.cli.output import Record, Shape, chosen_fields, note, show_rows
from tools.cli.reading import job_of, reading
from tools.cli.simulated_change import CHANGE_SHAPE, changed_case, tell_change
from tools.manifest import read_manifest
from tools.simulation import INSTANT, Case, Disposition, Outage, Planned, Simulated, simulated

FIELDS = ("job", "fire_time", "disposition", "reason", "decided_at", "started_at")
SHAPE = Shape(FIELDS, FIELDS)
DAY = timedelta(days=1)
OUTAGE = re.compile(r"(?P<begin>.+?)\.\.(?P<end>.+)")


@prints("simulate")
@click.option(
    "--job",
    "jobs",
    multiple=True,
    required=True,
    metavar="FILE|NAME",
    help="A file for apply, or a job of the log: the job where both are, but for a .toml; may be"
    " repeated.",
)
@click.option(
    "--from", "begin", metavar="INSTANT", help="Fire times from here on, inclusive; else now."
)
@click.option("--until", metavar="INSTANT", help="... up to here, exclusive; else a day later.")
@click.option(
    "--down",
    "outages",
    multiple=True,
    metavar="FROM..TO",
    help="Nobody is there: what runs is lost, what is due waits. May be repeated.",
)
@click.option("--run-time", metavar="DURATION", help="How long each attempt takes; else no time.")
@click.option(
    "--fail",
    "failing",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="The first N attempts of each run fail.",
)
@click.option(
    "--created",
    metavar="INSTANT",
    help="When the jobs begin to exist; else just before the first instant asked for.",
)
@click.option(
    "--change",
    metavar="FLAGS",
    help="Flags of job edit, in quotes: tell what that would change.",
)
@pass_call
def simulate(
    call: Call,
    /,
    *,
    jobs: tuple[str, ...],
    begin: str | None,
    until: str | None,
    outages: tuple[str, ...],
    run_time: str | None,
    failing: int,
    created: str | None,
    change: str | None,
) -> None:
    """Say what would become of each fire time, and write nothing.

    The rules are the real ones; time, outages and runs are made up.
    """
    chosen_fields(call.form.fields, SHAPE if change is None else CHANGE_SHAPE)
    case = case_typed(
        call,
        begin=begin,
        until=until,
        outages=outages,
        run_time=run_time,
        created=created,
    )
    case = replace(case, failing=failing, jobs=jobs_named(call, jobs, case))
    refuse_too_much(case)
    if change is None:
        tell(call, simulated(case))
        return
    if len(case.jobs) != 1:
        raise BadInput.at("--change", f"is for one job; --job names {len(case.jobs)}.")
    changed = changed_case(call, case, change)
    refuse_too_much(changed)
    before, after = simulated(case), simulated(changed)
    tell_change(call, case.jobs[0].definition, changed.jobs[0].definition, before, after)


# -- what was typed


def case_typed(
    call: Call,
    *,
    begin: str | None,
    until: str | None,
    outages: Sequence[str],
    run_time: str | None,
    created: str | None,
) -> Case:
    """Return the case without its jobs. Raises: BadInput, with every option that is wrong."""
    problems: list[Problem] = []

    def instant(text: str | None, option: str, otherwise: datetime) -> datetime:
        if text is None:
            return otherwise
        try:
            return call.instant(text, option=option)
        except BadInput as bad:
            problems.extend(bad.problems)
            return otherwise

    begin_at = instant(begin, "--from", call.now.replace(microsecond=0))
    end_at = instant(until, "--until", begin_at + DAY)
    created_at = instant(created, "--created", begin_at - INSTANT)
    down: list[Outage] = []
    for text in outages:
        found = OUTAGE.fullmatch(text)
        if found is None:
            hint = "As in --down 2026-03-01T10:00..2026-03-01T12:00"
            problems.append(Problem("--down", f"got {text!r} instead of FROM..TO.", hint))
            continue
        since, till = (instant(found[part], "--down", begin_at) for part in ("begin", "end"))
        down.append(Outage(since, till))
        if since >= till and not problems:
            problems.append(Problem("--down", f"{text} ends before it begins."))
    length = timedelta()
    if run_time is not None:
        try:
            length = parse_duration(run_time, path="--run-time")
        except BadInput as bad:
            problems += bad.problems
    if begin_at >= end_at and not problems:
        problems.append(Problem("--until", "is not later than --from."))
    if len(down) > OUTAGES_MAX:
        problems.append(Problem("--down", f"at most {OUTAGES_MAX:,} outages (OUTAGES_MAX)."))
    if problems:
        raise BadInput(*problems)
    return Case(
        jobs=(),
        created_at=created_at,
        begin_at=begin_at,
        until=end_at,
        outages=united(down),
        run_time=length,
        slots=call.settings.slots,
        key_limits=call.settings.concurrency,
    )


def united(outages: Sequence[Outage]) -> list[Outage]:
    """Return the outages in order, those that touch as one."""
    found: list[Outage] = []
    for outage in sorted(outages):
        if found and outage.begin_at <= found[-1].end_at:
            found[-1] = Outage(found[-1].begin_at, max(found[-1].end_at, outage.end_at))
        else:
            found.append(outage)
    return found


def jobs_named(call: Call, names: Sequence[str], case: Case) -> list[Planned]:
    """Return the jobs of files and of the log, none twice, as they are defined."""
    found: dict[str, Planned] = {}
    for name in names:
        for planned in _named(call, name, case):
            if planned.definition.name in found:
                raise BadInput.at("--job", f"names {planned.definition.name!r} twice.")
            found[planned.definition.name] = planned
    return [
        one._replace(definition=definition_alone(one.definition, found, case.created_at))
        for one in found.values()
    ]


def _named(call: Call, name: str, case: Case) -> list[Planned]:
    """Return the jobs of a file, or the job of the log: it comes first, but for a .toml."""
    if name.endswith(".toml"):
        return _of_file(call, name)
    try:
        row, whole = _found(call, name)
    except (NotFound, Unreachable):  # no such job, or no log
        if Path(name).is_file():
            return _of_file(call, name)
        raise
    if row.status == "removed" and Path(name).is_file():
        return _of_file(call, name)
    return [_of_log(call, row, whole, case)]


def _found(call: Call, name: str) -> tuple[JobRow, SystemRow | None]:
    with reading(call) as opened:
        return job_of(opened, name), read_jobs.system(opened.views)


def _of_file(call: Call, name: str) -> list[Planned]:
    try:
        with Path(name).open("rb") as opened:
            raw = opened.read(MANIFEST_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput.at("--job", f"{name}: {error.strerror}.") from None
    declared = read_manifest(raw, source=name, now=call.now, timezone=call.settings.timezone)
    if not declared.jobs:
        raise BadInput.at("--job", f"{name} declares no job.")
    return [
        Planned(JobId(derived_id(EPOCH_AT, one.definition.name)), one.definition)
        for one in declared.jobs
    ]


def _of_log(call: Call, row: JobRow, whole: SystemRow | None, case: Case) -> Planned:
    """Return a job with what the log knows of it, and say what is left out of that."""
    if row.status != "active":
        note(f"{row.name} is {row.status}; it is simulated as if it were not")
    if whole is not None and whole.paused_at is not None:
        note("Everything is paused; it is simulated as if it were not")
    counts = row.definition.max_runs is not None and row.planned > 0
    is_ahead = case.begin_at >= call.now.replace(microsecond=0)
    if counts and not (is_ahead and row.status in {"active", "paused"}):
        note(f"{row.name} has had {counted(row.planned, 'run')}; none counts towards max_runs here")
        counts = False
    return Planned(row.job_id, row.definition, row.planned if counts else 0, row.skipping)


def definition_alone(
    definition: Definition, others: dict[str, Planned], created_at: datetime
) -> Definition:
    """Return a definition that calls back nobody but the jobs simulated beside it, anchored."""
    kept = {
        field: callback
        for field in ("on_success", "on_failure")
        if job_called_by(callback := getattr(definition, field)) in others
    }
    alone = replace(
        definition, on_success=kept.get("on_success"), on_failure=kept.get("on_failure")
    )
    return anchored(alone, None, created_at)[0]


def refuse_too_much(case: Case) -> None:
    """Refuse more fire times than one simulation holds, counted before any is decided."""
    total = sum(
        count_fires(
            job.definition.schedule, after=case.begin_at - INSTANT, until=case.until - INSTANT
        )
        for job in case.jobs
        if not isinstance(job.definition.schedule, Manual)
    )
    if total > SIMULATED_FIRES_MAX:
        raise BadInput.at(
            "--until",
            f"would be {total:,} fire times; at most {SIMULATED_FIRES_MAX:,} at a time"
            " (SIMULATED_FIRES_MAX).",
            "Simulate a shorter time",
        )


# -- what is printed


def tell(call: Call, found: Simulated) -> None:
    """Print what became of each fire time."""
    show_rows(call, SHAPE, map(record_of, found.dispositions))
    if call.form.kind == "people":
        counts = Counter(one.reason or "run" for one in found.dispositions)
        ran = counts.pop("run", 0)
        skipped = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
        note(
            f"{ran:,} run{'' if ran == 1 else 's'}, {sum(counts.values()):,} skipped"
            f"{f' ({skipped})' if skipped else ''}; at most {found.peak:,} at once."
        )
    if found.unshown:
        note(
            f"{found.unshown:,} more skipped fire times are not listed: the first"
            f" {SIMULATED_SKIPS_MAX:,} of a window are (SIMULATED_SKIPS_MAX)"
        )
    for name in found.paused:
        note(f"{name} is paused at the end, after failed runs in a row (pause_after_failures)")


def record_of(one: Disposition) -> Record:
    """Return a disposition as scripts read it."""
    return {
        "job": one.job,
        "fire_time": one.fire_time,
        "disposition": one.disposition,
        "reason": one.reason,
        "decided_at": one.decided_at,
        "started_at": one.started_at,
    }
