"""What a service is told about its run, and what it may tell back: its one argument.

It says what the run is for, never how it was scheduled or by which machinery it is carried out; so
the same service runs from a schedule, by hand, from a backfill or in a test. Reading is all
properties: making a context costs next to nothing, since most services look at two or three of
them.

Children import this file: it must stay quick to import.
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

from scheduler.model.invocations import Invocation, Output
from scheduler.model.jobs import Cause
from services.asking import Ask, no_executor
from services.connections.catalog import Connections
from services.connections.idempotency import current_key
from services.connections.secrets import Secrets
from services.inputs import as_json, parsed
from services.output import Lines
from services.permissions import Permissions
from services.scheduling import Scheduling
from services.steps import Steps

_FORMAT = "%(levelname)s %(message)s"
_making = threading.Lock()  # two threads of one service may ask for its log, or steps, at once


class Window(NamedTuple):
    """The stretch of time a run answers for: after `start`, up to and including `end`."""

    start: datetime | None  # None: nothing came before
    end: datetime


class Reach(Protocol):
    """The connections of the settings, as far as a context knows them."""

    @property
    def secrets(self) -> Secrets:
        """Return what was read for them, to be kept out of all that is stored."""

    @property
    def permissions(self) -> Permissions:
        """Return what the settings allow the ready-made services to do."""

    def named(self, kind: Literal["rest", "redis", "smtp", "sql"]) -> Any:  # noqa: ANN401  # by name
        """Return the connections of one kind, by name."""


class Context:
    """One attempt of one run, as its service sees it."""

    __slots__ = (
        "_ask",
        "_data",
        "_invocation",
        "_is_closed",
        "_lines",
        "_log",
        "_reach",
        "_schedule",
        "_steps",
        "_write",
        "cancelled",
    )

    def __init__(
        self,
        invocation: Invocation,
        write: Callable[[bytes], object] | None = None,
        reach: Reach | None = None,
        ask: Ask = no_executor,
    ) -> None:
        self.cancelled = False  # true once the end was asked for; a long loop looks at it
        self._invocation = invocation
        self._write = write  # where the log's lines go, when they are not kept here
        self._reach = reach  # None: there are no connections
        self._ask = ask  # how steps become durable; else they are done, and kept nowhere
        self._is_closed = False  # nothing of this attempt counts any more
        self._steps: Steps | None = None
        self._schedule: Scheduling | None = None
        self._lines: Lines | None = None
        self._log: logging.Logger | None = None

    @property
    def job(self) -> str:
        """The job's id; it stays when the job is renamed."""
        return self._invocation.job

    @property
    def job_name(self) -> str:
        """The job's name when the attempt started."""
        return self._invocation.job_name

    @property
    def run(self) -> str:
        """The run's id: equal in all attempts."""
        return self._invocation.run

    @property
    def attempt(self) -> int:
        """Which try of the run this is, from 1."""
        return self._invocation.attempt

    @property
    def cause(self) -> Cause:
        """Why the run exists: its schedule, a catch-up, a person."""
        return self._invocation.cause

    @property
    def fire_time(self) -> datetime | None:
        """The instant the schedule named, UTC; None for a run that was asked for by hand."""
        return self._invocation.fire_time

    @property
    def due_time(self) -> datetime:
        """The instant from which the run was to start, UTC."""
        return self._invocation.due_time

    @property
    def window(self) -> Window | None:
        """The stretch of time to work on; consecutive runs leave no gap. None for a run by hand."""
        end = self._invocation.fire_time
        return None if end is None else Window(self._invocation.window_start, end)

    @property
    def input(self) -> str | None:
        """The input as it was given."""
        return self._invocation.input_text

    @property
    def data(self) -> Any:  # noqa: ANN401  # input arrives here
        """The input, read: JSON, else a dict of `key=value` lines, else None.

        Text counts as JSON when it is an object or an array. Raises: Fatal, when it was given as
        JSON and is not.
        """
        try:
            return self._data
        except AttributeError:  # not read yet; None is a reading, too
            self._data: Any = parsed(self._invocation.input_text, self._invocation.input_kind)
            return self._data

    def input_json(self) -> Any:  # noqa: ANN401  # input arrives here
        """Return the input as JSON, be it an object or a lone number.

        Raises: Fatal, when it is not JSON.
        """
        return as_json(self._invocation.input_text)

    @property
    def idempotency_key(self) -> str:
        """A key that is equal in all attempts of this run, for the far end to tell a repeat by."""
        return self._invocation.idempotency_key

    def step(self, name: str, f: Callable[[], object]) -> Any:  # noqa: ANN401  # what `f` returns
        """Return what `f` returns, as JSON that stays: later attempts get it without calling `f`.

        In async code this is awaited, and `f` may be a coroutine function or return something to
        await: `data = await ctx.step("fetch", lambda: ctx.rest["source"].get_text())`. A name is
        used once in an attempt. Raises: Fatal, when it is used again, or when the result is no JSON
        or too large: what was done is not done again; and whatever `f` raises.
        """
        return self._own_steps().step(name, f)

    @property
    def step_key(self) -> str | None:
        """The idempotency key of the step that is being carried out; None outside of one.

        It is equal in all attempts of the run, and different in every other step. Connections send
        it by themselves.
        """
        return current_key()

    @property
    def schedule(self) -> Scheduling:
        """One-time jobs from inside: `ctx.schedule.once("service", after=timedelta(minutes=5))`."""
        steps = self._own_steps()
        if self._schedule is None:
            with _making:
                if self._schedule is None:
                    self._schedule = Scheduling(steps, self.redact, self.redact_json)
        return self._schedule

    @property
    def log(self) -> logging.Logger:
        """A logger of this attempt alone; its lines are kept with the run, UTC times in front."""
        if self._log is None:
            with _making:
                if self._log is None:
                    self._log = self._new_log()
        return self._log

    @property
    def rest(self) -> Any:  # noqa: ANN401  # clients by name; calls wait when nothing can await them
        """The REST connections: `ctx.rest["My Data Source"].get_text()`; awaited in async code."""
        return self._connections().named("rest")

    @property
    def redis(self) -> Any:  # noqa: ANN401  # as above
        """The Redis connections: `ctx.redis["default"].set("key", "value")`."""
        return self._connections().named("redis")

    @property
    def smtp(self) -> Any:  # noqa: ANN401  # as above
        """The mail servers: `ctx.smtp["My SMTP"].send(to="a@example.com", subject="New")`."""
        return self._connections().named("smtp")

    @property
    def sql(self) -> Any:  # noqa: ANN401  # as above
        """The databases: `ctx.sql["orders"].fetch_all("SELECT 1")`."""
        return self._connections().named("sql")

    @property
    def permissions(self) -> Permissions:
        """What the settings allow; of use to the ready-made services."""
        return self._connections().permissions

    def redact(self, text: str) -> str:
        """Return the text with every secret of the connections replaced by `‹secret:NAME›`."""
        return text if self._reach is None else self._reach.secrets.redact(text)

    def redact_json(self, text: str) -> str:
        """Return a JSON text without secrets; it stays JSON."""
        return text if self._reach is None else self._reach.secrets.redact_json(text)

    def unfinished(self) -> str | None:
        """Return which step the service did not wait for, None when there is none."""
        return None if self._steps is None else self._steps.unfinished()

    def close(self) -> None:
        """Let no further step begin: nothing of this attempt counts any more."""
        self._is_closed = True
        if self._steps is not None:
            self._steps.is_closed = True

    def output(self) -> Output | None:
        """Return the lines logged so far, None when there are none or they went elsewhere."""
        return None if self._lines is None else self._lines.output()

    def _own_steps(self) -> Steps:
        if self._steps is None:
            with _making:
                if self._steps is None:
                    self._steps = Steps(self._invocation, self._ask, self.redact_json)
                    self._steps.is_closed = self._is_closed
        return self._steps

    def _new_log(self) -> logging.Logger:
        write = self._write
        if write is None:
            self._lines = Lines(secrets=None if self._reach is None else self._reach.secrets)
            write = self._lines.write
        log = logging.Logger(self._invocation.service)  # noqa: LOG001  # nobody else may share it
        log.addHandler(_Kept(write, self.redact))
        return log

    def _connections(self) -> Reach:
        self._reach = self._reach or Connections()
        return self._reach


class _Kept(logging.Handler):
    """Writes each record as a line of UTF-8."""

    def __init__(self, write: Callable[[bytes], object], redact: Callable[[str], str]) -> None:
        super().__init__()
        self._write = write
        self._redact = redact
        self.setFormatter(logging.Formatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line."""
        try:
            at = datetime.fromtimestamp(record.created, UTC).time().isoformat("milliseconds")
            line = f"{at}Z {self._redact(self.format(record))}\n"
            self._write(line.encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001  # as in the library: a bad record fails no service
            self.handleError(record)
