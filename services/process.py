"""One child process as its owner sees it: started, told what to do, heard out, ended.

The child leads a group of its own, so that what it starts ends with it, and so that a Ctrl-C at the
owner's terminal does not reach it. It gets nothing of ours but its pipes and its lock. Calls here
wait where they must; whoever makes them has a thread for it.
"""

import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from scheduler.model.limits import ANSWER_BYTES_MAX
from services import wire
from services.output import Lines

_CHILD = "services.child"
# -P: a folder named `services` where we happen to be started must not be taken for ours.
_BOOT = (
    "import sys; _, label, answer, replies, lock, *sys.path = sys.argv; sys.argv = [label];"
    f" from {_CHILD} import main; main(int(answer), int(replies), int(lock))"
)
_READ_BYTES = 64 * 1024
_LOOK_SECONDS = 0.25  # between looks whether it died while something it forked holds its pipe open
_LAST_ANSWER_READS_MAX = ANSWER_BYTES_MAX // _READ_BYTES + 2  # the largest message, and its end
_LAST_READS_MAX = 64  # of output after its end; what has left its group may write for ever


class Child:
    """A process that carries out one call; `label` is for people who list processes.

    Raises: OSError, when none can be started.
    """

    def __init__(self, label: str, lock: int) -> None:
        path = [entry or str(Path.cwd()) for entry in sys.path]
        with ExitStack() as theirs, ExitStack() as undo:
            self._answer, answer = os.pipe()
            undo.callback(os.close, self._answer)
            theirs.callback(os.close, answer)
            replies, self._replies = os.pipe()
            undo.callback(os.close, self._replies)
            theirs.callback(os.close, replies)
            handed_on = (answer, replies, lock)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, label, *map(str, handed_on), *path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                pass_fds=handed_on,
                start_new_session=True,
            )
            undo.pop_all()
        os.set_blocking(self._answer, False)
        os.set_blocking(self._replies, False)
        self._incoming = wire.Incoming(ANSWER_BYTES_MAX)
        self._is_heard = True  # replies still go out
        self._replying = threading.Lock()

    def tell(self, call: bytes) -> None:
        """Send what it is to do; the pipe stays open, as a sign that its owner lives."""
        with suppress(BrokenPipeError):  # it is gone already; hearing it out will show why
            wire.send(_there(self._process.stdin).fileno(), call)

    def reply(self, message: bytes) -> None:
        """Answer something it asked for, from any thread and without waiting.

        Replies are few and short; a child that does not take them is told no more, and notices.
        """
        with self._replying:
            if not self._is_heard:
                return
            try:
                self._is_heard = os.write(self._replies, message) == len(message)
            except OSError:  # no room, or it is gone
                self._is_heard = False
            if not self._is_heard:
                os.close(self._replies)

    def said(self, lines: Lines) -> Iterator[bytes]:
        """Yield its messages as they come, until it ends; what it writes goes to `lines`.

        Raises: wire.TooLong.
        """
        output = _there(self._process.stdout).fileno()
        with selectors.PollSelector() as selector:
            selector.register(self._answer, selectors.EVENT_READ)
            selector.register(output, selectors.EVENT_READ)
            while True:
                yield from self._whole_messages()
                has_ended = self._process.poll() is not None
                for key, _ in selector.select(0 if has_ended else _LOOK_SECONDS):
                    if key.fd == self._answer:
                        has_ended = not self._read_answer() or has_ended
                    elif not _read_output(output, lines):
                        selector.unregister(output)
                if has_ended:
                    break
        for _ in range(_LAST_ANSWER_READS_MAX):  # it said this before it ended
            is_more = self._read_answer()
            yield from self._whole_messages()
            if not is_more:
                break

    def _whole_messages(self) -> Iterator[bytes]:
        while (message := self._incoming.message()) is not None:
            yield message

    def ended(self, grace_s: float, lines: Lines) -> int:
        """Return its exit status, after at most `grace_s`; nothing of it or its group is left then.

        A negative status is the signal that killed it.
        """
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        self.signal(signal.SIGKILL)  # to what it started, too, and left running
        status = self._process.wait()
        output = _there(self._process.stdout).fileno()
        os.set_blocking(output, False)
        for _ in range(_LAST_READS_MAX):
            if not _read_output(output, lines):
                break
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and all of its group; none is left when it has been heard of last."""
        with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of the dead
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        """Close our ends of its pipes; the last thing, since it dies of that."""
        os.close(self._answer)
        with self._replying:
            if self._is_heard:
                self._is_heard = False
                os.close(self._replies)
        _there(self._process.stdin).close()
        _there(self._process.stdout).close()

    def _read_answer(self) -> bool:
        """Take the next piece of the answer; return whether more may come."""
        try:
            chunk = os.read(self._answer, _READ_BYTES)
        except BlockingIOError:
            return False
        self._incoming.feed(chunk)
        return bool(chunk)


def _read_output(output: int, lines: Lines) -> bool:
    """Take the next piece of output; return whether more may come."""
    try:
        chunk = os.read(output, _READ_BYTES)
    except BlockingIOError:
        return False
    lines.write(chunk)
    return bool(chunk)


def _there(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("a child was started without its pipes")
    return stream
