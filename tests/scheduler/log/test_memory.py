"""The engine in memory keeps the promises of the contract."""

from collections.abc import Iterator

import pytest

from scheduler.log.contract import Log, Write
from scheduler.log.memory import MemoryLog
from tests.scheduler.log.conformance import LogConformance
from tests.scheduler.log.content_conformance import RETENTION, ContentConformance
from tests.scheduler.log.writing import CREATED, StillClock, one, request


class TestMemoryLog(LogConformance, ContentConformance):
    @pytest.fixture
    def log(self, clock: StillClock) -> Iterator[Log]:
        log = MemoryLog(clock, retention=RETENTION)
        log.append(request(Write("system", 0, [CREATED])))
        yield log
        log.close()


def test_a_request_is_written_before_submit_returns() -> None:
    log = MemoryLog(StillClock())
    assert log.submit(one("fire/a")).done()
    assert 1 == log.head().position


def test_a_log_that_was_not_created_has_no_identity() -> None:
    log = MemoryLog(StillClock())
    assert "" == log.identity
    log.append(one("fire/a"))
    assert "" == log.identity
