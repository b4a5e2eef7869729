"""The thread that keeps an eye on the services' files, and the face by which it is asked to look.

It is never the executor's: a look reads folders and waits for loads, and neither may hold up a fire
time. Files are polled, since what the systems offer instead sees neither network file systems nor
files behind mounts, and a look at a few files costs microseconds.
"""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

from scheduler.model.limits import LOAD_TURN, LOOK_EVERY
from services.loading import Loaded
from services.versions import Versions

Changed = Callable[[Loaded, str | None], None]  # by whom it was asked for; None: the files changed

_log = logging.getLogger("horolog.services")


class Watching:
    """Keeps the services as their files are; `on_change` is called on this one's own thread."""

    def __init__(self, versions: Versions, on_change: Changed, *, is_watching: bool) -> None:
        """Begin with nothing loaded; without `is_watching`, look only when asked to."""
        self._versions = versions
        self._on_change = on_change
        self._is_watching = is_watching
        self._asked: queue.SimpleQueue[_Reload | None] = queue.SimpleQueue()
        self._first = _Reload(None)
        self._thread = threading.Thread(target=self._run, name="horolog-services", daemon=True)

    @property
    def loaded(self) -> Loaded:
        """The services as they stand; from any thread."""
        return self._versions.loaded

    def start(self) -> Loaded:
        """Load everything, and return what is there when each source has had its turn."""
        self._asked.put(self._first)
        self._thread.start()
        return self._first.answer.result()

    def reload(self, by: str | None = None) -> Future[Loaded]:
        """Look at once; the future brings what there is then. May be called from a handler."""
        asked = _Reload(by)
        self._asked.put(asked)
        return asked.answer

    def close(self) -> None:
        """Look no more. A look under way ends by itself; nobody waits for what it loads."""
        self._asked.put(None)
        self._thread.join(LOAD_TURN.total_seconds())

    def _run(self) -> None:
        while True:
            try:
                asked = self._asked.get(timeout=self._wait_s())
            except queue.Empty:
                self._look()
                continue
            if asked is None:
                return
            self._look_for(asked)

    def _wait_s(self) -> float | None:
        """Return how long to wait for somebody to ask; None when nothing else can happen."""
        if self.loaded.pending:
            return LOAD_TURN.total_seconds()
        is_needed = self._is_watching or self._versions.is_loading
        return LOOK_EVERY.total_seconds() if is_needed else None

    def _look(self) -> None:
        try:
            versions = self._versions
            if versions.look() if self._is_watching else versions.collect():
                self._on_change(versions.loaded, None)
        except Exception:  # noqa: BLE001  # the thread outlives a folder that cannot be read
            _log.exception("the services' files could not be looked at")

    def _look_for(self, asked: "_Reload") -> None:
        try:
            if self._versions.look(at_once=True) and asked is not self._first:
                self._on_change(self.loaded, asked.by)
            asked.answer.set_result(self.loaded)
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked
            asked.answer.set_exception(error)


class _Reload:
    """A wish to look at once."""

    def __init__(self, by: str | None) -> None:
        self.by = by
        self.answer: Future[Loaded] = Future()
