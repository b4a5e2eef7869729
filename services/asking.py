"""What a running attempt asks of the executor, and how it is told: done, or no longer wanted.

The asking side is the attempt's: on a thread, on the event loop, or in a process of its own. The
answering side is the owner's process, where there are a clock and a registry: `owners_answer` adds
what only these can say and passes the wish on to the executor.

Children import this file: it must stay quick to import.
"""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from scheduler.model.callbacks import service_called_by
from scheduler.model.errors import BadInput
from scheduler.model.invocations import Invocation, OnceWished, StepDone, Wish
from scheduler.model.jobs import Definition
from scheduler.model.schedules import Once
from services.outcomes import Fatal

_ONE_SECOND = timedelta(seconds=1)


class OnceAsked(Struct, frozen=True, kw_only=True, gc=False):
    """A one-time job that an attempt wants scheduled."""

    wished: OnceWished
    after: timedelta | None = None  # from when it is asked on; else at the definition's own time


Asked = StepDone | OnceAsked
Ask = Callable[[Asked], "Future[None]"]  # of one attempt
Answer = Callable[[Invocation, Asked], "Future[None]"]  # of the owner, for all attempts


class Closed(BaseException):
    """This attempt is no longer open: what it does counts no more, so it ends here.

    No `Exception`, as a cancellation is none: a service that catches errors lets it pass.
    """


def owners_answer(
    wish: Wish, why_unknown: Callable[[str], str | None], now: Callable[[], datetime] | None
) -> Answer:
    """Return what answers attempts in the process that owns the log; any thread may call it.

    `why_unknown` tells of a service that is not registered, and returns None for others.
    """

    def answer(invocation: Invocation, asked: Asked) -> "Future[None]":
        if isinstance(asked, StepDone):
            return wish(invocation, asked)
        try:
            return wish(invocation, _placed(asked, why_unknown, now))
        except BadInput as error:
            return refused(error)

    return answer


def no_executor(asked: Asked) -> "Future[None]":
    """Answer an attempt that is carried out without a log: steps are done, jobs are not made."""
    if isinstance(asked, StepDone):
        done: Future[None] = Future()
        done.set_result(None)
        return done
    return refused(Fatal("ctx.schedule: there is no log here that could keep a job"))


def refused(error: BaseException) -> "Future[None]":
    """Return the answer that is a refusal."""
    answer: Future[None] = Future()
    answer.set_exception(error)
    return answer


def wait_for(answer: "Future[None]") -> None:
    """Wait until what was asked is durable.

    Raises: Fatal, when it was wrong; Closed, when the attempt is no longer open.
    """
    try:
        answer.result()
    except Exception as error:  # noqa: BLE001  # whatever stands against it
        raise as_told(error) from None


async def await_for(answer: "Future[None]") -> None:
    """Wait, on an event loop, until what was asked is durable. Raises: as `wait_for`."""
    import asyncio

    loop = asyncio.get_running_loop()
    told = loop.create_future()

    def tell() -> None:
        if not told.done():
            told.set_result(None)

    def from_any_thread(_: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(tell)

    answer.add_done_callback(from_any_thread)
    await told
    wait_for(answer)


def as_told(error: BaseException) -> BaseException:
    """Return a refusal as the service meets it: its own mistake, or the end of the attempt."""
    if isinstance(error, BadInput):
        return Fatal(str(error))
    return error if isinstance(error, Fatal) else Closed(str(error))


def _placed(
    asked: OnceAsked,
    why_unknown: Callable[[str], str | None],
    now: Callable[[], datetime] | None,
) -> OnceWished:
    """Return the wish with its time, when what it calls is known. Raises: BadInput."""
    definition = asked.wished.definition
    _refuse_unknown(definition, why_unknown)
    if asked.after is None:
        return asked.wished
    if now is None:
        raise BadInput.at("$.after", "there is no clock here.", "Give an instant: at=…")
    at = now() + asked.after
    whole = at.replace(microsecond=0)
    schedule = Once(whole if whole == at else whole + _ONE_SECOND)
    return replace(asked.wished, definition=replace(definition, schedule=schedule))


def _refuse_unknown(definition: Definition, why_unknown: Callable[[str], str | None]) -> None:
    for field, name in (
        ("service", definition.service),
        ("on_success", service_called_by(definition.on_success)),
        ("on_failure", service_called_by(definition.on_failure)),
    ):
        why = None if name is None else why_unknown(name)
        if why is not None:
            raise BadInput.at(f"$.{field}", f"{why}.")
