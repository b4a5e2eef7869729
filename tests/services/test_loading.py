import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from scheduler.model.content import digest_of
from scheduler.model.limits import SERVICE_FILES_MAX
from services import loading
from services.loading import Loaded
from services.registry import service

pytestmark = pytest.mark.usefixtures("unloaded")

ONE = 'from horolog import service\n\n@service("{name}")\ndef work(ctx): return "{name}"\n'


def put(folder: Path, **files: str) -> None:
    """Write files; `jobs__a` is jobs/a.py."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def load(folder: Path, *patterns: str) -> Loaded:
    return loading.load(patterns, folder, installed=False)


def names(loaded: Loaded) -> list[str]:
    return [entry.name for entry in loaded.registry]


def failures(loaded: Loaded) -> list[str]:
    return [str(failure) for failure in loaded.failures]


def test_files_are_loaded_by_pattern(tmp_path: Path) -> None:
    put(tmp_path, jobs__b=ONE.format(name="b"), jobs__a=ONE.format(name="a"), c="1 / 0")
    loaded = load(tmp_path, "jobs/*.py")
    assert ["a", "b"] == names(loaded)
    assert [] == failures(loaded)
    assert (tmp_path / "jobs/a.py", tmp_path / "jobs/b.py") == loaded.files


def test_a_pattern_may_be_absolute_and_reach_down(tmp_path: Path) -> None:
    put(tmp_path, jobs__deep__a=ONE.format(name="a"))
    assert ["a"] == names(load(tmp_path / "elsewhere", f"{tmp_path}/**/*.py"))


def test_a_file_that_two_patterns_match_is_loaded_once(tmp_path: Path) -> None:
    put(tmp_path, a="import sys\nsys.path.append('met')")
    load(tmp_path, "a.py", "*.py", "./a.py")
    assert 1 == sys.path.count("met")


def test_a_folder_with_wildcards_in_its_name_is_taken_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "[old]"
    put(folder, a=ONE.format(name="a"))
    assert ["a"] == names(load(folder, "*.py"))


def test_a_pattern_that_matches_nothing_is_no_failure(tmp_path: Path) -> None:
    assert [] == failures(load(tmp_path, "jobs/*.py"))


def test_a_file_that_is_named_and_not_there_is_a_failure(tmp_path: Path) -> None:
    assert ["a.py was not loaded: FileNotFoundError: No such file or directory"] == failures(
        load(tmp_path, "a.py")
    )


def test_an_entry_knows_its_file_and_the_digest_of_its_bytes(tmp_path: Path) -> None:
    put(tmp_path, a=ONE.format(name="a"))
    entry = load(tmp_path, "a.py").registry.get("a")
    assert entry is not None
    assert f"{tmp_path / 'a.py'}:3" == entry.place
    assert digest_of((tmp_path / "a.py").read_bytes()) == entry.code


def test_two_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    put(tmp_path, x__a=ONE.format(name="x"), y__a=ONE.format(name="y"))
    registry = load(tmp_path, "*/*.py").registry
    answers = [entry.call(None) for entry in registry]
    assert ["x", "y"] == answers


def test_a_file_named_as_one_of_ours_is_their_own(tmp_path: Path) -> None:
    put(tmp_path, tools=ONE.format(name="a"), services=ONE.format(name="b"))
    loaded = load(tmp_path, "*.py")
    assert ["b", "a"] == names(loaded)
    assert [] == failures(loaded)


def test_a_file_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    put(tmp_path, a=ONE.format(name="a") + "\nimport no_such_module\n", b=ONE.format(name="b"))
    loaded = load(tmp_path, "*.py")
    assert ["b"] == names(loaded)
    assert [
        "a.py was not loaded: ModuleNotFoundError: no_such_module (line 6)",
    ] == failures(loaded)
    assert ("a.py", "ModuleNotFoundError", 6) == (
        loaded.failures[0].source,
        loaded.failures[0].kind,
        loaded.failures[0].line,
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def", "SyntaxError: invalid syntax (line 1)"),
        ("\n1 / 0", "ZeroDivisionError: division by zero (line 2)"),
        ("raise SystemExit(3)", "SystemExit: 3 (line 1)"),
        ("def f():\n    raise ValueError\nf()", "ValueError (line 2)"),
        ("x = '\0'", "ValueError: source code string cannot contain null bytes"),
        ("raise BaseException('x\\ny')", "BaseException: x (line 1)"),
    ],
)
def test_a_failure_says_what_it_was_and_in_which_line(tmp_path: Path, text: str, told: str) -> None:
    put(tmp_path, a=text)
    expected = f"a.py was not loaded: {told}"
    assert [expected] == [
        one.replace("SyntaxError: source", "ValueError: source")  # later Pythons call it so
        for one in failures(load(tmp_path, "a.py"))
    ]


def test_a_failure_further_down_names_the_line_in_the_users_own_file(tmp_path: Path) -> None:
    put(tmp_path, a="\n\nimport lib_of_theirs", lib_of_theirs="1 / 0")
    assert ["a.py was not loaded: ZeroDivisionError: division by zero (line 3)"] == failures(
        load(tmp_path, "a.py")
    )


def test_a_name_taken_by_another_file_is_a_failure_naming_both(tmp_path: Path) -> None:
    put(tmp_path, a=ONE.format(name="x"), b=ONE.format(name="x"))
    loaded = load(tmp_path, "*.py")
    assert ["x"] == names(loaded)
    a, b = f"{tmp_path / 'a.py'}:3", f"{tmp_path / 'b.py'}:3"
    assert [
        f'b.py was not loaded: Conflict: two services are called "x": {a} and {b}. Rename one'
    ] == failures(loaded)


def test_a_wrong_name_is_a_failure_of_its_file(tmp_path: Path) -> None:
    put(tmp_path, a=ONE.format(name="No"))
    (failure,) = load(tmp_path, "a.py").failures
    assert "'No' is no name for a service." in failure.message
    assert 3 == failure.line


def test_modules_are_loaded_by_import_from_the_folder_of_the_settings(tmp_path: Path) -> None:
    put(tmp_path, pack__jobs=ONE.format(name="a"))
    loaded = load(tmp_path, "pack.jobs")
    assert ["a"] == names(loaded)
    assert () == loaded.files


def test_a_module_that_was_imported_before_comes_along(tmp_path: Path) -> None:
    put(tmp_path, theirs=ONE.format(name="a"))
    load(tmp_path, "theirs")
    assert ["a"] == names(load(tmp_path, "theirs"))


def test_what_a_file_imports_registers_too(tmp_path: Path) -> None:
    put(tmp_path, a="import pack_of_theirs.jobs", pack_of_theirs__jobs=ONE.format(name="deep"))
    assert ["deep"] == names(load(tmp_path, "a.py"))


def test_a_file_that_is_loaded_and_also_imported_is_one(tmp_path: Path) -> None:
    put(tmp_path, shared_by_two=ONE.format(name="s"), z="import shared_by_two")
    loaded = load(tmp_path, "*.py")
    assert ["s"] == names(loaded)
    assert [] == failures(loaded)


def test_a_module_that_fails_registers_nothing(tmp_path: Path) -> None:
    put(tmp_path, half=ONE.format(name="a") + "1 / 0\n")
    loaded = load(tmp_path, "half")
    assert [] == names(loaded)
    assert ["half was not loaded: ZeroDivisionError: division by zero"] == failures(loaded)


def test_a_module_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    assert ["no.such was not loaded: ModuleNotFoundError: no"] == failures(
        load(tmp_path, "no.such")
    )


def test_a_folder_named_as_a_module_is_told_how_to_write_it(tmp_path: Path) -> None:
    put(tmp_path, jobs_of_theirs__a=ONE.format(name="a"))
    (failure,) = load(tmp_path, "jobs_of_theirs").failures
    assert 'To load its files write "jobs_of_theirs/*.py".' in str(failure)


def test_a_name_that_a_module_and_a_file_give_is_told_once(tmp_path: Path) -> None:
    put(tmp_path, a=ONE.format(name="x"), module_of_theirs=ONE.format(name="x"), z="")
    loaded = load(tmp_path, "a.py", "module_of_theirs", "z.py")
    assert 1 == len(loaded.failures)
    entry = loaded.registry.get("x")
    assert entry is not None
    assert str(tmp_path / "a.py") == entry.file


def test_installed_distributions_may_offer_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, offered=ONE.format(name="offered"))
    offer = EntryPoint("their-jobs", "offered", loading.ENTRY_POINTS)
    monkeypatch.setattr(loading, "entry_points", lambda group: [offer])
    assert ["offered"] == names(loading.load([], tmp_path))


def test_what_this_process_registered_itself_comes_along(tmp_path: Path) -> None:
    service("mine")(lambda: None)
    assert ["mine"] == names(load(tmp_path))


def test_a_pattern_that_catches_too_much_loads_nothing(tmp_path: Path) -> None:
    for number in range(SERVICE_FILES_MAX + 1):
        (tmp_path / f"a{number}.py").touch()
    loaded = load(tmp_path, "*.py")
    assert () == loaded.files
    assert "match 1,001 files; at most 1,000" in str(loaded.failures[0])


def test_the_folder_of_the_settings_stands_last_on_the_path(tmp_path: Path) -> None:
    put(tmp_path, json="1 / 0", a="import json")
    assert [] == failures(load(tmp_path, "a.py"))
    assert str(tmp_path) == sys.path[-1]
