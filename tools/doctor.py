"""What is wrong with an installation and a log, found without changing either.

Each check answers with findings: `ok`, `warn` (it works, but look) or `fail`. One check's failure
keeps no other from being made. What serves need not be stopped for this.
"""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from projections import checkpoints, read_jobs
from projections.catalog import CATALOG
from scheduler.executor.clock import Clock
from scheduler.executor.derived import ViewsFile
from scheduler.executor.owner import OwnerRecord, who_owns
from scheduler.log import place, schema
from scheduler.log.contract import Log
from scheduler.log.sqlite import SqliteLog
from scheduler.model.errors import Conflict, HorologError, Unreachable
from scheduler.model.limits import (
    DISK_FREE_BYTES_FEW,
    DISK_FREE_BYTES_MIN,
    DOCTOR_EVENTS,
    VIEWS_BEHIND_FEW,
)
from services.loading import load
from services.locks import alive_children
from tools.client import Client
from tools.installation import clashes, versions
from tools.moved_fires import look as look_at_fires
from tools.settings import Settings
from tools.web import routes
from tools.whole import pause_words

State = Literal["ok", "warn", "fail"]
SOUND_SQLITE = (3, 51, 3)  # before it, two connections around a WAL reset could lose pages
PRIVATE_SUFFIXES = ("", ".lock", ".views", "-wal", ".views-wal")


class Finding(NamedTuple):
    """What one check found."""

    check: str
    state: State
    message: str
    exit_code: int = 0  # of a failure


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Yield what every check finds, those of the installation first."""
    yield from _guarded("python", _software)
    yield from _guarded("names", _names)
    yield from _guarded("settings", lambda: _settings(settings))
    found = list(_guarded("log", lambda: _log(settings, clock)))
    yield from found
    if any(one.state == "fail" for one in found):
        return  # all others read it
    for check, look in (
        ("server", lambda: _server(settings, clock)),
        ("files", lambda: _files(settings.db)),
        ("disk", lambda: _disk(settings.db)),
        ("views", lambda: _views(settings)),
        ("services", lambda: _services(settings)),
        ("fires", lambda: _fires(settings, clock)),
    ):
        yield from _guarded(check, look)


def _guarded(check: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; an error is its last finding."""
    try:
        yield from look()
    except HorologError as error:
        yield Finding(check, "fail", str(error), error.exit_code)
    except (OSError, sqlite3.Error) as error:
        yield Finding(check, "fail", str(error), 1)


def _software() -> Iterator[Finding]:
    found = versions()
    told = ", ".join(f"{name} {number}" for name, number in found.items())
    yield Finding("versions", "ok", told)
    if sqlite3.sqlite_version_info < schema.VERSION_MIN:
        least = ".".join(map(str, schema.VERSION_MIN))
        yield Finding("sqlite", "fail", f"{sqlite3.sqlite_version} is older than {least}", 1)
    elif sqlite3.sqlite_version_info < SOUND_SQLITE:
        yield Finding(
            "sqlite",
            "ok",
            f"{sqlite3.sqlite_version}; it can lose pages when two programs write, and a log has"
            " one writer: let no other program write to it",
        )
    else:
        yield Finding("sqlite", "ok", sqlite3.sqlite_version)


def _names() -> Iterator[Finding]:
    found = clashes()
    for name, others in found.items():
        yield Finding("names", "fail", f'"{name}" is a package of {", ".join(others)} too', 5)
    if not found:
        yield Finding("names", "ok", "no other distribution has packages of our names")


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.file is None:
        yield Finding("settings", "ok", "no file: everything is as by default")
    else:
        yield Finding("settings", "ok", str(settings.file))


