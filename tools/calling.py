"""A call of a service that this command carries out itself, because nobody serves the log.

An executor runs for as long as the call does, under an epoch of its own, and decides nothing else:
jobs that are due wait for a server, as they would have. What an older epoch left open is settled on
the way, since this is the next one.
"""

import os
from pathlib import Path
from socket import gethostname

from scheduler.executor.handle import Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.log.contract import Log
from scheduler.model.jobs import RunId
from scheduler.model.limits import IDLE_WAIT
from services.invoke import Workers
from services.loading import Loaded
from services.locks import alive_children
from tools.connecting import connections_of
from tools.installation import versions
from tools.settings import Settings


def carry_out(
    settings: Settings, handle: Handle, loaded: Loaded, run: RunId, *, log_path: Path
) -> None:
    """Carry out one run and return when it has ended, was held, or nothing can be decided."""
    clock = handle.clock
    children_dir = Path(f"{log_path}.children")
    connections = connections_of(settings, clock)
    connections.read_secrets()  # so that none of them is kept
    workers = Workers(
        loaded.registry,
        slots=1,
        monotonic_ns=clock.monotonic_ns,
        children_dir=children_dir,
        connections=connections,
    )
    executor = Executor(
        handle,
        workers,
        clock,
        Identity(gethostname(), os.getpid(), versions()),
        slots=1,
        stop_grace=settings.stop_grace,
        alive=lambda: {RunId(key) for key, _ in alive_children(children_dir)},
        only=run,
    )
    try:
        executor.start()
        try:
            _wait(executor, handle.log, run)
        except BaseException:
            executor.stop(hurry=True)
            raise
        executor.stop()
    finally:
        workers.close()
        connections.close()


def _wait(executor: Executor, log: Log, run: RunId) -> None:
    """Wait until the run is no longer open."""
    while executor.status().fault is None:
        head = log.head().position
        if not executor.call(lambda: _is_awaited(executor.handle, run)).result():
            return
        log.wait(head, IDLE_WAIT.total_seconds())


def _is_awaited(handle: Handle, run: RunId) -> bool:
    """Return whether the run goes on; a function that cannot be stopped is waited for no more."""
    state = handle.timetable.runs.get(run)
    return state is not None and state.is_open and state.status != "abandoned"
