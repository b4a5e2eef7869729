"""The examples of the documentation are executed as they stand, each in a program of its own."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.model.jobs import Definition, Retry
from scheduler.model.schedules import Manual
from scheduler.model.written import parse_duration
from scheduler.rules.lateness import ALL_WINDOW

ROOT = Path(__file__).parent.parent
PAGES = ("testing", "embedding", "steps")


def rows(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith("| `")]


def policy_rows() -> list[str]:
    """Return the lines of the table of policies."""
    page = (ROOT / "README.md").read_text("utf-8")
    return rows(page.partition("## Policies")[2].partition("\n## ")[0])


EXAMPLES = [
    pytest.param(example, id=f"{page}-{place}")
    for page in PAGES
    for place, example in enumerate(
        re.findall(
            r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text("utf-8"), re.DOTALL
        ),
        start=1,
    )
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_does_what_it_says(example: str, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(example, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "example.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


ABOUT_PEOPLE = {"name", "service", "schedule", "labels", "description", "owner", "runbook"}
WINDOW = "none (under `all`: 24 h)"  # the default of catch_up_window follows from another field


def test_the_table_of_policies_has_a_line_for_each_policy_and_for_nothing_else() -> None:
    fields = set(Definition.__struct_fields__) - ABOUT_PEOPLE - {"retry"}
    fields |= {f"retry.{field}" for field in Retry.__struct_fields__}
    fields.remove("retry.until_next_fire")  # give_up_after says it: next-fire
    named = [row.split("|")[1].strip() for row in policy_rows()]
    assert sorted(f"`{field}`" for field in fields) == sorted(named)


@pytest.mark.parametrize(
    "row", policy_rows(), ids=lambda row: str(row).split("|")[1].strip().strip("`")
)
def test_the_table_of_policies_tells_the_default_of_each(row: str) -> None:
    field, told = (cell.strip() for cell in row.split("|")[1:3])
    default: object = Definition(name="a", service="b", schedule=Manual())
    for part in field.strip("`").split("."):
        default = getattr(default, part)
    if field == "`catch_up_window`":
        assert (WINDOW, timedelta(hours=24)) == (told, ALL_WINDOW)
        return
    assert default == meant(told, like=default)


def meant(told: str, *, like: object) -> object:
    """Return the value that a cell of the table tells, of the kind of `like`."""
    match like:
        case timedelta():
            return parse_duration(told.replace(" ", "").replace("min", "m"), path=told)
        case bool():
            return {"true": True, "false": False}[told]
        case int() | float():
            return type(like)(told.replace(",", ""))
        case None:
            return {"none": None}[told]
        case _:
            return told.strip("`")
