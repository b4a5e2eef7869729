"""Which version of each source is in use: loaded whole or not at all, and renewed when it changes.

A user's file may block, loop or never come back when it is loaded, so each load has a daemon thread
of its own. It holds up the next one for a moment (`LOAD_TURN`), is waited for a while
(`LOAD_PATIENCE`), then named; should it end after all, its services are taken in. A new version
that fails, or whose names stand against another file's, changes nothing: the old one goes on.

What cannot be bounded stays said: such a thread cannot be ended, Python code shares the interpreter
with it by turns (shorter ones meanwhile), and C code that does not let go of the interpreter stops
everything. Modules that are imported (named so, or by a file) are loaded once.

One thread calls this, `watching`'s; only `loaded` is read from others.
"""

import stat
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module, invalidate_caches
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from scheduler.model.errors import Conflict
from scheduler.model.limits import (
    LOAD_PATIENCE,
    LOAD_TURN,
    LOADS_AT_ONCE_MAX,
    SHARED_SWITCH,
)
from scheduler.model.written import format_duration
from services.failures import Failure, failure_of
from services.loading import (
    READY_MADE,
    Loaded,
    Origin,
    importable,
    newly_imported,
    origins_of,
    services_of,
    source_of,
)
from services.registry import Registry, Service

DIGEST_SHOWN_CHARS = 4

Signature = tuple[int, int, int]  # when it was written, its size, its inode
_PATIENCE_NS = int(LOAD_PATIENCE.total_seconds() * 1e9)


class Version(Struct, frozen=True):
    """A source as it was loaded."""

    services: tuple[Service, ...]
    digest: str | None  # of the file; None for a module
    loaded_at: datetime


class Load:
    """One source being loaded, on a thread of its own."""

    def __init__(self, origin: Origin, before: str | None, begun_ns: int) -> None:
        """Begin; `before` is the digest of the version in use."""
        self.begun_ns = begun_ns
        self.digest: str | None = None
        self.services: tuple[Service, ...] | None = None  # None: it is the version in use
        self.error: BaseException | None = None
        self.ended = threading.Event()
        self._origin = origin
        self._before = before
        name = f"horolog-load-{origin.name}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            source = source_of(self._origin)
            self.digest = None if source is None else source.digest
            if self.digest is None or self.digest != self._before:
                self.services = tuple(services_of(self._origin, source))
        except BaseException as error:  # noqa: BLE001  # whatever a file raises is its failure
            self.error = error
        self.ended.set()


