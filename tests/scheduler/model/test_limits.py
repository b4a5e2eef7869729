"""Every bound is reached by a test: the table is `bounds.txt`, one line for each.

What the table cannot say is checked by taking the bound away (`loosened`): the test must then fail.
A test that hands in a smaller bound instead, where the code reads it, would not; nor need it.
"""

import ast
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.naming import named_in

ROOT = Path(__file__).parents[3]
LIMITS = ROOT / "scheduler" / "model" / "limits.py"
FLOORS = ("scheduler", "projections", "services", "tools")
PATIENCE_S = 60  # for one test without its bound, which may then go on and on
FOR_ALL_ENGINES = ("scheduler/log/conformance.py", "scheduler/log/content_conformance.py")


class Reached(NamedTuple):
    """A line of the table."""

    bound: str
    file: str
    test: str
    why: str  # not by taking it away


@cache
def table() -> tuple[Reached, ...]:
    found = []
    for line in Path(__file__).with_name("bounds.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            entry, _, why = line.partition("  # ")
            bound, place = entry.split()
            file, _, test = place.partition("::")
            found.append(Reached(bound, file, test, why))
    return tuple(found)


def bounds() -> list[str]:
    return [
        target.id
        for statement in ast.parse(LIMITS.read_text("utf-8")).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]


def patched(name: str) -> str:
    return f'"{name}"'


def hands_in_another(entry: Reached) -> bool:
    """Return whether the test patches the bound where it is read."""
    return patched(entry.bound) in named_in(entry.file)[entry.test]


def test_every_bound_stands_in_the_table() -> None:
    assert sorted(bounds()) == sorted({entry.bound for entry in table()})


def test_every_test_of_the_table_is_there_and_names_its_bound() -> None:
    offenders = []
    for entry in table():
        named = named_in(entry.file).get(entry.test, frozenset())
        if not {entry.bound, patched(entry.bound)} & named:
            offenders.append(f"{entry.bound}: {entry.file}::{entry.test}")
    assert [] == offenders


def test_every_bound_bounds_something() -> None:
    named = {
        one.id
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        for one in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)
    }
    assert [] == [bound for bound in bounds() if bound not in named]


@pytest.mark.slow
def test_without_its_bound_each_test_fails() -> None:
    reached = [entry for entry in table() if not entry.why and not hands_in_another(entry)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        codes = list(pool.map(code_without, reached))
    assert [] == [entry for entry, code in zip(reached, codes, strict=True) if code != 1]


def place_of(entry: Reached) -> tuple[str, ...]:
    """Return what pytest is told to run."""
    if entry.file in FOR_ALL_ENGINES:
        return "tests/scheduler/log/test_memory.py", "-k", entry.test
    return (f"tests/{entry.file}::{entry.test}",)


def code_without(entry: Reached) -> int:
    """Return the exit code of the test when the bound is taken away; 1 as well when it hangs."""
    asked = (*place_of(entry), "-m", "", "-p", "tests.scheduler.model.loosened")
    try:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", *asked],
            cwd=ROOT,
            env={**os.environ, "LOOSENED": entry.bound},
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return 1
