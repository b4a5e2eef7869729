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
from scheduler.model.jobs import Definition, JobId, Missed
from tests.simulation.model_jobs import RAN, End, Job
from tests.simulation.model_runs import Attempt, Run, Told, expect
from tests.simulation.model_work import Work

PROMPT = timedelta(seconds=1)  # within it, an executor that can decide has decided


class Model:
    """The whole."""

    def __init__(self, slots: int, key_limits: Mapping[str, int]) -> None:
        self.jobs: dict[JobId, Job] = {}
        self.work = Work(slots, key_limits)
        self.resumed: list[End] = []
        self.pause_end: End | None = None
        self.is_paused = False
        self.must_pause: set[JobId] = set()  # after too many failures

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
            elif isinstance(event, e.RunPlanned):
                self.work.open(event, self.jobs[event.job])
            elif isinstance(event, e.ServiceCalled):
                self.work.open(event, None)
            elif isinstance(event, e.RunEvent):
                self._count(self.work.take(event, now, told), event)
            else:
                self._take_other(event, now)
        expect(not self.must_pause, f"not paused after failures: {self.must_pause}")
        self.work.judge_turn()

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
        self.work.open(event, job)
        job.fates[at] = fate
        job.skipping -= {one for one in job.skipping if one <= at}
        job.cursor = at
        job.planned += 1

    def _judge_data_window(self, job: Job, event: e.RunPlanned, at: datetime) -> None:
        start = event.window_start  # None: all that lies before
        ran = max((one for one in job.fates if one < at and job.fates[one] in RAN), default=None)
        passed = [one for one in job.fates if (ran is None or ran < one) and one < at]
        if stood_for := [one for one in passed if job.fates[one] == "coalesced"]:
            is_whole = (start is None or start < min(stood_for)) and ran in {None, start}
            is_ahead = any(one > at and fate in RAN for one, fate in job.fates.items())
            is_whole = is_whole or is_ahead  # a run from before the clock was set back covers it
            expect(is_whole, f"{at} leaves time since {ran} uncovered")
        elif before := [one for one in (*job.fates, *job.carried_out) if job.since < one < at]:
            # After the clock was set back a stretch may be covered twice, and none is left out.
            covers_more = job.was_set_back and (start is None or start < max(before))
            expect(start == max(before) or covers_more, f"{at} begins at {start}")

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
        ends = [] if job.resumed is None else [job.resumed]
        ends += [end for end in self.resumed if not ends or ends[0].at < end.at]
        if job.is_paused or self.is_paused:
            expect(self._change(key, rest) is not None, "decided during a pause")
            ends.append(End(now, "skip"))
        pauses = [end for end in ends if end.at > job.cursor]
        return job.fate(at, now, self._policy(key, rest), pauses)

    # -- jobs and the whole

    def _count(self, run: Run, event: e.RunEvent) -> None:
        """Count failed live runs in a row; too many must pause the job."""
        job = self.work.job_of[run.id]
        if job is None or run.is_open or not run.is_live:
            return
        job.failures += run.status in {"failed", "expired"}
        if run.status == "succeeded":
            job.failures = 0
        most = job.definition.pause_after_failures
        is_end = isinstance(event, e.RunFailed | e.RunExpired)
        can_pause = not (job.is_paused or job.is_removed)
        if is_end and can_pause and most is not None and job.failures >= most:
            self.must_pause.add(job.key)

    def _take_other(self, event: e.AnyEvent, now: datetime) -> None:
        match event:
            case e.JobDefined(job=key):
                self.jobs[key] = Job(event)
            case e.JobRevised(job=key, effective_at=at):
                job = self.jobs[key]
                expect(at == max(now, job.cursor), f"an edit at {now} holds from {at}")
                expect(not job.owed(at), f"an edit passed over {job.owed(at)}")
                job.definition, job.cursor = event.definition, at
                job.since = max([at, *job.fates])  # the old one may have runs ahead of the clock
                job.resumed, job.is_over = None, False
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
                expect(epoch == self.work.epoch + 1, "an epoch was left out")
                self.work.epoch = epoch
            case e.SystemPaused(until=until, missed=missed):
                expect(not has_ended(self.pause_end, now), "paused again before the pause ended")
                self.is_paused = True
                self.pause_end = None if until is None else End(until, missed)
            case e.SystemResumed(at=at, missed=missed):
                expect(at == now or ends_so(self.pause_end, at, missed, now), f"resumed as of {at}")
                self.is_paused, self.pause_end = False, None
                self.resumed.append(End(at, missed))
            case e.ClockAccepted(at=at):
                self._set_back(at)
            case e.BackfillRequested(backfill=backfill):
                self.work.backfills[backfill] = event, self.jobs[event.job]
            case e.BackfillFinished(backfill=backfill):
                self.work.judge_backfill(backfill)
            case _:
                pass

    def _pause(self, job: Job, event: e.JobPaused, now: datetime) -> None:
        if event.failures:
            most = job.definition.pause_after_failures
            is_so = event.failures == job.failures and most is not None and job.failures >= most
            expect(is_so, f"{job.key} is paused after {event.failures} failures")
            self.must_pause.discard(job.key)
        elif not (job.is_paused or self.is_paused):
            expect(not job.owed(now), f"a pause passed over {job.owed(now)}")
        expect(not has_ended(job.pause_end, now), f"{job.key} is paused before its pause ended")
        job.is_paused = True
        job.pause_end = None if event.until is None else End(event.until, event.missed)

    def _set_back(self, at: datetime) -> None:
        """Take back what lies ahead of an accepted clock: skips are void, runs stay."""
        self.resumed = [end._replace(at=min(end.at, at)) for end in self.resumed]
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
        expect(not has_ended(self.pause_end, now), "the pause of all has ended")
        for key, job in self.jobs.items():
            expect(job.is_removed or not has_ended(job.pause_end, now), f"{key}'s pause has ended")
            owed = [] if job.is_paused or self.is_paused else job.owed(now)
            expect(not owed, f"{key} is owed {owed[:3]} at {now}")
            is_settled = job.is_over or job.is_removed or job.is_paused or job.is_manual
            expect(is_settled or job.has_more(), f"{key} has ended, and nothing says so")
        self.work.judge_quiet(now, out)


def ends_so(end: End | None, at: datetime, missed: Missed, now: datetime) -> bool:
    """Return whether a pause was to end by itself like this, and its time has come."""
    return end == End(at, missed) and at <= now


def has_ended(end: End | None, now: datetime) -> bool:
    """Return whether a pause was to end by itself, and its time has come."""
    return end is not None and end.at <= now
