"""Laws that hold for every life of every job."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.executor.handle import Handle
from scheduler.executor.replay import replay
from scheduler.log.codec import Codec
from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.firing import fire_times
from scheduler.model.jobs import Definition, JobId
from scheduler.model.limits import KEY_LIMIT_DEFAULT
from scheduler.model.schedules import Manual
from scheduler.rules.calendar import is_occurrence
from scheduler.rules.decide import never_taken
from scheduler.rules.facts import Fact
from scheduler.rules.plan import plan
from scheduler.rules.run_state import NO_JOB
from scheduler.rules.timetable import Timetable
from tests.lives import KEY_LIMITS, Life
from tests.spec import states
from tests.strategies import CLOCK, Script, lives

ENDS = (e.RunSucceeded, e.RunFailed, e.RunExpired, e.RunCancelled)
FIRES_MAX = 100_000  # in the window of one life


def restored(timetable: Timetable) -> Timetable:
    """Return a timetable made of another's states, as from a snapshot."""
    versions = timetable.versions
    other = Timetable()
    other.restore(
        timetable.position,
        (timetable.system, versions["system"]),
        [
            (
                job,
                versions[f"job/{key}"],
                versions.get(f"skips/{key}", 0),
                timetable.failures.get(key, 0),
            )
            for key, job in timetable.jobs.items()
        ],
        [(run, versions[run.stream]) for run in timetable.runs.values()],
        [(state, versions[f"backfill/{key}"]) for key, state in timetable.backfills.items()],
    )
    return other


# -- the fold


@given(lives())
def test_what_is_folded_live_is_what_a_restart_folds(script: Script) -> None:
    life = Life.lived(script)
    assert states(life.handle.timetable) == states(Handle(life.log, life.clock).timetable)


@given(lives(), st.integers(0, 1_000))
def test_the_fold_of_all_is_the_fold_of_a_prefix_and_then_the_rest(
    script: Script, pick: int
) -> None:
    life = Life.lived(script)
    prefix = Timetable()
    replay(life.log.copied(until=1 + pick % len(life.log.rows)), prefix)
    rest = restored(prefix)
    replay(life.log, rest)
    assert states(life.handle.timetable) == states(rest)


@given(lives())
def test_what_was_decided_is_what_was_stored_and_comes_back_from_bytes(script: Script) -> None:
    life = Life.lived(script)
    assert life.told == [Fact(one.stream, one.event) for one in life.log.read()]
    codec = Codec()
    for position, (_, event) in enumerate(life.told, 1):
        assert event == codec.decode(position, *codec.encode(event))


# -- deciding


@given(lives())
def test_deciding_twice_at_one_now_decides_nothing_new(script: Script) -> None:
    life = Life(script)
    for step in script.steps:
        life.take(step)
        life.tick()
        position = life.log.head().position
        life.tick()
        assert position == life.log.head().position


@given(lives(without=CLOCK), st.integers(1, 9))
def test_a_window_decided_in_parts_is_the_window_decided_whole(
    script: Script, runs_max: int
) -> None:
    life = Life.lived(script)
    timetable = life.handle.timetable
    now = life.clock.now() + timedelta(hours=7)
    for job in [job for job in timetable.jobs.values() if not (job.paused or job.exhausted)]:
        if job.removed or timetable.system.paused:
            continue
        whole = plan(timetable, job, now, taken=never_taken, runs_max=FIRES_MAX)
        fold = restored(timetable)
        parts: list[Fact] = []
        while not fold.jobs[job.job].exhausted:
            part = plan(fold, fold.jobs[job.job], now, taken=never_taken, runs_max=runs_max)
            if not part:
                break
            parts += part
            for fact in part:
                fold.apply(*fact)
        assert whole == parts


