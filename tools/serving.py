"""`serve`: the parts of a running server, put together in one order and taken apart in the other.

First the right to write (the lock), then the log and its views, then who carries out, then who
decides, last the socket by which others ask: whatever is open stands on what was opened before it,
and an error on the way closes it all again. The main thread only waits for a reason to stop. The
first signal stops gracefully; the second ends the process at once, which is safe: that is what the
log is for.

`Seams` are where a test breaks a real server: each default is the part itself, and nothing in the
product hands in another.
"""

import os
import queue
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from socket import gethostname
from types import FrameType
from typing import NamedTuple

from projections import read_jobs
from projections.catalog import CATALOG
from projections.contract import Projection
from projections.metrics import Metrics
from projections.projector import Projector
from scheduler.executor import forecast
from scheduler.executor.clock import Clock, SystemClock, new_salt
from scheduler.executor.derived import ViewsFile
from scheduler.executor.handle import Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Identity
from scheduler.executor.owner import acquire
from scheduler.executor.snapshot import Snapshots
from scheduler.log import schema
from scheduler.log.contract import Retention
from scheduler.log.sqlite import SqliteLog
from scheduler.model.errors import HorologError
from scheduler.model.invocations import Invoke
from scheduler.model.jobs import RunId
from scheduler.model.limits import VIEWS_PATIENCE
from scheduler.model.missing_zones import told_apart
from services.invoke import Workers
from services.loading import Loaded
from services.locks import alive_children
from tools.admission import Admission
from tools.connecting import connections_of
from tools.installation import refuse_clashes, versions
from tools.offering import Offering
from tools.pace import keep_what_is_here, set_pace
from tools.settings import Settings
from tools.vitals import Readiness, Vitals
from tools.web.api import Api, Parts
from tools.web.listening import Listener
from tools.web.lists import Lists
from tools.web.peer import SocketServer, bind
from tools.web.probes import Probes
from tools.web.tcp import PatientProtocol, Ports
from tools.whole import pause_fields

EXIT_INTERRUPTED = 130
SIGNAL_LOOK_S = 0.5
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def as_it_is(invoke: Invoke) -> Invoke:
    """Return it unchanged."""
    return invoke


class Seams(NamedTuple):
    """Where a server can be broken on purpose."""

    clock: Clock = SystemClock()
    connect: schema.Connect = schema.connect  # every connection to the log's file
    invoke: Callable[[Invoke], Invoke] = as_it_is  # around whoever carries out services
    catalog: Sequence[type[Projection]] = CATALOG
    snapshots: type[Snapshots] = Snapshots


