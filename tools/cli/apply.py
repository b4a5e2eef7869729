"""`apply FILE`: jobs as a file declares them; the plan is shown, then carried out.

Each job is stored for itself: the call is repeatable, not atomic, and says so. What is wrong in the
file, or names a service that nobody defines, is refused before anything is stored.
"""

import gc
import sys
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import click

from projections import read_jobs
from scheduler.model.callbacks import job_called_by
from scheduler.model.commands import AnyCommand, DefineJob, RemoveJob
from scheduler.model.errors import BadInput, HorologError, Problem
from scheduler.model.jobs import JobId
from scheduler.model.limits import MANIFEST_BYTES_MAX, SHOWN_ROWS_MAX
from tools.admission import called_by
from tools.app import open_wishes
from tools.cli.asking import confirmed, serving_notes
from tools.cli.call import Call, pass_call
from tools.cli.definitions import differing
from tools.cli.harmless import json_text, safe
from tools.cli.options import writes
from tools.cli.output import Record, Shape, note, say, show_rows
from tools.cli.reading import paged, reading
from tools.manifest import Manifest, Step, plan, read_manifest
from tools.wishes import Told, Wish, Wishes

STEPS = Shape(("action", "job", "job_id", "changes", "error", "events"), ("action", "job"))
SIGNS = {"add": "+", "edit": "~", "remove": "-", "unchanged": "="}


@writes("apply", *STEPS.fields)
@click.argument("file")
@click.option("--prune", is_flag=True, help="Remove what this file added and no longer declares.")
@click.option("--unchecked", is_flag=True, help="Let unknown services pass.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask back before removing, at a terminal.")
@pass_call
def apply(call: Call, /, *, file: str, prune: bool, unchecked: bool, yes: bool) -> int:
    """Make the jobs be as a file declares them.

    Each job is stored for itself: not atomic, but repeatable. FILE is TOML, - is stdin.
    """
    gc.disable()  # what is made here lives to the end: looking for garbage in it takes a quarter
    manifest = manifest_of(call, file)
    with reading(call) as opened:
        rows = list(
            paged(
                lambda after, size: read_jobs.jobs(opened.views, after=after, limit=size),
                lambda row: row.key,
                SHOWN_ROWS_MAX,
            )
        )
        content = opened.log.content
        steps = list(plan(manifest, rows, content=content, now=call.now, prune=prune))
    removed = sum(step.action == "remove" for step in steps)
    if removed and not (yes or call.dry_run or confirmed(f"Remove {removed:,} jobs for good?")):
        return 1
    wanted = [step for step in steps if step.action != "unchanged"]
    answers = carried_out(call, wanted, unchecked=unchecked)
    if call.form.kind == "people":
        tell(call, steps, answers)
    else:
        show_rows(call, STEPS, (record_of(step, answers.get(step.name)) for step in steps))
    failures = [answer for answer in answers.values() if isinstance(answer, HorologError)]
    return failures[0].exit_code if failures else 0


