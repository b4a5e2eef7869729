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
