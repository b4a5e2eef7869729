"""The key under which the far end can tell a repeat, for as long as a step is carried out.

A step sets it, whatever sends on its behalf reads it: a REST request as `Idempotency-Key`, a mail
as its Message-ID. It is a context variable and not an argument, so that steps which run side by
side keep theirs apart, and so that it goes with a call to another event loop.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_key: ContextVar[str | None] = ContextVar("horolog_idempotency_key", default=None)


@contextmanager
def idempotent(key: str) -> Iterator[None]:
    """Send everything inside under this key."""
    before = _key.set(key)
    try:
        yield
    finally:
        _key.reset(before)


def current_key() -> str | None:
    """Return the key of the step that is being carried out, None outside of one."""
    return _key.get()
