"""What can be read over HTTP: jobs, runs, misses and backfills, from the views; what names mean.

Lists come in pages. A page's `next` is an opaque cursor, the key of its last row; with it a list
goes on where it stopped, whatever was added meanwhile. Everything here blocks on SQLite and is
called on threads.
"""

import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import NamedTuple, TypeVar, get_args

import msgspec

from projections import read_backfills, read_jobs, read_runs
from projections.backfills import BackfillStatus
from projections.job_tables import JobStatus
from projections.rows import BackfillRow, JobRow, MissRow, RunRow
from scheduler.executor.clock import Clock
from scheduler.model.errors import BadInput, NotFound, Unreachable, ViewsRenewed
from scheduler.model.jobs import BackfillId, Definition, JobId, RunId, SkipReason
from scheduler.model.json_values import shown
from scheduler.model.limits import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from scheduler.model.plain import write_definition
from scheduler.model.plain_schedules import write_schedule
from scheduler.model.validation import ID_SHAPE
from scheduler.model.written import parse_instant
from scheduler.rules.run_state import RunStatus
from tools.web.routes import BACKFILLS, ROOT

Query = Mapping[str, str]
Names = Mapping[str, str]
Key = TypeVar("Key")


class Read(NamedTuple):
    """Something that can be looked up: how, and what its query may say."""

    function: Callable[[Names, Query], object]
    parameters: tuple[str, ...] = ()


