"""What every test may count on: one Hypothesis profile, no settings from outside, a path for a log.

Fixtures of one floor stand in that floor's own conftest.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# `house` finds the same examples on every machine, so a red build can be repeated. `search` looks
# for new ones by hand: HYPOTHESIS_PROFILE=search pytest tests/properties
settings.register_profile(
    "house",
    derandomize=True,
    max_examples=60,
    deadline=None,  # a slow machine is no failure
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # measured by the wall clock
)
settings.register_profile(
    "search",
    max_examples=5_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # measured by the wall clock
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """Take away what the developer's shell would tell Horolog."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("HOROLOG_")]:
            patch.delenv(name)
        patch.setenv("HOROLOG_LISTEN", "none")  # servers in tests take no port, unless told to
        yield


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    """Return where a test may create its log; the file does not exist yet."""
    return tmp_path / "horolog.db"
