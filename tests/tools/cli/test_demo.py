"""What `demo` refuses before anything starts; the demo itself is shown in tests/acceptance."""

import pytest

from tests.tools.cli.desk import Desk


@pytest.mark.parametrize("length", ["5s", "2h"])
def test_a_length_in_which_the_story_does_not_fit_is_refused(bare_desk: Desk, length: str) -> None:
    printed = bare_desk("demo", "--for", length)
    assert (2, f"--for: got {length} instead of 25s to 10m.") == (
        printed.code,
        printed.err.strip(),
    )
