import queue
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter_ns

import pytest

from services import watching as module
from services.loading import Loaded
from services.versions import Versions
from services.watching import Watching
from tests.services.making import PATIENCE_S

pytestmark = pytest.mark.usefixtures("unloaded")

ONE = 'from horolog import service\n\n@service("{name}")\ndef work(ctx): return 1\n'
Told = tuple[Loaded, str | None]
Watch = Callable[..., tuple[Watching, "queue.SimpleQueue[Told]"]]


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Return what watches the files of a folder, looking often."""
    monkeypatch.setattr(module, "LOOK_EVERY", timedelta(milliseconds=10))
    begun: list[Watching] = []

    def made(*, is_watching: bool = True) -> tuple[Watching, "queue.SimpleQueue[Told]"]:
        told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        versions = Versions(
            ["*.py"],
            tmp_path,
            now=lambda: datetime(2026, 3, 2, tzinfo=UTC),
            monotonic_ns=perf_counter_ns,
        )
        watching = Watching(
            versions, lambda loaded, by: told.put((loaded, by)), is_watching=is_watching
        )
        begun.append(watching)
        watching.start()
        return watching, told

    yield made
    for watching in begun:
        watching.close()


def test_what_is_there_is_loaded_when_it_starts_and_not_told(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(ONE.format(name="a"))
    watching, told = watch(is_watching=False)
    assert "a" in watching.loaded.registry
    assert told.empty()


def test_a_file_that_comes_is_loaded_and_told(watch: Watch, tmp_path: Path) -> None:
    watching, told = watch()
    (tmp_path / "a.py").write_text(ONE.format(name="a"))
    loaded, by = told.get(timeout=PATIENCE_S)
    assert "a" in loaded.registry
    assert (None, loaded) == (by, watching.loaded)


def test_what_is_not_watched_is_loaded_when_somebody_asks(watch: Watch, tmp_path: Path) -> None:
    watching, told = watch(is_watching=False)
    (tmp_path / "a.py").write_text(ONE.format(name="a"))
    loaded = watching.reload("ben").result(PATIENCE_S)
    assert "a" in loaded.registry
    assert (loaded, "ben") == told.get(timeout=PATIENCE_S)


def test_a_reload_that_changes_nothing_is_told_to_whoever_asked_alone(watch: Watch) -> None:
    watching, told = watch(is_watching=False)
    assert watching.loaded is watching.reload().result(PATIENCE_S)
    assert told.empty()
