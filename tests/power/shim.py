"""The shim, built with the machine's compiler and laid under a process.

A machine without a C compiler, or on which the shim does not see what SQLite does, gets an error
that says so: without it nothing is tested here, and that must not look like a success.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


def built(folder: Path) -> Path:
    """Return the shim, built in `folder`.

    Raises: RuntimeError, on a machine that cannot build or use it.
    """
    if sys.platform != "linux":
        raise RuntimeError("power cuts are tested on Linux: the shim needs LD_PRELOAD and glibc")
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError(
            "there is no C compiler (cc, gcc or $CC) on this machine, and power cuts cannot be"
            " tested without one. Install one, or leave these tests out: -m 'not power'"
        )
    library = folder / "shim.so"
    done = subprocess.run(
        [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{SOURCE.name} does not build on this machine:\n{done.stderr}")
    return library


def environment(library: Path, log_path: Path, tape_path: Path, *, cut: int = 0) -> dict[str, str]:
    """Return what to tell a process so that the shim lies under it; `cut` is the call to die at."""
    return {
        "LD_PRELOAD": str(library),
        "POWER_FILES": str(log_path),
        "POWER_TAPE": str(tape_path),
        "POWER_CUT": str(cut),
    }


class Control:
    """The shim under this very process, told what to do meanwhile."""

    def __init__(self) -> None:
        self._shim = ctypes.CDLL(None)  # what is preloaded is found among the process's own names

    def watch(self, log_path: Path, tape_path: Path) -> None:
        """Watch the files of another log, keep another tape, and count anew."""
        self._shim.power_watch(os.fsencode(log_path), os.fsencode(tape_path))

    def fail(self, nth: int, kinds: str, error: int) -> None:
        """Have the nth call of these kinds fail, once."""
        self._shim.power_fail(ctypes.c_long(nth), kinds.encode(), ctypes.c_long(error))

    def fails(self) -> int:
        """Return how many calls have failed since."""
        return int(self._shim.power_fails())

    def calls(self) -> int:
        """Return how many calls there were."""
        return int(self._shim.power_calls())

    def room(self, size: int | None) -> None:
        """Let the files grow by so many bytes and no more."""
        self._shim.power_room(ctypes.c_longlong(-1 if size is None else size))