def _log(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Look at the log itself: its place, its form, its guards, its newest events, its clock."""
    owner = who_owns(settings.db)
    with closing(SqliteLog.open(settings.db, unowned=owner is None)) as log:
        head = log.head().position
        size = log.path.stat().st_size
        yield Finding("log", "ok", f"{log.path}: {head:,} events, {size:,} bytes, guards stand")
        yield from _chain(log, head)
        yield from _clock(log, head, clock)
    with closing(schema.connect(schema.uri_of(log.path, mode="ro"))) as connection:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            yield Finding("log", "fail", f"its journal mode is {mode}, not wal", 8)


def _chain(log: Log, head: int) -> Iterator[Finding]:
    after = max(head - DOCTOR_EVENTS, 0)
    report = log.verify(after=after, trusted=log.hash_at(after))
    if report.fault is not None:
        yield Finding("chain", "fail", report.fault, 8)
    else:
        part = f"the last {report.events:,} events follow" if after else "every event follows"
        all_of_it = "; all of them: horolog log verify" if after else ""
        yield Finding("chain", "ok", f"{part} from the one before{all_of_it}")


def _clock(log: Log, head: int, clock: Clock) -> Iterator[Finding]:
    newest = log.read(after=head - 1)
    if not newest:
        return
    ahead = newest[0].recorded_at - clock.now()
    if ahead > timedelta(seconds=1):
        yield Finding(
            "clock",
            "warn",
            f"the log is ahead of this clock by {ahead}. Is the clock right? horolog clock accept",
        )
    else:
        yield Finding("clock", "ok", "not behind the log")


def _server(settings: Settings, clock: Clock) -> Iterator[Finding]:
    owner = who_owns(settings.db)
    if owner is None:
        yield Finding("server", "ok", "nobody serves this log, so nothing fires: horolog serve")
        folder = Path(f"{place.real_path(settings.db)}.children")
        for run, attempt in alive_children(folder):
            yield Finding("server", "warn", f"attempt {attempt} of run {run} lives on without one")
        return
    yield from _owner(settings, owner, clock)


def _owner(settings: Settings, owner: OwnerRecord, clock: Clock) -> Iterator[Finding]:
    """Look whether the owner lives and answers, and what it says of itself."""
    try:
        with Client(settings.db, owner, clock) as client:
            status = client.get(routes.STATUS)
    except (Conflict, Unreachable) as error:
        yield Finding("server", "fail", f"{error}. End it: kill {owner.pid}", error.exit_code)
        return
    fields = status if isinstance(status, dict) else {}
    yield Finding("server", "ok", f"pid {owner.pid}, epoch {fields.get('epoch')}, answers")
    if fields.get("fault"):
        yield Finding("server", "fail", f"decides nothing: {fields['fault']}", 1)
    if fields.get("resting"):
        yield Finding("server", "warn", "rests: the clock jumped, and has to stand for a while")
    if fields.get("views_failure"):
        yield Finding("views", "fail", str(fields["views_failure"]), 1)


def _files(log_path: Path) -> Iterator[Finding]:
    """Look whether others could read or write what is ours."""
    real = place.real_path(log_path)
    is_open = False
    for suffix in PRIVATE_SUFFIXES:
        path = Path(f"{real}{suffix}")
        if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            is_open = True
            mode = stat.S_IMODE(path.stat().st_mode)
            yield Finding("files", "warn", f"{path} is open to others ({mode:04o}): chmod 600")
    if not os.access(real.parent, os.W_OK):
        yield Finding("files", "warn", f"you may not write to {real.parent}")
    elif not is_open:
        yield Finding("files", "ok", "for their owner alone")


def _disk(log_path: Path) -> Iterator[Finding]:
    free = free_bytes(place.real_path(log_path).parent)
    told = f"{free / 1024**3:,.1f} GiB free"
    if free < DISK_FREE_BYTES_MIN:
        yield Finding("disk", "fail", f"{told}: nothing can be stored soon", 1)
    elif free < DISK_FREE_BYTES_FEW:
        yield Finding("disk", "warn", told)
    else:
        yield Finding("disk", "ok", told)


def free_bytes(folder: Path) -> int:
    """Return how many bytes this user may still write where a folder lies."""
    return shutil.disk_usage(folder).free


def _views(settings: Settings) -> Iterator[Finding]:
    """Look how far the views have come; they are brought up by whoever reads or serves."""
    with closing(SqliteLog.open(settings.db)) as log:
        head = log.head().position
    try:
        connection = ViewsFile.read(settings.db)
    except Unreachable:
        yield Finding("views", "ok", "not there yet; the next look makes them")
        return
    with closing(connection):
        live = {one.name: one for one in checkpoints.stored(connection) if one.is_live}
        before = read_jobs.system(connection) if "schedules" in live else None
    for kind in CATALOG:
        found = live.get(kind.name)
        behind = head - (found.position if found else 0)
        if found is None or found.version != kind.version:
            yield Finding("views", "warn", f"{kind.name} is made anew by whoever looks next")
        elif behind > VIEWS_BEHIND_FEW:
            yield Finding("views", "warn", f"{kind.name} is {behind:,} events behind")
        else:
            yield Finding("views", "ok", f"{kind.name} at {found.position:,} of {head:,}")
    paused = pause_words(before, settings.timezone)
    if paused is not None:
        yield Finding("pause", "warn", paused)
    if before is not None:
        for name, number in before.versions.items():
            if number != versions().get(name):
                yield Finding(
                    "versions",
                    "warn",
                    f"{name} is {versions().get(name)}, the last server had {number}: fire times"
                    " may have moved; those that have are told below",
                )


def _services(settings: Settings) -> Iterator[Finding]:
    loaded = load(settings.load, settings.base)
    for failure in loaded.failures:
        yield Finding("services", "warn", str(failure))
    yield Finding("services", "ok", f"{len(loaded.registry)} loaded")
    try:
        connection = ViewsFile.read(settings.db)
    except Unreachable:
        return
    with closing(connection):
        rows = read_jobs.jobs(connection) if checkpoints.stored(connection) else []
    for row in rows:
        if row.service not in loaded.registry and row.status in {"active", "paused", "manual"}:
            yield Finding("services", "warn", f'job {row.name} calls "{row.service}", unknown here')


def _fires(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Read every stored schedule again, and compare what is ahead with what was foreseen."""
    try:
        connection = ViewsFile.read(settings.db)
    except Unreachable:
        yield Finding("fires", "ok", "no schedule was looked at: there are no views yet")
        return
    with closing(connection):
        is_folded = any(one.name == "schedules" for one in checkpoints.stored(connection))
        looks = list(look_at_fires(connection, clock.now(), versions())) if is_folded else []
    for one in looks:
        if one.problem:
            yield Finding("fires", "fail", str(one), 1)
        elif one.moved and any(one.moved):
            yield Finding("fires", "warn", str(one))
    right = sum(one.moved is not None and not any(one.moved) for one in looks)
    unknown = sum(not one.problem and one.moved is None for one in looks)
    told = f"{right:,} {'job by cron fires' if right == 1 else 'jobs by cron fire'}"
    told += " when the last server foresaw"
    if unknown:
        told += f"; {unknown:,} {'is' if unknown == 1 else 'are'} unknown: no server has stopped in"
        told += " order lately and noted theirs"
    yield Finding("fires", "ok", told)
