"""The services that real servers call in the crash tests; the ledger says what they really did.

Loaded by path, as a user's file is. The input says how long an attempt takes and how many of the
first ones fail.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from horolog import Context, service
from tests.crash.ledger import Alive, Called, Ended, HandedOn, Ledger, StepDone, stamp

BEAT_S = 0.02
STEPS = ("fetch", "store", "mail")  # of each stepped service; each lasts as long as was asked for

ledger = Ledger(Path(os.environ["CRASH_LEDGER"]))


def begin(ctx: Context, *, is_owner: bool) -> int:
    """Note the call; return for how many beats to work."""
    due_ns = round(ctx.due_time.timestamp() * 1_000_000) * 1_000
    ledger.write(
        Called(
            run=ctx.run,
            attempt=ctx.attempt,
            pid=os.getpid(),
            is_owner=is_owner,
            due_ns=due_ns,
            **stamp(),
        )
    )
    return round(asked(ctx, "seconds" if ctx.attempt == 1 else "later") / BEAT_S)


def asked(ctx: Context, name: str) -> float:
    return float((ctx.data or {}).get(name, 0))


def beat(ctx: Context) -> None:
    ledger.write(Alive(run=ctx.run, attempt=ctx.attempt, **stamp()))


def end(ctx: Context) -> None:
    """Note the end before it is told to anybody; fail, when that was asked for."""
    fails = ctx.attempt <= asked(ctx, "fails")
    ledger.write(Ended(run=ctx.run, attempt=ctx.attempt, succeeded=not fails, **stamp()))
    if fails:
        raise RuntimeError(f"attempt {ctx.attempt} fails, as it was asked to")


def doing(ctx: Context, name: str) -> Callable[[], int]:
    """Return the function of a step: it notes that it was called, and returns in which attempt."""

    def done() -> int:
        line = StepDone(run=ctx.run, attempt=ctx.attempt, name=name, key=ctx.step_key, **stamp())
        ledger.write(line)
        return ctx.attempt

    return done


def hand_on(ctx: Context, name: str, made_in: int) -> None:
    """Note the value that a step gave, whoever made it."""
    ledger.write(HandedOn(run=ctx.run, attempt=ctx.attempt, name=name, made_in=made_in, **stamp()))


@service("crash.plain")
def plain(ctx: Context) -> None:
    """Work for a while on a thread."""
    for _ in range(begin(ctx, is_owner=True)):
        time.sleep(BEAT_S)
        beat(ctx)
    end(ctx)


@service("crash.awaited")
async def awaited(ctx: Context) -> None:
    """Work for a while on the workers' event loop."""
    for _ in range(begin(ctx, is_owner=True)):
        await asyncio.sleep(BEAT_S)
        beat(ctx)
    end(ctx)


@service("crash.apart")
def apart(ctx: Context) -> None:
    """Work for a while in a process of its own."""
    for _ in range(begin(ctx, is_owner=False)):
        time.sleep(BEAT_S)
        beat(ctx)
    end(ctx)


@service("crash.escaping")
def escaping(ctx: Context) -> None:
    """Leave the process group in the first attempt, and work on where no signal to it arrives."""
    beats = begin(ctx, is_owner=False)
    if ctx.attempt > 1:
        end(ctx)
    elif os.fork():
        time.sleep(beats * BEAT_S)
    else:
        os.setsid()
        for _ in range(beats):
            time.sleep(BEAT_S)
            beat(ctx)
        os._exit(0)


@service("crash.parent")
def parent(ctx: Context) -> None:
    """Start a process that does nothing, and wait for it."""
    begin(ctx, is_owner=False)
    if ctx.attempt == 1:
        subprocess.run(["sleep", str(asked(ctx, "seconds"))], check=True)
    end(ctx)


def step_by_step(ctx: Context, *, is_owner: bool) -> None:
    beats = begin(ctx, is_owner=is_owner)
    for name in STEPS:
        for _ in range(beats):
            time.sleep(BEAT_S)
            beat(ctx)
        hand_on(ctx, name, ctx.step(name, doing(ctx, name)))
    end(ctx)


@service("crash.stepped")
def stepped(ctx: Context) -> None:
    """Work in durable steps on a thread."""
    step_by_step(ctx, is_owner=True)


@service("crash.stepped-apart")
def stepped_apart(ctx: Context) -> None:
    """Work in durable steps in a process of its own."""
    step_by_step(ctx, is_owner=False)


@service("crash.stepped-awaited")
async def stepped_awaited(ctx: Context) -> None:
    """Work in durable steps on the workers' event loop."""
    beats = begin(ctx, is_owner=True)
    for name in STEPS:
        for _ in range(beats):
            await asyncio.sleep(BEAT_S)
            beat(ctx)
        hand_on(ctx, name, await ctx.step(name, doing(ctx, name)))
    end(ctx)
