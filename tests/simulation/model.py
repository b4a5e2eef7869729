"""What the promises say of a whole Horolog, judged from outside, event by event.

The model knows the definitions, the clock, what services did and what people asked; fire times it
walks for itself (`walking`). It imports none of the rules. For every event of planning it looks at
all fire times that are owed at that moment, and says what must become of each; whatever else
happens to it is a broken promise. So each fire time up to the cursor is in exactly one place, with
the right reason, or the judgement stops there.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.jobs import BackfillId, Definition, JobId, Missed, RunId
from scheduler.model.schedules import Manual
from tests.simulation.model_jobs import RAN, End, Job
from tests.simulation.model_runs import Attempt, Run, Told, expect

PROMPT = timedelta(seconds=1)  # within it, an executor that can decide has decided
NO_JOB = JobId("")


class Model:
    """The whole."""

    def __init__(self, slots: int, key_limits: Mapping[str, int]) -> None:
        self.jobs: dict[JobId, Job] = {}
        self.runs: dict[RunId, Run] = {}
        self.live: dict[RunId, Run] = {}  # those that are open
        self.job_of: dict[RunId, JobId] = {}
        self.backfills: dict[BackfillId, e.BackfillRequested] = {}
        self.callbacks: set[RunId] = set()  # owed: runs whose end calls something
        self.resumed: End | None = None
        self.pause_end: End | None = None
        self.is_paused = False
        self.must_pause: set[JobId] = set()  # after too many failures
        self.epoch = 0
        self.slots = slots
        self.key_limits = key_limits

    # -- what happens

    def take(
        self, batch: Sequence[Recorded], now: datetime, ready_at: datetime, told: Told
    ) -> None:
        """Judge the events of one turn; it was `now`, and all had been well since `ready_at`."""
        for number, recorded in enumerate(batch):
            event = recorded.event
            if isinstance(event, e.RunPlanned) and event.cause in RAN:
                self._judge_run(event, now, ready_at, batch[number:])
            elif isinstance(event, e.FiresSkipped):
                self._judge_skip(event, now, batch[number:])
            elif isinstance(event, e.RunPlanned | e.ServiceCalled):
                self._open(event)
            elif isinstance(event, e.RunEvent):
                self._take_run(event, now, told)
            else:
                self._take_other(event, now)
        expect(not self.callbacks, f"not called back: {self.callbacks}")
        expect(not self.must_pause, f"not paused after failures: {self.must_pause}")
        waiting = [run.id for run in self.live.values() if run.awaited is not None]
        expect(not waiting, f"neither tried again nor ended: {waiting}")

    def _judge_run(
        self, event: e.RunPlanned, now: datetime, ready_at: datetime, rest: Sequence[Recorded]
    ) -> None:
        job, at = self.jobs[event.job], event.fire_time
        owed = job.owed(now)
        expect(at is not None and owed[:1] == [at], f"{event} is not what is owed: {owed[:3]}")
        assert at is not None
        fate = self._fate(event.job, at, now, rest)
        expect(fate == event.cause, f"{at} ran by {event.cause}; the policies say {fate}")
        is_due = at <= event.due_time <= at + job.definition.jitter
        expect(is_due and event.due_time == job.due(at), f"{at} is due at {event.due_time}")
        is_prompt = event.cause != "schedule" or now <= max(at, ready_at) + PROMPT
        expect(is_prompt, f"{at} was decided late, at {now}")
        deadline = job.definition.start_deadline
        start_by = None if deadline is None else max(job.due(at), now) + deadline
        expect(event.start_by == start_by, f"{at} expires at {event.start_by}, not {start_by}")
        self._judge_data_window(job, event, at)
        if self._policy(event.job, rest).overlap == "cancel" and not event.in_line:
            beside = [run for run in job.open.values() if not run.is_cancelled]
            is_line = any(run.is_in_line for run in job.open.values())  # it waits behind those
            expect(is_line or not beside, f"{at} runs beside {[one.id for one in beside]}")
        self._open(event)
        job.fates[at] = fate
        job.skipping -= {one for one in job.skipping if one <= at}
        job.cursor = at
        job.planned += 1

    def _judge_data_window(self, job: Job, event: e.RunPlanned, at: datetime) -> None:
        ran = max(
            (one for one, fate in job.fates.items() if one < at and fate in RAN), default=None
        )
        passed = [one for one in job.fates if (ran is None or ran < one) and one < at]
        if stood_for := [one for one in passed if job.fates[one] == "coalesced"]:
            start = event.window_start  # None: all that lies before
            is_whole = (start is None or start < min(stood_for)) and ran in {None, start}
            is_ahead = any(one > at and fate in RAN for one, fate in job.fates.items())
            is_whole = is_whole or is_ahead  # a run from before the clock was set back covers it
            expect(is_whole, f"{at} leaves time since {ran} uncovered")
        elif before := [one for one in (*passed, ran) if one is not None and one > job.since]:
            start = event.window_start
            # After the clock was set back a stretch may be covered twice, and none is left out.
            covers_more = job.was_set_back and (start is None or start < max(before))
            is_whole = start == max(before) or covers_more
            expect(is_whole, f"{at} begins at {start}")

    def _judge_skip(self, event: e.FiresSkipped, now: datetime, rest: Sequence[Recorded]) -> None:
        job = self.jobs[event.job]
        expect(event.after == job.cursor < event.until <= now, f"{event} leaves a hole")
        passed = job.owed(event.until)
        ends = job.window(event.until)[-1:]  # it may have its run from before the clock was set
        expect(ends == [event.until], f"{event} does not end at a fire time")
        expect(0 < len(passed) == event.count, f"{event} is miscounted: {len(passed)}")
        for at in passed:
            fate = self._fate(event.job, at, now, rest)
            expect(fate == event.reason, f"{at} skipped ({event.reason}); the policies say {fate}")
            expect(at not in job.fates, f"{at} was decided before")
        job.fates.update(dict.fromkeys(passed, event.reason))
        job.skipping -= {one for one in job.skipping if one <= event.until}
        job.cursor = event.until

    def _change(self, key: JobId, rest: Sequence[Recorded]) -> e.AnyEvent | None:
        """Return the edit or removal of the job for which its due fire times are decided first."""
        events = [one.event for one in rest]
        changes = (one for one in events if isinstance(one, e.JobRevised | e.JobRemoved))
        return next((one for one in changes if one.job == key), None)

    def _policy(self, key: JobId, rest: Sequence[Recorded]) -> Definition:
        """Return the definition whose policies hold: what is due before an edit has the new."""
        change = self._change(key, rest)
        if isinstance(change, e.JobRevised):
            return change.definition
        return self.jobs[key].definition

    def _fate(self, key: JobId, at: datetime, now: datetime, rest: Sequence[Recorded]) -> str:
        """Return what must become of an owed fire time; `rest` is what else came in this turn."""
        job = self.jobs[key]
        own, everything = job.resumed, self.resumed
        ends = [] if own is None else [own]
        if everything is not None and (own is None or own.at < everything.at):
            ends.append(everything)
        if job.is_paused or self.is_paused:
            is_ended = self._change(key, rest) is not None
            expect(is_ended, "decided during a pause")
            ends.append(End(now, "skip"))
        pauses = [end for end in ends if end.at > job.cursor]
        return job.fate(at, now, self._policy(key, rest), pauses)

    # -- jobs, runs and the whole

    def _open(self, event: e.RunPlanned | e.ServiceCalled) -> None:
        expect(event.run not in self.runs, f"{event.run} was planned twice")
        key = event.job if isinstance(event, e.RunPlanned) else NO_JOB
        named = Definition(name="call", service="s", schedule=Manual(), overlap="allow")
        run = Run(event, self.jobs[key].definition if key else named)
        self.runs[run.id] = self.live[run.id] = run
        self.job_of[run.id] = key
        if key and run.is_live:
            self.jobs[key].open[run.id] = run
        if isinstance(event, e.RunPlanned) and event.of is not None:
            expect(not self.runs[event.of].is_open, f"{event.run} repeats one that has not ended")
        if isinstance(event, e.RunPlanned) and event.fire_time is not None:
            self.jobs[key].carried_out.add(event.fire_time)
        if event.parent is not None:
            expect(event.parent in self.callbacks, f"{event.run} was called by nothing")
            self.callbacks.discard(event.parent)

    def _take_run(self, event: e.RunEvent, now: datetime, told: Told) -> None:
        run = self.runs[event.run]
        job = self.jobs.get(self.job_of[run.id])
        if isinstance(event, e.AttemptStarted):
            running = sum(one.status in {"running", "abandoned"} for one in self.live.values())
            expect(running < self.slots, f"{run.id} starts without a slot")
            expect(self._has_key(job), f"{run.id} starts beside too many of its key")
            expect(self._has_turn(run, job), f"{run.id} starts before its turn")
        was_open = run.is_open
        run.take(event, now, told, self.epoch)
        if run.is_open:
            self.live[run.id] = run
        else:
            self.live.pop(run.id, None)
        if job is not None and not run.is_open:
            job.open.pop(run.id, None)
        elif job is not None and not was_open and run.is_live:
            overlap = job.definition.overlap
            is_free = job.refusal(job.definition) is None and (overlap != "cancel" or not job.open)
            expect(is_free or job.is_removed, f"{run.id} is tried again beside another")
            job.open[run.id] = run
        if job is not None and run.is_live and not run.is_open:
            self._count(job, run, event)
        if run.ends is not None and run.cause != "backfill":
            policy = run.definition
            if policy.on_success if run.ends == "succeeded" else policy.on_failure:
                self.callbacks.add(run.id)

    def _count(self, job: Job, run: Run, event: e.RunEvent) -> None:
        """Count failed live runs in a row; too many must pause the job."""
        job.failures += run.status in {"failed", "expired"}
        if run.status == "succeeded":
            job.failures = 0
        most = job.definition.pause_after_failures
        is_end = isinstance(event, e.RunFailed | e.RunExpired)
        can_pause = not (job.is_paused or job.is_removed)
        if is_end and can_pause and most is not None and job.failures >= most:
            self.must_pause.add(job.key)

    def _has_key(self, job: Job | None) -> bool:
        """Return whether the key of a job's runs leaves room for one more."""
        key = None if job is None else job.definition.concurrency_key
        if key is None:
            return True
        running = [run for run in self.live.values() if run.status in {"running", "abandoned"}]
        jobs = [self.jobs.get(self.job_of[run.id]) for run in running]
        alike = sum(one is not None and one.definition.concurrency_key == key for one in jobs)
        return alike < self.key_limits.get(key, 1)

    def _has_turn(self, run: Run, job: Job | None) -> bool:
        is_beside = job is None or not run.is_live or run.attempt > 0
        if job is None or is_beside or job.definition.overlap == "allow":
            return True
        return next(iter(job.open)) == run.id

    def _take_other(self, event: e.AnyEvent, now: datetime) -> None:
        match event:
            case e.JobDefined(job=key):
                self.jobs[key] = Job(event)
            case e.JobRevised(job=key, effective_at=at):
                job = self.jobs[key]
                expect(at == max(now, job.cursor), f"an edit at {now} holds from {at}")
                expect(not job.owed(at), f"an edit passed over {job.owed(at)}")
                job.definition, job.cursor, job.since = event.definition, at, at
                job.resumed = None
                job.is_over = False
                expect(event.exhausted != job.has_more() or job.is_manual, f"{key} ends wrongly")
                job.is_over = event.exhausted
            case e.JobPaused(job=key):
                self._pause(self.jobs[key], event, now)
            case e.JobResumed(job=key, at=at, missed=missed):
                job = self.jobs[key]
                expect(at == now or ends_so(job.pause_end, at, missed, now), f"resumed as of {at}")
                job.is_paused, job.pause_end, job.failures = False, None, 0
                job.resumed = End(at, missed)
            case e.NextFireSkipped(job=key, fire_time=at):
                self.jobs[key].skipping.add(at)
            case e.NextFireRestored(job=key, fire_time=at):
                self.jobs[key].skipping.discard(at)
            case e.JobRemoved(job=key):
                expect(not self.jobs[key].owed(now), f"{key} was removed owing fires")
                self.jobs[key].is_removed = True
            case e.JobExhausted(job=key):
                has_more = self.jobs[key].has_more(without_run=True)
                expect(not has_more, f"{key} ended before its end")
                self.jobs[key].is_over = True
            case _:
                self._take_system(event, now)

    def _take_system(self, event: e.AnyEvent, now: datetime) -> None:
        match event:
            case e.SystemStarted(epoch=epoch):
                expect(epoch == self.epoch + 1, "an epoch was left out")
                self.epoch = epoch
            case e.SystemPaused(until=until, missed=missed):
                self.is_paused = True
                self.pause_end = None if until is None else End(until, missed)
            case e.SystemResumed(at=at, missed=missed):
                expect(at == now or ends_so(self.pause_end, at, missed, now), f"resumed as of {at}")
                self.is_paused, self.pause_end, self.resumed = False, None, End(at, missed)
            case e.ClockAccepted(at=at):
                self._set_back(at)
            case e.BackfillRequested(backfill=backfill):
                self.backfills[backfill] = event
            case e.BackfillFinished(backfill=backfill):
                self._judge_backfill(self.backfills[backfill])
            case _:
                pass

    def _judge_backfill(self, asked: e.BackfillRequested) -> None:
        """Judge the end of one: whatever was missing in its window has been run."""
        job = self.jobs[asked.job]
        left = {"excluded", "skip-next"} | RAN
        for at, fate in job.fates.items():
            if asked.after < at <= asked.until and fate not in left and not job.was_set_back:
                is_run = at in job.carried_out
                expect(is_run or asked.only == "failed", f"{at} is missing after its backfill")

    def _pause(self, job: Job, event: e.JobPaused, now: datetime) -> None:
        if event.failures:
            most = job.definition.pause_after_failures
            is_so = event.failures == job.failures and most is not None and job.failures >= most
            expect(is_so, f"{job.key} is paused after {event.failures} failures")
            self.must_pause.discard(job.key)
        elif not (job.is_paused or self.is_paused):
            expect(not job.owed(now), f"a pause passed over {job.owed(now)}")
        job.is_paused = True
        job.pause_end = None if event.until is None else End(event.until, event.missed)

    def _set_back(self, at: datetime) -> None:
        """Take back what lies ahead of an accepted clock: skips are void, runs stay."""
        if self.resumed is not None:
            self.resumed = self.resumed._replace(at=min(self.resumed.at, at))
        for job in self.jobs.values():
            if job.resumed is not None:
                job.resumed = job.resumed._replace(at=min(job.resumed.at, at))
            if job.cursor > at:
                job.cursor, job.was_set_back = at, True
                void = [one for one, fate in job.fates.items() if one > at and fate not in RAN]
                for one in void:
                    del job.fates[one]
                job.is_over = job.is_over and not job.has_more()

    # -- when all is quiet

    def judge_quiet(self, now: datetime, out: Iterable[Attempt]) -> None:
        """Judge a moment at which nothing is left to do; the attempts that are `out` are known."""
        expect(self.pause_end is None or now < self.pause_end.at, "the pause of all has ended")
        for key, job in self.jobs.items():
            is_over = job.pause_end is not None and job.pause_end.at <= now
            expect(job.is_removed or not is_over, f"the pause of {key} has ended")
            owed = [] if job.is_paused or self.is_paused else job.owed(now)
            expect(not owed, f"{key} is owed {owed[:3]} at {now}")
            is_settled = job.is_over or job.is_removed or job.is_paused or job.is_manual
            expect(is_settled or job.has_more(), f"{key} has ended, and nothing says so")
        running = {(run.id, run.attempt) for run in self.live.values() if run.status == "running"}
        expect(running <= set(out), f"said to run, and does not: {running - set(out)}")
        busy = sum(run.status in {"running", "abandoned"} for run in self.live.values())
        for run in self.live.values():
            if run.status not in {"waiting", "retrying"}:
                continue
            job_of = self.jobs.get(self.job_of[run.id])
            late = run.start_by is not None and run.start_by <= now and run.attempt == 0
            expect(not late, f"{run.id} has not expired")
            may_start = busy < self.slots and run.start_at <= now and self._has_turn(run, job_of)
            may_start = may_start and self._has_key(job_of) and self._has_lane(run)
            expect(not may_start, f"{run.id} does not start")
            is_left = job_of is not None and job_of.is_removed and run.attempt == 0
            expect(not is_left, f"{run.id} outlives its job")

    def _has_lane(self, run: Run) -> bool:
        """Return whether a run that catches up need not leave its slot to live ones."""
        running = [one for one in self.live.values() if one.status in {"running", "abandoned"}]
        if not run.is_live:
            return False  # it may have to leave it for long
        crowd = sum(one.cause == "catch-up" or not one.is_live for one in running)
        return run.cause != "catch-up" or crowd < max(self.slots // 2, 1)


def ends_so(end: End | None, at: datetime, missed: Missed, now: datetime) -> bool:
    """Return whether a pause was to end by itself like this, and its time has come."""
    return end == End(at, missed) and at <= now
