"""How a call ended, put into an outcome: what it returned as JSON, or what it raised.

Whatever a service raises is an outcome, SystemExit and KeyboardInterrupt too; nothing it returns or
raises can make these functions raise. Texts are made fit to be stored (valid UTF-8, bounded) before
they leave.

Children import this file: it must stay quick to import.
"""

import inspect
from pathlib import Path
from types import TracebackType

from scheduler.model.content import Contents, Payload, payload_of
from scheduler.model.errors import BadInput
from scheduler.model.invocations import Invocation, Outcome
from scheduler.model.json_values import refuse_strange
from scheduler.model.limits import DETAIL_BYTES_MAX, ERROR_CHARS_MAX, RESULT_BYTES_MAX
from services.context import Context
from services.outcomes import Fatal, RetryAfter

_OUR_FOLDER = str(Path(__file__).parent)
_GAP = b"\n[...]\n"


class _Unkept(Exception):
    """What the service returned cannot be kept."""


def returned(invocation: Invocation, value: object, context: Context, duration_us: int) -> Outcome:
    """Return the outcome of a call that returned: success, unless its result cannot be kept.

    A result that is not JSON or is too large is an error without retry: the work is done, and
    another attempt would only do it again.
    """
    result: Payload | None = None
    contents: Contents = {}
    problem = ""
    if value is not None:
        try:
            result, contents = payload_of(_json(value), kind="json")
        except _Unkept as error:
            problem = str(error)
    return Outcome(
        run=invocation.run,
        attempt=invocation.attempt,
        epoch=invocation.epoch,
        kind="error" if problem else "succeeded",
        duration_us=duration_us,
        result=result,
        error=problem,
        fatal=bool(problem),
        output=context.output(),
        contents=contents,
    )


def raised(
    invocation: Invocation, error: BaseException, context: Context, duration_us: int
) -> Outcome:
    """Return the outcome of a call that raised."""
    detail, contents = payload_of(_traceback(error))
    return Outcome(
        run=invocation.run,
        attempt=invocation.attempt,
        epoch=invocation.epoch,
        kind="error",
        duration_us=duration_us,
        error=_error_line(error),
        detail=detail,
        fatal=isinstance(error, Fatal),
        retry_after=error.delay if isinstance(error, RetryAfter) else None,
        output=context.output(),
        contents=contents,
    )


def _json(value: object) -> str:
    """Return a result as JSON text.

    Raises: _Unkept, with the sentence for the user.
    """
    import json

    if inspect.isawaitable(value):
        close = getattr(value, "close", None)  # of a coroutine; else Python warns that it never ran
        if close is not None:
            close()
        raise _Unkept(
            f"the service returned a {type(value).__name__} that nobody awaited: declare it with"
            " async def"
        )
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode())
    except Exception as error:  # noqa: BLE001  # a user's dict may raise anything
        raise _Unkept(f"the result is not JSON: {_why_not_json(value, error)}") from None
    if size > RESULT_BYTES_MAX:
        raise _Unkept(
            f"the result has {size:,} bytes; at most {RESULT_BYTES_MAX:,} are kept. Store it"
            " elsewhere, and return where"
        )
    return text


def _why_not_json(value: object, error: Exception) -> str:
    try:
        refuse_strange(value, "$")
    except BadInput as refusal:
        return storable(str(refusal.problems[0]))
    except Exception:  # noqa: BLE001, S110  # a user's Mapping may raise; the first error will do
        pass
    return storable(str(error))


def _error_line(error: BaseException) -> str:
    try:
        message = str(error).strip().partition("\n")[0]
    except Exception:  # noqa: BLE001  # a user's __str__ may raise anything
        message = "(its message cannot be shown)"
    name = type(error).__name__
    if name == "CancelledError" and not message:
        message = "raised by the service itself; nobody asked for its end"
    return storable(f"{name}: {message}" if message else name)[:ERROR_CHARS_MAX]


def _traceback(error: BaseException) -> str:
    import traceback

    frames = _beyond_ours(error.__traceback__)
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
    except Exception:  # noqa: BLE001  # a user's exception may raise while it is shown
        text = "".join(traceback.format_tb(frames))
    encoded = storable(text).encode()
    if len(encoded) <= DETAIL_BYTES_MAX:
        return encoded.decode()
    half = (DETAIL_BYTES_MAX - len(_GAP)) // 2
    ends = encoded[:half] + _GAP + encoded[-half:]
    return ends.decode("utf-8", "ignore")


def _beyond_ours(frames: TracebackType | None) -> TracebackType | None:
    """Return the frames from the first that is not ours on; none when there is none."""
    while frames is not None:
        if frames.tb_frame.f_code.co_filename.rpartition("/")[0] != _OUR_FOLDER:
            break
        frames = frames.tb_next
    return frames


def storable(text: str) -> str:
    """Return the text with what is not valid Unicode written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
