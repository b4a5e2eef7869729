"""Async services, on an event loop in a thread of their own.

Theirs, not the executor's: a service that blocks the loop holds up other async services, and nobody
else.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

Work = TypeVar("Work")

_TIDY_SECONDS_MAX = 1.0  # for what is cancelled when the loop ends

_log = logging.getLogger("horolog.services")


class Coroutines(Generic[Work]):
    """Awaits `carry_out` for each piece of work, all at once."""

    def __init__(
        self,
        carry_out: Callable[[Work], Coroutine[None, None, None]],
        at_end: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        self._carry_out = carry_out
        self._at_end = at_end  # awaited on the loop when nothing runs there any more
        self._running: dict[Work, asyncio.Task[object] | None] = {}  # touched by the loop alone
        self._lock = threading.Lock()  # against a call to a loop that is closed
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="horolog-async", daemon=True)
        self._thread.start()

    def put(self, batch: Sequence[Work]) -> None:
        """Have each piece of work begun in the loop's next turn."""
        with self._lock:
            if not self._closed:
                self._loop.call_soon_threadsafe(self._begin, batch)

    def cancel(self, work: Work) -> None:
        """Have this piece of work cancelled, if it is running."""
        with self._lock:
            if not self._closed:
                self._loop.call_soon_threadsafe(self._cancel, work)

    def close(self, wait: timedelta) -> None:
        """Cancel what is running and end the loop. Waits at most `wait`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(wait.total_seconds())

    def _begin(self, batch: Sequence[Work]) -> None:
        loop = asyncio.get_running_loop()
        for work in batch:
            loop.create_task(self._hold(work))  # noqa: RUF006  # the loop holds it until it begins

    async def _hold(self, work: Work) -> None:
        # Not cancellable before this first step: a task cancelled earlier would end without a word.
        self._running[work] = asyncio.current_task()
        try:
            await self._carry_out(work)
        finally:
            del self._running[work]

    def _cancel(self, work: Work) -> None:
        task = self._running.get(work)
        if task is not None:
            task.cancel()

    def _run(self) -> None:
        loop = self._loop
        while not self._closed:
            # A task that a service began may raise SystemExit, which asyncio lets through.
            try:
                loop.run_forever()
            except BaseException:  # noqa: BLE001  # the loop is not one service's to end
                _log.exception("an async service tried to end the loop it shares with others")
        try:
            loop.run_until_complete(_tidy())
            if self._at_end is not None:
                loop.run_until_complete(self._at_end())
        except BaseException:  # noqa: BLE001  # as above; what matters now is that the loop closes
            _log.exception("the loop of the async services did not end in order")
        loop.close()


async def _tidy() -> None:
    """Cancel every other task of this loop and give them a moment."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=_TIDY_SECONDS_MAX)
    await asyncio.get_running_loop().shutdown_asyncgens()
