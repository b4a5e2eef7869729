"""`command.run` and `shell.run`: programs of this machine, off unless the settings allow them.

A program gets a clean environment, never the server's, and a process group of its own, which is
ended whole when the attempt is: asked first, killed after the grace. Its output is kept with the
run; its result is the last line of its standard output, when that is JSON.
"""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from contextlib import suppress

import msgspec

from scheduler.model.limits import END_GRACE, LINE_BYTES_MAX
from services.builtin.inputs import read
from services.context import Context
from services.outcomes import Fatal
from services.registry import service

SHELL = "/bin/sh"
LOOK_S = 0.02  # between two looks at whether a group is gone
PASSED_ON = ("PATH", "LANG", "LC_ALL", "HOME", "TZ")
ADVICE = "Add to horolog.toml:  [commands]  allow = true"


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program and its arguments; no shell reads them."""

    command: list[str]
    directory: str | None = None
    environment: dict[str, str] = {}


class Shell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line for the shell."""

    script: str
    directory: str | None = None
    environment: dict[str, str] = {}


class CommandFailed(Exception):
    """The program ended with a status other than 0."""


@service("command.run")
async def command_run(ctx: Context) -> object:
    """Run a program with a list of arguments."""
    wanted = read(ctx, Command)
    if not wanted.command:
        raise Fatal("$.input.command: names no program")
    refuse_unless_allowed(ctx, "command.run", wanted.command[0])
    return await carry_out(ctx, wanted.command, wanted.directory, wanted.environment)


@service("shell.run")
async def shell_run(ctx: Context) -> object:
    """Run a line in the shell."""
    wanted = read(ctx, Shell)
    refuse_unless_allowed(ctx, "shell.run", SHELL)
    line = [SHELL, "-c", wanted.script]
    return await carry_out(ctx, line, wanted.directory, wanted.environment)


def refuse_unless_allowed(ctx: Context, name: str, program: str) -> None:
    """Raise Fatal unless the settings allow this program."""
    allowed = ctx.permissions.commands
    if allowed is True or (allowed and program in allowed):
        return
    if not allowed:
        raise Fatal(f'"{name}" runs commands, which are off. {ADVICE}')
    raise Fatal(
        f"{program!r} is not among the commands that are allowed ({', '.join(allowed)}). "
        "Add its path to [commands] allow"
    )


def clean_environment(ctx: Context, added: dict[str, str]) -> dict[str, str]:
    """Return what a program is told: a few names of the server's, and which run it is."""
    told = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    window = ctx.window
    about = {
        "JOB": ctx.job_name,
        "RUN": ctx.run,
        "ATTEMPT": str(ctx.attempt),
        "IDEMPOTENCY_KEY": ctx.idempotency_key,
        "FIRE_TIME": ctx.fire_time.isoformat() if ctx.fire_time else "",
        "WINDOW_START": window.start.isoformat() if window and window.start else "",
        "WINDOW_END": window.end.isoformat() if window else "",
    }
    return {**told, **{f"HOROLOG_{name}": value for name, value in about.items()}, **added}


async def carry_out(
    ctx: Context, line: list[str], directory: str | None, added: dict[str, str]
) -> object:
    """Run the program to its end; return its result. Raises: CommandFailed, Fatal."""
    try:
        process = await asyncio.create_subprocess_exec(
            *line,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=directory,
            env=clean_environment(ctx, added),
            start_new_session=True,
            limit=LINE_BYTES_MAX,
        )
    except (OSError, ValueError) as error:
        raise Fatal(f"{line[0]}: {error}") from error
    try:
        out, err = await asyncio.gather(
            kept(ctx, process.stdout, "out"), kept(ctx, process.stderr, "err")
        )
        status = await process.wait()
    finally:
        try:
            await ended(process.pid)
        finally:
            # Who left the group may hold the pipes.
            process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # no public way
            await asyncio.sleep(0)  # what was closed is let go of in the loop's next turn
    if status != 0:
        cause = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise CommandFailed(f"{line[0]} {cause}" + (f": {err}" if err else ""))
    try:
        return msgspec.json.decode(out)
    except msgspec.DecodeError:
        return None


async def kept(ctx: Context, stream: asyncio.StreamReader | None, name: str) -> str:
    """Keep each line with the run; return the last that was not empty.

    A line beyond the limit is kept in pieces, each marked by what it lacks: it is no result.
    """
    last, is_rest = "", False
    while stream is not None and (raw := await piece(stream)):
        text = ("…" if is_rest else "") + raw.decode("utf-8", "replace").rstrip()
        is_rest = not raw.endswith(b"\n")
        last = text or last
        ctx.log.info("%s: %s", name, text)
    return last


async def piece(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, or as much of it as the limit lets through; at the end nothing."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as beyond:
        return await stream.readexactly(beyond.consumed)


async def ended(group: int) -> None:
    """End what is left of the program's group: ask, then kill after half the attempt's grace."""
    try:
        if signalled(group, signal.SIGTERM):
            with suppress(TimeoutError):
                async with asyncio.timeout(END_GRACE.total_seconds() / 2):
                    while signalled(group, 0):  # noqa: ASYNC110  # no event tells of grandchildren
                        await asyncio.sleep(LOOK_S)
    finally:
        signalled(group, signal.SIGKILL)  # also when nobody waits for the grace


def signalled(group: int, number: int) -> bool:
    """Send a signal to all of a group, 0 to look only; return whether there is anyone in it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