class Held:
    """What is known of one source."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.version: Version | None = None
        self.failure: Failure | None = None
        self.load: Load | None = None
        self.signature: Signature | None = None  # of what was tried last
        self.seen: Signature | None = None  # at the last look; a file at rest looks the same twice
        self.is_missed = False  # at the last look it was not there


class Versions:
    """The sources that the settings name, each in the version that is in use."""

    def __init__(
        self,
        patterns: Sequence[str],
        base_dir: Path,
        *,
        now: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
    ) -> None:
        """Load nothing of the user's yet; what comes ready-made is there, and keeps its names."""
        for module in READY_MADE:
            import_module(module)
        self._patterns = patterns
        self._base = importable(base_dir)
        self._now = now
        self._monotonic_ns = monotonic_ns
        self._held: dict[str, Held] = {}  # by the source's name; at most SERVICE_FILES_MAX
        self._looked_at: set[str] = set()  # places of imported services
        self._imported = newly_imported(self._looked_at)
        self._installed: list[Origin] | None = None  # modules, found at the first look
        self._in_vain: list[Failure] = []  # of the patterns themselves
        self._switch_s = sys.getswitchinterval()
        self._is_shared = False
        self._strays: list[Load] = []  # overtaken by a newer version of their file, and running
        self.loaded = Loaded(self._assembled(), (), ())

    @property
    def is_loading(self) -> bool:
        """Whether anything may still arrive, however late."""
        return any(held.load is not None for held in self._held.values())

    # -- looking

    def look(self, *, at_once: bool = False) -> bool:
        """Load what has changed; return whether `loaded` is another one now.

        A file counts as changed, or gone, when it looks the same twice in a row; `at_once`, as it
        is, and what failed before is tried again.
        """
        named = self._find()
        changed = [held for held in self._held.values() if self._has_changed(held, at_once)]
        if changed:
            invalidate_caches()  # what they import may have come just now
        for held in changed:
            self._begin(held)
        for held in list(self._held.values()):
            is_over = held.failure is not None and held.load is None and held not in changed
            if is_over and (changed or at_once) and not held.is_missed:
                self._begin(held)  # what it lacked may be there now
        for held in list(self._held.values()):
            is_out_of_use = held.version is None and held.load is None
            is_told = held.failure is None or (at_once and held.is_missed)
            if held.origin.name not in named and is_out_of_use and is_told:
                del self._held[held.origin.name]
        return self.collect()

    def collect(self) -> bool:
        """Take in what has been loaded meanwhile; return whether `loaded` is another one now."""
        for held in self._held.values():
            if held.load is not None:
                self._settle(held, held.load)
        self._strays = [load for load in self._strays if not load.ended.is_set()]
        self._share()
        loaded = self._standing()
        is_new = _told(loaded) != _told(self.loaded)
        if is_new:
            self.loaded = loaded
        return is_new

    def _find(self) -> set[str]:
        """Note sources that have come, and return what the patterns name now."""
        is_first = self._installed is None
        origins, self._in_vain = origins_of(self._patterns, self._base, installed=is_first)
        if self._installed is None:  # distributions stay as they are; reading them takes long
            self._installed = [origin for origin in origins if origin.path is None]
        found = {origin.name: origin for origin in (*origins, *self._installed)}
        for name, origin in found.items():
            if name not in self._held:
                self._held[name] = Held(origin)
        return set(self._held) if self._in_vain else set(found)

    def _has_changed(self, held: Held, at_once: bool) -> bool:  # noqa: FBT001  # the look's own
        """Return whether a source is to be loaded now; one that has gone is dropped here."""
        seen, held.seen = held.seen, self._signature(held)
        if held.seen is None and held.origin.path is not None:
            was_missed, held.is_missed = held.is_missed, True
            if held.signature is not None and (was_missed or at_once):
                self._drop(held)
            elif held.signature is None and held.failure is None and held.version is None:
                return True  # named, and never there: the load says so
            return False
        held.is_missed = False
        if held.origin.path is None:
            return held.version is None and held.failure is None and held.load is None
        is_settled = at_once or held.signature is None or held.seen == seen
        return held.seen != held.signature and is_settled

    def _signature(self, held: Held) -> Signature | None:
        if held.origin.path is None:
            return None
        try:
            found = held.origin.path.stat()
        except OSError:
            return None
        is_file = stat.S_ISREG(found.st_mode)
        return (found.st_mtime_ns, found.st_size, found.st_ino) if is_file else None

    def _drop(self, held: Held) -> None:
        """Take a source that has gone out of use, with its services."""
        lost = () if held.version is None else tuple(one.name for one in held.version.services)
        self._leave(held)
        held.version = held.signature = held.failure = None
        if lost:
            held.failure = Failure(
                source=held.origin.name,
                kind="gone",
                message=f"{held.origin.name} is gone, and with it: {', '.join(lost)}",
                is_sentence=True,
            )

    # -- loading

    def _begin(self, held: Held) -> None:
        """Begin to load a source, and wait for it a moment."""
        self._leave(held)
        under_way = sum(one.load is not None for one in self._held.values()) + len(self._strays)
        if under_way >= LOADS_AT_ONCE_MAX:
            held.failure = self._failure(
                held, f"{under_way} files are still loading; a restart ends that"
            )
            held.signature = None  # tried again at the next look
            return
        held.signature = held.seen
        before = None if held.version is None else held.version.digest
        held.load = Load(held.origin, before, self._monotonic_ns())
        held.load.ended.wait(LOAD_TURN.total_seconds())
        self._settle(held, held.load)

    def _leave(self, held: Held) -> None:
        """Wait no longer for a load that was overtaken."""
        if held.load is not None and not held.load.ended.is_set():
            self._strays.append(held.load)
        held.load = None

    def _settle(self, held: Held, load: Load) -> None:
        """Take in what a load has brought, or name it when it takes too long."""
        if not load.ended.is_set():
            if self._monotonic_ns() - load.begun_ns > _PATIENCE_NS and held.failure is None:
                took = format_duration(LOAD_PATIENCE)
                held.failure = self._failure(held, f"it is still loading after {took}")
            return
        held.load = None
        error = load.error
        if error is None and load.services is not None:
            error = self._taken_in(held, Version(load.services, load.digest, self._now()))
        held.failure = None
        if error is not None:
            failure = failure_of(error, held.origin.name, held.origin.path, self._base)
            held.failure = self._kept(held, failure)

    def _taken_in(self, held: Held, version: Version) -> Conflict | None:
        """Put a version into use with what it imported, or return what stands against that."""
        before, imported = held.version, list(self._imported)
        held.version = version
        self._imported += newly_imported(self._looked_at)
        try:
            self._assembled()
        except Conflict as conflict:
            held.version, self._imported = before, imported
            return conflict
        return None

    def _failure(self, held: Held, why: str) -> Failure:
        failure = Failure(source=held.origin.name, kind=why, message="")
        return self._kept(held, failure)

    def _kept(self, held: Held, failure: Failure) -> Failure:
        """Return the failure with the version that goes on, when there is one."""
        if held.version is None:
            return failure
        at = held.version.loaded_at
        form = "%H:%M UTC" if at.date() == self._now().date() else "%Y-%m-%d %H:%M UTC"
        digest = (held.version.digest or "")[:DIGEST_SHOWN_CHARS]
        return replace(failure, kept=f"{at:{form}} ({digest}…)")

    def _share(self) -> None:
        """Have the interpreter change threads more often as long as a file runs beside the rest.

        A loop in it holds up each step of the others by one such interval.
        """
        is_shared = self.is_loading or bool(self._strays)
        if is_shared != self._is_shared:
            self._is_shared = is_shared
            sys.setswitchinterval(SHARED_SWITCH.total_seconds() if is_shared else self._switch_s)

    # -- the whole

    def _assembled(self) -> Registry:
        """Return the services in use. Raises: Conflict, when two have one name."""
        registry = Registry()
        registry.add(*(one for one in self._imported if one.module in sys.modules))
        for held in self._held.values():
            if held.version is not None:
                registry.add(*held.version.services)
        return registry

    def _standing(self) -> Loaded:
        held = self._held.values()
        failures = [one.failure for one in held if one.failure is not None]
        return Loaded(
            registry=self._assembled(),
            failures=(*self._in_vain, *failures),
            files=tuple(one.origin.path for one in held if one.origin.path is not None),
            pending=tuple(
                one.origin.name for one in held if one.load is not None and one.failure is None
            ),
        )


def _told(loaded: Loaded) -> object:
    """Return what makes one state of the services differ from another."""
    services = {one.name: (one.place, one.code) for one in loaded.registry}
    return services, [str(failure) for failure in loaded.failures], loaded.pending
