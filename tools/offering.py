"""The services of a running server: loaded when it starts, renewed as their files change.

A change reaches three: whoever carries out attempts calls the new code from the next attempt on,
the log gets an event that says what there is now, and whoever started the server is told, once,
what was not loaded. It all happens on the thread that looks at the files, so a user's file that
blocks holds up no decision.
"""

import sys
import threading
from concurrent.futures import Future, wait
from contextlib import suppress

from scheduler.executor.clock import Clock
from scheduler.executor.handle import Answer
from scheduler.executor.loop import Executor
from scheduler.log.contract import Meta
from scheduler.model import commands as c
from scheduler.model.errors import HorologError
from scheduler.model.limits import VIEWS_PATIENCE
from services.invoke import Workers
from services.loading import Loaded
from services.versions import Versions
from services.watching import Watching
from tools.known_settings import digest_of_settings, far_ends
from tools.settings import Settings

ACTOR = "scheduler"


class Offering:
    """What a server can carry out, from its start to its end."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Load nothing yet."""
        self._settings = settings
        versions = Versions(
            settings.load, settings.base, now=clock.now, monotonic_ns=clock.monotonic_ns
        )
        is_watching = settings.reload == "auto"
        self._watching = Watching(versions, self._changed, is_watching=is_watching)
        self._taken: tuple[Workers, Executor] | None = None
        self._told: set[str] = set()  # failures that were told and stand
        self._noted: object = None  # what the last event said
        self._lock = threading.Lock()

    @property
    def loaded(self) -> Loaded:
        """The services as they stand; from any thread."""
        return self._watching.loaded

    def start(self) -> Loaded:
        """Load everything, and keep an eye on it from now on."""
        return self._watching.start()

    def hand_to(self, workers: Workers, executor: Executor) -> None:
        """Have these two follow what changes; what there is now is recorded first."""
        settings = self._settings
        note = c.NoteSettings(
            digest=digest_of_settings(settings), connections=far_ends(settings.connections)
        )
        answers = [_noted(executor.ask(note, meta=Meta(actor=ACTOR)))]
        with self._lock:
            self._taken = (workers, executor)
            answers += self._follow(self.loaded, None)
        wait(answers, timeout=VIEWS_PATIENCE.total_seconds())

    def reload(self, by: str | None = None) -> Future[Loaded]:
        """Look at once for what has changed, for whom; may be called from a signal's handler."""
        return self._watching.reload(by)

    def let_go(self) -> None:
        """Pass on nothing any more."""
        with self._lock:
            self._taken = None

    def close(self) -> None:
        """Look at nothing any more."""
        self._watching.close()

    def _changed(self, loaded: Loaded, by: str | None) -> None:
        with self._lock:
            answers = self._follow(loaded, by)
        wait(answers, timeout=VIEWS_PATIENCE.total_seconds())  # whoever asked is answered after it

    def _follow(self, loaded: Loaded, by: str | None) -> "list[Future[Answer]]":
        """Pass on what there is now; return the answer to its event, when there is one."""
        failures = [str(failure) for failure in loaded.failures]
        for failure in failures:
            if failure not in self._told:
                _say(failure)
        self._told = set(failures)
        if self._taken is None:
            return []
        workers, executor = self._taken
        workers.use(loaded.registry, is_complete=not loaded.pending)
        services = {one.name: one.code for one in loaded.registry}
        if (services, failures) == self._noted:
            return []  # only something that was still loading is no longer waited for
        self._noted = (services, failures)
        note = c.NoteServices(services=services, failures=tuple(failures))
        return [_noted(executor.ask(note, meta=Meta(actor=by or ACTOR)))]


def _noted(answer: "Future[Answer]") -> "Future[Answer]":
    """Tell it when an event could not be stored; what it says is so all the same."""

    def settled(done: "Future[Answer]") -> None:
        error = done.exception()
        if isinstance(error, HorologError):
            _say(f"what was loaded is not in the log: {error}")

    answer.add_done_callback(settled)
    return answer


def _say(line: str) -> None:
    """Tell whoever started the server."""
    with suppress(OSError):  # the terminal may have gone
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
