import queue
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from time import perf_counter_ns

import pytest

from scheduler.model.invocations import Outcome
from scheduler.model.jobs import RunId
from scheduler.model.limits import OUTCOMES_PER_REPORT_MAX
from services.reporting import Reporting
from tests.services.making import PATIENCE_S, Reports

WAIT = timedelta(seconds=PATIENCE_S)


@pytest.fixture
def reporting() -> Iterator[Reporting]:
    made = Reporting(perf_counter_ns)
    yield made
    made.close(WAIT)


def outcome(number: int = 1) -> Outcome:
    return Outcome(run=RunId(f"run-{number}"), attempt=1, epoch=1, kind="succeeded")


def test_an_outcome_is_told_to_whom_it_belongs(reporting: Reporting) -> None:
    mine, yours = Reports(), Reports()
    reporting.tell(mine, outcome(1))
    reporting.tell(yours, outcome(2))
    assert ("run-1", "run-2") == (mine.next().run, yours.next().run)


def test_what_gathers_while_one_batch_is_told_is_the_next(reporting: Reporting) -> None:
    batches: queue.SimpleQueue[int] = queue.SimpleQueue()
    go_on = threading.Event()

    def report(outcomes: Sequence[Outcome]) -> None:
        batches.put(len(outcomes))
        go_on.wait(PATIENCE_S)

    reporting.tell(report, outcome())
    assert 1 == batches.get(timeout=PATIENCE_S)
    for _ in range(OUTCOMES_PER_REPORT_MAX + 1):
        reporting.tell(report, outcome())
    go_on.set()
    assert OUTCOMES_PER_REPORT_MAX == batches.get(timeout=PATIENCE_S)
    assert 1 == batches.get(timeout=PATIENCE_S)


def test_outcomes_are_told_in_the_order_in_which_they_came(reporting: Reporting) -> None:
    reports = Reports()
    for number in range(1_000):
        reporting.tell(reports, outcome(number))
    assert [f"run-{number}" for number in range(1_000)] == [
        reports.next().run for _ in range(1_000)
    ]


def test_a_report_that_raises_does_not_stop_the_others(
    reporting: Reporting, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Sequence[Outcome]) -> None:
        raise ValueError("no")

    reports = Reports()
    reporting.tell(broken, outcome())
    reporting.tell(reports, outcome())
    assert "run-1" == reports.next().run
    assert ["outcomes could not be reported"] == caplog.messages


def test_alarms_ring_in_the_order_of_their_times(reporting: Reporting) -> None:
    rung: queue.SimpleQueue[str] = queue.SimpleQueue()
    reporting.after(timedelta(milliseconds=20), lambda: rung.put("later"))
    reporting.after(timedelta(0), lambda: rung.put("at once"))
    assert ["at once", "later"] == [rung.get(timeout=PATIENCE_S) for _ in range(2)]


def test_an_alarm_does_not_ring_before_its_time() -> None:
    now_ns = [0]
    rung = threading.Event()
    told = Reports()
    reporting = Reporting(lambda: now_ns[0])
    reporting.after(timedelta(seconds=5), rung.set)
    now_ns[0] = 4_999_999_999
    reporting.tell(told, outcome())
    told.next()
    assert not rung.is_set()
    now_ns[0] = 5_000_000_000
    reporting.tell(told, outcome())
    assert rung.wait(PATIENCE_S)
    reporting.close(WAIT)


def test_an_alarm_that_raises_does_not_stop_the_others(
    reporting: Reporting, caplog: pytest.LogCaptureFixture
) -> None:
    rung = threading.Event()

    def broken() -> None:
        raise ValueError("no")

    reporting.after(timedelta(0), broken)
    reporting.after(timedelta(0), rung.set)
    assert rung.wait(PATIENCE_S)
    assert ["an alarm of the workers failed"] == caplog.messages


def test_what_has_arrived_before_the_close_is_told() -> None:
    reports = Reports()
    reporting = Reporting(perf_counter_ns)
    for number in range(100):
        reporting.tell(reports, outcome(number))
    reporting.close(WAIT)
    assert 100 == len([reports.next() for _ in range(100)])
    assert reports.none_is_left()
