"""A snapshot brings the fold back as it was, or is ignored."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.executor.derived import ViewsFile
from scheduler.executor.handle import Handle
from scheduler.executor.snapshot import Snapshots
from scheduler.log.contract import Meta, Request, Write
from scheduler.log.memory import MemoryLog
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.invocations import Outcome
from scheduler.model.jobs import BackfillId, Definition, JobId, RunId
from scheduler.model.limits import SNAPSHOT_EVERY, SNAPSHOT_PATIENCE
from scheduler.model.schedules import Cron
from scheduler.model.streams import SYSTEM
from scheduler.rules.timetable import Timetable
from tests.spec import states

ME = Meta(actor="test")


class Bench:
    """A log, its views and a handle, on a clock that stands still."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 3, 1, 10, 0, 30, tzinfo=UTC))
        self.log = MemoryLog(self.clock.now_ns)
        created = e.LogCreated(identity="a", horolog="test")
        self.log.append(Request([Write(SYSTEM, 0, [created])], ME))
        self.views = ViewsFile.in_memory(identity="a")
        self.snapshots = Snapshots(self.views, self.log, self.clock)
        self.handle = Handle(self.log, self.clock)

    def define(self, name: str, *, overlap: str = "skip") -> None:
        definition = Definition(
            name=name,
            service="s",
            schedule=Cron(("* * * * *",)),
            overlap="allow" if overlap == "allow" else "skip",
        )
        self.handle.ask(c.DefineJob(job=JobId(f"id-{name}"), definition=definition), meta=ME)

    def live(self, minutes: int) -> None:
        for _ in range(minutes):
            self.clock.advance(timedelta(minutes=1))
            self.handle.gather(c.Tick(slots=4, epoch=1))
            self.handle.gather(c.Tick(slots=4, epoch=1))
            self.handle.flush()

    def restarted(self) -> Timetable | None:
        return Snapshots(self.views, self.log, self.clock).load()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_snapshot_brings_the_fold_back_as_it_was(bench: Bench) -> None:
    bench.define("a")
    bench.define("b", overlap="allow")
    bench.live(3)
    bench.snapshots.close(bench.handle)
    restored = bench.restarted()
    assert restored is not None
    assert states(bench.handle.timetable) == states(restored)


def test_a_snapshot_holds_backfills_and_failures_in_a_row(bench: Bench) -> None:
    bench.define("a")
    bench.live(1)
    run = next(iter(bench.handle.timetable.runs.values()))
    ended = Outcome(run=run.run, attempt=1, epoch=1, kind="error", fatal=True)
    bench.handle.gather(c.RecordOutcomes(outcomes=(ended,)))
    now = bench.clock.now()
    wish = c.RequestBackfill(
        backfill=BackfillId("backfill"),
        job=JobId("id-a"),
        after=now - timedelta(minutes=9),
        until=now - timedelta(minutes=2),
        concurrency=3,
    )
    bench.handle.ask(wish, meta=ME)
    bench.handle.gather(c.Tick(slots=4, epoch=1))
    bench.handle.flush()
    bench.snapshots.close(bench.handle)
    restored = bench.restarted()
    assert restored is not None
    assert {JobId("id-a"): 1} == restored.failures
    assert 3 == len(restored.open_in[BackfillId("backfill")])
    assert states(bench.handle.timetable) == states(restored)


def test_later_snapshots_hold_what_changed_and_what_did_not(bench: Bench) -> None:
    bench.define("a")
    bench.snapshots.close(bench.handle)
    for name in ("b", "c", "d", "e"):
        bench.define(name, overlap="allow")
        bench.live(1)
        bench.snapshots.close(bench.handle)
    restored = bench.restarted()
    assert restored is not None
    assert states(bench.handle.timetable) == states(restored)


def test_what_ended_or_was_removed_leaves_the_snapshot(bench: Bench) -> None:
    bench.define("a")
    bench.live(1)
    bench.snapshots.close(bench.handle)
    bench.define("b")
    bench.snapshots.close(bench.handle)
    run = next(iter(bench.handle.timetable.runs))
    bench.handle.gather(c.SettleRun(run=run))
    bench.handle.ask(c.CancelRun(run=run), meta=ME)
    bench.handle.ask(c.RemoveJob(job=JobId("id-a")), meta=ME)
    bench.snapshots.close(bench.handle)
    restored = bench.restarted()
    assert restored is not None
    assert [JobId("id-b")] == list(restored.jobs)
    assert states(bench.handle.timetable) == states(restored)


