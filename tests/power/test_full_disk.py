"""A disk that is full acknowledges nothing, and a server goes on by itself when there is room."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.power.shim import environment

pytestmark = pytest.mark.power

# A mount that only the process sees; whoever is not root gets it in a user name space.
ALONE = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--user", "--map-root-user"])]


def carried_out(command: list[str | Path], shim: dict[str, str]) -> None:
    done = subprocess.run(
        command, env=os.environ | shim, capture_output=True, text=True, check=False
    )
    print(done.stdout)
    assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"


def program(tmp_path: Path, kind: str) -> list[str | Path]:
    return [sys.executable, "-m", "tests.power.full_disk", tmp_path, kind]


def test_a_server_whose_files_cannot_grow_goes_on_when_they_can(
    tmp_path: Path, library: Path
) -> None:
    shim = environment(library, tmp_path / "unused", tmp_path / "no-tape")
    carried_out(program(tmp_path, "shim"), shim)


def test_a_server_on_a_full_disk_goes_on_when_there_is_room(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)]
    if subprocess.run([*ALONE, *mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk; the test above fills one by the shim")
    carried_out([*ALONE, *program(tmp_path, "tmpfs")], {})
