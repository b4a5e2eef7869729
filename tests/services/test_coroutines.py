import asyncio
import queue
import threading
from datetime import timedelta

import pytest

from services.coroutines import Coroutines
from tests.services.making import PATIENCE_S

WAIT = timedelta(seconds=PATIENCE_S)


def test_all_of_a_batch_run_at_once_on_one_thread() -> None:
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    here: list[int] = []
    all_here = asyncio.Event()

    async def work(number: int) -> None:
        here.append(number)
        if len(here) == 100:
            all_here.set()
        await all_here.wait()
        done.put(threading.get_ident())

    coroutines = Coroutines(work)
    coroutines.put(range(100))
    assert 1 == len({done.get(timeout=PATIENCE_S) for _ in range(100)})
    coroutines.close(WAIT)


def test_what_is_running_can_be_cancelled() -> None:
    begun: queue.SimpleQueue[str] = queue.SimpleQueue()

    async def work(name: str) -> None:
        begun.put(name)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            begun.put(f"{name} cancelled")

    coroutines = Coroutines(work)
    coroutines.put(["a", "b"])
    assert ["a", "b"] == [begun.get(timeout=PATIENCE_S) for _ in range(2)]
    coroutines.cancel("b")
    assert "b cancelled" == begun.get(timeout=PATIENCE_S)
    assert begun.empty()
    coroutines.close(WAIT)


def test_what_is_not_running_cannot_be_cancelled() -> None:
    done: queue.SimpleQueue[str] = queue.SimpleQueue()

    async def work(name: str) -> None:
        done.put(name)

    coroutines = Coroutines(work)
    coroutines.cancel("a")
    coroutines.put(["a"])
    assert "a" == done.get(timeout=PATIENCE_S)
    coroutines.cancel("a")
    coroutines.put(["b"])
    assert "b" == done.get(timeout=PATIENCE_S)
    coroutines.close(WAIT)


def test_a_wild_exit_of_one_does_not_end_the_loop_of_all(caplog: pytest.LogCaptureFixture) -> None:
    done: queue.SimpleQueue[str] = queue.SimpleQueue()

    async def leave() -> None:
        raise SystemExit(3)

    async def work(name: str) -> None:
        if name == "wild":
            task = asyncio.ensure_future(leave())
            await asyncio.wait([task])
            assert isinstance(task.exception(), SystemExit)
        done.put(name)

    coroutines = Coroutines(work)
    coroutines.put(["wild"])
    coroutines.put(["tame"])
    assert {"wild", "tame"} == {done.get(timeout=PATIENCE_S) for _ in range(2)}
    assert ["an async service tried to end the loop it shares with others"] == caplog.messages
    coroutines.close(WAIT)


def test_the_close_cancels_what_is_running_and_what_it_began() -> None:
    seen: queue.SimpleQueue[str] = queue.SimpleQueue()

    async def wait_for_ever(name: str) -> None:
        seen.put(name)
        try:
            await asyncio.Event().wait()
        finally:
            seen.put(f"{name} ended")

    async def work(name: str) -> None:
        await asyncio.gather(wait_for_ever(name))

    coroutines = Coroutines(work)
    coroutines.put(["a"])
    assert "a" == seen.get(timeout=PATIENCE_S)
    coroutines.close(WAIT)
    assert "a ended" == seen.get(timeout=PATIENCE_S)


def test_the_close_does_not_wait_for_one_that_blocks_the_loop() -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def work(_: int) -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    coroutines = Coroutines(work)
    coroutines.put([1])
    assert begun.wait(PATIENCE_S)
    coroutines.close(timedelta(milliseconds=10))
    coroutines.put([2])  # and takes nothing more
    go_on.set()


def test_a_second_close_is_none() -> None:
    async def work(_: int) -> None: ...

    coroutines = Coroutines(work)
    coroutines.close(WAIT)
    coroutines.close(WAIT)


def test_the_last_thing_is_awaited_on_the_loop_when_nothing_runs_there_any_more() -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()

    async def work(_: int) -> None:
        told.put("begun")
        try:
            await asyncio.Event().wait()
        finally:
            told.put("ended")

    async def at_end() -> None:
        await asyncio.sleep(0)
        told.put("last")

    coroutines = Coroutines(work, at_end)
    coroutines.put([1])
    assert "begun" == told.get(timeout=PATIENCE_S)
    coroutines.close(WAIT)
    assert ["ended", "last"] == [told.get(timeout=PATIENCE_S) for _ in range(2)]
