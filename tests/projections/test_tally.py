"""The tally: every count is a count over the log, and series come to an end where they may."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import tally as module
from projections.projector import Projector
from projections.read_tally import Tallied, read
from projections.tally import Tally
from projections.tally_tables import Counts, TallyColumns, from_row, micros, read_counts
from scheduler.executor.derived import ViewsFile
from scheduler.log.contract import Log, Request, Write
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import ImpossibleHistory
from scheduler.model.jobs import JobId, Retry, RunId
from scheduler.rules.run_state import NO_JOB
from tests.projections.counting import counted, of_jobs
from tests.projections.histories import BEN, EVERY_MINUTE, LIVES, NOON, History, live
from tests.projections.views import folded

MINUTE = timedelta(minutes=1)
Steps = list[tuple[str, int, int]]


def told(history: History, views: ViewsFile | None = None) -> Tallied:
    """Return what the tally of a history tells."""
    views, _ = folded(history.log, views)
    with views.reading() as connection:
        return read(connection)


def rows(views: ViewsFile) -> dict[JobId, TallyColumns]:
    with views.reading() as connection:
        found = [from_row(row) for row in connection.execute("SELECT * FROM tally")]
    return {row.job_id: row for row in found}


def row(history: History) -> TallyColumns:
    """Return the tally of the only job."""
    (found,) = rows(folded(history.log)[0]).values()
    return found


def started(**policies: object) -> tuple[History, RunId]:
    """Return a history whose only run has just started."""
    history = History()
    history.start()
    history.define("orders", EVERY_MINUTE, **policies)
    history.tick(60)
    return history, history.running()[0]


# -- counts are counts over the log


def in_parts(log: Log, pages: list[int], restarts: list[int]) -> ViewsFile:
    """Fold a log in pages of such sizes, with another projector at each position of `restarts`."""
    views = ViewsFile.in_memory(identity=log.identity)
    head, until, number = log.head().position, 0, 0
    projector = Projector(log, views, (Tally,))
    while until < head:
        until += pages[number % len(pages)]
        number += 1
        if number in restarts:
            projector = Projector(log, views, (Tally,))
        projector.catch_up(min(until, head))
    return views


@given(
    steps=LIVES,
    pages=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    restarts=st.lists(st.integers(1, 12), max_size=4),
    places=st.integers(1, 6),
)
def test_every_count_of_a_job_is_a_count_over_the_log(
    steps: Steps, pages: list[int], restarts: list[int], places: int
) -> None:
    history = History()
    history.start()
    live(history, steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SERIES_JOBS_MAX", places)
        views = in_parts(history.log, pages, restarts)
    over_log = counted(history.log)
    for job, found in rows(views).items():
        assert of_jobs(over_log, {job}) == found.counts


@given(steps=LIVES, pages=st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_what_is_counted_together_is_what_has_no_series_of_its_own(
    steps: Steps, pages: list[int]
) -> None:
    history = History()
    history.start()
    live(history, steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SERIES_JOBS_MAX", 2)
        views = in_parts(history.log, pages, [2, 3])
    over_log = counted(history.log)
    found = rows(views)
    with views.reading() as connection:
        rest = dict(connection.execute("SELECT series, counts FROM tally_rest"))
    for series in ("_other", "_ended"):
        jobs = {job for job, one in found.items() if one.series == series}
        counts = read_counts(rest[series]) if series in rest else Counts()
        assert of_jobs(over_log, jobs) == counts
    assert 2 >= sum(one.series == "own" for one in found.values())


def test_runs_without_a_job_are_counted_by_themselves() -> None:
    history = History()
    history.start()
    run = RunId(history.clock.new_id())
    assert history.ask(c.CallService(run=run, service="api.sync"))
    history.tick()
    history.clock.advance(MINUTE)
    history.report(run, "succeeded")
    assert {"_calls": of_jobs(counted(history.log), {NO_JOB})} == told(history).rest
    assert {"call/succeeded": 1} == told(history).rest["_calls"].runs


def test_a_run_that_is_reopened_counts_each_of_its_ends() -> None:
    history, run = started(retry=Retry(max_attempts=1))
    folding = ViewsFile.in_memory(identity=history.log.identity)
    history.report(run, "error", error="no")
    folded(history.log, folding)
    stream = history.log.read()[-1].stream
    history.handle.ask(c.RetryRun(run=run), meta=BEN, stream=stream).result()
    history.tick()
    history.report(run, "succeeded")
    counts = told(history, folding).jobs[0].tally.counts
    assert {"schedule/failed": 1, "schedule/succeeded": 1} == counts.runs
    assert {"schedule/error": 1, "schedule/succeeded": 1} == counts.attempts
    assert 1 == sum(counts.delays.buckets)  # a second attempt has no due time


def test_a_start_is_late_by_what_lies_between_due_time_and_record() -> None:
    history = History()
    history.start()
    history.define("orders", misfire_grace=timedelta(minutes=5))
    history.tick(62.5)
    delays = row(history).counts.delays
    assert (2_500_000, [0, 0, 0, 1, 0, 0, 0, 0, 0]) == (delays.sum_us, delays.buckets)


@pytest.mark.parametrize(
    ("length_us", "bucket"), [(0, 0), (100_000, 0), (100_001, 1), (10**12, 10)]
)
def test_the_bound_of_a_bucket_belongs_to_it(length_us: int, bucket: int) -> None:
    history, run = started()
    history.report(run, "succeeded", duration_us=length_us)
    durations = row(history).counts.durations
    assert 1 == durations.buckets[bucket] == sum(durations.buckets)
    assert length_us == durations.sum_us


def test_a_run_is_remembered_until_it_has_succeeded() -> None:
    history, run = started(retry=Retry(max_attempts=1))
    views, _ = folded(history.log)
    with views.reading() as connection:
        assert [(run,)] == connection.execute("SELECT run FROM tally_runs_1").fetchall()
    history.report(run, "succeeded")
    folded(history.log, views)
    with views.reading() as connection:
        assert [] == connection.execute("SELECT run FROM tally_runs_1").fetchall()


def test_an_outcome_of_a_run_that_was_never_planned_is_refused() -> None:
    history, _ = started()
    history.log.append(Request([Write("call/x", 0, [e.RunExpired(run=RunId("x"))])], BEN))
    with pytest.raises(ImpossibleHistory, match="run x was never planned"):
        Projector(history.log, ViewsFile.in_memory(), (Tally,)).catch_up()


# -- last times, and failures in a row


def test_failures_in_a_row_count_up_to_the_next_success() -> None:
    history, run = started()
    history.report(run, "error", error="no")
    history.tick(60)
    history.report(history.running()[0], "error", error="no")
    assert 2 == row(history).failures
    history.tick(60)
    history.report(history.running()[0], "succeeded")
    assert 0 == row(history).failures


def test_the_last_start_success_and_failure_are_those_of_record() -> None:
    history, run = started()
    history.clock.advance(timedelta(seconds=3))
    history.report(run, "succeeded")
    history.tick(57)
    history.clock.advance(timedelta(seconds=4))
    history.report(history.running()[0], "error", error="no")
    found = row(history)
    assert micros(NOON + 2 * MINUTE) == found.last_start_us
    assert micros(NOON + MINUTE + timedelta(seconds=3)) == found.last_success_us
    assert micros(NOON + 2 * MINUTE + timedelta(seconds=4)) == found.last_failure_us


# -- what is awaited


def awaited(history: History) -> int | None:
    return row(history).awaited_us


def test_the_first_fire_since_the_last_success_is_awaited() -> None:
    history, run = started()
    assert micros(NOON + MINUTE) == awaited(history)
    history.report(run, "error", error="no")
    history.tick(60)
    assert micros(NOON + MINUTE) == awaited(history)
    history.report(history.running()[0], "succeeded")
    assert None is awaited(history)


def test_fires_that_came_meanwhile_are_awaited_after_a_success() -> None:
    history, run = started(overlap="allow")
    history.tick(60)
    history.report(run, "succeeded")
    assert micros(NOON + 2 * MINUTE) == awaited(history)


def test_an_old_run_that_is_made_good_does_not_answer_for_a_later_one() -> None:
    history, old = started(overlap="allow")
    history.tick(60)
    later = next(run for run in history.running() if run != old)
    history.report(later, "succeeded")
    history.tick(60)
    history.tick(60)
    history.report(old, "succeeded")
    assert micros(NOON + 3 * MINUTE) == awaited(history)


def test_a_fire_that_was_missed_is_awaited_too() -> None:
    history = History()
    history.start()
    history.define("orders", catch_up="none")
    history.tick(150)
    assert micros(NOON + MINUTE) == awaited(history)


def test_a_success_by_hand_answers_what_is_awaited() -> None:
    history, run = started(overlap="allow")
    history.report(run, "error", error="no")
    job = next(iter(history.handle.timetable.jobs))
    by_hand = RunId(history.clock.new_id())
    assert history.ask(c.TriggerJob(job=job, run=by_hand))
    history.tick()
    history.report(by_hand, "succeeded")
    assert None is awaited(history)


def test_a_run_that_made_way_for_the_next_is_awaited_still() -> None:
    history, run = started(overlap="cancel")
    history.tick(60)
    history.report(run, "cancelled", error="cancelled")
    assert micros(NOON + MINUTE) == awaited(history)


def test_a_run_that_a_person_cancelled_is_not_awaited() -> None:
    history, run = started()
    assert history.ask(c.CancelRun(run=run))
    history.report(run, "cancelled")
    assert None is awaited(history)


@pytest.mark.parametrize("whom", ["job", "system"])
def test_the_end_of_a_pause_begins_anew_and_what_it_skipped_is_not_awaited(whom: str) -> None:
    history, run = started()
    history.report(run, "error", error="no")
    views, projector = folded(history.log)
    job = next(iter(history.handle.timetable.jobs))
    pause: c.AnyCommand = c.PauseJob(job=job) if whom == "job" else c.PauseSystem()
    resume: c.AnyCommand = (
        c.ResumeJob(job=job, missed="skip") if whom == "job" else c.ResumeSystem(missed="skip")
    )
    assert history.ask(pause)
    history.tick(600)
    assert None is not awaited(history)
    projector.catch_up()
    assert history.ask(resume)
    history.tick()
    assert {"paused"} == set(row(history).counts.skipped)
    assert history.ask(c.TriggerJob(job=job, run=RunId(history.clock.new_id())))
    history.tick()
    projector.catch_up()
    assert None is awaited(history) is rows(views)[job].awaited_us


def test_an_edit_begins_anew_by_the_new_policies() -> None:
    history, run = started()
    history.report(run, "error", error="no")
    job, state = next(iter(history.handle.timetable.jobs.items()))
    assert micros_of(timedelta(seconds=60) + timedelta(hours=1)) == row(history).allowance_us
    definition = state.definition
    edited = type(definition)(
        name=definition.name,
        service=definition.service,
        schedule=EVERY_MINUTE,
        timeout=timedelta(minutes=1),
        misfire_grace=timedelta(0),
        retry=Retry(max_attempts=4, initial=timedelta(seconds=10), factor=3.0, max_delay=MINUTE),
    )
    assert history.ask(c.ReviseJob(job=job, definition=edited))
    # four attempts of a minute, and pauses of 10, 30 and at most 60 seconds
    assert (None, micros_of(4 * MINUTE + timedelta(seconds=100))) == (
        row(history).awaited_us,
        row(history).allowance_us,
    )


def micros_of(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def test_what_lay_ahead_of_a_clock_that_was_accepted_is_not_awaited() -> None:
    history, run = started()
    history.report(run, "error", error="no")
    history.clock.step(-timedelta(hours=1))
    assert history.ask(c.AcceptClock())
    found = row(history)
    assert (None, micros(NOON - timedelta(minutes=59))) == (found.awaited_us, found.decided_us)


# -- what cannot be, and what is too much


def test_the_tally_of_a_job_unknown_to_it_is_refused() -> None:
    history = History()
    skip = e.FiresSkipped(
        job=JobId("x"), after=NOON, until=NOON + MINUTE, count=1, reason="misfire"
    )
    history.log.append(Request([Write("skips/x", 0, [skip])], BEN))
    with pytest.raises(ImpossibleHistory, match="job x was never defined"):
        Projector(history.log, ViewsFile.in_memory(), (Tally,)).catch_up()


def test_more_jobs_and_runs_than_are_kept_in_memory_are_counted_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "VIEW_TALLIES_KEPT_MAX", 1)
    monkeypatch.setattr(module, "VIEW_RUNS_KEPT_MAX", 1)
    history = History()
    history.start()
    for name in ("a", "b", "c"):
        history.define(name)
    views, projector = folded(history.log)
    for _ in range(3):
        history.tick(60)
        projector.catch_up()
        for run in history.running():
            history.report(run, "succeeded")
    projector.catch_up()
    over_log = counted(history.log)
    for job, found in rows(views).items():
        assert of_jobs(over_log, {job}) == found.counts
        assert {"schedule/succeeded": 3} == found.counts.runs