class Served:
    """A running server; made whole or not at all."""

    def __init__(
        self, settings: Settings, request_stop: Callable[[str], None], seams: Seams | None = None
    ) -> None:
        """Take up the log and serve it. `request_stop` is told who asked for the end.

        Raises: Conflict, when another process owns the log or a port; Refused, when others could
        reach one that is not theirs; Unreachable, NotAuthorised, Corrupt.
        """
        seams = seams or Seams()
        clock = self._clock = seams.clock
        self.settings = settings
        with ExitStack() as opened:
            self.owner = acquire(settings.db, since=clock.now(), host=gethostname())
            self._is_last = False
            opened.callback(self._let_go)
            self.ports = Ports(settings.listen, settings.probe_listen)
            opened.callback(self.ports.close)
            log = SqliteLog.open(
                settings.db,
                clock_ns=clock.now_ns,
                connect=seams.connect,
                retention=Retention(settings.output_retention, settings.output_bytes),
            )
            self.log = log
            opened.callback(log.close)
            patience_s = VIEWS_PATIENCE.total_seconds()
            views = ViewsFile.open(settings.db, identity=log.identity, wait_s=patience_s)
            opened.callback(views.close)
            self.offering = Offering(settings, clock)
            opened.callback(self.offering.close)
            self.offering.start()
            self._prepare(views, seams, opened)
            self._begin(views, request_stop, opened)
            self._opened = opened.pop_all()

    def _prepare(self, views: ViewsFile, seams: Seams, opened: ExitStack) -> None:
        """Put together who carries out, who decides and who shows; nothing moves yet."""
        settings, clock, log = self.settings, self._clock, self.log
        children_dir = Path(f"{log.path}.children")
        connections = self.connections = connections_of(settings, clock)
        opened.callback(connections.close)
        self.secrets_missing = connections.read_secrets()  # the others are kept out of all output
        self.workers = Workers(
            self.loaded.registry,
            slots=settings.slots,
            monotonic_ns=clock.monotonic_ns,
            children_dir=children_dir,
            connections=connections,
        )
        workers = seams.invoke(self.workers)
        opened.callback(workers.close)
        snapshots = seams.snapshots(views, log, clock)
        handle = Handle(log, clock, restore=snapshots.load, code=workers.code)
        opened.callback(snapshots.close, handle)
        opened.callback(self._foresee, views, handle)
        self.executor = Executor(
            handle,
            workers,
            clock,
            Identity(gethostname(), os.getpid(), versions()),
            slots=settings.slots,
            key_limits=settings.concurrency,
            stop_grace=settings.stop_grace,
            alive=lambda: {RunId(run) for run, _ in alive_children(children_dir)},
            on_idle=snapshots.offer,
        )
        self.projector = Projector(
            log, views, seams.catalog, is_busy=lambda: bool(handle.timetable.occupied)
        )
        self.vitals = Vitals(self.executor, self.projector, log, clock)

    def _begin(
        self, views: ViewsFile, request_stop: Callable[[str], None], opened: ExitStack
    ) -> None:
        """Decide, show and answer from now on."""
        settings = self.settings
        self._reading = views.reading
        lists = Lists(views.reading, self._clock, settings.timezone)
        log = self.log
        api = Api(
            Parts(
                settings=settings,
                clock=self._clock,
                executor=self.executor,
                admission=Admission(
                    settings, lambda: self.loaded, log.content, lambda: new_salt(self._clock)
                ),
                lists=lists,
                taken_of=log.versions,
                purge=log.purge,
                wait_for_views=self.projector.wait_for,
                status=self.status,
                readiness=self.vitals.readiness,
                request_stop=request_stop,
                services=lambda: self.loaded,
                reload=self.offering.reload,
            )
        )
        bound = bind(self.owner.socket_path, mode=settings.socket_mode, group=settings.socket_group)
        http = SocketServer(api.app(), bound)
        opened.callback(http.stop)
        probes = Probes(self.vitals, Metrics(views.reading, self.vitals))
        tcp = Listener(
            probes.app(), self.ports.sockets, protocol=PatientProtocol, name="horolog-tcp"
        )
        opened.callback(tcp.stop)
        opened.enter_context(folding(self.projector))
        self.executor.start()
        opened.callback(self.executor.stop)
        self.offering.hand_to(self.workers, self.executor)
        opened.callback(self.offering.let_go)
        http.start()
        if self.ports.sockets:
            tcp.start()

    def stop(self, *, is_last: bool = False) -> None:
        """Let attempts end within their grace, bring the views up, and let go of everything.

        `is_last`: the process ends now, and the right to write goes with it, not before. A plain
        function that outlasts the grace runs until then: the next owner would start it beside.
        """
        self._is_last = is_last
        self._opened.close()

    def _foresee(self, views: ViewsFile, handle: Handle) -> None:
        """Note what is ahead, for whoever asks after an upgrade which fire times it moved."""
        schedules = [job.definition.schedule for job in handle.timetable.jobs.values()]
        with suppress(HorologError, sqlite3.Error):  # it is a note; the stop goes on without it
            forecast.note(views, schedules, self._clock.now(), versions())

    def _let_go(self) -> None:
        if not self._is_last:
            self.owner.release()

    @property
    def loaded(self) -> Loaded:
        """The services as they stand."""
        return self.offering.loaded

    def __str__(self) -> str:
        """Return what is served, in one line."""
        status = self.executor.status()
        jobs = f"{status.jobs:,} job{'' if status.jobs == 1 else 's'}"
        where = self.owner.socket_path
        what = f"serving {self.log.path} · epoch {status.epoch} · {jobs} · socket {where}"
        return f"{what}{self.ports}"

    # -- how it stands

    def status(self) -> dict[str, object]:
        """Return how the server stands, as `status` prints it."""
        status = self.executor.status()
        return {
            "serving": True,
            "db": str(self.log.path),
            "pid": os.getpid(),
            "host": gethostname(),
            "since": status.since,
            "horolog": versions()["horolog"],
            "epoch": status.epoch,
            "position": status.position,
            "views_position": self.projector.position,
            "views_failure": _told(self.projector.failure),
            "jobs": status.jobs,
            "runs_open": status.runs_open,
            "running": status.attempts_out,
            "slots": status.slots,
            "owed": status.owed,
            "held_apart": told_apart(status.held_apart),
            "ahead_s": status.ahead.total_seconds(),
            "resting": status.is_resting,
            "stopping": status.is_stopping,
            "fault": status.fault,
            **self._pause(),
            "heartbeat_at": status.heartbeat_at,
            "services": len(self.loaded.registry),
            "services_missing": [str(failure) for failure in self.loaded.failures],
            "socket": str(self.owner.socket_path),
        }

    def _pause(self) -> dict[str, object]:
        """Return the pause of everything; who and when only as far as the views can be read."""
        told: dict[str, object] = {}
        with suppress(HorologError, sqlite3.Error), self._reading() as views:
            told = pause_fields(read_jobs.system(views))
        return told | {"paused": self.executor.handle.timetable.system.paused}

    def readiness(self) -> Readiness:
        """Return whether anything can be decided, and why not."""
        return self.vitals.readiness()


