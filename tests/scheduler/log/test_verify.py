"""Every kind of tampering is found, and the first place of it is named."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from scheduler.log.admit import Row
from scheduler.log.chain import link
from scheduler.log.contract import Write
from scheduler.log.memory import MemoryLog
from scheduler.log.verify import check_content
from scheduler.model.content import digest_of
from tests.scheduler.log.writing import CREATED, StillClock, logged, one, request, write


@pytest.fixture
def log() -> MemoryLog:
    """Return a log of seven events, of which the last names content."""
    clock = StillClock()
    log = MemoryLog(clock)
    log.append(request(Write("system", 0, [CREATED])))
    log.append(request(write("fire/a", 0, 3), key="k1"))
    clock.ns += 1_000
    log.append(request(write("fire/b", 0, 2)))
    log.append(logged("fire/c", b"out"))
    return log


def changed(rows: list[Row], position: int, column: int, value: object) -> None:
    row: list[object] = list(rows[position - 1])
    row[column] = value
    rows[position - 1] = tuple(row)  # type: ignore[assignment]  # one column is another


@dataclass(frozen=True)
class Tampering:
    """Something done to the rows of a log."""

    name: str
    act: Callable[[list[Row]], object]
    position: int  # where it must be found


def swap(rows: list[Row]) -> None:
    rows[2], rows[3] = (3, *rows[3][1:]), (4, *rows[2][1:])


def add(rows: list[Row]) -> None:
    rows.append((8, "fire/x", 1, "run-held", 1, rows[-1][5], b"{}", None, None, bytes(32)))


def remove(rows: list[Row]) -> None:
    del rows[3]


def remove_and_close_ranks(rows: list[Row]) -> None:
    del rows[3]
    rows[3:] = [(row[0] - 1, *row[1:]) for row in rows[3:]]


TAMPERINGS = [
    Tampering("stream", lambda rows: changed(rows, 3, 1, "fire/z"), 3),
    Tampering("version", lambda rows: changed(rows, 3, 2, 9), 3),
    Tampering("type", lambda rows: changed(rows, 3, 3, "run-held"), 3),
    Tampering("revision", lambda rows: changed(rows, 3, 4, 2), 3),
    Tampering("recorded_at", lambda rows: changed(rows, 3, 5, rows[2][5] + 1), 3),
    Tampering("body", lambda rows: changed(rows, 3, 6, rows[2][6] + b" "), 3),
    Tampering("meta", lambda rows: changed(rows, 3, 7, None), 3),
    Tampering("request_key taken", lambda rows: changed(rows, 2, 8, None), 2),
    Tampering("request_key given", lambda rows: changed(rows, 3, 8, "k1"), 3),
    Tampering("hash", lambda rows: changed(rows, 3, 9, bytes(32)), 3),
    Tampering("the first event", lambda rows: changed(rows, 1, 6, b"{}"), 1),
    Tampering("the last event", lambda rows: changed(rows, 7, 6, b"{}"), 7),
    Tampering("swapped", swap, 3),
    Tampering("added", add, 8),
    Tampering("removed", remove, 4),
    Tampering("removed, the rest moved up", remove_and_close_ranks, 4),
]


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.name)
def test_tampering_is_found_where_it_begins(log: MemoryLog, tampering: Tampering) -> None:
    tampering.act(log.rows)
    report = log.verify()
    assert tampering.position == report.position
    assert tampering.position - 1 == report.events == report.head.position
    assert report.fault is not None


def test_a_fault_says_which_events_are_good(log: MemoryLog) -> None:
    changed(log.rows, 5, 6, b"{}")
    assert "event 5 does not follow from 4 (hash). Events 1–4 are good" == log.verify().fault
    assert "event 5 does not follow from 4 (hash). Events 3–4 are good" == log.verify(after=2).fault
    assert "event 5 does not follow from 4 (hash)" == log.verify(after=4).fault


def test_what_lies_before_the_part_to_verify_is_not_judged(log: MemoryLog) -> None:
    changed(log.rows, 2, 6, b"{}")
    assert log.verify(after=3).fault is None


def test_a_log_written_anew_from_some_event_on_is_found_by_a_head_kept_elsewhere(
    log: MemoryLog,
) -> None:
    kept = log.head()
    changed(log.rows, 3, 6, log.rows[2][6].replace(b"2", b"9"))
    previous = log.rows[1][9]
    for row in log.rows[2:]:
        previous = link(previous, row[:9])
        changed(log.rows, row[0], 9, previous)
    assert log.verify().fault is None
    log.append(one("fire/d"))
    report = log.verify(after=kept.position, trusted=kept.hash)
    assert ("event 7 has another hash than the one trusted", 7) == (report.fault, report.position)


def test_a_time_of_record_that_falls_is_a_fault_though_the_chain_holds(log: MemoryLog) -> None:
    changed(log.rows, 7, 5, log.rows[5][5] - 1)
    changed(log.rows, 7, 9, link(log.rows[5][9], log.rows[6][:9]))
    assert "event 7 was recorded before 6. Events 1–6 are good" == log.verify().fault


def test_content_that_is_missing_is_a_fault(log: MemoryLog) -> None:
    log.contents.clear()
    report = log.verify()
    assert 7 == report.position
    assert f"content {digest_of(b'out'):.12}…, named by event 7, is missing" in str(report.fault)


def test_content_that_was_changed_is_a_fault(log: MemoryLog) -> None:
    log.contents[digest_of(b"out")] = b"other"
    report = log.verify()
    assert (7, None) == (report.events, report.position)
    assert "its bytes have another digest" in str(report.fault)


def test_erased_content_is_no_fault() -> None:
    assert check_content([(digest_of(b"a"), b"a"), (digest_of(b"b"), None)]) is None


def test_a_log_written_in_part_by_a_newer_horolog_verifies(log: MemoryLog) -> None:
    body = b'{"type":"run-suspended","digest":"00"}'
    columns = (8, "fire/n", 1, "run-suspended", 1, log.rows[-1][5], body, None, None)
    log.rows.append((*columns, link(log.head().hash, columns)))
    assert (8, None) == (log.verify().events, log.verify().fault)


def test_a_body_of_ours_that_names_content_and_does_not_decode_is_a_fault(log: MemoryLog) -> None:
    body = b'{"type":"run-held","digest":"00"}'
    columns = (8, "fire/n", 1, "run-held", 1, log.rows[-1][5], body, None, None)
    log.rows.append((*columns, link(log.head().hash, columns)))
    assert 'event 8 is no "run-held"' in str(log.verify().fault)


def test_an_empty_log_verifies() -> None:
    assert (0, None) == (MemoryLog(StillClock()).verify()[0], MemoryLog(StillClock()).verify()[2])
