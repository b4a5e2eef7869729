"""`run start` and `cancel`: runs that a person asks for, and ends.

`run start --wait` follows the run's own stream in the log until it has ended; the exit code says
how.
"""

from datetime import timedelta

import click

from scheduler.log.contract import Log, Recorded
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Contents, Payload
from scheduler.model.errors import BadInput, Unreachable
from scheduler.model.jobs import JobId, RunId
from scheduler.model.plain_inputs import read_input
from scheduler.model.streams import call_stream
from scheduler.model.written import parse_duration
from tools.cli.asking import RUN_FIELDS, answer, ask, serving_notes
from tools.cli.call import Call, pass_call
from tools.cli.endings import Ending, ending_of, told_ending
from tools.cli.inputs import input_options, input_text
from tools.cli.options import writes
from tools.cli.output import note
from tools.cli.reading import durations_of, is_served, job_named, job_to_change, log_of, run_named
from tools.wishes import Told

EXIT_RUN_FAILED = 6
EXIT_TIMED_OUT = 7
BY_HAND = {"trigger", "call"}
WAIT_S_MAX = 1.0  # one wait for the log to grow; an interruption is noticed between two


@writes("start", "status", *RUN_FIELDS)
@click.argument("job")
@click.option("--wait", is_flag=True, help="Wait for its end; exit with 6 when it failed.")
@click.option(
    "--timeout", metavar="DURATION", help="With --wait: exit with 7 when it takes longer."
)
@pass_call
def start(
    call: Call,
    /,
    *,
    job: str,
    wait: bool,
    timeout: str | None,
    input: str | None,
    input_file: str | None,
) -> int:
    """Run a job now, outside its schedule.

    Its schedule is not shifted by this, and the run counts for nothing but itself.
    """
    if timeout is not None and not wait:
        raise BadInput.at("--timeout", "belongs to --wait.")
    patience = None if timeout is None else parse_duration(timeout, path="--timeout")
    row = job_to_change(call, job)
    if wait and not call.dry_run and not is_served(call):
        raise Unreachable(
            f"Nobody serves {call.settings.db}, so the run would not start. Serve it: horolog serve"
        )
    text = input_text(input, input_file)
    payload: Payload | None = None
    contents: Contents = {}
    if text is not None:
        payload, contents = read_input(text, "--input")
    command = c.TriggerJob(job=JobId(row.job_id), run=RunId(call.clock.new_id()), input=payload)
    told = ask(call, command, contents=contents)
    run = run_of(told, command.run)
    if wait and not call.dry_run:
        with log_of(call) as log:
            ending = ended(call, log, run, patience)
        status = "waiting" if ending is None else ending.status
        facts = {"run": run, "job": row.name, "job_id": row.job_id, "status": status}
        answer(call, told, [run], facts=facts)
        return waited(call, run, ending, row.job_id, timeout)
    facts = {"run": run, "job": row.name, "job_id": row.job_id, "status": "waiting"}
    answer(call, told, [] if call.dry_run else [run], facts=facts, notes=serving_notes(call))
    return 0


start.params[1:1] = input_options()


def run_of(told: Told, asked: RunId) -> RunId:
    """Return the run that answers: under a key that was seen before, the one of then."""
    for fact in told.facts:
        event = fact.event
        if isinstance(event, e.RunPlanned | e.ServiceCalled) and event.cause in BY_HAND:
            return event.run
    return asked


@writes("cancel", *RUN_FIELDS)
@click.argument("run")
@pass_call
def cancel(call: Call, /, *, run: str) -> None:
    """End an open or held run.

    One that is running is asked to end, then killed; one that succeeds all the same has succeeded.
    """
    row = run_named(call, run)
    told = ask(call, c.CancelRun(run=RunId(row.run)), stream=row.stream)
    kinds = {fact.type for fact in told.facts}
    line = f"Run {row.run} was asked to end before."
    if "run-cancelled" in kinds:
        line = f"Run {row.run} is cancelled."
    elif kinds:
        line = f"Run {row.run} is asked to end."
    answer(call, told, [line], facts={"run": row.run, "job": row.job, "job_id": row.job_id})


def ended(call: Call, log: Log, run: RunId, patience: timedelta | None) -> Ending | None:
    """Wait until a run asked for by hand has ended or is held; None when `patience` is over."""
    began_ns = call.clock.monotonic_ns()
    while True:
        head = log.head().position
        stream: list[Recorded] = log.read(stream=call_stream(run))
        ending = ending_of(stream, run)
        if ending is not None:
            return ending
        wait_s = WAIT_S_MAX
        if patience is not None:
            gone_s = (call.clock.monotonic_ns() - began_ns) / 1e9
            wait_s = min(wait_s, patience.total_seconds() - gone_s)
            if wait_s <= 0:
                return None
        log.wait(head, wait_s)


def waited(call: Call, run: RunId, ending: Ending | None, job_id: str, timeout: str | None) -> int:
    """Say how the run ended that was waited for, and return the exit code."""
    if ending is None:
        note(f"Run {run} had not ended after {timeout}; it goes on. See: horolog run show {run}")
        return EXIT_TIMED_OUT
    definition = job_named(call, job_id).definition
    note(told_ending(run, ending, definition, durations_of(call, job_id)))
    return 0 if ending.status == "succeeded" else EXIT_RUN_FAILED
