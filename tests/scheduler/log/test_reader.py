"""Questions about a log are answered side by side, by a bounded number of connections."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from scheduler.log.codec import Codec
from scheduler.log.reader import Reader
from scheduler.log.schema import connect
from scheduler.model.limits import READERS_MAX
from tests.scheduler.log.writing import new_log

MOMENT_S = 0.05  # long enough for a reader that nothing holds up


def test_a_question_beyond_so_many_at_once_waits_for_one_to_be_answered(log_path: Path) -> None:
    new_log(log_path).close()
    opened: list[str] = []

    def counting(uri: str) -> sqlite3.Connection:
        opened.append(uri)
        return connect(uri)

    reader = Reader(log_path, counting, Codec(), immutable=False)
    with ThreadPoolExecutor(1) as beside, ExitStack() as questions:
        for _ in range(READERS_MAX):
            questions.enter_context(reader.connection())
        waiting = beside.submit(reader.head)
        with pytest.raises(TimeoutError):
            waiting.result(MOMENT_S)
        questions.close()
        assert 1 == waiting.result().position
    assert READERS_MAX == len(opened)
    reader.close()


def test_a_connection_that_another_thread_takes_first_is_no_error(log_path: Path) -> None:
    class TakenMeanwhile(list[sqlite3.Connection]):
        def __bool__(self) -> bool:
            return True

    new_log(log_path).close()
    reader = Reader(log_path, connect, Codec(), immutable=False)
    reader._idle = TakenMeanwhile()  # noqa: SLF001  # between a look and a grasp
    assert 1 == reader.head().position
    reader.close()
