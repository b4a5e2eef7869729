"""What the promises say of a whole Horolog, judged from outside, event by event.

The model knows the definitions, the clock, what services did and what people asked; fire times it
walks for itself (`walking`). It imports none of the rules. For every event of planning it looks at
all fire times that are owed at that moment, and says what must become of each; whatever else
happens to it is a broken promise. So each fire time up to the cursor is in exactly one place, with
the right reason, or the judgement stops there.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.schedules import Manual
from tests.simulation.model_jobs import RAN, End, Job
from tests.simulation.model_runs import Attempt, Run, Told, expect

PROMPT = timedelta(seconds=1)  # within it, an executor that can decide has decided
NO_JOB = JobId("")


class Model:
    """The whole."""

    def __init__(self, slots: int) -> None:
        self.jobs: dict[JobId, Job] = {}
        self.runs: dict[RunId, Run] = {}
        self.live: dict[RunId, Run] = {}  # those that are open
        self.job_of: dict[RunId, JobId] = {}
        self.callbacks: set[RunId] = set()  # owed: runs whose end calls something
        self.resumed: End | None = None
        self.is_paused = False
        self.epoch = 0
        self.slots = slots

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
        expect(event.due_time == at, f"{at} is due at {event.due_time}")
        is_prompt = event.cause != "schedule" or now <= max(at, ready_at) + PROMPT
        expect(is_prompt, f"{at} was decided late, at {now}")
        deadline = job.definition.start_deadline
        start_by = None if deadline is None else max(at, now) + deadline
        expect(event.start_by == start_by, f"{at} expires at {event.start_by}, not {start_by}")
        self._judge_data_window(job, event, at)
        self._open(event)
        job.fates[at] = fate
        job.cursor = at
        job.planned += 1

    def _judge_data_window(self, job: Job, event: e.RunPlanned, at: datetime) -> None:
        ran = max(
            (one for one, fate in job.fates.items() if one < at and fate in RAN), default=None
        )
        passed = [one for one in job.fates if (ran is None or ran < one) and one < at]
        if stood_for := [one for one in passed if job.fates[one] == "coalesced"]:
            is_ahead = any(one > at and fate in RAN for one, fate in job.fates.items())
            start = event.window_start  # None: all that lies before
            is_whole = (start is None or start < min(stood_for)) and (
                is_ahead or ran in {None, start}
            )
            expect(is_whole, f"{at} leaves time since {ran} uncovered")
        elif before := [one for one in (*passed, ran) if one is not None and one > job.since]:
            expect(event.window_start == max(before), f"{at} begins at {event.window_start}")

    def _judge_skip(self, event: e.FiresSkipped, now: datetime, rest: Sequence[Recorded]) -> None:
        job = self.jobs[event.job]
        expect(event.after == job.cursor < event.until <= now, f"{event} leaves a hole")
        passed = job.owed(event.until)
        expect(passed[-1:] == [event.until], f"{event} does not end at a fire time")
        expect(len(passed) == event.count, f"{event} is miscounted: {len(passed)}")
        for at in passed:
            fate = self._fate(event.job, at, now, rest)
            expect(fate == event.reason, f"{at} skipped ({event.reason}); the policies say {fate}")
            expect(at not in job.fates, f"{at} was decided before")
        job.fates.update(dict.fromkeys(passed, event.reason))
        job.cursor = event.until

    def _fate(self, key: JobId, at: datetime, now: datetime, rest: Sequence[Recorded]) -> str:
        """Return what must become of an owed fire time; `rest` is what else came in this turn."""
        job = self.jobs[key]
        policy = job.definition
        changes = [one.event for one in rest if isinstance(one.event, e.JobRevised | e.JobRemoved)]
        change = next((event for event in changes if event.job == key), None)
        if isinstance(change, e.JobRevised):
            policy = change.definition  # what is due before an edit: by the policies of the new
        own, everything = job.resumed, self.resumed
        ends = [] if own is None else [own]
        if everything is not None and (own is None or own.at < everything.at):
            ends.append(everything)
        if job.is_paused or self.is_paused:
            expect(change is not None, "decided during a pause")
            ends.append(End(now, "skip"))
        return job.fate(at, now, policy, [end for end in ends if end.at > job.cursor])

    # -- jobs, runs and the whole

    def _open(self, event: e.RunPlanned | e.ServiceCalled) -> None:
        expect(event.run not in self.runs, f"{event.run} was planned twice")
        key = event.job if isinstance(event, e.RunPlanned) else NO_JOB
        named = Definition(name="call", service="s", schedule=Manual(), overlap="allow")
        run = Run(event, self.jobs[key].definition if key else named)
        self.runs[run.id] = self.live[run.id] = run
        self.job_of[run.id] = key
        if key:
            self.jobs[key].open[run.id] = run
        if event.parent is not None:
            expect(event.parent in self.callbacks, f"{event.run} was called by nothing")
            self.callbacks.discard(event.parent)

    def _take_run(self, event: e.RunEvent, now: datetime, told: Told) -> None:
        run = self.runs[event.run]
        job = self.jobs.get(self.job_of[run.id])
        if isinstance(event, e.AttemptStarted):
            running = sum(one.status in {"running", "abandoned"} for one in self.live.values())
            expect(running < self.slots, f"{run.id} starts without a slot")
            expect(self._has_turn(run, job), f"{run.id} starts before its turn")
        was_open = run.is_open
        run.take(event, now, told, self.epoch)
        if run.is_open:
            self.live[run.id] = run
        else:
            self.live.pop(run.id, None)
        if job is not None and not run.is_open:
            job.open.pop(run.id, None)
        elif job is not None and not was_open:
            is_free = job.is_removed or not job.open or job.definition.overlap != "skip"
            expect(is_free, f"{run.id} is tried again beside another")
            job.open[run.id] = run
        if run.ends is not None:
            policy = run.definition
            if policy.on_success if run.ends == "succeeded" else policy.on_failure:
                self.callbacks.add(run.id)

    def _has_turn(self, run: Run, job: Job | None) -> bool:
        if job is None or job.definition.overlap == "allow" or run.attempt > 0:
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
                owed = [] if self.is_paused else self.jobs[key].owed(now)
                expect(not owed, f"a pause passed over {owed}")
                self.jobs[key].is_paused = True
            case e.JobResumed(job=key, at=at, missed=missed):
                self.jobs[key].is_paused = False
                self.jobs[key].resumed = End(at, missed)
            case e.JobRemoved(job=key):
                expect(not self.jobs[key].owed(now), f"{key} was removed owing fires")
                self.jobs[key].is_removed = True
            case e.JobExhausted(job=key):
                expect(not self.jobs[key].has_more(), f"{key} ended before its end")
                self.jobs[key].is_over = True
            case e.SystemStarted(epoch=epoch):
                expect(epoch == self.epoch + 1, "an epoch was left out")
                self.epoch = epoch
            case e.SystemPaused():
                self.is_paused = True
            case e.SystemResumed(at=at, missed=missed):
                self.is_paused, self.resumed = False, End(at, missed)
            case e.ClockAccepted(at=at):
                self._set_back(at)
            case _:
                pass

    def _set_back(self, at: datetime) -> None:
        """Take back what lies ahead of an accepted clock: skips are void, runs stay."""
        if self.resumed is not None:
            self.resumed = self.resumed._replace(at=min(self.resumed.at, at))
        for job in self.jobs.values():
            if job.resumed is not None:
                job.resumed = job.resumed._replace(at=min(job.resumed.at, at))
            if job.cursor > at:
                job.cursor = at
                void = [one for one, fate in job.fates.items() if one > at and fate not in RAN]
                for one in void:
                    del job.fates[one]
                job.is_over = job.is_over and not job.has_more()

    # -- when all is quiet

    def judge_quiet(self, now: datetime, out: Iterable[Attempt]) -> None:
        """Judge a moment at which nothing is left to do; the attempts that are `out` are known."""
        for key, job in self.jobs.items():
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
            expect(not may_start, f"{run.id} does not start")
            is_left = job_of is not None and job_of.is_removed and run.attempt == 0
            expect(not is_left, f"{run.id} outlives its job")
