"""Finding the users' services: files by path, modules by import, and installed distributions.

Each source is loaded whole or not at all: when a file fails, its services are left out, the failure
says which line and why, and the others go on. Files run under private names (`sources`), so no name
of theirs can clash with ours or with one another's. For what they import, the folder of the
settings stands last on the path: `jobs.common` is found, and hides nothing that is installed.
"""

import sys
from collections.abc import Iterator, Sequence
from glob import escape, glob
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from msgspec import Struct

from scheduler.model.errors import BadInput, Conflict
from scheduler.model.limits import SERVICE_FILES_MAX
from services.failures import Failure, failure_of
from services.namesakes import refuse_namesake_module, refuse_namesakes
from services.registry import DEFAULT, REGISTRY_NAME, Registry, Service
from services.sources import Source, read_source, run_source

ENTRY_POINTS = "horolog.services"

READY_MADE = (
    "services.builtin.sync",
    "services.builtin.http",
    "services.builtin.email",
    "services.builtin.stores",
    "services.builtin.command",
)
_GLOB_MARKS = frozenset("*?[")


class Loaded(Struct, frozen=True):
    """What was found."""

    registry: Registry
    failures: tuple[Failure, ...]
    files: tuple[Path, ...]  # loaded by path, failed ones too
    pending: tuple[str, ...] = ()  # sources that are still loading


class Origin(Struct, frozen=True):
    """One thing to load: a file, or a module."""

    name: str  # as people know it
    path: Path | None = None
    module: str = ""


def load(patterns: Sequence[str], base_dir: Path, *, installed: bool = True) -> Loaded:
    """Return the services of these files and modules and, if `installed`, of the distributions.

    A pattern with a slash, a wildcard or the ending `.py` names files, relative to `base_dir`; any
    other names a module. What plain imports registered in this process comes along. Nothing that a
    user's file does is raised here; it becomes a failure.
    """
    base = importable(base_dir)
    origins, failures = origins_of(patterns, base, installed=installed)
    registry = Registry()
    looked_at: set[str] = set()  # places of imported services, so that a refused one is told once
    for module in READY_MADE:
        import_module(module)
    registry.add(*newly_imported(looked_at))
    for origin in origins:
        try:
            registry.add(*services_of(origin, source_of(origin)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a file raises is its failure
            failures.append(failure_of(error, origin.name, origin.path, base))
        try:
            registry.add(*newly_imported(looked_at))
        except Conflict as error:
            failures.append(failure_of(error, origin.name, origin.path, base))
    files = tuple(origin.path for origin in origins if origin.path is not None)
    return Loaded(registry, tuple(failures), files)


def importable(base_dir: Path) -> Path:
    """Return the folder of the settings, from which users' files may import from now on."""
    base = base_dir.resolve()
    if str(base) not in sys.path:
        sys.path.append(str(base))
    return base


def origins_of(
    patterns: Sequence[str], base: Path, *, installed: bool
) -> tuple[list[Origin], list[Failure]]:
    """Return what is to be loaded, each file once, in order; and what is named in vain."""
    origins: dict[str, Origin] = {}
    failures: list[Failure] = []
    for pattern in patterns:
        if not _is_path(pattern):
            origins.setdefault(pattern, Origin(pattern, module=pattern))
            continue
        for path in _paths(pattern, base):
            name = str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
            origins.setdefault(str(path), Origin(name, path=path))
    if len(origins) > SERVICE_FILES_MAX:
        many = BadInput.at(
            "$.services.load",
            f"these patterns match {len(origins):,} files; at most {SERVICE_FILES_MAX:,}.",
        )
        failures.append(failure_of(many, "[services] load", None, base))
        origins.clear()
    points = entry_points(group=ENTRY_POINTS) if installed else ()
    return [*origins.values(), *(Origin(p.name, module=p.module) for p in points)], failures


def _is_path(pattern: str) -> bool:
    return "/" in pattern or pattern.endswith(".py") or not _GLOB_MARKS.isdisjoint(pattern)


def _paths(pattern: str, base: Path) -> Iterator[Path]:
    """Yield the files that a pattern matches, sorted; a plain path even when nothing is there."""
    if _GLOB_MARKS.isdisjoint(pattern):
        yield (base / pattern).resolve()
        return
    whole = str(Path(escape(str(base))) / pattern)
    for found in sorted(glob(whole, recursive=True)):  # noqa: PTH207  # takes absolute ones
        if found.endswith(".py"):
            yield Path(found).resolve()


def source_of(origin: Origin) -> Source | None:
    """Return a file as it is now, None for a module. Raises: OSError, BadInput."""
    return None if origin.path is None else read_source(origin.path)


def services_of(origin: Origin, source: Source | None) -> list[Service]:
    """Run a file or import a module; return the services that are the file's own.

    Raises: whatever the user's code raises.
    """
    if source is None:
        _import(origin.module)
        return []  # they are in DEFAULT
    refuse_namesakes(source, origin.name)
    registry = Registry(source)
    run_source(source, **{REGISTRY_NAME: registry})
    return list(registry)


def _import(name: str) -> None:
    refuse_namesake_module(name)
    module = import_module(name)
    if getattr(module, "__file__", None) is None and hasattr(module, "__path__"):
        raise BadInput.at(
            "$.services.load",
            f'"{name}" is a folder, not a module.',
            f'To load its files write "{name}/*.py".',
        )


def newly_imported(looked_at: set[str]) -> list[Service]:
    """Return what plain imports registered since the last look, save in modules that failed."""
    new = [s for s in DEFAULT if s.place not in looked_at and s.module in sys.modules]
    looked_at.update(service.place for service in new)
    return new
