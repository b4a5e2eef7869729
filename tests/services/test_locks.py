import os
import stat
from pathlib import Path

from services.locks import alive_children, child_lock, lock_path, sweep


def test_where_no_child_ever_was_none_is_alive(tmp_path: Path) -> None:
    assert [] == alive_children(tmp_path / "none")


def test_a_child_is_alive_while_anyone_has_its_lock_open(tmp_path: Path) -> None:
    with child_lock(tmp_path, "run-1", 2) as lock:
        theirs = os.dup(lock)  # as a child has it
    assert [("run-1", 2)] == alive_children(tmp_path)
    assert [("run-1", 2)] == alive_children(tmp_path), "looking changes nothing"
    os.close(theirs)
    assert [] == alive_children(tmp_path)


def test_two_children_do_not_share_a_lock(tmp_path: Path) -> None:
    with child_lock(tmp_path, "run-1", 1), child_lock(tmp_path, "run-1", 2):
        assert [("run-1", 1), ("run-1", 2)] == alive_children(tmp_path)
    assert [] == alive_children(tmp_path)


def test_a_lock_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "children"
    with child_lock(folder, "run-1", 1):
        assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
        assert 0o600 == stat.S_IMODE(lock_path(folder, "run-1", 1).stat().st_mode)


def test_a_sweep_removes_the_files_of_the_dead_and_of_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "notes.lock").touch()
    with child_lock(tmp_path, "dead", 1):
        pass
    with child_lock(tmp_path, "alive", 1):
        sweep(tmp_path)
        assert [("alive", 1)] == alive_children(tmp_path)
    assert {"alive-1.lock", "notes.lock"} == {path.name for path in tmp_path.iterdir()}
