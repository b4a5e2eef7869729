import pickle
import sys
from pathlib import Path

import pytest

from scheduler.model.content import digest_of
from scheduler.model.errors import BadInput
from scheduler.model.limits import SOURCE_BYTES_MAX
from services.sources import private_name, read_source, run_source


def test_a_source_holds_the_bytes_that_were_hashed(tmp_path: Path) -> None:
    path = tmp_path / "jobs.py"
    path.write_bytes(b"x = 1\n")
    source = read_source(path)
    path.write_bytes(b"x = 2\n")
    assert digest_of(b"x = 1\n") == source.digest


def test_what_runs_is_what_was_read(tmp_path: Path, unloaded: None) -> None:
    path = tmp_path / "jobs.py"
    path.write_bytes(b"x = 1\n")
    source = read_source(path)
    path.write_bytes(b"x = 2\n")
    assert 1 == vars(run_source(source))["x"]


def test_two_files_of_one_name_are_two_modules() -> None:
    names = {private_name(Path(folder, "tools.py")) for folder in ("/a", "/b")}
    assert 2 == len(names)
    assert all(name.isidentifier() for name in names)
    assert "tools" not in names


def test_names_are_set_before_the_first_line_runs(tmp_path: Path, unloaded: None) -> None:
    (tmp_path / "a.py").write_text("seen = given\n")
    assert 5 == vars(run_source(read_source(tmp_path / "a.py"), given=5))["seen"]


def test_what_a_file_defines_can_be_pickled(tmp_path: Path, unloaded: None) -> None:
    (tmp_path / "a.py").write_text("def function(): pass\n")
    function = vars(run_source(read_source(tmp_path / "a.py")))["function"]
    assert function is pickle.loads(pickle.dumps(function))  # noqa: S301  # our own bytes


def test_a_file_that_fails_leaves_no_module(tmp_path: Path, unloaded: None) -> None:
    (tmp_path / "a.py").write_text("1 / 0\n")
    source = read_source(tmp_path / "a.py")
    with pytest.raises(ZeroDivisionError):
        run_source(source)
    assert source.module not in sys.modules


def test_a_file_that_fails_when_it_runs_again_leaves_the_module_there_was(
    tmp_path: Path, unloaded: None
) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    first = run_source(read_source(path))
    path.write_text("x = 2; 1 / 0\n")
    source = read_source(path)
    with pytest.raises(ZeroDivisionError):
        run_source(source)
    assert first is sys.modules[source.module]


def test_a_file_that_is_no_program_by_its_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"#" * (SOURCE_BYTES_MAX + 1))
    with pytest.raises(BadInput, match="larger than"):
        read_source(tmp_path / "a.py")