@contextmanager
def folding(projector: Projector) -> Iterator[None]:
    """Keep the views up on a thread of its own; at the end they are brought up once more."""
    stop = threading.Event()
    thread = threading.Thread(
        target=projector.run, args=(stop,), name="horolog-projector", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with suppress(HorologError):  # whoever reads next brings them up
            projector.catch_up()


def serve(settings: Settings, *, seams: Seams | None = None) -> int:
    """Serve a log until a signal or a request ends it; return the exit code.

    One line on standard error says when it is ready, one why it stops.
    """
    refuse_clashes()
    set_pace()
    reasons: queue.SimpleQueue[str] = queue.SimpleQueue()
    with signals(reasons.put):
        served = Served(settings, reasons.put, seams)
        keep_what_is_here()
        for problem in served.secrets_missing:
            _say(f"{problem}")
        _say(str(served))
        with reloads(served.offering):
            reason = first_of(reasons)
        out = served.executor.status().attempts_out
        left = f"; {out} attempts have {settings.stop_grace} to end" if out else ""
        _say(f"stopping ({reason}){left}")
        served.stop(is_last=True)
        _say("stopped")
    return 0


def first_of(reasons: "queue.SimpleQueue[str]") -> str:
    """Wait for a reason to stop.

    The wait is broken off now and then: a signal that arrives in the instant before the main thread
    falls asleep runs its handler only when that thread wakes.
    """
    while True:
        with suppress(queue.Empty):
            return reasons.get(timeout=SIGNAL_LOOK_S)


@contextmanager
def signals(request_stop: Callable[[str], None]) -> Iterator[None]:
    """Ask for a graceful stop at the first signal, end the process at the second."""
    seen: list[int] = []

    def caught(number: int, _: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            # Children end when their pipe from here closes; the next start settles what was open.
            os._exit(EXIT_INTERRUPTED)
        request_stop(signal.Signals(number).name)

    before = {number: signal.signal(number, caught) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def reloads(offering: Offering) -> Iterator[None]:
    """Have SIGHUP load what has changed, instead of ending the process."""
    before = signal.signal(signal.SIGHUP, lambda *_: offering.reload())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _told(failure: Exception | None) -> str | None:
    return None if failure is None else str(failure)


def _say(line: str) -> None:
    """Tell whoever started the server."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
