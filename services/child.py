"""The child's side of `isolation = "process"`: load one service, call it once, answer, end.

A child never outlives its owner. The pipe on which the call arrives stays open as long as the owner
lives; when it closes, the child's whole group is killed: by a thread that waits for it, and on
Linux by the kernel itself, which works even when the service never lets go of the interpreter
(signal-driven I/O on that pipe, aimed at the group). The parent-death signal would not do: it kills
the child alone, and first, so that what the child had started would live on.

SIGTERM asks the service to end: an async one is cancelled, a plain one meets SystemExit where it
stands, so its `finally` blocks run. Little is imported, asyncio only for an async service: each
attempt pays for it again.
"""

import fcntl
import os
import signal
import sys
import threading
from importlib import import_module
from io import TextIOWrapper
from types import FrameType

from scheduler.model.invocations import Invocation, Outcome
from scheduler.model.limits import CALL_BYTES_MAX
from services import wire
from services.connections.catalog import Connections
from services.context import Context
from services.endings import raised, returned
from services.link import Link
from services.registry import DEFAULT, REGISTRY_NAME, Registry, Service
from services.sources import run_source

_STDIN, _STDERR = 0, 2


class Changed(Exception):
    """The service is not, or no longer, what its owner loaded."""


def main(answer: int, replies: int, lock: int) -> None:
    """Carry out the call that arrives on stdin and send its outcome to the descriptor `answer`.

    What the service asks for goes there, too, and is answered on `replies`. `lock` is the
    descriptor of a file that is locked as long as this process has it open.
    """
    for descriptor in (answer, replies, lock):  # nothing that the service starts inherits them
        os.set_inheritable(descriptor, False)
    owner = os.dup(_STDIN)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STDIN)
    os.close(nothing)
    message = wire.receive(owner, wire.Incoming(CALL_BYTES_MAX))
    if message is None:
        return  # the owner was gone before it had said what to do
    _die_with(owner)
    _write_by_the_line()
    link = Link(answer, replies)
    link.end(_outcome(wire.call_of(message), link))


def _die_with(owner: int) -> None:
    """Have this process and all of its group killed when the owner's end of the pipe closes."""
    threading.Thread(target=_kill_after, args=(owner,), name="horolog-owner", daemon=True).start()
    if sys.platform == "linux":
        fcntl.fcntl(owner, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(owner, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(owner, fcntl.F_SETFL, fcntl.fcntl(owner, fcntl.F_GETFL) | os.O_ASYNC)


def _kill_after(owner: int) -> None:
    while os.read(owner, 1):
        pass  # nothing follows the call; only the end of it all counts
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _write_by_the_line() -> None:
    """Have what is printed arrive at once and in UTF-8, so that a crash loses none of it."""
    import faulthandler

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    faulthandler.enable()


def _outcome(call: wire.Call, link: Link) -> Outcome:
    at = call.at
    connections = Connections(call.connections, now=None if at is None else lambda: at)
    context = Context(call.invocation, lambda line: wire.send(_STDERR, line), connections, link.ask)
    try:
        connections.read_secrets()  # so that whatever tells of one can be kept from doing so
        service = _loaded(call)
        carry_out = _awaited if service.is_async else _called
        return carry_out(service, context, call.invocation, connections)
    except BaseException as error:  # noqa: BLE001  # whatever a service raises is its outcome
        return raised(call.invocation, error, context, 0)
    finally:
        connections.close()


def _loaded(call: wire.Call) -> Service:
    """Return the service, loaded as its owner did: the same bytes, or the module by its name.

    Raises: Changed, and whatever the user's file raises.
    """
    name = call.invocation.service
    registry = DEFAULT
    if call.source is not None:
        registry = Registry(call.source)
        run_source(call.source, **{REGISTRY_NAME: registry})
    else:
        import_module(call.module)
    service = registry.get(name)
    if service is None:
        raise Changed(f'a process of its own cannot load "{name}" from {call.module}')
    if service.code != call.code:
        raise Changed(f"{service.file} has changed since Horolog loaded it; restart Horolog")
    return service


def _called(service: Service, context: Context, invocation: Invocation, _: Connections) -> Outcome:
    def end(_signal: int, _frame: FrameType | None) -> None:
        context.cancelled = True
        raise SystemExit("asked to end")

    signal.signal(signal.SIGTERM, end)
    try:
        value = service.call(context)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it has ended; let it say how
    return returned(invocation, value, context, 0)


def _awaited(
    service: Service, context: Context, invocation: Invocation, connections: Connections
) -> Outcome:
    import asyncio

    async def awaited() -> Outcome:
        running = asyncio.current_task()

        def end() -> None:
            context.cancelled = True
            if running is not None:
                running.cancel()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, end)
        try:
            value = await service.call_async(context)
        except BaseException as error:  # noqa: BLE001  # here, before asyncio's own frames join it
            return raised(invocation, error, context, 0)
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            await connections.close_here()
        return returned(invocation, value, context, 0)

    return asyncio.run(awaited())