class Lists:
    """The views of one log, as requests ask for them."""

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[sqlite3.Connection]],
        clock: Clock,
        timezone: str,
    ) -> None:
        self._reading = reading
        self._clock = clock
        self._timezone = timezone
        page = ("after", "limit")
        self.by_path = {
            f"{ROOT}/jobs": Read(self.jobs, ("status", "label", "search", *page)),
            f"{ROOT}/jobs/{{job}}": Read(self.job),
            f"{ROOT}/runs": Read(self.runs, ("job", "status", "backfill", "since", "until", *page)),
            f"{ROOT}/runs/{{run}}": Read(self.run),
            BACKFILLS: Read(self.backfills, ("job", "status", *page)),
            f"{BACKFILLS}/{{backfill}}": Read(self.backfill),
            f"{ROOT}/misses": Read(self.misses, ("job", "reason", "since", "until", *page)),
        }

    # -- what names mean

    def resolve(self, kind: str, name: str) -> str:
        """Return the id of the job, run or backfill that is named; a whole id is not looked up.

        Raises: NotFound, Conflict.
        """
        if ID_SHAPE.fullmatch(name):
            return name.lower()
        with self._views() as views:
            if kind == "run":
                return read_runs.run(views, name).run
            if kind == "backfill":
                return read_backfills.backfill(views, name).backfill
            return read_jobs.job(views, name).job_id

    def definition_of(self, job: JobId) -> Definition | None:
        """Return what a job is, None when there is no such job."""
        row = self._job_or_none(job)
        return None if row is None else row.definition

    def definition_named(self, name: str) -> Definition | None:
        """Return what the job of a name is, None when no job bears it now."""
        row = self._job_or_none(name)
        is_it = row is not None and row.name == name and row.status != "removed"
        return row.definition if row is not None and is_it else None

    def stream_of(self, run: RunId) -> str | None:
        """Return the stream of a run, None when there is no such run."""
        try:
            with self._views() as views:
                row = read_runs.run(views, run)
        except NotFound:
            return None
        return row.stream

    def _job_or_none(self, job: str) -> JobRow | None:
        try:
            with self._views() as views:
                return read_jobs.job(views, job)
        except NotFound:
            return None

    # -- what can be read

    def jobs(self, _: Names, query: Query) -> object:
        """Return a page of jobs, by name."""
        limit = _limit(query)
        with self._views() as views:
            rows = read_jobs.jobs(
                views,
                status=_chosen(query, "status", (*get_args(JobStatus), "any")),
                labels=[label] if (label := query.get("label")) else [],
                search=query.get("search"),
                after=_after(query, tuple[str, str]),
                limit=limit,
            )
        return _page("jobs", [_job(row) for row in rows], rows, limit)

    def job(self, names: Names, _: Query) -> object:
        """Return one job."""
        with self._views() as views:
            return _job(read_jobs.job(views, names["job"]))

    def runs(self, _: Names, query: Query) -> object:
        """Return a page of runs, the latest first."""
        limit = _limit(query)
        with self._views() as views:
            rows = read_runs.runs(
                views,
                job=self._job_asked(query),
                status=_chosen(query, "status", (*get_args(RunStatus), "open")),
                backfill=self._backfill_asked(query),
                since=self._instant(query, "since"),
                until=self._instant(query, "until"),
                after=_after(query, tuple[datetime, int]),
                limit=limit,
            )
        return _page("runs", rows, rows, limit)

    def run(self, names: Names, _: Query) -> object:
        """Return one run, its attempts and the steps that are done."""
        with self._views() as views:
            row = read_runs.run(views, names["run"])
            attempts, steps = read_runs.attempts(views, row), read_runs.steps(views, row)
        return {**msgspec.structs.asdict(row), "tries": attempts, "steps": steps}

    def misses(self, _: Names, query: Query) -> object:
        """Return a page of what did not run, the latest first."""
        limit = _limit(query)
        with self._views() as views:
            rows = read_jobs.misses(
                views,
                job=self._job_asked(query),
                reason=_chosen(query, "reason", get_args(SkipReason)),
                since=self._instant(query, "since"),
                until=self._instant(query, "until"),
                after=_after(query, tuple[datetime, int]),
                limit=limit,
            )
        return _page("misses", rows, rows, limit)

    def backfills(self, _: Names, query: Query) -> object:
        """Return a page of backfills, the latest first."""
        limit = _limit(query)
        with self._views() as views:
            rows = read_backfills.backfills(
                views,
                job=self._job_asked(query),
                status=_chosen(query, "status", (*get_args(BackfillStatus), "open")),
                after=_after(query, int),
                limit=limit,
            )
        return _page("backfills", rows, rows, limit)

    def backfill(self, names: Names, _: Query) -> object:
        """Return one backfill."""
        with self._views() as views:
            return read_backfills.backfill(views, names["backfill"])

    # -- the parts

    def _job_asked(self, query: Query) -> JobId | None:
        named = query.get("job")
        return None if named is None else JobId(self.resolve("job", named))

    def _backfill_asked(self, query: Query) -> BackfillId | None:
        named = query.get("backfill")
        return None if named is None else BackfillId(self.resolve("backfill", named))

    def _instant(self, query: Query, name: str) -> datetime | None:
        written = query.get(name)
        if written is None:
            return None
        return parse_instant(written, zone=self._timezone, now=self._clock.now(), path=f"?{name}")

    @contextmanager
    def _views(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to the views.

        Raises: Unreachable, while they are being built anew.
        """
        try:
            with self._reading() as connection:
                yield connection
        except (ViewsRenewed, sqlite3.OperationalError) as error:
            raise Unreachable(f"The views are being built anew ({error}). Try again") from None


def _job(row: JobRow) -> dict[str, object]:
    """Return a job as people write it."""
    return {
        **msgspec.structs.asdict(row),
        "schedule": write_schedule(row.schedule),
        "definition": write_definition(row.definition),
    }


def _page(
    name: str,
    shown_rows: object,
    rows: Sequence[JobRow | RunRow | MissRow | BackfillRow],
    limit: int,
) -> dict[str, object]:
    """Return a page, with where the next one begins; None when this is the last."""
    is_full = len(rows) == limit
    after = urlsafe_b64encode(msgspec.json.encode(rows[-1].key)).decode() if is_full else None
    return {name: shown_rows, "next": after}


def _after(query: Query, kind: type[Key]) -> Key | None:
    """Return the key that a cursor holds.

    Raises: BadInput.
    """
    cursor = query.get("after")
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(urlsafe_b64decode(cursor.encode("ascii")), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise BadInput.at("?after", "is no cursor of this list.", "Take `next` of a page") from None


def _chosen(query: Query, name: str, choices: tuple[Key, ...]) -> Key | None:
    """Return what the query chooses, None when it says nothing.

    Raises: BadInput, when it is none of the choices.
    """
    written = query.get(name)
    if written is None:
        return None
    for choice in choices:
        if choice == written:
            return choice
    known = ", ".join(map(str, choices))
    raise BadInput.at(f"?{name}", f"{shown(written)} is none of {known}.")


def _limit(query: Query) -> int:
    written = query.get("limit", str(PAGE_ROWS_DEFAULT))
    if (
        not written.isascii()
        or not written.isdecimal()
        or not 1 <= int(written[:9]) <= PAGE_ROWS_MAX
    ):
        raise BadInput.at("?limit", f"{shown(written)} is no number from 1 to {PAGE_ROWS_MAX:,}.")
    return int(written)