@given(lives(), st.sampled_from([1, 600, 100_000]))
def test_a_clock_that_steps_back_plans_nothing_and_loses_nothing(script: Script, by_s: int) -> None:
    life = Life.lived(script)
    life.tick()
    position = life.log.head().position
    life.clock.step(-timedelta(seconds=by_s))
    life.tick()
    planning = (e.RunPlanned, e.FiresSkipped, e.JobExhausted)
    assert [] == [one for one in life.log.read(after=position) if isinstance(one.event, planning)]
    life.clock.step(timedelta(seconds=by_s))
    life.tick()
    assert [] == [one for one in life.log.read(after=position) if isinstance(one.event, planning)]


# -- occurrences and runs


@given(lives())
def test_every_fire_time_up_to_the_cursor_has_one_run_or_lies_in_one_skip(
    script: Script,
) -> None:
    life = Life.lived(script)
    life.tick()
    ledger = Ledger()
    for recorded in life.log.read():
        ledger.take(recorded)
    timetable = life.handle.timetable
    now = life.clock.now()
    for key, job in timetable.jobs.items():
        assert job.cursor == ledger.cursors[key]
        if job.paused or job.exhausted or job.removed or timetable.system.paused:
            continue
        assert [] == list(ledger.owed(key, now))


class Ledger:
    """Follows each job's cursor with nothing but its definition and the fire times themselves."""

    def __init__(self) -> None:
        self.cursors: dict[JobId, datetime] = {}
        self._definitions: dict[JobId, Definition] = {}
        self._over: set[JobId] = set()
        self._runs: defaultdict[JobId, set[datetime]] = defaultdict(set)
        self._filled: defaultdict[JobId, set[datetime]] = defaultdict(set)  # by backfills

    def owed(self, job: JobId, until: datetime) -> Iterator[datetime]:
        """Yield the job's fire times in (cursor, until] that have no run."""
        definition = self._definitions[job]
        if isinstance(definition.schedule, Manual):
            return
        after = self.cursors[job]
        for at in fire_times(definition.schedule, after=after, until=until, limit=FIRES_MAX):
            is_early = definition.start_at is not None and at < definition.start_at
            is_late = definition.end_at is not None and at > definition.end_at
            if not (is_early or is_late or at in self._runs[job] or at in self._filled[job]):
                yield at

    def take(self, recorded: Recorded) -> None:
        """Check one event against what is owed, and move on."""
        match recorded.event:
            case e.JobDefined(job=job, definition=definition, cursor=cursor):
                self._definitions[job], self.cursors[job] = definition, cursor
                self._note_end(job, is_over=recorded.event.exhausted)
            case e.JobRevised(job=job, definition=definition, effective_at=at):
                if job not in self._over:
                    assert [] == list(self.owed(job, at)) or self._is_through(job)
                self._definitions[job], self.cursors[job] = definition, at
                self._note_end(job, is_over=recorded.event.exhausted)
            case e.RunPlanned(job=job, fire_time=at, cause="schedule" | "catch-up") if (
                at is not None
            ):
                assert [at] == list(self.owed(job, at))
                self._runs[job].add(at)
                self.cursors[job] = at
            case e.RunPlanned(job=job, fire_time=at, cause="backfill") if at is not None:
                self._filled[job].add(at)  # it keeps its run when a slower clock is accepted
            case e.FiresSkipped(job=job, after=after, until=until, count=count):
                assert after == self.cursors[job]
                assert count == len(list(self.owed(job, until)))
                self.cursors[job] = until
            case e.JobExhausted(job=job):
                self._note_end(job, is_over=True)
            case e.ClockAccepted(at=at):
                for job, cursor in self.cursors.items():
                    if cursor > at:
                        self.cursors[job] = at
                        self._over.discard(job)
            case _:
                pass

    def _note_end(self, job: JobId, *, is_over: bool) -> None:
        if is_over:
            self._over.add(job)
        else:
            self._over.discard(job)

    def _is_through(self, job: JobId) -> bool:
        """Return whether the job has had all its runs, so that nothing more is owed."""
        most = self._definitions[job].max_runs
        return most is not None and len(self._runs[job]) >= most


