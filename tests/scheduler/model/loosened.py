"""A plugin for pytest that takes one bound away: `LOOSENED=NAME pytest -p …`.

The four floors get a value far beyond the bound, the tests the true one. A test that reaches the
bound then fails; one that passes has proved nothing about it. `test_limits` runs each test so.
"""

import importlib.util
import os
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType

MODULE = "scheduler.model.limits"
TESTS = Path(__file__).parents[2]
FLOORS = TESTS.parent
LOOSER = {  # where a thousand times as much would break something else first
    "CRASHES_MAX": 30,
    "DURATION_MAX": timedelta(days=365_250),
    "JSON_DEPTH_MAX": 320,
    "SEARCH_YEARS": 150,
    "SOCKET_PATH_BYTES_MAX": 1_000,
    "YEAR_MAX": 5_000,
    "YEAR_MIN": 1_800,
}


def loosened(name: str, bound: object) -> object:
    """Return a value that leaves everything be."""
    if name in LOOSER:
        return LOOSER[name]
    if name.endswith("_MIN") or name == "DISK_FREE_BYTES_FEW":  # what is less is refused, or told
        return type(bound)()
    assert isinstance(bound, int | float | timedelta)
    return bound * 1_000


def take_away(name: str) -> None:
    """Put a module of limits in place that tells the tests of a bound, and the floors of none."""
    spec = importlib.util.spec_from_file_location(MODULE, FLOORS / f"{MODULE.replace('.', '/')}.py")
    assert spec is not None
    assert spec.loader is not None
    module = ModuleType(MODULE)
    spec.loader.exec_module(module)
    bound = getattr(module, name)
    delattr(module, name)

    def of_whom_asks(asked: str) -> object:
        if asked != name:
            raise AttributeError(asked)
        asking = Path(sys._getframe(1).f_code.co_filename)  # noqa: SLF001  # the only way to know
        return bound if asking.is_relative_to(TESTS) else loosened(name, bound)

    vars(module)["__getattr__"] = of_whom_asks
    sys.modules[MODULE] = module


take_away(os.environ["LOOSENED"])
