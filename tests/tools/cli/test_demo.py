"""What `demo` refuses before anything starts; the demo itself is shown in tests/acceptance."""

from datetime import timedelta

import pytest

from scheduler.model.limits import DEMO_LENGTH_MAX, DEMO_LENGTH_MIN
from tests.tools.cli.desk import Desk

SECOND = timedelta(seconds=1)


def written(length: timedelta) -> str:
    return f"{length // SECOND}s"


@pytest.mark.parametrize(
    "length", [written(DEMO_LENGTH_MIN - SECOND), written(DEMO_LENGTH_MAX + SECOND)]
)
def test_a_length_in_which_the_story_does_not_fit_is_refused(
    bare_desk: Desk, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cli.demo.find_spec", lambda _: None)  # it could not start either
    printed = bare_desk("demo", "--for", length)
    assert (2, f"--for: got {length} instead of 25s to 10m.") == (
        printed.code,
        printed.err.strip(),
    )
