"""Each call to the disk fails once, in the life of an executor: a write, a sync, a cut of a file.

The calls come from SQLite itself and fail below it, so what SQLite makes of them is tested too. All
of it happens in one process under the shim (`python -m tests.power.failing`), which says what went
wrong.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.power.shim import environment

pytestmark = pytest.mark.power


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_call_to_the_disk_that_fails_leaves_no_half_state(
    tmp_path: Path, library: Path, error: str
) -> None:
    shim = environment(library, tmp_path / "unused", tmp_path / "tape")
    done = subprocess.run(
        [sys.executable, "-m", "tests.power.failing", tmp_path, error],
        env=os.environ | shim,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"
