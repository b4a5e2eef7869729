"""The projector: one page is one transaction, whatever does not fit is made anew, waiting ends."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar

import pytest

from projections import checkpoints
from projections.misses import Misses
from projections.projector import Projector
from projections.runs import Runs
from scheduler.executor.clock import ManualClock
from scheduler.executor.derived import ViewsFile, views_path
from scheduler.log.contract import Recorded, Request, Write
from scheduler.log.memory import MemoryLog
from scheduler.log.sqlite import SqliteLog
from scheduler.model.commands import PauseJob
from scheduler.model.errors import ImpossibleHistory, NotFound, StorageFailed
from scheduler.model.events import LogCreated, RunExpired
from scheduler.model.jobs import RunId
from scheduler.model.limits import GATHER_PAUSE, PAGE_EVENTS_MAX, PAGE_PAUSE, VIEWS_RETRY_PAUSE
from tests.projections.histories import BEN, NOON, History
from tests.projections.views import folded, rows_of

Steps = list[tuple[str, int, int]]


def busy_history(name: str = "orders") -> History:
    """Return a history in which something of everything has happened, to a job of that name."""
    history = History()
    history.start()
    history.define(name)
    for _ in range(5):
        history.tick(60)
        for run in history.running():
            history.report(run, "succeeded")
    return history


class Counting:
    """A projection that counts events."""

    name: ClassVar[str] = "counting"
    version: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("counted",)
    ddl: ClassVar[tuple[str, ...]] = ("CREATE TABLE counted_{g}(position INTEGER PRIMARY KEY)",)
    views: ClassVar[Mapping[str, str]] = {"counted": "SELECT position FROM counted_{g}"}

    def __init__(self, generation: int) -> None:
        self._insert = f"INSERT INTO counted_{generation} VALUES (?)"

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        connection.executemany(self._insert, [(recorded.position,) for recorded in batch])


class Failing(Counting):
    """One that counts, and fails as long as it is told to."""

    name: ClassVar[str] = "failing"
    tables: ClassVar[tuple[str, ...]] = ("failed",)
    ddl: ClassVar[tuple[str, ...]] = ("CREATE TABLE failed_{g}(position INTEGER PRIMARY KEY)",)
    views: ClassVar[Mapping[str, str]] = {}
    is_told: ClassVar[bool] = True

    def __init__(self, generation: int) -> None:
        self._insert = f"INSERT INTO failed_{generation} VALUES (?)"

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        super().apply(connection, batch)
        if self.is_told:
            raise ImpossibleHistory("told to fail")


class Newer(Counting):
    """The same view with other tables."""

    version: ClassVar[int] = 2
    tables: ClassVar[tuple[str, ...]] = ("recounted",)
    ddl: ClassVar[tuple[str, ...]] = (
        "CREATE TABLE recounted_{g}(position INTEGER PRIMARY KEY, twice INTEGER)",
    )
    views: ClassVar[Mapping[str, str]] = {"counted": "SELECT position, twice FROM recounted_{g}"}

    def __init__(self, generation: int) -> None:
        self._insert = f"INSERT INTO recounted_{generation} VALUES (?, 2)"


def test_a_page_that_fails_leaves_rows_and_checkpoints_of_all_as_they_were() -> None:
    history = busy_history()
    views = ViewsFile.in_memory()
    with pytest.raises(ImpossibleHistory):
        Projector(history.log, views, (Counting, Runs, Failing)).catch_up()
    with views.reading() as connection:
        found = {c.name: (c.position, c.hash) for c in checkpoints.stored(connection)}
    assert dict.fromkeys(("counting", "runs", "failing"), (0, bytes(32))) == found
    assert {
        "counted": [],
        "failed": [],
        "runs": [],
        "attempts": [],
        "run_jobs": [],
        "steps": [],
    } == rows_of(views)


def test_a_failed_page_is_folded_whole_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    history = busy_history()
    views = ViewsFile.in_memory()
    projector = Projector(history.log, views, (Runs, Failing))
    with pytest.raises(ImpossibleHistory):
        projector.catch_up()
    monkeypatch.setattr(Failing, "is_told", False)
    projector.catch_up()
    assert rows_of(folded(history.log)[0])["runs"] == rows_of(views)["runs"]


def test_views_of_a_log_that_was_set_back_are_made_anew() -> None:
    history, other = busy_history(), busy_history("another")
    views, _ = folded(history.log)
    assert history.log.head().position == other.log.head().position
    folded(other.log, views)
    assert rows_of(folded(other.log)[0]) == rows_of(views)


def test_views_of_a_shorter_log_are_made_anew() -> None:
    history = busy_history()
    views, _ = folded(history.log)
    shorter = MemoryLog(history.clock.now_ns)
    assert isinstance(history.log, MemoryLog)
    shorter.rows = history.log.rows[:4]
    _, projector = folded(shorter, views)
    assert 4 == projector.position
    assert rows_of(folded(shorter)[0]) == rows_of(views)


def test_tables_of_an_older_version_are_replaced_and_dropped() -> None:
    history = busy_history()
    views = ViewsFile.in_memory()
    Projector(history.log, views, (Counting,)).catch_up()
    Projector(history.log, views, (Newer,)).catch_up()
    head = history.log.head().position
    with views.reading() as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        assert (head, 2 * head) == connection.execute(
            "SELECT count(*), sum(twice) FROM counted"
        ).fetchone()
    assert ["checkpoints", "meta", "recounted_2"] == sorted(tables)


def test_tables_of_a_projection_that_is_gone_are_dropped() -> None:
    history = busy_history()
    views = ViewsFile.in_memory()
    Projector(history.log, views, (Counting, Misses)).catch_up()
    Projector(history.log, views, (Misses,)).catch_up()
    with views.reading() as connection:
        assert ["misses"] == [checkpoint.name for checkpoint in checkpoints.stored(connection)]


def test_a_table_dropped_by_hand_comes_back() -> None:
    history = busy_history()
    views, _ = folded(history.log)
    before = rows_of(views)
    with views.transaction() as connection:
        connection.execute("DROP TABLE runs_1")
        connection.execute("DROP VIEW jobs")
    folded(history.log, views)
    assert before == rows_of(views)


def test_a_table_dropped_while_folding_comes_back_with_the_next_page() -> None:
    history = busy_history()
    views, projector = folded(history.log)
    with views.transaction() as connection:
        connection.execute("DROP TABLE runs_1")
    history.tick(60)
    with pytest.raises(StorageFailed):
        projector.catch_up()
    projector.catch_up()
    assert rows_of(folded(history.log)[0]) == rows_of(views)


def test_views_that_were_renewed_meanwhile_are_folded_again() -> None:
    history = busy_history()
    views, projector = folded(history.log)
    before = rows_of(views)
    views.renew()
    projector.catch_up()
    assert before == rows_of(views)


def test_a_damaged_file_is_made_anew_while_folding(log_path: Path) -> None:
    history = History()
    history.start()
    for number in range(200):
        history.define(f"job-{number}", description="x" * 500)
    views = ViewsFile.open(log_path, identity=history.log.identity)
    folded(history.log, views)
    views.close()
    path = views_path(log_path)
    content = bytearray(path.read_bytes())
    first = 20 * 4_096  # behind the schema
    content[first:] = b"\xff" * (len(content) - first)
    path.write_bytes(content)
    views = ViewsFile.open(log_path, identity=history.log.identity)
    history.ask(PauseJob(job=history.define("one-more")))
    folded(history.log, views)
    assert views.renewals > 0
    assert rows_of(folded(history.log)[0]) == rows_of(views)
    views.close()


def test_a_command_that_wrote_can_read_its_change_after_waiting() -> None:
    history = busy_history()
    views, projector = folded(history.log)
    stop = Event()
    thread = Thread(target=projector.run, args=(stop,))
    thread.start()
    try:
        job = history.define("seen")
        head = history.log.head().position
        assert projector.wait_for(head, timeout_s=30)
        with views.reading() as connection:
            found = connection.execute("SELECT name FROM jobs WHERE job_id = ?", (job,)).fetchone()
    finally:
        stop.set()
        thread.join(timeout=30)
    assert ("seen",) == found
    assert not thread.is_alive()


def test_waiting_for_what_never_comes_ends() -> None:
    history = busy_history()
    _, projector = folded(history.log)
    assert not projector.wait_for(10_000, timeout_s=0.001)


def test_a_log_that_cannot_be_followed_ends_the_thread_and_the_waiting() -> None:
    history = busy_history()
    _, projector = folded(history.log)
    unheard = Request([Write("call/none", 0, [RunExpired(run=RunId("none"))])], BEN)
    history.log.append(unheard)
    projector.run(Event())
    assert isinstance(projector.failure, ImpossibleHistory)
    assert not projector.wait_for(history.log.head().position, timeout_s=60)


def test_a_full_disk_fails_the_page_and_the_next_one_recovers() -> None:
    history = busy_history()
    views, projector = folded(history.log)
    before = rows_of(views)
    with views.transaction() as connection:
        connection.execute("PRAGMA max_page_count = 1")  # no more than there are
    for number in range(100):
        history.define(f"job-{number}")
    with pytest.raises(StorageFailed, match="disk is full"):
        projector.catch_up()
    assert before == rows_of(views)
    with views.transaction() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    projector.catch_up()
    assert rows_of(folded(history.log)[0]) == rows_of(views)


class Broken(Counting):
    """A projection with a mistake in it."""

    name: ClassVar[str] = "broken"

    def apply(self, connection: sqlite3.Connection, batch: Sequence[Recorded]) -> None:
        raise KeyError(len(batch))


def test_a_mistake_in_a_projection_ends_the_waiting() -> None:
    projector = Projector(busy_history().log, ViewsFile.in_memory(), (Broken,))
    with pytest.raises(KeyError):
        projector.run(Event())
    assert isinstance(projector.failure, KeyError)
    assert not projector.wait_for(1, timeout_s=60)


class FreedWhileResting(Event):
    """A stop that comes after the disk was freed, and makes nobody wait for that."""

    def __init__(self, views: ViewsFile) -> None:
        super().__init__()
        self.rests: list[float | None] = []
        self._views = views

    def wait(self, timeout: float | None = None) -> bool:
        self.rests.append(timeout)
        with self._views.transaction() as connection:
            connection.execute("PRAGMA max_page_count = 100000")
        return super().wait(0)


def test_a_thread_that_met_a_full_disk_goes_on_when_there_is_room() -> None:
    history = busy_history()
    views = ViewsFile.in_memory()
    stop = FreedWhileResting(views)

    def is_busy() -> bool:
        stop.set()  # the page before was folded
        return False

    projector = Projector(history.log, views, is_busy=is_busy)
    projector.catch_up()
    with views.transaction() as connection:
        connection.execute("PRAGMA max_page_count = 1")
    for number in range(100):
        history.define(f"job-{number}")
    projector.run(stop)
    assert [VIEWS_RETRY_PAUSE.total_seconds()] == stop.rests
    assert history.log.head().position == projector.position
    assert projector.failure is None


def test_the_same_log_on_disk_gives_the_same_rows(log_path: Path) -> None:
    clock = ManualClock(NOON)
    log = SqliteLog.create(
        log_path,
        clock_ns=clock.now_ns,
        created=LogCreated(identity="identity-1", horolog="0.1.0"),
        meta=BEN,
    )
    on_disk = History(log, clock)
    in_memory = History()
    for one in (on_disk, in_memory):
        one.start()
        job = one.define("orders")
        one.tick(61)
        for run in one.running():
            one.report(run, "error", error="no")
        assert job
    views = ViewsFile.open(log_path, identity=log.identity)
    folded(log, views)
    try:
        found = rows_of(views)
    finally:
        views.close()
        log.close()
    expected = rows_of(folded(in_memory.log)[0])
    assert expected["runs"] == found["runs"]
    assert expected["attempts"] == found["attempts"]


def test_an_unknown_projection_is_named_with_those_there_are() -> None:
    projector = Projector(busy_history().log, ViewsFile.in_memory())
    with pytest.raises(
        NotFound, match="There are: schedules, runs, history, misses, backfills, tally"
    ):
        projector.rebuild("tallies")


def test_while_runs_are_due_the_projector_rests_after_each_page() -> None:
    history = busy_history()
    resting = Projector(history.log, ViewsFile.in_memory(), is_busy=lambda: True)
    idle = Projector(history.log, ViewsFile.in_memory())
    assert PAGE_PAUSE.total_seconds() == resting.pause_s(PAGE_EVENTS_MAX)
    assert 0.0 == idle.pause_s(PAGE_EVENTS_MAX)
    assert GATHER_PAUSE.total_seconds() == idle.pause_s(PAGE_EVENTS_MAX - 1)


def test_nothing_is_folded_past_the_position_asked_for() -> None:
    history = busy_history()
    projector = Projector(history.log, ViewsFile.in_memory())
    assert 3 == projector.catch_up(until=3)
    assert NOON + timedelta(minutes=5) == history.clock.now()
