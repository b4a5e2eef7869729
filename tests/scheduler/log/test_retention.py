"""When content whose time is over goes, how much of it at once, and what is left in the file."""

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from scheduler.log import retention, writer
from scheduler.log.contract import Retention
from scheduler.log.retention import ERASED_NS, Upkeep
from scheduler.log.rows import ContentShelf
from scheduler.log.sqlite import SqliteLog
from scheduler.model.content import digest_of
from scheduler.model.limits import (
    OUTPUT_KEPT,
    OUTPUT_KEPT_BYTES,
    PURGE_BYTES,
    PURGE_EVERY,
    PURGE_PAUSE,
    PURGE_ROWS_MAX,
)
from tests.scheduler.log.seams import PATIENCE_S, Seam, watched
from tests.scheduler.log.writing import (
    NOON_NS,
    StillClock,
    erasing,
    logged,
    new_log,
    one,
    output,
)

HOUR_NS = 3_600_000_000_000
MINUTE_NS = HOUR_NS // 60
SECRET = b"an order of Jan Kowalski"


class Bin:
    """A shelf of things, each with the time it is kept until and a size."""

    def __init__(self, *things: tuple[int, int]) -> None:
        self.things = dict(enumerate(things))
        self.counted = 0

    def past(self, until_ns: int, limit: int) -> list[tuple[int, int]]:
        found = sorted((ns, key, size) for key, (ns, size) in self.things.items() if ns <= until_ns)
        return [(key, size) for _, key, size in found[:limit]]

    def output_bytes(self) -> int:
        self.counted += 1
        return sum(size for _, size in self.things.values())

    def remove(self, keys: Sequence[int]) -> None:
        for key in keys:
            del self.things[key]


def upkeep(output_bytes: int = 1_000) -> Upkeep[int]:
    return Upkeep(Retention(timedelta(hours=1), output_bytes), NOON_NS)


def look(kept: Upkeep[int], shelf: Bin, now_ns: int) -> list[int]:
    """Go on until a look has come to its end; return how much went in each step."""
    steps: list[int] = []
    while True:
        step = kept.step(shelf, now_ns)
        shelf.remove(step.keys)
        kept.done(step, now_ns)
        if not step.keys:
            return steps
        steps.append(len(step.keys))


def test_the_first_look_is_for_what_was_erased() -> None:
    kept, shelf = upkeep(), Bin((ERASED_NS, 5), (1, 5_000))
    assert [1] == look(kept, shelf, NOON_NS)
    assert [1] == look(kept, shelf, NOON_NS + MINUTE_NS)


def test_a_step_takes_so_many_at_most() -> None:
    shelf = Bin(*[(ERASED_NS, 1)] * (PURGE_ROWS_MAX + 7))
    assert [PURGE_ROWS_MAX, 7] == look(upkeep(), shelf, NOON_NS)


def test_a_step_ends_with_the_content_that_makes_it_large() -> None:
    half = PURGE_BYTES // 2
    shelf = Bin(*[(ERASED_NS, half + 1)] * 3, (ERASED_NS, PURGE_BYTES * 3))
    assert [2, 2] == look(upkeep(), shelf, NOON_NS)


def test_a_look_is_due_after_a_minute_and_its_next_step_after_a_moment() -> None:
    kept, shelf = upkeep(), Bin((ERASED_NS, 1))
    assert not kept.is_due(NOON_NS)
    for keys, pause in (((0,), PURGE_PAUSE), ((), PURGE_EVERY)):
        step = kept.step(shelf, NOON_NS)
        assert keys == step.keys
        shelf.remove(step.keys)
        kept.done(step, NOON_NS)
        assert pause.total_seconds() == kept.wait_s(NOON_NS)
        assert not kept.is_due(NOON_NS + retention.nanoseconds(pause) - 1)
        assert kept.is_due(NOON_NS + retention.nanoseconds(pause))


def test_a_look_is_due_when_the_clock_was_set_back() -> None:
    kept, shelf = upkeep(), Bin()
    look(kept, shelf, NOON_NS)
    assert kept.is_due(NOON_NS - HOUR_NS)
    look(kept, shelf, NOON_NS - HOUR_NS)
    assert not kept.is_due(NOON_NS - HOUR_NS)


def test_output_is_counted_once_and_again_only_when_it_seems_too_much() -> None:
    kept, shelf = upkeep(1_000), Bin((NOON_NS, 900))
    look(kept, shelf, 1)
    for _ in range(3):
        look(kept, shelf, 1)
    assert 1 == shelf.counted
    kept.stored(90)
    look(kept, shelf, 1)
    assert 1 == shelf.counted
    kept.stored(90)  # stored before, as the count shows
    assert [] == look(kept, shelf, 1)
    assert 2 == shelf.counted


