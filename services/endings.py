"""How a call ended, put into an outcome: what it returned as JSON, or what it raised.

Whatever a service raises is an outcome, SystemExit and KeyboardInterrupt too; nothing it returns or
raises can make these functions raise. Texts are made fit to be stored (valid UTF-8, bounded) before
they leave.

Children import this file: it must stay quick to import.
"""

from pathlib import Path
from types import TracebackType

from scheduler.model.content import Contents, Payload, payload_of, salt_of
from scheduler.model.invocations import Invocation, Outcome
from scheduler.model.limits import DETAIL_BYTES_MAX, ERROR_CHARS_MAX
from services.context import Context
from services.outcomes import Fatal, RetryAfter
from services.results import Unkept, json_of, never_awaited, storable
from services.steps import step_of

_OUR_FOLDER = str(Path(__file__).parent)
_GAP = b"\n[...]\n"


def returned(invocation: Invocation, value: object, context: Context, duration_us: int) -> Outcome:
    """Return the outcome of a call that returned: success, unless its result cannot be kept.

    A result that is not JSON or is too large is an error without retry: the work is done, and
    another attempt would only do it again. So is a step that was not waited for.
    """
    result: Payload | None = None
    contents: Contents = {}
    problem = context.unfinished() or ""
    if value is not None and not problem:
        problem = _never_awaited(value) or ""
    if value is not None and not problem:
        try:
            text = json_of(value, context.redact_json)
            salt = salt_of(invocation.salt, "result")
            result, contents = payload_of(text, kind="json", salt=salt)
        except Unkept as error:
            problem = str(error)
    if problem:
        problem = context.redact(problem)
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
    """Return the outcome of a call that raised.

    Of a private job only the error's class and step stand in the event, which stays for ever; what
    the error said is in the traceback, which can be erased.
    """
    context.unfinished()  # what was never awaited is put away; the error says enough
    salt = salt_of(invocation.salt, "traceback")
    detail, contents = payload_of(_traceback(error, context), salt=salt)
    return Outcome(
        run=invocation.run,
        attempt=invocation.attempt,
        epoch=invocation.epoch,
        kind="error",
        duration_us=duration_us,
        error=_error_line(error, context, is_private=bool(invocation.salt)),
        detail=detail,
        fatal=isinstance(error, Fatal),
        retry_after=error.delay if isinstance(error, RetryAfter) else None,
        output=context.output(),
        contents=contents,
    )


def _never_awaited(value: object) -> str | None:
    if not never_awaited(value):
        return None
    return (
        f"the service returned a {type(value).__name__} that nobody awaited: declare it with"
        " async def"
    )


def _error_line(error: BaseException, context: Context, *, is_private: bool) -> str:
    step = step_of(error)
    where = "" if step is None else f'step "{step}": '
    if is_private:
        return context.redact(where + type(error).__name__)
    try:
        message = str(error).strip().partition("\n")[0]
    except Exception:  # noqa: BLE001  # a user's __str__ may raise anything
        message = "(its message cannot be shown)"
    name = type(error).__name__
    if name == "CancelledError" and not message:
        message = "raised by the service itself; nobody asked for its end"
    line = where + storable(f"{name}: {message}" if message else name)
    return context.redact(line)[:ERROR_CHARS_MAX]


def _traceback(error: BaseException, context: Context) -> str:
    import traceback

    frames = _beyond_ours(error.__traceback__)
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
    except Exception:  # noqa: BLE001  # a user's exception may raise while it is shown
        text = "".join(traceback.format_tb(frames))
    encoded = context.redact(storable(text)).encode()
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
