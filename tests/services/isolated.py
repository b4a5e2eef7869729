"""Services that run in processes of their own, and how the tests ask for them."""

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from scheduler.model.invocations import Invocation
from tests.services.making import PATIENCE_S, invocation

SERVICES = '''
import sys
from horolog import Context, Fatal, RetryAfter, service

LOADED = set(sys.modules)
import asyncio, ctypes, os, signal, socket, subprocess, time
from datetime import timedelta


def connected(ctx):
    return socket.create_connection(("127.0.0.1", int(ctx.input)))


def here(connection):
    connection.sendall(str(os.getpid()).encode())


def call(ctx):
    """Return a connection to the test, which has been told that we are here."""
    connection = connected(ctx)
    here(connection)
    return connection


@service("plain")
def plain(ctx):
    ctx.log.info("logged")
    print("printed")
    sys.stderr.write("to stderr\\n")
    subprocess.run(["echo", "by another"], check=True)
    return {"pid": os.getpid(), "run": ctx.run, "data": ctx.data}


@service("awaited")
async def awaited(ctx):
    await asyncio.sleep(0)
    return "awaited"


@service("fails")
def fails(ctx):
    raise ValueError("no")


@service("fatal")
def fatal(ctx):
    raise Fatal("no such account")


@service("later")
def later(ctx):
    raise RetryAfter(timedelta(minutes=5), "busy")


@service("leaves")
def leaves(ctx):
    os._exit(3)


@service("exits")
def exits(ctx):
    sys.exit(3)


@service("dies")
def dies(ctx):
    print("last words")
    os.kill(os.getpid(), signal.SIGKILL)


@service("crashes")
def crashes(ctx):
    ctypes.string_at(0)


@service("returns.much")
def returns_much(ctx):
    return "x" * int(ctx.input)


@service("returns.nan")
def returns_nan(ctx):
    return float("nan")


@service("writes.much")
def writes_much(ctx):
    print("first line")
    for number in range(20_000):
        print("line", number)
    print("last line")


@service("waits")
def waits(ctx):
    connection = connected(ctx)
    try:
        here(connection)
        time.sleep(600)
    finally:
        connection.sendall(b"tidied" if ctx.cancelled else b"?")


@service("awaits")
async def awaits(ctx):
    connection = call(ctx)
    try:
        await asyncio.Event().wait()
    finally:
        connection.sendall(b"tidied" if ctx.cancelled else b"?")


@service("heeds")
def heeds(ctx):
    try:
        call(ctx)
        time.sleep(600)
    except SystemExit:
        return "done all the same"


@service("ignores")
def ignores(ctx):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection = call(ctx)
    subprocess.Popen(["sleep", "600"], pass_fds=[connection.fileno()])
    time.sleep(600)


@service("holds.the.interpreter")
def holds_the_interpreter(ctx):
    """Say that we are here, and wait, without letting any other thread of Python run."""
    connection = connected(ctx)
    subprocess.Popen(["sleep", "600"], pass_fds=[connection.fileno()])
    sys.setswitchinterval(600)
    system = ctypes.PyDLL(None)
    system.send(connection.fileno(), b"here", 4, 0)
    system.pause()


@service("forks.and.leaves")
def forks_and_leaves(ctx):
    connection = call(ctx)
    if os.fork() == 0:
        time.sleep(600)
    os.kill(os.getpid(), signal.SIGKILL)


@service("leaves.one.behind")
def leaves_one_behind(ctx):
    connection = call(ctx)
    subprocess.Popen(["sleep", "600"], pass_fds=[connection.fileno()])


@service("asks")
def asks(ctx):
    connection = call(ctx)
    return connection.recv(100).decode()


@service("counts.descriptors")
def counts_descriptors(ctx):
    found = []
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            pass
    return found


@service("starts.another")
def starts_another(ctx):
    script = "import os; print(len(os.listdir('/proc/self/fd')))"
    return subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, close_fds=False
    ).stdout.decode()


@service("names.modules")
def names_modules(ctx):
    looked_for = ["asyncio", "horolog", "services.child", "services.invoke", "sqlite3", "croniter"]
    return [name for name in looked_for if name in LOADED]


@service("steps")
def steps(ctx):
    one = ctx.step("one", lambda: {"pid": os.getpid()})
    return [one["pid"] == os.getpid(), ctx.step("two", lambda: ctx.step_key)]


@service("async.steps")
async def async_steps(ctx):
    async def done(number):
        await asyncio.sleep(0)
        return number

    taken = (ctx.step(f"step {number}", lambda number=number: done(number)) for number in range(50))
    return list(await asyncio.gather(*taken))


@service("large.step")
def large_step(ctx):
    return len(ctx.step("large", lambda: "x" * int(ctx.input)))


@service("schedules")
def schedules(ctx):
    return ctx.schedule.once("plain", after=60, input={"a": 1})


@service("goes.on")
def goes_on(ctx):
    try:
        ctx.step("one", lambda: 1)
    except Exception:
        pass
    return "went on"


@service("waits.in.a.step")
def waits_in_a_step(ctx):
    connection = connected(ctx)
    try:
        ctx.step("one", lambda: here(connection))
    finally:
        connection.sendall(b"tidied" if ctx.cancelled else b"?")


@service("dies.in.a.step")
def dies_in_a_step(ctx):
    ctx.step("one", lambda: 1)
    ctx.step("two", lambda: os.kill(os.getpid(), signal.SIGKILL))


@service("floods")
def floods(ctx):
    from scheduler.model.invocations import StepDone
    for number in range(3_000):
        ctx._ask(StepDone(name=str(number), result=None))
    time.sleep(600)


@service("reads.stdin")
def reads_stdin(ctx):
    return sys.stdin.read()
'''


def isolated(
    service: str,
    *,
    run: str = "run-1",
    input_text: str | None = None,
    steps: dict[str, str | None] | None = None,
) -> Invocation:
    return invocation(service, run=run, isolation="process", input_text=input_text, steps=steps)


def is_released(path: Path) -> bool:
    """Wait until nobody holds the lock; a child's lock goes a moment after its connections."""
    got = threading.Event()

    def take() -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            got.set()
            return
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        got.set()
        os.close(descriptor)

    threading.Thread(target=take, daemon=True).start()
    return got.wait(PATIENCE_S)


def processes_naming(folder: Path) -> list[str]:
    """Return the command lines that name a folder; where there is no /proc, none is known."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            words = path.read_bytes().decode(errors="replace").split("\0")
            if any(str(folder) in word for word in words):
                found.append(" ".join(words))
    return found
