"""The same connections with calls that wait, for services that are plain functions.

One event loop in a thread of its own carries out what plain functions ask for. It is not the loop
of the async services: one of those may hold up theirs, and must not hold up these. What a call
gives back is handed on when it is a value, and is itself made to wait when it is something to work
with: a pipeline, a transaction, an iterator.
"""

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from scheduler.model.limits import CLOSE_WAIT


class Loop:
    """An event loop in a thread; it begins when it is first asked for something."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._lock = threading.Lock()

    def run(self, call: Callable[[], object]) -> Any:  # noqa: ANN401  # whatever the call returns
        """Return what the call returns, once it has been awaited if it must be.

        Context variables of the caller are there. When the caller is made to stop waiting, the call
        is cancelled. Raises: RuntimeError, after the end of the loop; and what the call raises.
        """
        loop = self._started()
        future = asyncio.run_coroutine_threadsafe(_awaited(call), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self, last: Callable[[], object]) -> None:
        """Carry out what is to be done last, then end the loop. Waits for a moment at most."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_awaited(last), loop).add_done_callback(
            lambda _: loop.call_soon_threadsafe(loop.stop)
        )
        thread.join(CLOSE_WAIT.total_seconds())

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise RuntimeError("the connections have been closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run, args=(self._loop,), name="horolog-connections", daemon=True
                )
                self._thread.start()
            return self._loop


class Blocking:
    """A client, each of whose methods waits for what it would have to be awaited for."""

    def __init__(self, client: object, loop: Loop) -> None:
        self._client = client
        self._loop = loop

    def __repr__(self) -> str:
        return f"<{self._client!r}, whose calls wait>"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the client has
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*arguments: object, **options: object) -> object:
            return self._given(self._loop.run(lambda: found(*arguments, **options)))

        return call

    def __enter__(self) -> Any:  # noqa: ANN401  # whatever the client enters
        entered = self._loop.run(self._client.__aenter__)  # type: ignore[attr-defined]  # else: no `with`
        return Blocking(entered, self._loop)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        left = self._loop.run(lambda: self._client.__aexit__(kind, error, trace))  # type: ignore[attr-defined]  # as above
        return bool(left)

    def __iter__(self) -> Iterator[Any]:
        following = self._client.__aiter__()  # type: ignore[attr-defined]  # else: no `for`
        nothing = object()

        async def step() -> object:
            return await anext(following, nothing)

        while (found := self._loop.run(step)) is not nothing:
            yield found

    def _given(self, value: object) -> object:
        is_tool = hasattr(value, "__aenter__") or hasattr(value, "__aiter__")
        return Blocking(value, self._loop) if is_tool else value


async def _awaited(call: Callable[[], object]) -> object:
    value = call()
    # Coroutines only: a pipeline of Redis can be awaited, too, and is meant to be handed on.
    return await value if inspect.iscoroutine(value) else value


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()
