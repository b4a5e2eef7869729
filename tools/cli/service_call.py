"""`service call` and `service try`: a service carried out now, recorded or without a log.

A call is a run without a job: asked of the server when there is one, else carried out by this very
process under the log's lock. Either way it is followed in the log to its end, and its result is
printed.
"""

from datetime import timedelta
from typing import get_args

import click

from scheduler.log.contract import Log
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Contents, Payload, text_of
from scheduler.model.errors import BadInput
from scheduler.model.invocations import Outcome
from scheduler.model.jobs import Isolation, RunId
from scheduler.model.plain_inputs import read_input
from scheduler.model.streams import call_stream
from scheduler.model.written import format_duration, parse_duration
from tools.app import Owning, open_wishes
from tools.cli.asking import answer
from tools.cli.call import Call, pass_call
from tools.cli.endings import Ending
from tools.cli.harmless import safe
from tools.cli.inputs import input_options, input_text
from tools.cli.lengths import spoken
from tools.cli.options import verb, writes
from tools.cli.output import note, say
from tools.cli.reading import log_of
from tools.cli.run import ended, run_of
from tools.wishes import Told

EXIT_BAD_INPUT = 2
EXIT_RUN_FAILED = 6
TIMEOUT_DEFAULT = timedelta(hours=1)
TRACEBACK = "Traceback (most recent call last):\n"
UNKNOWN_CONNECTION = "UnknownConnection: "  # how the error of one begins


def carrying_options() -> list[click.Option]:
    """Return new options of how a service is carried out."""
    return [
        *input_options(),
        click.Option(
            ["--timeout"],
            metavar="DURATION",
            default=format_duration(TIMEOUT_DEFAULT),
            show_default=True,
            help="How long it may take.",
        ),
        click.Option(
            ["--isolation"],
            type=click.Choice(get_args(Isolation)),
            default="thread",
            show_default=True,
            help="Where it runs.",
        ),
    ]


@writes("call")
@click.argument("name")
@pass_call
def call_service(
    call: Call,
    /,
    *,
    name: str,
    input: str | None,
    input_file: str | None,
    timeout: str,
    isolation: Isolation,
) -> int:
    """Call a service now, as a recorded run without a job.

    Waits for its end and prints its result; exits with 6 when it failed. While nobody serves the
    log it runs in this process, and nothing else does.
    """
    text = input_text(input, input_file)
    payload: Payload | None = None
    contents: Contents = {}
    if text is not None:
        payload, contents = read_input(text, "--input")
    command = c.CallService(
        run=RunId(call.clock.new_id()),
        service=name,
        input=payload,
        timeout=timeout_of(timeout),
        isolation=isolation,
    )
    told, run, patience = _called(call, command, contents)
    if call.dry_run:
        answer(call, told, [], facts={"run": run, "service": name})
        return 0
    with log_of(call) as log:
        ending = ended(call, log, run, patience)
        result = result_of(log, run)
    if ending is None:
        note(f"Run {run} did not end and cannot be stopped; the next server settles it.")
        return EXIT_RUN_FAILED
    facts = {"run": run, "service": name, "status": ending.status, "result": result}
    answer(call, told, [] if result is None else result.splitlines(), facts=facts)
    note(f"Run {run} {told_end(ending)}")
    return 0 if ending.status == "succeeded" else EXIT_RUN_FAILED


call_service.params[1:1] = carrying_options()


def _called(
    call: Call, command: c.CallService, contents: Contents
) -> tuple[Told, RunId, timedelta | None]:
    """Ask for the run and see to it that somebody carries it out.

    Return the answer, the run, and how long its end may be waited for: not at all when it was
    carried out here, None for ever.
    """
    with open_wishes(call.settings, clock=call.clock) as wishes:
        told = wishes.ask(
            command,
            reason=call.why(),
            on_behalf_of=call.actor,
            key=call.key,
            contents=contents,
            dry_run=call.dry_run,
        )
        run = run_of(told, command.run)
        if isinstance(wishes, Owning) and not call.dry_run and not told.repeated:
            wishes.carry_out(run)
        return told, run, timedelta(0) if isinstance(wishes, Owning) else None


def timeout_of(text: str) -> timedelta:
    """Return how long an attempt may take. Raises: BadInput."""
    timeout = parse_duration(text, path="--timeout")
    if timeout <= timedelta(0):
        raise BadInput.at("--timeout", "must be longer than 0.")
    return timeout


def result_of(log: Log, run: RunId) -> str | None:
    """Return what the run returned, None when it returned nothing or its bytes are gone."""
    for recorded in log.read(stream=call_stream(run)):
        event = recorded.event
        if isinstance(event, e.RunSucceeded) and event.run == run and event.result is not None:
            result = event.result
            content = None if result.digest is None else log.content(result.digest)
            return text_of(result, content)
    return None


def told_end(ending: Ending) -> str:
    """Return how a call ended, in words."""
    took = "" if ending.duration is None else f" after {spoken(ending.duration)}"
    why = f": {ending.error}" if ending.error else ""
    return f"{ending.status}{took}{why}" if why else f"{ending.status}{took}."


@verb("try")
@click.argument("name", metavar="NAME|FILE:FUNCTION")
@click.option("--fire-time", metavar="TIME", help="As if the schedule had named this instant.")
@pass_call
def try_service(
    call: Call,
    /,
    *,
    name: str,
    fire_time: str | None,
    input: str | None,
    input_file: str | None,
    timeout: str,
    isolation: Isolation,
) -> int:
    """Carry out a service once, without a log.

    Needs neither a log nor a server, and stores nothing; what it does outside is real.
    """
    from tools.trying import Trial, tried

    at = None if fire_time is None else call.instant(fire_time, option="--fire-time")
    trial = Trial(
        service=name,
        input=input_text(input, input_file),
        fire_time=at,
        timeout=timeout_of(timeout),
        isolation=isolation,
    )
    note("Nothing of this is recorded, but what it does outside is real.")
    outcome = tried(call.settings, trial, call.clock, note)
    return show_outcome(outcome)


try_service.params[1:1] = carrying_options()


def show_outcome(outcome: Outcome) -> int:
    """Print what an attempt wrote and returned, and how it ended; return the exit code."""
    if outcome.output is not None:
        for line in outcome.output.text.splitlines():
            note(line)
    if outcome.kind == "succeeded":
        result = whole(outcome.result, outcome.contents)
        for line in [] if result is None else result.splitlines():
            say(safe(line))
        note(f"It succeeded after {spoken(timedelta(microseconds=outcome.duration_us))}.")
        return 0
    if outcome.error.startswith(UNKNOWN_CONNECTION):
        note(f"service try: {outcome.error.removeprefix(UNKNOWN_CONNECTION)}")
        return EXIT_BAD_INPUT
    detail = whole(outcome.detail, outcome.contents)
    if detail is not None:
        note(detail.removeprefix(TRACEBACK).rstrip())
    note(f"It failed ({outcome.kind}): {outcome.error}")
    return EXIT_RUN_FAILED


def whole(payload: Payload | None, contents: Contents) -> str | None:
    """Return what a payload stands for."""
    if payload is None:
        return None
    return text_of(payload, contents.get(payload.digest or ""))
