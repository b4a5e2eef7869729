"""The public face of Horolog: re-exports what users import, defines nothing.

What a service file needs is light; the scheduler itself (`Horolog`, `testing`) is brought in only
when it is asked for, so that a child process that imports `service` starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from scheduler.model.in_code import cron, every, once
from services.context import Context
from services.outcomes import Fatal, RetryAfter
from services.registry import service

if TYPE_CHECKING:
    from tools import testing
    from tools.embedding import Horolog

__all__ = [
    "Context",
    "Fatal",
    "Horolog",
    "RetryAfter",
    "cron",
    "every",
    "once",
    "service",
    "testing",
]


def __getattr__(name: str) -> object:
    if name == "Horolog":
        return import_module("tools.embedding").Horolog
    if name == "testing":
        return import_module("tools.testing")
    raise AttributeError(f"module 'horolog' has no attribute {name!r}")
