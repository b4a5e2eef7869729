"""`projection list`, `rebuild` and `verify`: the views of the log, which can be lost without loss.

Rebuilding and verifying read the whole log. The views are written by one process: while a server
has them, they are left to it, and a rebuild is refused.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import click

from projections import checkpoints
from projections.catalog import CATALOG
from projections.contract import Projection
from projections.projector import Projector
from projections.verification import Verified
from projections.verification import verify as compared
from scheduler.executor.derived import ViewsFile
from scheduler.executor.owner import who_owns
from scheduler.log.contract import Log
from scheduler.model.errors import BadInput, Conflict, Damaged, NotFound
from scheduler.model.limits import VIEWS_PATIENCE
from tools.cli.call import Call, pass_call
from tools.cli.harmless import json_text
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, show_rows
from tools.cli.reading import log_of, reading

LISTED = Shape(
    ("projection", "version", "generation", "position", "behind"),
    ("projection", "version", "position", "behind"),
)
REBUILT = Shape(("projection", "position"), ("projection", "position"))
VERIFIED = Shape(
    ("projection", "position", "rows", "differences"), ("projection", "position", "rows", "differs")
)

name_argument = click.argument("name", metavar="PROJECTION", required=False)
all_option = click.option("--all", "everything", is_flag=True, help="Every one of them.")


@prints("list")
@pass_call
def list_views(call: Call, /) -> None:
    """List the views of the log."""
    with reading(call) as opened:
        head = opened.log.head().position
        live = [one for one in checkpoints.stored(opened.views) if one.is_live]
    rows: list[Record] = [
        {
            "projection": one.name,
            "version": one.version,
            "generation": one.generation,
            "position": one.position,
            "behind": head - one.position,
        }
        for one in live
    ]
    show_rows(call, LISTED, rows)


@prints("rebuild")
@name_argument
@all_option
@pass_call
def rebuild(call: Call, /, *, name: str | None, everything: bool) -> None:
    """Fold a view again from 0.

    It is built beside the one in use, which can be read until it is exchanged.
    """
    kinds = chosen(name, everything=everything)
    with log_of(call) as log, views_of(call, log) as views:
        projector = Projector(log, views)
        projector.catch_up()
        rows: list[Record] = []
        for kind in kinds:
            projector.rebuild(kind.name)
            rows.append({"projection": kind.name, "position": projector.position})
    show_rows(call, REBUILT, rows)


@prints("verify")
@name_argument
@all_option
@pass_call
def verify(call: Call, /, *, name: str | None, everything: bool) -> int:
    """Compare a view with the log.

    Exit code 8 when a row is not as the log has it.
    """
    kinds = chosen(name, everything=everything)
    with reading(call) as opened:
        views = Shown(opened.views)
        found = [compared(opened.log, views, kind) for kind in kinds]
    show_rows(call, VERIFIED, (verified_record(one) for one in found))
    differing = [one for one in found if one.differences]
    if call.form.kind == "people":
        for one in differing:
            tell_differences(one)
    return Damaged.exit_code if differing else 0


def chosen(name: str | None, *, everything: bool) -> tuple[type[Projection], ...]:
    """Return the projections that a call names.

    Raises: NotFound; BadInput, when it names none, or one and all.
    """
    known = ", ".join(kind.name for kind in CATALOG)
    if (name is None) == (not everything):
        raise BadInput.at("PROJECTION", "name one projection, or say --all.", f"There are: {known}")
    found = tuple(kind for kind in CATALOG if everything or kind.name == name)
    if not found:
        raise NotFound("projection", str(name), f"There are: {known}")
    return found


class Shown:
    """Views that are read only, whoever keeps them up."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection they are read by."""
        yield self._connection


@contextmanager
def views_of(call: Call, log: Log) -> Iterator[ViewsFile]:
    """Open the views for writing.

    Raises: Conflict, when another process has them and keeps them.
    """
    path = call.settings.db
    try:
        views = ViewsFile.open(path, identity=log.identity, wait_s=VIEWS_PATIENCE.total_seconds())
    except Conflict:
        owner = who_owns(path)
        if owner is None:
            raise
        raise Conflict(
            f"The views are kept up by pid {owner.pid}, which serves this log. They can be "
            "rebuilt when it is stopped: horolog stop"
        ) from None
    try:
        yield views
    finally:
        views.close()


def verified_record(found: Verified) -> Record:
    """Return what a verification found as scripts read it."""
    return {
        "projection": found.name,
        "position": found.position,
        "rows": found.rows,
        "differs": len(found.differences),
        "differences": [
            {"table": one.table, "shown": one.shown, "folded": one.folded}
            for one in found.differences
        ],
    }


def tell_differences(found: Verified) -> None:
    """Say which rows are not as the log has them, and how to mend it."""
    for one in found.differences:
        note(f"{one.table}: shown {json_text(one.shown)}, by the log {json_text(one.folded)}")
    note(f"{found.name} is not as the log has it. Mend it: horolog projection rebuild {found.name}")
