"""One user's site for each row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made
