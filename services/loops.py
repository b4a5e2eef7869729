"""Whether whoever calls can await: the question that decides between a value and an awaitable.

So the same line, but for its `await`, stands in an async service and in a plain function.

Children import this file: it must stay quick to import.
"""

import sys
from typing import Any


def running_loop() -> Any:  # noqa: ANN401  # an event loop, or None; its type would be imported
    """Return the event loop that is running in this thread, None when there is none."""
    asyncio = sys.modules.get("asyncio")
    return None if asyncio is None else asyncio._get_running_loop()  # noqa: SLF001  # public by its documentation
