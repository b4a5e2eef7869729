import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter_ns

import pytest

from scheduler.model.limits import LOAD_PATIENCE, LOADS_AT_ONCE_MAX, SHARED_SWITCH
from services import versions as module
from services.versions import Versions

pytestmark = pytest.mark.usefixtures("unloaded")

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ONE = 'from horolog import service\n\n@service("{name}")\ndef work(ctx): return "{text}"\n'
SLOW = "import time\ntime.sleep({seconds})\n"
LOOKS_MAX = 1_000  # of a test that waits for a load to end


class Made:
    """Versions of the files in a folder, on a clock moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOON
        self.late_ns = 0
        self.versions = Versions(
            ["jobs/*.py"],
            folder,
            now=lambda: self.now,
            monotonic_ns=lambda: perf_counter_ns() + self.late_ns,
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file that differs by its time, too, as one that a person saves does."""
        path = self.folder / "jobs" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(before + 1_000_000, before + 1_000_000))
        return path

    def rest(self) -> bool:
        """Look until a file that has changed is at rest; return whether anything came of it."""
        return any([self.versions.look(), self.versions.look()])

    def collected(self) -> None:
        """Wait until what is loading has ended, and take it in."""
        pause = threading.Event()
        for _ in range(LOOKS_MAX):
            self.versions.collect()
            if not self.versions.is_loading:
                return
            pause.wait(0.01)
        raise AssertionError("a load does not end")

    @property
    def names(self) -> list[str]:
        return [
            one.name
            for one in self.versions.loaded.registry
            if not one.module.startswith("services.")
        ]

    @property
    def failures(self) -> list[str]:
        return [str(failure) for failure in self.versions.loaded.failures]

    def returned(self, name: str) -> object:
        """Call a service as it is now."""
        service = self.versions.loaded.registry.get(name)
        assert service is not None
        return service.call(None)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no load hold up the next for long."""
    monkeypatch.setattr(module, "LOAD_TURN", timedelta(milliseconds=5))


@pytest.fixture
def blocked() -> Iterator[threading.Event]:
    """Return what files of the test wait for; it happens at the end of the test."""
    event = threading.Event()
    module.Load.blocked = event  # type: ignore[attr-defined]  # where a file finds it
    yield event
    event.set()
    del module.Load.blocked  # type: ignore[attr-defined]  # the test's own


BLOCKED = "from services.versions import Load\nLoad.blocked.wait()\n"


def test_a_changed_file_counts_when_it_is_at_rest(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="old"))
    assert made.versions.look()
    made.write("a", ONE.format(name="a", text="new"))
    assert not made.versions.look()
    assert "old" == made.returned("a")
    assert made.versions.look()
    assert "new" == made.returned("a")
    assert not made.rest()


def test_whoever_asks_does_not_wait_for_that(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="old"))
    made.versions.look()
    made.write("a", ONE.format(name="a", text="new"))
    assert made.versions.look(at_once=True)
    assert "new" == made.returned("a")


def test_what_was_called_before_keeps_its_code(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="old"))
    made.versions.look()
    before = made.versions.loaded.registry
    made.write("a", ONE.format(name="a", text="new"))
    made.rest()
    service = before.get("a")
    assert service is not None
    assert "old" == service.call(None)


def test_a_broken_version_is_named_and_the_old_one_goes_on(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="old"))
    made.versions.look()
    code = made.versions.loaded.registry.get("a")
    assert code is not None
    made.now += timedelta(minutes=2)
    made.write("a", ONE.format(name="a", text="new") + "def broken(:\n")
    assert made.rest()
    assert "old" == made.returned("a")
    assert [
        (
            "jobs/a.py was not reloaded: SyntaxError: invalid syntax (line 5)."
            f" The version loaded at 12:00 UTC ({str(code.code)[:4]}…) goes on running"
        )
    ] == made.failures
    assert not made.rest()  # it is tried, and told, once


def test_a_version_that_fails_half_way_registers_nothing(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="old"))
    made.versions.look()
    made.write("a", ONE.format(name="b", text="new") + "1 / 0\n")
    made.rest()
    assert ["a"] == made.names


def test_a_broken_version_that_is_taken_back_is_a_failure_no_longer(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="old"))
    made.versions.look()
    before = made.versions.loaded.registry.get("a")
    made.write("a", "1 / 0")
    made.rest()
    made.write("a", ONE.format(name="a", text="old"))
    made.rest()
    assert [] == made.failures
    assert before is made.versions.loaded.registry.get("a")  # the same code is not run again


def test_a_version_that_takes_anothers_name_is_refused(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="a"))
    made.write("b", ONE.format(name="b", text="b"))
    made.versions.look()
    made.write("b", ONE.format(name="a", text="thief"))
    made.rest()
    assert ["a", "b"] == made.names
    assert "a" == made.returned("a")
    assert 'two services are called "a"' in made.failures[0]


def test_a_file_that_comes_later_is_found(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="a"))
    made.versions.look()
    made.write("b", ONE.format(name="b", text="b"))
    made.rest()
    assert ["a", "b"] == made.names


def test_a_file_that_has_gone_takes_its_services_along_and_is_named(made: Made) -> None:
    path = made.write("a", ONE.format(name="a", text="a"))
    made.versions.look()
    path.unlink()
    assert not made.versions.look()  # it may be about to be replaced
    assert ["a"] == made.names
    assert made.versions.look()
    assert [] == made.names
    assert ["jobs/a.py is gone, and with it: a"] == made.failures


def test_a_file_that_comes_back_is_as_if_it_had_never_gone(made: Made) -> None:
    path = made.write("a", ONE.format(name="a", text="a"))
    made.versions.look()
    path.unlink()
    made.rest()
    made.write("a", ONE.format(name="a", text="again"))
    made.rest()
    assert ("again", []) == (made.returned("a"), made.failures)


def test_whoever_asks_has_seen_what_is_gone(made: Made) -> None:
    path = made.write("a", ONE.format(name="a", text="a"))
    made.versions.look()
    path.unlink()
    made.versions.look(at_once=True)
    made.versions.look(at_once=True)
    assert ([], []) == (made.names, made.failures)


def test_a_service_that_leaves_its_file_is_gone(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="a"))
    made.versions.look()
    made.write("a", ONE.format(name="renamed", text="a"))
    made.rest()
    assert ["renamed"] == made.names


def test_what_failed_is_tried_again_when_anything_has_changed(made: Made) -> None:
    (made.folder / "lib").mkdir()
    made.write("a", "from lib.later import x\n" + ONE.format(name="a", text="a"))
    made.write("b", ONE.format(name="b", text="b"))
    made.versions.look()
    assert ["b"] == made.names
    (made.folder / "lib" / "later.py").write_text("x = 1")
    assert not made.rest()
    made.write("b", ONE.format(name="b", text="b2"))
    made.rest()
    assert (["a", "b"], []) == (made.names, made.failures)


def test_whoever_asks_has_what_failed_tried_again(made: Made) -> None:
    (made.folder / "lib2").mkdir()
    made.write("a", "from lib2.later import x\n" + ONE.format(name="a", text="a"))
    made.versions.look()
    (made.folder / "lib2" / "later.py").write_text("x = 1")
    assert made.versions.look(at_once=True)
    assert ["a"] == made.names


@pytest.mark.usefixtures("hurried", "blocked")
def test_a_file_that_blocks_holds_up_no_other(made: Made) -> None:
    made.write("a", BLOCKED)
    made.write("b", ONE.format(name="b", text="b"))
    made.versions.look()
    assert (["b"], ("jobs/a.py",)) == (made.names, made.versions.loaded.pending)


@pytest.mark.usefixtures("hurried")
def test_threads_change_more_often_while_a_file_loads_beside_them(
    made: Made, blocked: threading.Event
) -> None:
    usual_s = sys.getswitchinterval()
    made.write("a", BLOCKED)
    made.versions.look()
    assert SHARED_SWITCH.total_seconds() == sys.getswitchinterval()
    blocked.set()
    made.collected()
    assert usual_s == sys.getswitchinterval()


@pytest.mark.usefixtures("hurried")
def test_a_slow_file_is_taken_in_when_it_has_ended(made: Made, blocked: threading.Event) -> None:
    made.write("a", BLOCKED + ONE.format(name="a", text="slow"))
    made.versions.look()
    assert [] == made.names
    blocked.set()
    made.collected()
    assert (["a"], ()) == (made.names, made.versions.loaded.pending)


@pytest.mark.usefixtures("hurried")
def test_one_that_exceeds_the_bound_is_named_and_may_still_end(
    made: Made, blocked: threading.Event
) -> None:
    made.write("a", ONE.format(name="a", text="old"))
    made.versions.look()
    made.collected()
    made.write("a", BLOCKED + ONE.format(name="a", text="slow"))
    made.rest()
    assert [] == made.failures
    made.late_ns = LOAD_PATIENCE // timedelta(microseconds=1) * 1_000
    made.versions.collect()
    assert made.failures[0].startswith(
        "jobs/a.py was not reloaded: it is still loading after 10s. The version loaded at"
    )
    assert ("old", ()) == (made.returned("a"), made.versions.loaded.pending)
    blocked.set()
    made.collected()
    assert ("slow", []) == (made.returned("a"), made.failures)


@pytest.mark.usefixtures("hurried")
def test_a_version_overtaken_while_it_loads_is_never_taken_in(
    made: Made, blocked: threading.Event
) -> None:
    made.write("a", BLOCKED + ONE.format(name="a", text="overtaken"))
    made.versions.look()
    made.write("a", ONE.format(name="a", text="new"))
    made.rest()
    made.collected()
    blocked.set()
    made.collected()
    assert "new" == made.returned("a")


@pytest.mark.usefixtures("hurried", "blocked")
def test_no_more_files_load_at_once_than_the_bound(made: Made) -> None:
    for number in range(LOADS_AT_ONCE_MAX + 1):
        made.write(f"a{number}", BLOCKED)
    made.versions.look()
    assert LOADS_AT_ONCE_MAX == len(made.versions.loaded.pending)
    assert "8 files are still loading" in made.failures[0]


def test_a_file_that_ends_the_interpreter_is_a_failure_like_any_other(made: Made) -> None:
    made.write("a", "raise SystemExit(3)")
    made.versions.look()
    assert ["jobs/a.py was not loaded: SystemExit: 3 (line 1)"] == made.failures


def test_a_file_that_does_not_change_is_not_run_again(made: Made) -> None:
    made.write("a", ONE.format(name="a", text="a"))
    made.versions.look()
    before = made.versions.loaded
    made.versions.look()
    made.versions.look(at_once=True)
    assert before is made.versions.loaded


def test_a_named_file_that_is_not_there_is_a_failure_until_it_comes(tmp_path: Path) -> None:
    versions = Versions(["later.py"], tmp_path, now=lambda: NOON, monotonic_ns=perf_counter_ns)
    versions.look()
    assert ["later.py was not loaded: FileNotFoundError: No such file or directory"] == [
        str(failure) for failure in versions.loaded.failures
    ]
    (tmp_path / "later.py").write_text(ONE.format(name="late", text="late"))
    versions.look()
    versions.look()
    assert "late" in versions.loaded.registry
    assert () == versions.loaded.failures
