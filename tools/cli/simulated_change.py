"""`simulate --change`: what an edit would make of a job's runs, told beside the job as it stands.

The flags are those of `job edit` and mean what they mean there: the same rule decides, as if the
edit were made when the job begins to exist.
"""

import shlex
from collections.abc import Iterator

import click

from scheduler.model.errors import BadInput
from scheduler.model.jobs import Definition
from scheduler.model.limits import SIMULATED_SKIPS_MAX
from scheduler.model.plain import read_changes
from scheduler.model.written import format_instant
from tools.cli.call import Call
from tools.cli.definitions import (
    differing,
    fields_given,
    if_past_given,
    told_as_typed,
    zone_given,
)
from tools.cli.harmless import json_text
from tools.cli.inputs import input_options
from tools.cli.output import Record, Shape, note, show_record
from tools.cli.policies import policy_options
from tools.cli.schedule_flags import schedule_options
from tools.comparison import Comparison, compare
from tools.simulation import Case, Simulated, revised

CHANGE_FIELDS = (
    "job",
    "changes",
    "added",
    "removed",
    "moved",
    "added_count",
    "removed_count",
    "moved_count",
    "peak_before",
    "peak_after",
)
TAKES = (
    "It takes the flags of job edit for schedule, input and policies, not --service, --no-input or"
    " callbacks. See: horolog job edit --help"
)
CHANGE_SHAPE = Shape(CHANGE_FIELDS, ("job",))


def changed_case(call: Call, case: Case, flags: str) -> Case:
    """Return the case with its job as `job edit` would leave it under these flags."""
    (planned,) = case.jobs
    try:
        words = shlex.split(flags)
    except ValueError as error:
        raise BadInput.at("--change", f"{error}.") from None
    params: list[click.Parameter] = [*schedule_options(), *input_options(), *policy_options()]
    try:
        command = click.Command("change", params=params, add_help_option=False)
        context = command.make_context("--change", words)
    except click.UsageError as wrong:
        message = " ".join(wrong.format_message().split())
        raise BadInput.at("--change", message, TAKES) from None
    given = context.params
    changes = fields_given(call, given)
    for field in ("on_success", "on_failure"):
        if field in changes:
            raise BadInput.at("--change", f"got {field}, which is not simulated.", TAKES)
    if not changes and if_past_given(given) == "refuse":
        raise BadInput.at("--change", "changes nothing.", "As in --change '--overlap allow'")
    with told_as_typed(call, given):
        after, _ = read_changes(
            planned.definition, changes, now=call.now, timezone=zone_given(call, given)
        )
        return revised(case, after, if_past_given(given))


def tell_change(
    call: Call, was: Definition, becomes: Definition, before: Simulated, after: Simulated
) -> None:
    """Print what a change adds, removes and moves."""
    found = compare(before, after)
    changes = differing(was, becomes)
    record: Record = {
        "job": was.name,
        "changes": changes,
        "added": [
            {"fire_time": one.fire_time, "reason": one.reason}
            for one in found.added[:SIMULATED_SKIPS_MAX]
        ],
        "removed": [
            {"fire_time": one.fire_time, "reason": one.reason}
            for one in found.removed[:SIMULATED_SKIPS_MAX]
        ],
        "moved": [
            {"before": one.before, "after": one.after} for one in found.moved[:SIMULATED_SKIPS_MAX]
        ],
        "added_count": len(found.added),
        "removed_count": len(found.removed),
        "moved_count": len(found.moved),
        "peak_before": before.peak,
        "peak_after": after.peak,
    }
    shown = [
        f"{field}: {json_text(old)} → {json_text(new)}" for field, (old, new) in changes.items()
    ]
    show_record(call, CHANGE_SHAPE, record, [*shown, *change_lines(call, found)])
    if call.form.kind == "people":
        note(
            f"{len(found.added):,} added, {len(found.removed):,} removed, "
            f"{len(found.moved):,} moved; at most {after.peak:,} at once (now {before.peak:,})."
        )


def change_lines(call: Call, found: Comparison) -> Iterator[str]:
    """Yield a line for each fire time that changes, in their order."""
    lines = [
        *(
            (one.fire_time, "+", f" (now skipped: {one.reason})" if one.reason else "")
            for one in found.added
        ),
        *(
            (one.fire_time, "-", f" (skipped: {one.reason})" if one.reason else "")
            for one in found.removed
        ),
        *((one.before, "~", f" → {format_instant(one.after, call.zone)}") for one in found.moved),
    ]
    lines.sort()
    for at, sign, text in lines[:SIMULATED_SKIPS_MAX]:
        yield f"{sign} {format_instant(at, call.zone)}{text}"
