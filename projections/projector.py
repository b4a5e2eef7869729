"""Keeps the views up with the log: reads past the checkpoint, folds, moves the checkpoint, commits.

One page of the log is one transaction over all projections that lag, so rows and checkpoints never
disagree. The work goes on at our own pace: while runs are due there is a pause after each page,
since deciding comes first; after a short page the projector waits a moment, so that a trickle of
events is not a commit each; when somebody waits for a position there is no pause at all.

Views that do not fit are made anew without a word: tables of another log, of a log that was set
back (the hash at the checkpoint differs), of older code (built beside, then switched), damaged ones
or some dropped by hand. What can stop the projector is a log it cannot follow or a disk it cannot
write; then `failure` says so, and reading goes on with the rows there are.
"""

import sqlite3
from collections.abc import Callable, Sequence
from threading import Condition, Event, RLock
from typing import Final

from projections import checkpoints, rebuilding
from projections.catalog import CATALOG
from projections.checkpoints import Checkpoint, Fold
from projections.contract import Projection
from scheduler.executor.derived import ViewsFile
from scheduler.log.contract import Log
from scheduler.log.faults import RAISED
from scheduler.model.errors import HorologError, NotFound, StorageFailed, ViewsRenewed
from scheduler.model.limits import (
    GATHER_PAUSE,
    PAGE_EVENTS_MAX,
    PAGE_PAUSE,
    VIEWS_RETRY_PAUSE,
)

IDLE_S: Final = 0.5  # how long `run` waits for the log before it looks whether to stop
RENEWALS_MAX: Final = 3  # in one page; a file that is damaged again and again lies on a broken disk


def never() -> bool:
    """Answer that nothing is due, or nobody has cancelled."""
    return False


