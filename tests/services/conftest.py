"""Registries, workers and a clean slate for the tests of the services."""

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import perf_counter_ns

import pytest

from services import registry as registries
from services.invoke import Workers
from services.loading import load
from services.registry import Registry
from tests.services.isolated import is_released, processes_naming
from tests.services.making import Line, Reports


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def line() -> Iterator[Line]:
    with Line() as made:
        yield made


@pytest.fixture
def children_dir(tmp_path: Path) -> Iterator[Path]:
    """Return where children keep their locks; no child, nor an owner of one, may be left."""
    folder = tmp_path / "children"
    yield folder
    assert all(is_released(lock) for lock in folder.glob("*.lock"))
    assert [] == processes_naming(tmp_path)


@pytest.fixture
def workers(registry: Registry, children_dir: Path) -> Iterator[Workers]:
    """Workers over `registry`, patient with whoever is asked to end."""
    made = Workers(registry, slots=4, monotonic_ns=perf_counter_ns, children_dir=children_dir)
    yield made
    made.close()


@pytest.fixture
def impatient(registry: Registry, children_dir: Path) -> Iterator[Workers]:
    """Workers over `registry` that give hardly any grace."""
    made = Workers(
        registry,
        slots=4,
        monotonic_ns=perf_counter_ns,
        children_dir=children_dir,
        grace=timedelta(milliseconds=50),
    )
    yield made
    made.close()


@pytest.fixture
def a_file(registry: Registry, tmp_path: Path, unloaded: None) -> Callable[[str], None]:
    """Return what writes services to a file and registers them, so that a child can load them."""

    def write(text: str) -> None:
        (tmp_path / "jobs.py").write_text(text, encoding="utf-8")
        loaded = load(["jobs.py"], tmp_path, installed=False)
        assert () == loaded.failures
        registry.add(*loaded.registry)

    return write


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Undo what loading leaves in this process: modules, the path, the default registry.

    Libraries stay: one that is imported a second time is not the one that others hold.
    """
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(registries.DEFAULT, "_services", {})
    yield
    for name in set(sys.modules) - modules:
        module = sys.modules[name]
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
        if any(place is not None and Path(place).is_relative_to(tmp_path) for place in places):
            del sys.modules[name]
