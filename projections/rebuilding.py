"""Building a projection beside the one in use: the same fold, into tables of the next generation.

Readers see the old rows until the switch, which only points the stable views at the new tables. The
old ones are dropped afterwards; the new ones, when it is cancelled or the process dies.
"""

import sqlite3
from collections.abc import Callable

from projections import checkpoints
from projections.checkpoints import Fold
from projections.contract import Projection
from scheduler.executor.derived import ViewsFile
from scheduler.log.contract import Log
from scheduler.model.limits import PAGE_EVENTS_MAX

Progress = Callable[[int, int], None]  # the position reached, the head of the log


def fold_beside(
    log: Log,
    views: ViewsFile,
    kind: type[Projection],
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> Fold | None:
    """Fold a projection from the beginning up to the log's head, into tables of its own.

    Returns: None, when it was cancelled; its tables are dropped.
    """
    with views.transaction() as connection:
        beside = Fold(kind, checkpoints.next_generation(connection, kind.name))
        beside.create(connection)
    try:
        while not (is_cancelled and is_cancelled()):
            if not step(log, views, beside):
                return beside
            if progress:
                progress(beside.position, log.head().position)
    except BaseException:
        discard(views, beside)
        raise
    discard(views, beside)
    return None


def step(log: Log, views: ViewsFile, fold: Fold) -> bool:
    """Fold one page; False when there was none."""
    page = log.read(after=fold.position, limit=PAGE_EVENTS_MAX)
    if not page:
        return False
    last = page[-1].position
    with views.transaction() as connection:
        fold.step(connection, page, log.hash_at(last) or checkpoints.BEGINNING)
    fold.position = last
    return True


def finish(log: Log, views: ViewsFile, beside: Fold) -> None:
    """Fold the rest, switch the stable views to the new tables, and drop the old ones.

    Nobody else may fold this projection meanwhile.
    """
    while step(log, views, beside):
        pass
    with views.transaction() as connection:
        beside.show(connection)
    with views.transaction() as connection:
        drop_others(connection, beside)


def discard(views: ViewsFile, fold: Fold) -> None:
    """Drop the tables of a generation that is not in use."""
    with views.transaction() as connection:
        for checkpoint in checkpoints.stored(connection):
            if (checkpoint.name, checkpoint.generation) == (fold.kind.name, fold.generation):
                checkpoints.drop(connection, checkpoint)


def drop_others(connection: sqlite3.Connection, fold: Fold) -> None:
    """Drop every other generation of the projection."""
    for checkpoint in checkpoints.stored(connection):
        if checkpoint.name == fold.kind.name and checkpoint.generation != fold.generation:
            checkpoints.drop(connection, checkpoint)
