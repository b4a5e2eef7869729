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
from contextlib import suppress
from pathlib import Path
from typing import IO

from scheduler.model.limits import ANSWER_BYTES_MAX
from services import wire
from services.output import Lines

_CHILD = "services.child"
# -P: a folder named `services` where we happen to be started must not be taken for ours.
_BOOT = (
    "import sys; _, label, answer, lock, *sys.path = sys.argv; sys.argv = [label];"
    f" from {_CHILD} import main; main(int(answer), int(lock))"
)
_READ_BYTES = 64 * 1024
_LOOK_SECONDS = 0.25  # between looks whether it died while something it forked holds its pipe open
_LAST_READS_MAX = 64  # of output after its end; what has left its group may write for ever


class Child:
    """A process that carries out one call; `label` is for people who list processes.

    Raises: OSError, when none can be started.
    """

    def __init__(self, label: str, lock: int) -> None:
        self._answer, theirs = os.pipe()
        path = [entry or str(Path.cwd()) for entry in sys.path]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, label, str(theirs), str(lock), *path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                pass_fds=(theirs, lock),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._answer)
            raise
        finally:
            os.close(theirs)
        os.set_blocking(self._answer, False)
        self._incoming = wire.Incoming(ANSWER_BYTES_MAX)

    def tell(self, call: bytes) -> None:
        """Send what it is to do; the pipe stays open, as a sign that its owner lives."""
        with suppress(BrokenPipeError):  # it is gone already; hearing it out will show why
            wire.send(_there(self._process.stdin).fileno(), call)

    def heard(self, lines: Lines) -> bytes | None:
        """Return its answer, or None when it ended without; what it writes goes to `lines`.

        Raises: wire.TooLong.
        """
        output = _there(self._process.stdout).fileno()
        with selectors.PollSelector() as selector:
            selector.register(self._answer, selectors.EVENT_READ)
            selector.register(output, selectors.EVENT_READ)
            while self._incoming.message() is None:
                has_ended = self._process.poll() is not None
                for key, _ in selector.select(0 if has_ended else _LOOK_SECONDS):
                    if key.fd == self._answer:
                        has_ended = not self._read_answer() or has_ended
                    elif not _read_output(output, lines):
                        selector.unregister(output)
                if has_ended:
                    break
        while self._incoming.message() is None and self._read_answer():
            pass  # it said this before it ended; bounded by the message's own length
        return self._incoming.message()

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