def test_no_more_goes_than_is_too_much() -> None:
    kept, shelf = upkeep(100), Bin(*[(NOON_NS + place, 30) for place in range(9)])
    look(kept, shelf, 1)
    assert [6] == look(kept, shelf, 1)
    assert 3 == len(shelf.things)
    assert [] == look(kept, shelf, 1)


def test_a_month_of_output_is_kept_and_a_gigabyte_unless_the_settings_say_otherwise() -> None:
    kept = Upkeep[int](Retention(), NOON_NS)
    assert NOON_NS + retention.nanoseconds(OUTPUT_KEPT) == kept.kept_until_ns(NOON_NS)
    shelf = Bin((NOON_NS + 1, 1), (NOON_NS + 2, OUTPUT_KEPT_BYTES))
    look(kept, shelf, NOON_NS)  # for what was erased
    assert [1] == look(kept, shelf, NOON_NS)
    assert {1: (NOON_NS + 2, OUTPUT_KEPT_BYTES)} == shelf.things


# -- on disk


def test_nothing_of_erased_content_is_left_in_the_file(log_path: Path) -> None:
    log = new_log(log_path)
    log.append(logged("fire/a", SECRET * 1_000))
    log.append(erasing(SECRET * 1_000))
    assert 1 == log.purge()
    log.close()
    assert [] == [path for path in log_path.parent.iterdir() if SECRET in path.read_bytes()]


def test_what_was_erased_before_a_crash_is_unreadable_and_goes_with_the_next_writer(
    log_path: Path,
) -> None:
    crashed = new_log(log_path)
    crashed.append(logged("fire/a", SECRET))
    crashed.append(erasing(SECRET))  # and its bytes are still there
    left = log_path.with_name("left.db")
    with closing(sqlite3.connect(log_path)) as db, closing(sqlite3.connect(left)) as copy:
        db.backup(copy)
    crashed.close()
    with closing(sqlite3.connect(left)) as db:
        assert (SECRET,) == db.execute("SELECT bytes FROM content").fetchone()
    log = SqliteLog.open(left, clock_ns=StillClock())
    assert log.content(digest_of(SECRET)) is None
    assert [1, 0] == [log.purge(), log.purge()]
    log.close()
    assert SECRET not in left.read_bytes()


def test_a_writer_purges_by_itself_when_it_is_time(log_path: Path) -> None:
    seam, gone, clock = Seam(), Event(), StillClock()
    with ExitStack() as stack:
        log = new_log(log_path, clock, connecting=watched(seam))
        stack.callback(log.close)
        log.append(logged("fire/a", SECRET))
        log.append(erasing(SECRET))
        seam.at["UPDATE content SET bytes"] = gone.set
        clock.ns += MINUTE_NS
        log.append(one("fire/b"))
        assert gone.wait(PATIENCE_S)


def test_an_idle_writer_purges_by_itself(log_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_IDLE", timedelta(milliseconds=1))
    monkeypatch.setattr(retention, "CHECKPOINT_IDLE", timedelta(0))
    monkeypatch.setattr(retention, "PURGE_EVERY", timedelta(milliseconds=1))
    seam, gone, clock = Seam(), Event(), StillClock()
    with ExitStack() as stack:
        log = new_log(log_path, clock, connecting=watched(seam))
        stack.callback(log.close)
        log.append(output("fire/a", SECRET))
        seam.at["UPDATE content SET bytes"] = gone.set
        clock.ns += 31 * 24 * HOUR_NS
        log.purge()
        clock.ns += 31 * 24 * HOUR_NS
        assert gone.wait(PATIENCE_S)


def test_a_look_that_finds_nothing_writes_nothing(log_path: Path) -> None:
    seam = Seam()
    log = new_log(log_path, connecting=watched(seam))
    log.append(output("fire/a", b"x"))
    seam.seen.clear()
    assert [0, 0] == [log.purge(), log.purge()]
    assert 0 == seam.count("BEGIN")
    log.close()


@pytest.mark.parametrize("ask", [lambda shelf: shelf.past(5, 9), ContentShelf.output_bytes])
def test_looking_for_content_reads_an_index_and_no_content(log_path: Path, ask: object) -> None:
    new_log(log_path).close()
    asked: list[str] = []
    with closing(sqlite3.connect(log_path)) as db:
        db.set_trace_callback(asked.append)
        assert callable(ask)
        ask(ContentShelf(db))
        db.set_trace_callback(None)
        plan = db.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()
    assert ["SEARCH content USING INDEX content_kept"] == [
        row[3].partition(" (")[0] for row in plan
    ]
