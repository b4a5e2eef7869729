"""A child's line to its owner: questions go out, replies come in, the outcome is said last.

Threads of its own write and read, and begin with the first question: an attempt that asks nothing
pays for neither. The one that writes is not the main thread, since a signal may raise there in the
middle of a message, and half a message would spoil all that follow.

Children import this file: it must stay quick to import.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from itertools import count

from scheduler.model.invocations import Outcome
from scheduler.model.limits import REPLY_BYTES_MAX
from services import wire
from services.asking import Asked, Closed
from services.outcomes import Fatal


class Link:
    """The two pipes; any thread may ask."""

    def __init__(self, answer: int, replies: int) -> None:
        self._answer = answer
        self._replies = replies
        self._numbers = count(1)
        self._waiting: dict[int, Future[None]] = {}
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._sender: threading.Thread | None = None
        self._is_over = False  # the owner answers no more

    def ask(self, asked: Asked) -> "Future[None]":
        """Ask the owner for something; the future ends with its reply."""
        answer: Future[None] = Future()
        with self._lock:
            number = next(self._numbers)
            if self._is_over:
                answer.set_exception(_gone())
                return answer
            self._waiting[number] = answer
            if self._sender is None:
                self._sender = _started(self._send, "horolog-asking")
                _started(self._hear, "horolog-replies")
        self._outgoing.put(wire.packed(wire.request(number, asked)))
        return answer

    def end(self, outcome: Outcome) -> None:
        """Say how the call ended: the last thing that is said."""
        message = wire.packed(wire.Ending(outcome=outcome))
        if self._sender is None:
            wire.send(self._answer, message)
            return
        self._outgoing.put(message)
        self._outgoing.put(None)
        self._sender.join()

    def _send(self) -> None:
        while (message := self._outgoing.get()) is not None:
            wire.send(self._answer, message)

    def _hear(self) -> None:
        incoming = wire.Incoming(REPLY_BYTES_MAX)
        with suppress(wire.TooLong):  # an owner says so much only when it is none any more
            while (message := wire.receive(self._replies, incoming)) is not None:
                self._take(wire.reply_of(message))
        with self._lock:
            self._is_over = True
            waiting = list(self._waiting.values())
            self._waiting.clear()
        for answer in waiting:
            answer.set_exception(_gone())

    def _take(self, reply: wire.Reply) -> None:
        with self._lock:
            answer = self._waiting.pop(reply.number, None)
        if answer is None:
            return
        if reply.refusal is None:
            answer.set_result(None)
        else:
            answer.set_exception((Fatal if reply.is_mistake else Closed)(reply.refusal))


def _gone() -> Closed:
    return Closed("the owner of this process answers no more")


def _started(function: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=function, name=name, daemon=True)
    thread.start()
    return thread