@given(lives())
def test_no_occurrence_has_two_runs_and_no_attempt_is_started_twice(script: Script) -> None:
    life = Life.lived(script)
    events = [one.event for one in life.log.read()]
    opening = (e.RunPlanned, e.ServiceCalled)
    planned = Counter(event.run for event in events if isinstance(event, opening))
    started = Counter(
        (event.run, event.attempt) for event in events if isinstance(event, e.AttemptStarted)
    )
    assert {1} >= set(planned.values())
    assert {1} >= set(started.values())


@given(lives())
def test_a_run_ends_once_each_time_it_was_opened(script: Script) -> None:
    life = Life.lived(script)
    is_open: dict[str, bool] = {}
    for recorded in life.log.read():
        event = recorded.event
        if isinstance(event, e.RunPlanned | e.ServiceCalled | e.RunReopened):
            assert not is_open.get(event.run, False)
            is_open[event.run] = True
        elif isinstance(event, ENDS) or (
            isinstance(event, e.RunResolved) and event.verdict != "retry"
        ):
            assert is_open[event.run]
            is_open[event.run] = False
        elif isinstance(event, e.RunEvent):
            assert is_open[event.run]
    assert {run for run, still in is_open.items() if still} == set(life.handle.timetable.runs)


@given(lives(without=frozenset({"revise", "define", "remove"})))
def test_with_overlap_skip_no_two_runs_of_a_job_are_carried_out_at_once(script: Script) -> None:
    life = Life(script)
    for step in script.steps:
        life.take(step)
        timetable = life.handle.timetable
        runs = [timetable.runs[run] for run in timetable.occupied]
        busy = Counter(run.job for run in runs if run.is_live)
        for job, number in busy.items():
            is_call = job == NO_JOB
            assert number == 1 or is_call or timetable.jobs[job].definition.overlap == "allow"


@given(lives(without=frozenset({"revise", "define", "remove"})))
def test_of_one_key_no_more_run_at_once_than_it_allows(script: Script) -> None:
    life = Life(script)
    for step in script.steps:
        life.take(step)
        timetable = life.handle.timetable
        jobs = [timetable.jobs.get(timetable.runs[run].job) for run in timetable.occupied]
        keys = Counter(job.definition.concurrency_key for job in jobs if job is not None)
        assert all(
            number <= KEY_LIMITS.get(key, KEY_LIMIT_DEFAULT)
            for key, number in keys.items()
            if key is not None
        )


@given(lives())
def test_a_backfill_settles_each_of_its_occurrences_once_and_ends(script: Script) -> None:
    life = Life.lived(script)
    asked: dict[str, e.BackfillRequested] = {}
    settled: Counter[str] = Counter()
    for recorded in life.log.read():
        match recorded.event:
            case e.BackfillRequested() as event:
                asked[event.backfill] = event
            case e.BackfillAdvanced(backfill=backfill, passed=passed):
                settled[backfill] += passed
            case e.RunPlanned(backfill=str(backfill), fire_time=datetime() as at):
                settled[backfill] += 1
                assert is_occurrence(asked[backfill].stretches, at)
                assert at not in asked[backfill].left_out
            case e.BackfillFinished(backfill=backfill):
                assert asked[backfill].count == settled[backfill]
            case _:
                pass
    for backfill, state in life.handle.timetable.backfills.items():
        assert state.looked_at == settled[backfill] <= asked[backfill].count


@given(lives())
def test_a_run_covers_time_before_its_fire_time(script: Script) -> None:
    for _, event in Life.lived(script).told:
        if isinstance(event, e.RunPlanned) and event.window_start is not None:
            assert event.fire_time is not None
            assert event.window_start < event.fire_time


@given(lives())
def test_no_run_starts_before_its_due_time_unless_a_person_tries_it_again(script: Script) -> None:
    due: dict[str, datetime] = {}
    for recorded in Life.lived(script).log.read():
        match recorded.event:
            case e.RunPlanned(run=run, due_time=at):
                due[run] = at
            case e.RunReopened(run=run):
                due.pop(run, None)
            case e.AttemptStarted(run=run, attempt=1) if run in due:
                assert due[run] <= recorded.recorded_at
            case _:
                pass
