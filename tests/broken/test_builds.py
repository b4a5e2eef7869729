"""Each build that is broken on purpose is caught by the test that it names.

A build is a copy of the tree in which one text is another (`build`). Its test runs there, in a
process of its own, and must fail by an assertion: one that cannot be collected or meets another
error proves nothing. That it is the copy which runs there is shown by the failure itself, for the
same tests pass on a copy that nobody touched.

The tables cannot rot unseen: that their texts and tests still stand is among the quick tests.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from tests.broken.build import Build
from tests.broken.deciding import DECIDING
from tests.broken.keeping import KEEPING

BUILDS = (*DECIDING, *KEEPING)

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("scheduler", "projections", "services", "tools", "tests", "horolog.py", "pyproject.toml")
PATIENCE_S = 120  # a test takes some seconds; on a machine that does much else, more
PROMISES = range(1, 11)  # of the design
BY_ASSERTION = r"(?:AssertionError|assert |Failed: DID NOT RAISE)"


def copy_of_the_tree(folder: Path) -> Path:
    """Copy what tests need into a folder that is made for it; compiled files come along."""
    folder.mkdir()
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if source.is_dir():  # what other processes are just compiling has a passing name
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.pyc.*"))
        else:
            shutil.copy2(source, target)
    return folder


def outcome_of(tree: Path, tests: Iterable[str]) -> tuple[int, str]:
    """Run tests in a copy of the tree until one fails; return pytest's exit code and words."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # half of the time would go into plugins
    environ["PYTHONPATH"] = str(tree)
    environ["COLUMNS"] = "240"  # so that no line of the summary is cut
    options = ("-x", "-q", "--tb=short", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--basetemp", str(tree / "basetemp"), *tests],
        cwd=tree,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def broken(text: str, build: Build) -> str:
    """Return a file's text as the build has it."""
    found = text.count(build.old)
    assert 1 == found, f"{build.file} has the text that is to be broken {found} times: {build.name}"
    return text.replace(build.old, build.new)


@cache
def functions_in(file: str) -> frozenset[str]:
    """Return the names of the functions in a file of tests, and in those that it builds on."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
            found |= functions_in(str(node.module).replace(".", "/") + ".py")
    return frozenset(found)


# -- whether the table stands


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_what_is_to_be_broken_stands_once_and_the_test_that_sees_it_is_there(build: Build) -> None:
    text = broken((ROOT / build.file).read_text(encoding="utf-8"), build)
    compile(text, build.file, "exec")
    file, *_, test = build.caught_by.split("::")
    assert test.split("[")[0] in functions_in(file)


def test_every_promise_is_broken_and_every_build_is_another() -> None:
    assert set(PROMISES) == {build.promise for build in BUILDS}
    assert len(BUILDS) == len({build.name for build in BUILDS})
    assert len(BUILDS) == len({(build.file, build.old, build.new) for build in BUILDS})


# -- the builds


@pytest.mark.slow
def test_the_named_tests_pass_on_an_untouched_copy(tmp_path: Path) -> None:
    tests = sorted({build.caught_by for build in BUILDS})
    code, told = outcome_of(copy_of_the_tree(tmp_path / "tree"), tests)
    assert 0 == code, told


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_a_build_that_is_broken_on_purpose_is_caught(build: Build, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path / "tree")
    file = tree / build.file
    file.write_text(broken(file.read_text(encoding="utf-8"), build), encoding="utf-8")
    code, told = outcome_of(tree, [build.caught_by])
    assert 1 == code, told
    assert re.search(
        rf"^FAILED {re.escape(build.caught_by)}(?:\[.*\])? - {BY_ASSERTION}", told, re.MULTILINE
    ), told
