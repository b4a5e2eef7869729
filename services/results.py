"""What services return, as JSON that can be kept: whole runs and their steps alike.

Nothing a service returns can make these functions raise anything but `Unkept`, with the sentence
for the user.

Children import this file: it must stay quick to import.
"""

import inspect
from collections.abc import Callable
from typing import Any

from scheduler.model.errors import BadInput
from scheduler.model.json_values import refuse_strange
from scheduler.model.limits import RESULT_BYTES_MAX


class Unkept(Exception):
    """What was returned cannot be kept."""


def json_of(value: object, redact_json: Callable[[str], str]) -> str:
    """Return a result as JSON text, without secrets.

    Raises: Unkept, when it is not JSON or larger than RESULT_BYTES_MAX.
    """
    import json

    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode())
    except Exception as error:  # noqa: BLE001  # a user's dict may raise anything
        raise Unkept(f"the result is not JSON: {_why_not_json(value, error)}") from None
    if size > RESULT_BYTES_MAX:
        raise Unkept(
            f"the result has {size:,} bytes; at most {RESULT_BYTES_MAX:,} are kept. Store it"
            " elsewhere, and return where"
        )
    try:
        return redact_json(text)
    except RecursionError:
        raise Unkept("the result is nested too deep to be looked through for secrets") from None


def value_of(text: str) -> Any:  # noqa: ANN401  # a result as it was kept
    """Return what a result says that was kept."""
    import json

    return json.loads(text)


def never_awaited(value: object) -> bool:
    """Return whether the value is something that nobody awaited; a coroutine is closed.

    Else Python warns that it never ran.
    """
    if not inspect.isawaitable(value):
        return False
    close = getattr(value, "close", None)
    if close is not None:
        close()
    return True


def storable(text: str) -> str:
    """Return the text with what is not valid Unicode written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _why_not_json(value: object, error: Exception) -> str:
    try:
        refuse_strange(value, "$")
    except BadInput as refusal:
        return storable(str(refusal.problems[0]))
    except Exception:  # noqa: BLE001, S110  # a user's Mapping may raise; the first error will do
        pass
    return storable(str(error))
