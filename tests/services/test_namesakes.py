from pathlib import Path

import pytest

from services.loading import load
from services.namesakes import namesake_behind

pytestmark = pytest.mark.usefixtures("unloaded")


def failures(folder: Path, *patterns: str) -> list[str]:
    return [str(failure) for failure in load(patterns, folder, installed=False).failures]


@pytest.mark.parametrize(
    "text",
    [
        "import tools",
        "import tools.orders",
        "import os, tools",
        "from tools import orders",
        "from tools.orders import fetch",
        "from tools import *",
        "def work(ctx):\n    import tools",  # it would fail only at night
    ],
)
def test_a_file_that_means_its_own_tools_is_told_that_it_gets_ours(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "orders.py").write_text(text)
    assert [
        (
            'orders.py imports "tools", which in this environment is Horolog\'s own package, not'
            ' yours. Rename your module, or load it by file: [services] load = ["lib/tools.py"]'
        )
    ] == failures(tmp_path, "orders.py")


@pytest.mark.parametrize("name", ["projections", "scheduler", "services", "tools"])
def test_each_of_our_four_names_is_known(tmp_path: Path, name: str) -> None:
    (tmp_path / "orders.py").write_text(f"from {name} import orders")
    (told,) = failures(tmp_path, "orders.py")
    assert told.startswith(f'orders.py imports "{name}", which')


@pytest.mark.parametrize(
    "text",
    [
        "from services.registry import service",
        "import scheduler.model.errors",
        "from scheduler.model import errors",
        "from scheduler import model",
        "tools = 1",
        "# import tools",
        "import json as tools",
    ],
)
def test_a_file_that_means_what_is_ours_is_loaded(tmp_path: Path, text: str) -> None:
    (tmp_path / "orders.py").write_text(text)
    assert [] == failures(tmp_path, "orders.py")


@pytest.mark.parametrize(
    "text", ["import tools.orders", "from tools import orders", "import tools\ntools.orders()"]
)
def test_further_down_the_file_that_imports_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "orders.py").write_text("import lib_with_tools")
    (tmp_path / "lib_with_tools.py").write_text(text)
    (told,) = failures(tmp_path, "orders.py")
    assert told.startswith('lib_with_tools.py imports "tools", which in this environment')


def test_a_module_of_theirs_in_a_package_of_ours_is_to_be_loaded_by_file(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services/orders.py").write_text("")
    assert [
        (
            '[services] load names "services.orders", but in this environment "services" is'
            ' Horolog\'s own package, not yours. Load it by file: "services/orders.py"'
        )
    ] == failures(tmp_path, "services.orders")
    assert [] == failures(tmp_path, "services/orders.py")


def test_an_error_of_another_kind_has_no_namesake_behind_it() -> None:
    assert namesake_behind(ValueError("tools")) is None
    assert namesake_behind(ImportError("no pandas", name="pandas")) is None
    assert namesake_behind(AttributeError("x", name="x", obj=object())) is None
