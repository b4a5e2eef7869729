"""What a running attempt asks for, as a wish to the deciding thread.

An attempt is no person: its wish bears the epoch, is answered while the executor stops and after a
pause for the disk, and before the attempt's own end, since what it did, it did before it ended.
"""

from collections.abc import Callable
from concurrent.futures import Future

from scheduler.executor.clock import Clock, new_salt
from scheduler.executor.handle import Answer, Handle
from scheduler.executor.messages import Wish, Wishes
from scheduler.log.contract import Meta
from scheduler.model import commands as c
from scheduler.model.content import Contents
from scheduler.model.errors import StorageFailed, VersionConflict
from scheduler.model.invocations import Invocation, OnceWished, StepDone
from scheduler.model.private import kept_definition
from scheduler.model.streams import job_stream


def ask_for(
    invocation: Invocation,
    wished: StepDone | OnceWished,
    *,
    handle: Handle,
    clock: Clock,
    put: Callable[[Wishes], None],
) -> Future[None]:
    """Hand in what an attempt asks for, from any thread; the future ends when it is durable.

    Raises: BadInput, when the job that it asks for has an input that nobody holds.
    """
    durable: Future[None] = Future()
    command: c.AnyCommand
    contents: Contents = wished.contents
    if isinstance(wished, StepDone):
        command = c.RecordStep(
            run=invocation.run,
            attempt=invocation.attempt,
            epoch=invocation.epoch,
            name=wished.name,
            result=wished.result,
        )
    elif handle.log.version(job_stream(wished.job)):
        durable.set_result(None)  # asked before, by an attempt that was lost; gone since, perhaps
        return durable
    else:
        definition, contents = kept_definition(
            wished.definition,
            contents,
            standing=None,
            content=handle.log.content,
            new_salt=lambda: new_salt(clock),
        )
        command = c.DefineJob(job=wished.job, definition=definition, if_past="run")
    answer: Future[Answer] = Future()
    answer.add_done_callback(lambda done: _pass_on(done, durable))
    meta = Meta(actor=f"service:{invocation.service}", epoch=invocation.epoch)
    put(Wishes([Wish(command, meta, None, contents, None, answer)]))
    return durable


def waits_for_disk(error: BaseException) -> bool:
    """Return whether what an attempt asked for can be stored later, as an outcome would be."""
    if isinstance(error, StorageFailed):
        return not error.in_doubt
    return isinstance(error, VersionConflict)  # it failed only behind another's failure


def before_outcomes(wishes: list[Wish]) -> tuple[list[Wish], list[Wish]]:
    """Return the wishes of attempts, which come before the outcomes of a turn, and the others."""
    of_attempts = [wish for wish in wishes if wish.is_of_attempt]
    return of_attempts, [wish for wish in wishes if not wish.is_of_attempt]


def _pass_on(answer: Future[Answer], durable: Future[None]) -> None:
    error = answer.exception()
    if error is None:
        durable.set_result(None)
    else:
        durable.set_exception(error)
