"""`service try`: a service carried out once, with no log, on the very workers a server has.

Everything it does outside is real. What it would have asked of the log is granted and forgotten:
its steps count as done, and what it schedules is told and not scheduled.
"""

import queue
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from scheduler.executor.clock import Clock
from scheduler.model.errors import BadInput, Refused
from scheduler.model.invocations import Invocation, Outcome, StepDone
from scheduler.model.jobs import Isolation, JobId, RunId
from services.failures import failure_of
from services.invoke import Workers
from services.loading import importable, load
from services.namesakes import refuse_namesakes
from services.registry import REGISTRY_NAME, Registry
from services.sources import read_source, run_source
from tools.connecting import connections_of
from tools.settings import Settings

FUNCTION_NAME = "try"  # of a function that no decorator has named


class Trial(Struct, frozen=True, kw_only=True):
    """What is to be tried, and as which run."""

    service: str  # a name, or FILE:FUNCTION
    input: str | None = None
    fire_time: datetime | None = None
    timeout: timedelta
    isolation: Isolation = "thread"


def tried(settings: Settings, trial: Trial, clock: Clock, say: Callable[[str], None]) -> Outcome:
    """Carry it out and return how it ended; `say` is told what it wanted of the log.

    Raises: Refused, BadInput, when there is no such service.
    """
    registry, name = found(settings, trial.service)
    connections = connections_of(settings, clock)
    connections.read_secrets()  # so that none of them is shown
    told: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    now = clock.now()
    invocation = Invocation(
        run=RunId(clock.new_id()),
        attempt=1,
        epoch=1,
        job=JobId(""),
        job_name=name,
        service=name,
        cause="call" if trial.fire_time is None else "schedule",
        isolation=trial.isolation,
        timeout=trial.timeout,
        due_time=trial.fire_time or now,
        fire_time=trial.fire_time,
        input_text=trial.input,
    )

    def report(outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            told.put(outcome)

    def wish(_: Invocation, wished: object) -> "Future[None]":
        say(told_wish(wished))
        granted: Future[None] = Future()
        granted.set_result(None)
        return granted

    with tempfile.TemporaryDirectory(prefix="horolog-try-") as folder:
        workers = Workers(
            registry,
            slots=1,
            monotonic_ns=clock.monotonic_ns,
            children_dir=Path(folder),
            connections=connections,
        )
        try:
            workers.start([invocation], report, wish)
            return _ended(workers, invocation, told)
        finally:
            workers.close()
            connections.close()


def _ended(workers: Workers, invocation: Invocation, told: "queue.SimpleQueue[Outcome]") -> Outcome:
    try:
        return told.get(timeout=invocation.timeout.total_seconds())
    except queue.Empty:
        if workers.stop(invocation.run, invocation.attempt, "timeout"):
            return told.get()
        return Outcome(
            run=invocation.run,
            attempt=invocation.attempt,
            epoch=invocation.epoch,
            kind="timeout",
            error="a plain function on a thread cannot be stopped; it ends with this command",
        )


def told_wish(wished: object) -> str:
    """Return in words what a service wanted of the log."""
    if isinstance(wished, StepDone):
        return f'step "{wished.name}" is done'
    return "it would schedule a one-time job; without a log none is"


def found(settings: Settings, named: str) -> tuple[Registry, str]:
    """Return the service that is named, and the registry it stands in.

    Raises: BadInput, when there is none of that name; Refused, when its file cannot be loaded.
    """
    file, colon, function = named.rpartition(":")
    if colon:
        return _in_file(settings, Path(file), function)
    loaded = load(settings.load, settings.base)
    if named not in loaded.registry:
        why = " ".join(f"{failure}." for failure in loaded.failures)
        raise BadInput.at("NAME", f"{loaded.registry.unknown(named)}.", why or None)
    return loaded.registry, named


def _in_file(settings: Settings, file: Path, function: str) -> tuple[Registry, str]:
    """Return the service that a function of a file is, decorated or not."""
    base = importable(settings.base)
    path = file.resolve()
    try:
        source = read_source(path)
        refuse_namesakes(source, str(file))
        named = replace(source, content=source.content + naming(function))
        registry = Registry(named)
        run_source(named, **{REGISTRY_NAME: registry})
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever a user's file raises is its failure
        raise Refused(str(failure_of(error, str(file), path, base))) from None
    target = registry.get(FUNCTION_NAME)
    if target is None:
        raise BadInput.at("NAME", f"{file} defines no function {function}.")
    own = [one.name for one in registry if one.function is target.function]
    return registry, own[0]  # its decorator's name, when it has one


def naming(function: str) -> bytes:
    """Return what makes a function of a file a service, here and again in a process of its own."""
    said = repr(function)
    lines = (
        f"if callable(globals().get({said})):",
        f"    {REGISTRY_NAME}.service({FUNCTION_NAME!r})(globals()[{said}])",
    )
    return "\n".join(("", "", *lines, "")).encode()
