"""Durable steps: what a run has done, and does not do again.

A step is done when its event is durable, and only then is its value handed on; so whatever follows
builds on something that stays. The value is what the event keeps, decoded, the first time as in
every later attempt: a service never sees in one attempt what it would not see in the next.

What cannot be kept is recorded as done all the same, without a value, since it *is* done; the run
then fails for good. A step that failed is not recorded, and is done again by the next attempt.

Children import this file: it must stay quick to import.
"""

import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from scheduler.model.content import Payload, payload_of, salt_of
from scheduler.model.invocations import Invocation, StepDone
from scheduler.model.limits import STEP_NAME_CHARS_MAX, STEPS_BYTES_MAX, STEPS_MAX
from services.asking import Ask, Closed, await_for, wait_for
from services.connections.idempotency import idempotent
from services.loops import running_loop
from services.outcomes import Fatal
from services.results import Unkept, json_of, never_awaited, value_of

_STEP = "_horolog_step"  # the attribute of an error that names its step


class Steps:
    """The steps of one attempt; any thread of it may ask."""

    def __init__(self, invocation: Invocation, ask: Ask, redact_json: Callable[[str], str]) -> None:
        self.invocation = invocation
        self.is_closed = False  # the attempt was given up; nothing of it counts any more
        self.ask = ask
        self._redact_json = redact_json
        self._begun: dict[str, Coroutine[Any, Any, Any] | None] = {}
        self._under_way: set[str] = set()
        self._kept_bytes = sum(len((text or "").encode()) for text in invocation.steps.values())
        self._lock = threading.Lock()

    def step(
        self,
        name: str,
        f: Callable[[], object],
        read: Callable[[Any], Any] = lambda kept: kept,
    ) -> Any:  # noqa: ANN401  # a value, or to be awaited
        """Return what `f` returns, from now on in every attempt of this run; `f` is called once.

        On an event loop this is to be awaited, and `f` may be a coroutine function. `read` makes of
        the value, as it is kept, what is handed on. Raises: Fatal, when the name was used before in
        this attempt or is none, or the result cannot be kept; Closed, when the attempt is no longer
        open; and whatever `f` raises.
        """
        if running_loop() is None:
            self._claim(name)
            return read(self._wait(name, f))
        coroutine = self._await(name, f, read)
        try:
            self._claim(name, coroutine)
        except BaseException:
            coroutine.close()
            raise
        return coroutine

    def unfinished(self) -> str | None:
        """Return what is wrong when the service has returned before its steps; None when nothing.

        Steps that were never awaited are put away.
        """
        with self._lock:
            begun = list(self._begun.items())
        problem = None
        for name, coroutine in begun:
            if coroutine is not None and inspect.getcoroutinestate(coroutine) == "CORO_CREATED":
                coroutine.close()
                problem = problem or (
                    f'step "{name}" was not awaited, so nothing of it was done: write'
                    f' await ctx.step("{name}", …)'
                )
            elif name in self._under_way:
                problem = problem or (
                    f'step "{name}" was still under way when the service returned: wait for it'
                )
        return problem

    def _claim(self, name: str, coroutine: Coroutine[Any, Any, Any] | None = None) -> None:
        """Take a name for this attempt. Raises: Fatal, Closed."""
        if self.is_closed:
            raise Closed("the attempt has been given up; its next step is not begun")
        _refuse_strange(name)
        done = self.invocation.steps
        with self._lock:
            if name in self._begun:
                raise Fatal(
                    f'step "{name}" was begun before in this attempt: each has its own name'
                )
            if name not in done and len(done.keys() | self._begun.keys()) >= STEPS_MAX:
                raise Fatal(f"the run has {STEPS_MAX:,} steps already (STEPS_MAX)")
            self._begun[name] = coroutine

    def _wait(self, name: str, f: Callable[[], object]) -> Any:  # noqa: ANN401  # a kept result
        if name in self.invocation.steps:
            return self._recalled(name)
        self._under_way.add(name)
        try:
            with idempotent(self._key(name)), _told_by(name):
                value = f()
            if never_awaited(value):
                raise Fatal(
                    f'step "{name}" returned a {type(value).__name__} that nobody awaits: declare'
                    " the service with async def"
                )
            done, kept, problem = self._done(name, value)
            wait_for(self.ask(done))
        finally:
            self._under_way.discard(name)
        if problem:
            raise Fatal(problem)
        return kept

    async def _await(self, name: str, f: Callable[[], object], read: Callable[[Any], Any]) -> Any:  # noqa: ANN401  # a kept result
        if name in self.invocation.steps:
            return read(self._recalled(name))
        self._under_way.add(name)
        try:
            with idempotent(self._key(name)), _told_by(name):
                value = f()
                if inspect.isawaitable(value):
                    value = await value
            done, kept, problem = self._done(name, value)
            await await_for(self.ask(done))
        finally:
            self._under_way.discard(name)
        if problem:
            raise Fatal(problem)
        return read(kept)

    def _recalled(self, name: str) -> Any:  # noqa: ANN401  # a kept result
        """Return what an earlier attempt's step returned. Raises: Fatal, when it is not there."""
        text = self.invocation.steps[name]
        if text is None:
            raise Fatal(
                f'step "{name}" was done by an earlier attempt and is not repeated, but its result'
                " is not there: it could not be kept, or was erased. To do all of it again, start"
                " another run"
            )
        return value_of(text)

    def _done(self, name: str, value: object) -> tuple[StepDone, Any, str]:
        """Return what to record, the value as it is kept, and why none is, if so."""
        try:
            text = json_of(value, self._redact_json)
            kept = value_of(text)
            self._refuse_too_much(text)
        except (Unkept, RecursionError) as error:
            why = f'step "{name}" is done and will not be repeated, but its result is lost: {error}'
            return StepDone(name=name, result=None), None, why
        payload: Payload
        salt = salt_of(self.invocation.salt, f"step/{name}")
        payload, contents = payload_of(text, kind="json", salt=salt)
        return StepDone(name=name, result=payload, contents=contents), kept, ""

    def _refuse_too_much(self, text: str) -> None:
        """Count a result in. Raises: Unkept, when the run's results are too large together."""
        size = len(text.encode())
        with self._lock:
            if self._kept_bytes + size > STEPS_BYTES_MAX:
                raise Unkept(
                    f"the results of this run's steps have more than {STEPS_BYTES_MAX:,} bytes"
                    " together. Store them elsewhere, and return where"
                )
            self._kept_bytes += size

    def _key(self, name: str) -> str:
        """Return the key that is equal in all attempts of the run, and different in other steps."""
        return f"{self.invocation.idempotency_key}/{name}"


@contextmanager
def _told_by(name: str) -> Iterator[None]:
    """Mark what is raised inside with the step it was raised in; the innermost one counts."""
    try:
        yield
    except BaseException as error:
        if step_of(error) is None:
            with suppress(AttributeError, TypeError):  # some exceptions take no attribute
                setattr(error, _STEP, name)
        raise


def step_of(error: BaseException) -> str | None:
    """Return the step in which an error was raised, None when it was outside of all."""
    name = getattr(error, _STEP, None)
    return name if isinstance(name, str) else None


def _refuse_strange(name: object) -> None:
    """Refuse what is no name of a step. Raises: Fatal."""
    if not isinstance(name, str):
        raise Fatal(f'a step needs a name, not a {type(name).__name__}: ctx.step("fetch", …)')
    if not name or len(name) > STEP_NAME_CHARS_MAX or not name.isprintable():
        shown = ascii(name[: STEP_NAME_CHARS_MAX + 1])
        raise Fatal(
            f"{shown} is no name for a step: 1 to {STEP_NAME_CHARS_MAX} printable characters"
        )