def test_the_tail_after_a_snapshot_is_folded_on_top(bench: Bench) -> None:
    bench.define("a", overlap="allow")
    bench.live(2)
    bench.snapshots.close(bench.handle)
    bench.live(2)
    again = Handle(bench.log, bench.clock, restore=bench.restarted)
    assert states(bench.handle.timetable) == states(again.timetable)


def test_a_snapshot_of_other_code_is_ignored(bench: Bench) -> None:
    bench.define("a")
    bench.snapshots.close(bench.handle)
    with bench.views.transaction() as connection:
        connection.execute("UPDATE snapshot SET code = 'of another release'")
    assert bench.restarted() is None


def test_a_snapshot_whose_position_has_another_hash_is_ignored(bench: Bench) -> None:
    bench.define("a")
    bench.snapshots.close(bench.handle)
    with bench.views.transaction() as connection:
        connection.execute("UPDATE snapshot SET hash = zeroblob(32)")
    assert bench.restarted() is None


def test_the_older_generation_serves_when_the_newer_does_not_fit(bench: Bench) -> None:
    bench.define("a")
    bench.snapshots.close(bench.handle)
    bench.define("b")
    bench.snapshots.close(bench.handle)
    with bench.views.transaction() as connection:
        connection.execute(
            "UPDATE snapshot SET hash = zeroblob(32)"
            " WHERE position = (SELECT max(position) FROM snapshot)"
        )
    restored = bench.restarted()
    assert restored is not None
    assert [JobId("id-a")] == list(restored.jobs)


def test_a_snapshot_after_the_views_were_renewed_is_whole(bench: Bench) -> None:
    bench.define("a")
    bench.snapshots.close(bench.handle)
    bench.define("b")
    bench.snapshots.close(bench.handle)
    bench.views.renew()
    bench.define("c")
    bench.snapshots.close(bench.handle)
    restored = bench.restarted()
    assert restored is not None
    assert {JobId("id-a"), JobId("id-b"), JobId("id-c")} == set(restored.jobs)


def test_a_picture_of_a_fold_that_was_thrown_away_is_not_kept(bench: Bench) -> None:
    bench.define("a")
    picture = bench.snapshots._take(bench.handle)  # noqa: SLF001  # between taking and keeping
    bench.handle.refold()
    bench.snapshots._keep(picture, bench.handle)  # noqa: SLF001  # as its thread would
    assert bench.restarted() is None


def test_a_picture_of_what_does_not_become_durable_in_time_is_not_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def never_durable(_after: int, patience_s: float) -> bool:
        asked.append(patience_s)
        return False

    monkeypatch.setattr(bench.log, "wait", never_durable)
    bench.define("a")
    bench.clock.advance(SNAPSHOT_EVERY)
    offered(bench)
    assert bench.restarted() is None
    assert [SNAPSHOT_PATIENCE.total_seconds()] == asked


def offered(bench: Bench) -> int | None:
    """Offer a snapshot; return how many jobs the newest one then holds."""
    bench.snapshots.offer(bench.handle)
    thread = vars(bench.snapshots)["_thread"]
    if thread is not None:
        thread.join()
    restored = bench.restarted()
    return None if restored is None else len(restored.jobs)


def test_a_snapshot_is_taken_so_long_after_the_last_one_when_there_is_a_tail(bench: Bench) -> None:
    bench.define("a")
    bench.clock.advance(SNAPSHOT_EVERY - timedelta(microseconds=1))
    assert offered(bench) is None
    bench.clock.advance(timedelta(microseconds=1))
    assert 1 == offered(bench)
    bench.define("b")
    bench.clock.advance(SNAPSHOT_EVERY - timedelta(microseconds=1))
    assert 1 == offered(bench)
    bench.clock.advance(timedelta(microseconds=1))
    assert 2 == offered(bench)


def test_a_long_tail_does_not_wait_for_the_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.executor.snapshot.SNAPSHOT_EVENTS", 3)
    bench.define("a")
    assert offered(bench) is None  # the log began with an event
    bench.define("b")
    assert 2 == offered(bench)
    bench.define("c")
    assert 2 == offered(bench)


def test_nothing_is_offered_before_its_time(bench: Bench) -> None:
    bench.define("a")
    assert offered(bench) is None
    assert RunId("x") not in bench.handle.timetable.runs