class Projector:
    """The projections of one log, folded into one file of views; safe to use from any thread."""

    def __init__(
        self,
        log: Log,
        views: ViewsFile,
        catalog: Sequence[type[Projection]] = CATALOG,
        *,
        is_busy: Callable[[], bool] = never,
    ) -> None:
        self.failure: Exception | None = None  # why the last page could not be folded
        self._log = log
        self._views = views
        self._catalog = tuple(catalog)
        self._is_busy = is_busy
        self._folding = RLock()
        self._folds: dict[str, Fold] = {}
        self._renewals_seen = -1  # nothing is taken up yet
        self._building: set[str] = set()  # beside the ones in use
        self._moved = Condition()
        self._position = 0
        self._waiting = 0
        self._hurry = Event()

    @property
    def position(self) -> int:
        """Where the slowest projection stands."""
        return self._position

    def catch_up(self, until: int | None = None) -> int:
        """Fold what the log holds past the checkpoints, up to `until`; return the position reached.

        Raises: StorageFailed, when the views cannot be written; Corrupt, when the log is wrong.
        """
        try:
            while self._page(until):
                pass
        except RAISED as error:
            raise StorageFailed(
                f"The views cannot be written ({error}); the log is not touched by this",
                in_doubt=False,
            ) from error
        return self._position

    def run(self, stop: Event) -> None:
        """Keep the views up with the log until `stop` is set; for a thread of its own.

        It ends early, with `failure` set, when the log cannot be followed.
        """
        while not stop.is_set():
            try:
                is_renewed = self._views.renewals != self._renewals_seen
                if not is_renewed and not self._log.wait(self._position, IDLE_S):
                    continue
                count = self._page(None)
                self.failure = None
            except (*RAISED, StorageFailed) as error:  # a full disk, say: it may pass
                self._fail(error)
                stop.wait(VIEWS_RETRY_PAUSE.total_seconds())
                continue
            except HorologError as error:
                self._fail(error)
                return
            except Exception as error:
                self._fail(error)  # so that nobody waits in vain
                raise
            pause = self.pause_s(count)
            if pause:
                self._hurry.wait(pause)

    def wait_for(self, position: int, timeout_s: float) -> bool:
        """Wait until the views show the event at `position`, so that who wrote it can read it.

        Something must be folding meanwhile: `run`.
        Returns: False, when `timeout_s` seconds went by first or the views cannot be folded.
        """
        with self._moved:
            self._waiting += 1
            self._hurry.set()
            try:
                self._moved.wait_for(
                    lambda: self._position >= position or self.failure is not None, timeout_s
                )
                return self._position >= position
            finally:
                self._waiting -= 1
                if not self._waiting:
                    self._hurry.clear()

    def rebuild(
        self,
        name: str,
        *,
        progress: Callable[[int, int], None] | None = None,
        is_cancelled: Callable[[], bool] = never,
    ) -> bool:
        """Fold a projection from the beginning beside the one in use, then switch to it.

        `progress` is told the position reached and the log's head after each page.
        Returns: False, when it was cancelled; what was built is dropped.
        Raises: NotFound, when there is no such projection.
        """
        kind = self.kind(name)
        self._page(0)  # loads, and folds nothing
        self._building.add(name)
        try:
            beside = rebuilding.fold_beside(
                self._log, self._views, kind, progress=progress, is_cancelled=is_cancelled
            )
            if beside is None:
                return False
            with self._folding:
                rebuilding.finish(self._log, self._views, beside)
                self._folds[name] = beside
                self._tell()
        except ViewsRenewed:
            self.catch_up()  # all of it is rebuilt
        finally:
            self._building.discard(name)
        return True

    def kind(self, name: str) -> type[Projection]:
        """Return the projection of that name.

        Raises: NotFound.
        """
        for kind in self._catalog:
            if kind.name == name:
                return kind
        known = ", ".join(kind.name for kind in self._catalog)
        raise NotFound("projection", name, f"There are: {known}")

    # -- one page

    def _page(self, until: int | None) -> int:
        """Fold one page of the log; return how many events it had."""
        with self._folding:
            for _ in range(RENEWALS_MAX):
                try:
                    if self._views.renewals != self._renewals_seen:
                        self._load()
                    return self._fold_page(until)
                except ViewsRenewed:
                    continue
            raise StorageFailed("The views are damaged again and again", in_doubt=False)

    def _fold_page(self, until: int | None) -> int:
        folds = self._folds.values()
        after = min(fold.position for fold in folds)
        page = self._log.read(after=after, until=until, limit=PAGE_EVENTS_MAX)
        if not page:
            return 0
        last = page[-1].position
        last_hash = self._log.hash_at(last)
        if last_hash is None:
            raise StorageFailed(f"the log answers no hash for {last:,}", in_doubt=False)
        try:
            with self._views.transaction() as connection:
                for fold in folds:
                    fold.step(connection, page, last_hash)
        except BaseException:
            self._renewals_seen = -1  # what is in memory has gone too far: take up the rows again
            raise
        for fold in folds:
            fold.position = max(fold.position, last)
        self._tell()
        return len(page)

    def _tell(self) -> None:
        with self._moved:
            self._position = min(fold.position for fold in self._folds.values())
            self._moved.notify_all()

    def _fail(self, error: Exception) -> None:
        with self._moved:
            self.failure = error
            self._moved.notify_all()

    def pause_s(self, count: int) -> float:
        """Return how long to rest after a page of `count` events, in seconds."""
        if self._waiting:
            return 0.0
        if self._is_busy():
            return PAGE_PAUSE.total_seconds()
        return GATHER_PAUSE.total_seconds() if count < PAGE_EVENTS_MAX else 0.0

    # -- the beginning

    def _load(self) -> None:
        """Take up each projection at its checkpoint, or make it anew when that does not fit."""
        seen = self._views.renewals
        folds: dict[str, Fold] = {}
        with self._views.transaction() as connection:
            connection.execute(checkpoints.DDL)
            self._drop_leftovers(connection)
            live = {c.name: c for c in checkpoints.stored(connection) if c.is_live}
            for kind in self._catalog:
                found = live.get(kind.name)
                if found is not None and not self._stands(connection, found):
                    checkpoints.drop(connection, found)
                    found = None
                if found is None:
                    fold = Fold(kind, checkpoints.next_generation(connection, kind.name))
                    fold.create(connection)
                    fold.show(connection)
                elif found.version == kind.version:
                    fold = Fold(kind, found.generation, found.position)
                    fold.show(connection)
                else:
                    continue  # the old rows can be read until the new ones are there
                folds[kind.name] = fold
        for kind in self._catalog:
            if kind.name not in folds:
                beside = rebuilding.fold_beside(self._log, self._views, kind)
                if beside is not None:
                    rebuilding.finish(self._log, self._views, beside)
                    folds[kind.name] = beside
        self._folds = folds
        self._renewals_seen = seen
        self._tell()

    def _drop_leftovers(self, connection: sqlite3.Connection) -> None:
        """Drop what an interrupted rebuild left, and what belongs to projections of other code."""
        names = {kind.name for kind in self._catalog}
        for checkpoint in checkpoints.stored(connection):
            is_left = not checkpoint.is_live and checkpoint.name not in self._building
            if is_left or checkpoint.name not in names:
                checkpoints.drop(connection, checkpoint)

    def _stands(self, connection: sqlite3.Connection, checkpoint: Checkpoint) -> bool:
        """Return whether the rows are all there and were folded from the log as it is."""
        if not checkpoints.has_tables(connection, checkpoint):
            return False
        return self._log.hash_at(checkpoint.position) == checkpoint.hash
