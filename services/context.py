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
from typing import Any, NamedTuple

from scheduler.model.invocations import Invocation, Output
from scheduler.model.jobs import Cause
from services.inputs import as_json, parsed
from services.output import Lines

_FORMAT = "%(levelname)s %(message)s"
_making_a_log = threading.Lock()  # two threads of one service may ask for its log at once


class Window(NamedTuple):
    """The stretch of time a run answers for: after `start`, up to and including `end`."""

    start: datetime | None  # None: nothing came before
    end: datetime


class Context:
    """One attempt of one run, as its service sees it."""

    __slots__ = ("_data", "_invocation", "_lines", "_log", "_write", "cancelled")

    def __init__(
        self, invocation: Invocation, write: Callable[[bytes], object] | None = None
    ) -> None:
        self.cancelled = False  # true once the end was asked for; a long loop looks at it
        self._invocation = invocation
        self._write = write  # where the log's lines go, when they are not kept here
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

    @property
    def log(self) -> logging.Logger:
        """A logger of this attempt alone; its lines are kept with the run, UTC times in front."""
        if self._log is None:
            with _making_a_log:
                if self._log is None:
                    self._log = self._new_log()
        return self._log

    def output(self) -> Output | None:
        """Return the lines logged so far, None when there are none or they went elsewhere."""
        return None if self._lines is None else self._lines.output()

    def _new_log(self) -> logging.Logger:
        write = self._write
        if write is None:
            self._lines = Lines()
            write = self._lines.write
        log = logging.Logger(self._invocation.service)  # noqa: LOG001  # nobody else may share it
        log.addHandler(_Kept(write))
        return log


class _Kept(logging.Handler):
    """Writes each record as a line of UTF-8."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._write = write
        self.setFormatter(logging.Formatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line."""
        try:
            at = datetime.fromtimestamp(record.created, UTC).time().isoformat("milliseconds")
            line = f"{at}Z {self.format(record)}\n"
            self._write(line.encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001  # as in the library: a bad record fails no service
            self.handleError(record)
