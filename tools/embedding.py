"""`Horolog`: a scheduler inside a program of the user's own.

    from horolog import Horolog, every, service

    @service("greet")
    def greet(ctx):
        print("hello")

    horolog = Horolog("horolog.db")
    horolog.add("greeting", "greet", every("5s"))
    horolog.serve()

It is the same log, the same rules and the same server as the command's; `horolog status`, `why` and
all else work beside it. Calls wait for the disk; from a coroutine use those that begin with `a`.
Services are those registered in this program, and no global is kept but that registry.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from scheduler.executor.clock import Clock, SystemClock
from scheduler.model import commands as c
from scheduler.model.backfill_events import Only, Order
from scheduler.model.errors import Conflict
from scheduler.model.events import RunPlanned, ServiceCalled
from scheduler.model.in_code import in_utc
from scheduler.model.jobs import BackfillId, Definition, JobId, Missed, RunId
from scheduler.model.limits import SLOTS_DEFAULT
from scheduler.model.plain import read_changes, read_definition
from scheduler.model.schedules import Manual, Schedule
from tools.app import create, open_reading, open_wishes
from tools.in_python import changed, written
from tools.settings import Settings, read_concurrency
from tools.wishes import Told

Value = TypeVar("Value")
MANUAL = Manual()


class Horolog:
    """One log, and on request the server that runs its jobs; safe to use from any thread."""

    def __init__(
        self,
        db: str | Path = "horolog.db",
        *,
        timezone: str = "UTC",
        slots: int = SLOTS_DEFAULT,
        connections: Mapping[str, Mapping[str, object]] | None = None,
        concurrency: Mapping[str, int] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open the log, making it when there is none.

        `connections`: as the tables of a settings file, by name. `concurrency`: how many runs of a
        concurrency key may run at once, by key.
        Raises: BadInput; Unreachable, when there is a file that is no log, or no way to make one.
        """
        from services.connections.reading import read_connections

        self.clock = clock or SystemClock()
        self.settings = Settings(
            db=Path(db),
            timezone=timezone,
            slots=slots,
            connections=read_connections(connections or {}),
            concurrency=read_concurrency(concurrency or {}),
        )
        self._reasons: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._serving: threading.Thread | None = None
        if not self.settings.db.exists():
            with suppress(Conflict):  # another program made it in the meantime
                create(self.settings.db, self.clock)

    # -- jobs

    def add(
        self, name: str, service: str, schedule: Schedule = MANUAL, **policies: object
    ) -> JobId:
        """Define a job, or edit the one of this name; one that stands so already is left alone.

        `policies` are the fields of a job, as everywhere: `overlap="allow"`, `timeout="5m"`,
        `retry={"max_attempts": 3}`, `input={...}`. Returns: the job's id. Raises: BadInput.
        """
        now = self.clock.now()
        shape = Definition(name=name, service=service, schedule=schedule)
        definition, contents = read_definition(
            written(shape, policies), now=now, timezone=self.settings.timezone
        )
        command = c.DefineJob(job=JobId(self.clock.new_id()), definition=definition, replace=True)
        with open_wishes(self.settings, clock=self.clock) as wishes:
            wishes.ask(command, contents=contents)
        return self._id_of(name)

    def edit(self, job: str, **changes: object) -> None:
        """Change what is named of a job's definition. Raises: NotFound, BadInput."""
        row = self.job(job)
        definition, contents = read_changes(
            row.definition, changed(changes), now=self.clock.now(), timezone=self.settings.timezone
        )
        self._ask(c.ReviseJob(job=row.job_id, definition=definition), contents)

    def pause(self, job: str, *, until: datetime | None = None, missed: Missed = "skip") -> None:
        """Stop deciding for a job, until it is resumed or `until` has come.

        `missed` says what becomes of the fire times of the pause at that end. Raises: BadInput.
        """
        end = None if until is None else in_utc(until, "$.until")
        self._ask(c.PauseJob(job=self._id_of(job), until=end, missed=missed))

    def skip_next(self, job: str, at: datetime | None = None) -> None:
        """Pass over one fire time to come: `at`, else the next. Raises: BadInput, Conflict."""
        fire_time = None if at is None else in_utc(at, "$.fire_time")
        self._ask(c.SkipNextFire(job=self._id_of(job), fire_time=fire_time))

    def restore_next(self, job: str, at: datetime | None = None) -> None:
        """Take that back: for the fire time `at`, else for all that are still to come."""
        fire_time = None if at is None else in_utc(at, "$.fire_time")
        self._ask(c.RestoreNextFire(job=self._id_of(job), fire_time=fire_time))

    def resume(self, job: str, *, missed: Missed = "skip") -> None:
        """Decide for a job again; `missed` says what becomes of the fire times of its pause."""
        self._ask(c.ResumeJob(job=self._id_of(job), missed=missed))

    def remove(self, job: str) -> None:
        """Remove a job for good; its history stays."""
        self._ask(c.RemoveJob(job=self._id_of(job)))

    def trigger(self, job: str, input: object = None) -> RunId:  # the field's own name
        """Run a job now. Returns: the run's id. Raises: Conflict, when overlap forbids it."""
        from scheduler.model.plain_inputs import read_input

        given, contents = (None, {}) if input is None else read_input(input, "$.input")
        run = RunId(self.clock.new_id())
        self._ask(c.TriggerJob(job=self._id_of(job), run=run, input=given), contents)
        return run

    # -- runs, by their ids or the beginnings of them

    def cancel(self, run: str) -> None:
        """End a run: at once when nothing of it is running, else as soon as its attempt ends."""
        self._ask_about(self.run(run), c.CancelRun)

    def retry(self, run: str) -> None:
        """Try a failed, expired, cancelled or held run again, as the same run. Raises: Conflict."""
        self._ask_about(self.run(run), c.RetryRun)

    def replay(self, run: str) -> RunId:
        """Run an ended run's occurrence once more. Returns: the new run's id. Raises: Conflict."""
        told = self._ask_about(self.run(run), c.ReplayRun)
        begun = (fact.event for fact in told.facts)
        return next(one.run for one in begun if isinstance(one, RunPlanned | ServiceCalled))

    def resolve(self, run: str, verdict: Literal["succeeded", "failed", "retry"]) -> None:
        """Settle a held run. Raises: Conflict, when it is not held."""
        row = self.run(run)
        self._ask(c.ResolveRun(run=row.run, verdict=verdict), stream=row.stream)

    # -- backfills

    def backfill(
        self,
        job: str,
        after: datetime,
        until: datetime,
        *,
        only: Only = "missing",
        order: Order = "oldest",
        concurrency: int = 1,
        per_minute: int | None = None,
        callbacks: bool = False,
        schedule: Literal["then", "current"] = "then",
    ) -> BackfillId:
        """Run what is `only` so of a job's fire times in (after, until]; a server carries it out.

        At most `concurrency` of its runs are open at once, and `per_minute` begun a minute.
        `callbacks`: each run calls back, else only the end of the whole does. `schedule`: whose
        fire times, those of the schedule of that time or of today's.
        Returns: its id. Raises: BadInput; Conflict, when another is about the same time.
        """
        wish = c.RequestBackfill(
            backfill=BackfillId(self.clock.new_id()),
            job=self._id_of(job),
            after=in_utc(after, "$.after"),
            until=in_utc(until, "$.until"),
            only=only,
            order=order,
            concurrency=concurrency,
            per_minute=per_minute,
            callbacks=callbacks,
            schedule=schedule,
        )
        self._ask(wish)
        return wish.backfill

    def pause_backfill(self, backfill: str) -> None:
        """Plan no further run of a backfill. Raises: NotFound, when it is over."""
        self._ask(c.PauseBackfill(backfill=self._backfill(backfill)))

    def resume_backfill(self, backfill: str) -> None:
        """Go on with a paused backfill."""
        self._ask(c.ResumeBackfill(backfill=self._backfill(backfill)))

    def cancel_backfill(self, backfill: str) -> None:
        """End a backfill for good: its runs that have not started are cancelled."""
        self._ask(c.CancelBackfill(backfill=self._backfill(backfill)))

    # -- reading

    def jobs(self) -> list[Any]:
        """Return the jobs that are not removed, by name."""
        from projections.read_jobs import jobs

        return self._read(jobs)

    def job(self, name_or_id: str) -> Any:  # noqa: ANN401  # a row of the views
        """Return one job. Raises: NotFound."""
        from projections.read_jobs import job

        return self._read(lambda views: job(views, name_or_id))

    def runs(self, job: str | None = None) -> list[Any]:
        """Return the runs, of all jobs or of one, newest first."""
        from projections.read_runs import runs

        job_id = None if job is None else self._id_of(job)
        return self._read(lambda views: runs(views, job=job_id))

    def run(self, run: str) -> Any:  # noqa: ANN401  # a row of the views
        """Return one run, by its id or the beginning of it. Raises: NotFound, Conflict."""
        from projections.read_runs import run as one

        return self._read(lambda views: one(views, run))

    def backfills(self, job: str | None = None) -> list[Any]:
        """Return the backfills, of all jobs or of one, the latest first."""
        from projections.read_backfills import backfills

        job_id = None if job is None else self._id_of(job)
        return self._read(lambda views: backfills(views, job=job_id))

    def misses(self) -> list[Any]:
        """Return the windows of fire times that did not become runs."""
        from projections.read_jobs import misses

        return self._read(misses)

    # -- serving

    def start(self) -> None:
        """Serve on threads of its own, until `stop`.

        Raises: Conflict, when another process serves this log.
        """
        ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        if self._serving is not None:
            raise Conflict("this Horolog is serving already")
        self._serving = threading.Thread(
            target=self._serve, args=(ready,), name="horolog", daemon=True
        )
        self._serving.start()
        error = ready.get()
        if error is not None:
            self._serving.join()
            self._serving = None
            raise error

    def stop(self) -> None:
        """Let attempts end within their grace, and leave the log in order."""
        serving, self._serving = self._serving, None
        if serving is not None:
            self._reasons.put("stop")
            serving.join()

    def serve(self) -> None:
        """Serve until `stop` is called from elsewhere, or Ctrl-C."""
        self.start()
        serving = self._serving
        try:
            while serving is not None and serving.is_alive():
                serving.join(1.0)
        finally:
            self.stop()

    async def aserve(self) -> None:
        """Serve until the coroutine is cancelled; the caller's event loop stays free."""
        await asyncio.to_thread(self.start)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.shield(asyncio.to_thread(self.stop))

    async def aadd(
        self, name: str, service: str, schedule: Schedule = MANUAL, **policies: object
    ) -> JobId:
        """Define a job or edit it, as `add` does, without blocking the event loop."""
        return await asyncio.to_thread(self.add, name, service, schedule, **policies)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    # -- the parts

    def _serve(self, ready: "queue.SimpleQueue[BaseException | None]") -> None:
        from tools.serving import Served

        try:
            served = Served(self.settings, self._reasons.put)
        except BaseException as error:  # noqa: BLE001  # whoever starts it is told
            ready.put(error)
            return
        ready.put(None)
        try:
            self._reasons.get()
        finally:
            served.stop()

    def _ask(
        self,
        command: c.AnyCommand,
        contents: dict[str, bytes] | None = None,
        *,
        stream: str | None = None,
    ) -> Told:
        with open_wishes(self.settings, clock=self.clock) as wishes:
            return wishes.ask(command, contents=contents, stream=stream)

    def _ask_about(
        self,
        row: Any,  # noqa: ANN401  # of the views
        kind: type[c.CancelRun | c.RetryRun | c.ReplayRun],
    ) -> Told:
        return self._ask(kind(run=row.run), stream=row.stream)

    def _read(self, question: Callable[[Any], Value]) -> Value:
        with open_reading(self.settings) as reading:
            return question(reading.views)

    def _backfill(self, backfill: str) -> BackfillId:
        from projections.read_backfills import backfill as one

        found: BackfillId = self._read(lambda views: one(views, backfill)).backfill
        return found

    def _id_of(self, job: str) -> JobId:
        found: JobId = self.job(job).job_id
        return found
