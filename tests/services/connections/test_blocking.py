import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from types import TracebackType
from typing import Self

import pytest

from services.connections.blocking import Blocking, Loop

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="")


class Tool:
    """What a client hands out to work with."""

    def __init__(self) -> None:
        self.left_with: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.left_with = error
        return isinstance(error, KeyError)

    async def use(self) -> str:
        return "used"


class Client:
    """What stands for a client of any kind."""

    name = "client"

    def __init__(self) -> None:
        self.given = Tool()

    async def where(self) -> tuple[str, bool]:
        return threading.current_thread().name, asyncio.get_running_loop().is_running()

    async def echo(self, *arguments: object, **options: object) -> object:
        return arguments, options

    def plain(self) -> str:
        return "plain"

    async def fail(self) -> None:
        raise ValueError("no")

    async def variable(self) -> str:
        return VARIABLE.get()

    def tool(self) -> Tool:
        return self.given

    async def count(self) -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async def hang(self, begun: threading.Event, ended: threading.Event) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()


async def nothing() -> None: ...


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close(nothing)


@pytest.fixture
def client(loop: Loop) -> Blocking:
    return Blocking(Client(), loop)


def test_a_call_waits_for_what_it_would_be_awaited_for(client: Blocking) -> None:
    assert ("horolog-connections", True) == client.where()
    assert ((1, 2), {"a": 3}) == client.echo(1, 2, a=3)
    assert "plain" == client.plain()


def test_what_is_no_method_is_there_as_it_is(client: Blocking) -> None:
    assert "client" == client.name
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        client.other()


def test_an_error_is_raised_where_it_was_called(client: Blocking) -> None:
    with pytest.raises(ValueError, match="no"):
        client.fail()


def test_context_variables_of_the_caller_are_there(client: Blocking) -> None:
    VARIABLE.set("the caller's")
    assert "the caller's" == client.variable()


def test_what_is_to_be_worked_with_waits_too(client: Blocking) -> None:
    with client.tool() as tool:
        assert "used" == tool.use()


def test_an_error_inside_a_with_is_told_to_what_was_entered(loop: Loop) -> None:
    known = Client()
    error = ValueError("no")
    with pytest.raises(ValueError, match="no"), Blocking(known, loop).tool():
        raise error
    assert error is known.given.left_with
    with Blocking(known, loop).tool():
        raise KeyError("swallowed, as it says it does")


def test_an_iterator_is_one(client: Blocking) -> None:
    assert [0, 1, 2] == list(client.count())


def test_whoever_stops_waiting_takes_the_call_with_him(
    client: Blocking, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()
    whole = asyncio.run_coroutine_threadsafe

    def interrupted(
        call: Coroutine[None, None, object], loop: asyncio.AbstractEventLoop
    ) -> Future[object]:
        future = whole(call, loop)

        def result() -> None:
            assert begun.wait(30)
            raise SystemExit

        monkeypatch.setattr(future, "result", result)
        return future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
    with pytest.raises(SystemExit):
        client.hang(begun, ended)
    assert ended.wait(30)


def test_threads_call_side_by_side(loop: Loop) -> None:
    meet = asyncio.Barrier(4)

    async def together() -> bool:
        await meet.wait()
        return True

    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.append(loop.run(together))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [True] * 4 == found


def test_the_last_thing_is_done_and_then_nothing_more() -> None:
    done: list[str] = []

    async def last() -> None:
        done.append(threading.current_thread().name)

    loop = Loop()
    loop.run(lambda: None)
    loop.close(last)
    assert ["horolog-connections"] == done
    assert "horolog-connections" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="the connections have been closed"):
        loop.run(lambda: None)


def test_a_loop_that_nobody_used_ends_without_having_begun() -> None:
    called: list[Callable[[], None]] = []
    Loop().close(lambda: called.append(lambda: None))
    assert [] == called