def manifest_of(call: Call, file: str) -> Manifest:
    """Return what a file declares."""
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(MANIFEST_BYTES_MAX + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(MANIFEST_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput.at("FILE", f"{safe(file)}: {reason}.") from None
    return read_manifest(raw, source=file, now=call.now, timezone=call.settings.timezone)


def carried_out(
    call: Call, steps: Sequence[Step], *, unchecked: bool
) -> dict[str, Told | HorologError]:
    """Send a wish for each step and return the answers by the jobs' names."""
    if not steps:
        return {}
    wishes = [wish_of(call, step, unchecked=unchecked) for step in steps]
    with open_wishes(call.settings, clock=call.clock) as asked:
        if not (unchecked or call.dry_run):
            refuse_unknown_services(asked, steps, wishes)
        answers = asked.ask_all(wishes)
    added = {step.name for step in steps if step.action == "add"} if call.dry_run else set()
    return {
        step.name: answer
        for step, answer in zip(steps, answers, strict=True)
        if not is_too_early(step, answer, added)
    }


def is_too_early(step: Step, answer: Told | HorologError, added: set[str]) -> bool:
    """Return whether a dry run was refused only since jobs to be `added` are not there to call."""
    if step.after is None or not isinstance(answer, BadInput):
        return False
    callbacks = {"$.on_success": step.after.on_success, "$.on_failure": step.after.on_failure}
    missing = {path for path, callback in callbacks.items() if job_called_by(callback) in added}
    return all(problem.path in missing for problem in answer.problems)


def wish_of(call: Call, step: Step, *, unchecked: bool) -> Wish:
    """Return the wish that carries out a step."""
    command: AnyCommand
    if step.after is None:
        command = RemoveJob(job=step.job or JobId(""))
    else:
        command = DefineJob(
            job=JobId(call.clock.new_id()), definition=step.after, if_past="skip", replace=True
        )
    return Wish(
        command=command,
        contents=step.contents,
        reason=call.why(),
        on_behalf_of=call.actor,
        unchecked=unchecked,
        dry_run=call.dry_run,
    )


def refuse_unknown_services(asked: Wishes, steps: Sequence[Step], wishes: Sequence[Wish]) -> None:
    """Refuse the whole file when a service it names is unknown; one job of each is tried dry."""
    from msgspec.structs import replace

    first: dict[str, int] = {}
    for place, step in enumerate(steps):
        for service in services_of(step).values():
            first.setdefault(service, place)
    places = sorted(set(first.values()))
    answers = asked.ask_all([replace(wishes[place], dry_run=True) for place in places])
    problems = [
        Problem(f"jobs.{steps[place].name}{problem.path[1:]}", problem.message, problem.hint)
        for place, answer in zip(places, answers, strict=True)
        if isinstance(answer, BadInput)
        for problem in answer.problems
        if problem.path in services_of(steps[place])
    ]
    if problems:
        raise BadInput(*problems)


def services_of(step: Step) -> dict[str, str]:
    """Return the services that a step's job will call, by the path of the field that names each."""
    return {} if step.after is None else called_by(step.after)


def record_of(step: Step, answer: Told | HorologError | None) -> Record:
    """Return a step and what came of it as scripts read it."""
    events = answer.facts if isinstance(answer, Told) else ()
    return {
        "action": step.action,
        "job": step.name,
        "job_id": step.job,
        "changes": changes_of(step),
        "error": str(answer) if isinstance(answer, HorologError) else None,
        "events": [{"stream": one.stream, "type": one.type, "body": one.body} for one in events],
    }


def changes_of(step: Step) -> dict[str, tuple[object, object]]:
    """Return the fields that a step changes, as they were and as they will be."""
    if step.action != "edit" or step.before is None or step.after is None:
        return {}
    return differing(step.before, step.after)


def tell(call: Call, steps: Sequence[Step], answers: dict[str, Told | HorologError]) -> None:
    """Print the plan for people, then what came of it: only what was done counts as done."""
    failures = {n: a for n, a in answers.items() if isinstance(a, HorologError)}
    for line in plan_lines(steps, failures):
        say(safe(line))
    counts = {
        action: sum(step.action == action and step.name not in failures for step in steps)
        for action in SIGNS
    }
    done = "would be " if call.dry_run else ""
    failed = f", {len(failures):,} {'would fail' if call.dry_run else 'failed'}" if failures else ""
    say(
        f"{counts['add']:,} {done}added, {counts['edit']:,} {done}edited, "
        f"{counts['remove']:,} {done}removed, {counts['unchanged']:,} unchanged{failed}."
    )
    for name, error in failures.items():
        note(f"{name}: {error}")
    if call.dry_run:
        note("Nothing was stored.")
        return
    if failures:
        others = "the others are stored" if len(failures) < len(answers) else "nothing was stored"
        note(
            f"{len(failures):,} of {len(answers):,} failed; {others}. "
            "Each job is stored for itself: mend what is wrong and apply the file again"
        )
    for text in serving_notes(call):
        note(text)


def plan_lines(steps: Sequence[Step], failures: Container[str]) -> Iterator[str]:
    """Yield a line for each step that changes something, and one for each field of an edit."""
    for step in steps:
        if step.action == "unchanged":
            continue
        failed = " (failed)" if step.name in failures else ""
        yield f"{SIGNS[step.action]} {step.action} {step.name}{failed}"
        for field, (was, now) in changes_of(step).items():
            yield f"    {field}: {json_text(was)} → {json_text(now)}"
