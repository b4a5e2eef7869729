import queue
import threading

import pytest

from services.threads import Threads
from tests.services.making import PATIENCE_S


def test_each_piece_of_work_is_carried_out_once() -> None:
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    threads = Threads(done.put, threads_max=4, name="test")
    for first in range(0, 1_000, 100):
        threads.put(range(first, first + 100))
    assert list(range(1_000)) == sorted(done.get(timeout=PATIENCE_S) for _ in range(1_000))
    assert done.empty()
    threads.close()


def test_as_many_block_at_once_as_there_may_be_threads() -> None:
    all_here = threading.Barrier(8)
    done: queue.SimpleQueue[int] = queue.SimpleQueue()

    def block(number: int) -> None:
        all_here.wait(PATIENCE_S)  # nobody passes before all eight are here
        done.put(number)

    threads = Threads(block, threads_max=8, name="test")
    threads.put(range(8))
    assert set(range(8)) == {done.get(timeout=PATIENCE_S) for _ in range(8)}
    threads.close()


def test_one_that_blocks_holds_up_none_of_its_batch() -> None:
    go_on = threading.Event()
    done: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work(number: int) -> None:
        if number == 0:
            go_on.wait(PATIENCE_S)
        done.put(number)

    threads = Threads(work, threads_max=2, name="test")
    threads.put(range(100))
    assert list(range(1, 100)) == [done.get(timeout=PATIENCE_S) for _ in range(1, 100)]
    go_on.set()
    assert 0 == done.get(timeout=PATIENCE_S)
    threads.close()


def test_work_beyond_the_threads_waits_for_the_first_to_be_free() -> None:
    go_on = [threading.Event() for _ in range(3)]
    begun: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work(number: int) -> None:
        begun.put(number)
        go_on[number].wait(PATIENCE_S)

    threads = Threads(work, threads_max=2, name="test")
    threads.put(range(3))
    assert {0, 1} == {begun.get(timeout=PATIENCE_S) for _ in range(2)}
    assert begun.empty()
    go_on[1].set()
    assert 2 == begun.get(timeout=PATIENCE_S)
    go_on[0].set()
    go_on[2].set()
    threads.close()


def test_an_idle_thread_is_used_before_a_new_one_is_started() -> None:
    used: queue.SimpleQueue[str] = queue.SimpleQueue()

    def work(_: int) -> None:
        used.put(threading.current_thread().name)

    threads = Threads(work, threads_max=1, name="test")
    names = set()
    for number in range(50):
        threads.put([number])
        names.add(used.get(timeout=PATIENCE_S))
    assert {"test-1"} == names
    threads.close()


def test_an_error_of_ours_does_not_cost_a_thread(caplog: pytest.LogCaptureFixture) -> None:
    done: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work(number: int) -> None:
        if number == 0:
            raise SystemExit
        done.put(number)

    threads = Threads(work, threads_max=1, name="test")
    threads.put([0, 1])
    assert 1 == done.get(timeout=PATIENCE_S)
    assert ["a worker thread met an error that was not the service's own"] == caplog.messages
    threads.close()


def test_after_the_close_nothing_begins_and_idle_threads_end() -> None:
    seen: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()

    def work(_: int) -> None:
        seen.put(threading.current_thread())

    threads = Threads(work, threads_max=1, name="test")
    threads.put([1])
    thread = seen.get(timeout=PATIENCE_S)
    threads.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    threads.put([2])
    assert seen.empty()


def test_a_machine_without_threads_has_no_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        Threads(print, threads_max=4, name="test")


def test_a_machine_without_more_threads_leaves_the_work_to_those_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    begun, go_on = threading.Event(), threading.Event()

    def work(number: int) -> None:
        if number == 0:
            begun.set()
            go_on.wait(PATIENCE_S)
        done.put(number)

    threads = Threads(work, threads_max=4, name="test")
    threads.put([0])
    assert begun.wait(PATIENCE_S)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    threads.put([1])
    go_on.set()
    assert [0, 1] == [done.get(timeout=PATIENCE_S) for _ in range(2)]
    threads.close()
