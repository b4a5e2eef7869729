"""A small pool of daemon threads for work that blocks.

Work goes in by the batch and is taken one by one, so a function that blocks holds up nobody but its
own thread. Waking a thread costs more than most functions, so threads are called one at a time:
whoever takes work sees to it that, if any is left, one other thread is on its way, and no more than
one. A burst of quick functions is run by a few threads; functions that block call one another's
successors, until every piece of work has a thread or `threads_max` is reached.

Taking work needs no lock (`deque.popleft` is atomic): threads that meet at a lock for every quick
function queue up there, and each then waits for the interpreter while it holds what the next needs.
The lock guards the counting of threads alone.

Threads are daemons: one that never returns must not keep the process from ending.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Work = TypeVar("Work")

_log = logging.getLogger("horolog.services")


class Threads(Generic[Work]):
    """Calls `carry_out` for each piece of work, on at most `threads_max` threads at once.

    Raises: RuntimeError, when the machine gives not even one; later, those there are do the work.
    """

    def __init__(self, carry_out: Callable[[Work], None], *, threads_max: int, name: str) -> None:
        self._carry_out = carry_out
        self._threads_max = threads_max
        self._name = name
        self._waiting: deque[Work] = deque()  # bounded by the slots of whoever hands it in
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 1
        self._idle = 0
        self._is_one_coming = True  # called, and has not looked for work yet
        self._closed = False
        self._thread(1).start()

    def put(self, batch: Sequence[Work]) -> None:
        """Have each piece of work carried out; none waits for another while threads are left."""
        self._waiting.extend(batch)
        self._call_one()

    def close(self) -> None:
        """Begin nothing further; idle threads end now, the others when their function returns."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            for _ in range(self._idle):
                self._wake.put(None)

    def _call_one(self) -> None:
        """See to it that one thread is coming while work waits."""
        with self._lock:
            if self._is_one_coming or not self._waiting or self._closed:
                return
            if self._idle:
                self._idle -= 1
                self._is_one_coming = True
                self._wake.put(None)
                return
            if self._threads == self._threads_max:
                return  # all are at work; the first to be done takes it
            self._threads += 1
            self._is_one_coming = True
            thread = self._thread(self._threads)
        try:
            thread.start()
        except RuntimeError:  # the machine has no more; the work stays for those there are
            with self._lock:
                self._threads -= 1
                self._is_one_coming = False

    def _thread(self, number: int) -> threading.Thread:
        return threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True)

    def _run(self) -> None:
        has_come = True
        while not self._closed:
            try:
                work = self._waiting.popleft()
            except IndexError:
                if self._rest(has_come=has_come):
                    has_come = True
                continue
            if has_come:
                has_come = self._is_one_coming = False
            # After the line above, not before: `put` adds first and looks for a comer then, so that
            # of the two of us at least one sees what the other did.
            if self._waiting and not self._is_one_coming:
                self._call_one()
            try:
                self._carry_out(work)
            except BaseException:  # noqa: BLE001  # a worker outlives whatever it meets
                _log.exception("a worker thread met an error that was not the service's own")
            del work  # an idle thread keeps nothing alive

    def _rest(self, *, has_come: bool) -> bool:
        """Wait to be called; return False at once when there is work after all."""
        with self._lock:
            if self._waiting or self._closed:
                return False
            if has_come:
                self._is_one_coming = False
            self._idle += 1
        self._wake.get()
        return True
