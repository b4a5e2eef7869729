"""The examples of the documentation are executed as they stand, each in a program of its own."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.model.jobs import Definition, Retry
from scheduler.model.schedules import Manual

ROOT = Path(__file__).parent.parent
PAGES = ("testing", "embedding", "steps")
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


def test_the_table_of_policies_names_every_policy_and_its_default() -> None:
    table = (
        (ROOT / "README.md").read_text("utf-8").partition("## Policies")[2].partition("\n## ")[0]
    )
    named = set(re.findall(r"`([a-z_]+)`", "".join(row.split("|")[1] for row in rows(table))))
    fields = set(Definition.__struct_fields__) | set(Retry.__struct_fields__)
    assert set() == named - fields
    about_people = {"name", "service", "schedule", "labels", "description", "owner", "runbook"}
    assert set() == set(Definition.__struct_fields__) - named - about_people
    defaults = Definition(name="a", service="b", schedule=Manual())
    shown = {row.split("|")[1].strip(): row.split("|")[2].strip() for row in rows(table)}
    for field in ("catch_up", "overlap", "on_crash", "isolation"):
        assert f"`{getattr(defaults, field)}`" == shown[f"`{field}`"]
    assert "60 s" == shown["`misfire_grace`"]
    assert timedelta(seconds=60) == defaults.misfire_grace
    assert "1 h" == shown["`timeout`"]
    assert timedelta(hours=1) == defaults.timeout


def rows(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith("| `")]
