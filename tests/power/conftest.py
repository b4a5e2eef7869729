"""The shim, built once, and a site for each test without a process left over afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.power import shim
from tests.power.powered import PoweredSite


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shim.built(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def site(tmp_path: Path, library: Path) -> Iterator[PoweredSite]:
    made = PoweredSite(tmp_path, library)
    yield made
    made.close()
