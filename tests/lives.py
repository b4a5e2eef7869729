"""Whole lives of some jobs: a script's steps, taken on a real fold and log.

What cannot be met is refused and changes nothing.
"""

from datetime import datetime, timedelta
from typing import Literal, TypedDict

from scheduler.executor.clock import ManualClock
from scheduler.executor.handle import Handle
from scheduler.log.contract import Meta
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import Refused
from scheduler.model.invocations import Outcome
from scheduler.model.jobs import BackfillId, Definition, JobId, Missed, RunId
from scheduler.rules.facts import Fact
from scheduler.rules.resume import resume
from scheduler.rules.run_state import RunState
from tests.fakes import HeldLog
from tests.strategies import BEGIN_AT, DELAYS_S, Script, Step

SLOTS = 3
KEY_LIMITS = {"two": 2}
ME = Meta(actor="me")
STAGES_MAX = 5_000


class PauseEnd(TypedDict, total=False):
    """What a pause that ends by itself is asked with."""

    until: datetime
    missed: Missed


class Life:
    """Some jobs, and all that happens to them."""

    def __init__(self, script: Script) -> None:
        self._definitions = script.definitions
        self.clock = ManualClock(BEGIN_AT)
        self.log = HeldLog(self.clock.now_ns)
        self.handle = Handle(self.log, self.clock)
        self.told: list[Fact] = []  # what was decided, in order
        self._streams: dict[RunId, str] = {}
        self.ask(c.StartSystem(host="host", pid=1, versions={}))
        for number in range(2):
            self.take(Step(0, "define", number))

    @classmethod
    def lived(cls, script: Script) -> "Life":
        """Return a life with all its steps taken."""
        life = cls(script)
        for step in script.steps:
            life.take(step)
        return life

    def take(self, step: Step) -> None:
        """Let time pass, and have something happen."""
        self.clock.advance(timedelta(seconds=step.delay_s))
        if step.pick % 4:  # as a rule it has looked at the clock by now
            self.tick()
        match step.action:
            case "tick":
                self.tick()
            case "kill":
                self.restart()
            case "set-back":
                self.clock.step(-timedelta(seconds=DELAYS_S[step.pick % len(DELAYS_S)]))
            case _:
                if (wish := self._wish(step)) is not None:
                    self.ask(wish)

    def tick(self) -> None:
        """Decide all that time has brought."""
        epoch = self.handle.timetable.system.epoch
        wish = c.Tick(slots=SLOTS, epoch=epoch, key_limits=KEY_LIMITS)
        for _ in range(STAGES_MAX):
            facts = self.handle.gather(wish)
            self.handle.flush()
            self._tell(facts)
            if not facts:
                return
        raise AssertionError("a tick does not end")

    def restart(self) -> None:
        """Fold the log anew, as the next process would, and settle what was left open."""
        self.handle = Handle(self.log, self.clock)
        self.ask(c.StartSystem(host="host", pid=1, versions={}))
        timetable = self.handle.timetable
        for wish in resume(timetable, epoch=timetable.system.epoch, alive=set()):
            self.ask(wish)

    def ask(self, wish: c.AnyCommand) -> None:
        """Have a wish decided and stored, if it can be met."""
        stream = None
        if isinstance(wish, c.CancelRun | c.RetryRun | c.ResolveRun | c.ReplayRun):
            stream = self._streams[wish.run]
        try:
            answer = self.handle.ask(wish, meta=ME, stream=stream).result(0)
        except Refused:
            return
        self._tell(answer.facts)

    def _tell(self, facts: list[Fact] | tuple[Fact, ...]) -> None:
        self.told += facts
        for stream, event in facts:
            if isinstance(event, e.RunPlanned | e.ServiceCalled):
                self._streams[event.run] = stream

    # -- what fits the moment

    def _definition(self, pick: int) -> Definition:
        return self._definitions[pick % len(self._definitions)]

    def _wish(self, step: Step) -> c.AnyCommand | None:
        match step.action:
            case "define":
                return c.DefineJob(
                    job=JobId(self.clock.new_id()),
                    definition=self._definition(step.pick),
                    if_past="run" if step.pick % 2 else "skip",
                    replace=bool(step.pick % 3),
                )
            case "pause-all":
                return c.PauseSystem(**self._pause_end(step.pick))
            case "resume-all":
                return c.ResumeSystem(missed=("skip", "latest", "all")[step.pick % 3])
            case "accept-clock":
                return c.AcceptClock()
            case "end" | "step":
                return self._of_an_attempt(step)
            case "call":
                return c.CallService(run=RunId(self.clock.new_id()), service="called")
            case "cancel" | "retry" | "resolve" | "replay":
                return self._about_a_run(step)
            case "pause-backfill" | "resume-backfill" | "cancel-backfill":
                return self._about_a_backfill(step)
            case _:
                return self._about_a_job(step)

    def _about_a_job(self, step: Step) -> c.AnyCommand | None:
        jobs = list(self.handle.timetable.jobs)
        if not jobs:
            return None
        job = jobs[step.pick % len(jobs)]
        match step.action:
            case "revise":
                if_past: Literal["run", "skip"] = "run" if step.pick % 2 else "skip"
                definition = self._definition(step.pick // 7)
                return c.ReviseJob(job=job, definition=definition, if_past=if_past)
            case "rename":
                return c.RenameJob(job=job, name=("a", "b", "c", "d")[step.pick % 4])
            case "pause":
                return c.PauseJob(job=job, **self._pause_end(step.pick // 5))
            case "skip-next":
                return c.SkipNextFire(job=job)
            case "restore-next":
                return c.RestoreNextFire(job=job)
            case "backfill":
                return self._backfill(job, step.pick)
            case "resume":
                return c.ResumeJob(job=job, missed=("skip", "latest", "all")[step.pick % 3])
            case "remove":
                return c.RemoveJob(job=job)
            case _:
                return c.TriggerJob(job=job, run=RunId(self.clock.new_id()))

    def _pause_end(self, pick: int) -> PauseEnd:
        """Return when a pause ends by itself, every other time."""
        if pick % 2:
            return {}
        until = self.clock.now() + timedelta(seconds=DELAYS_S[pick % len(DELAYS_S)])
        return {"until": until, "missed": ("skip", "latest", "all")[pick % 3]}

    def _backfill(self, job: JobId, pick: int) -> c.AnyCommand:
        hours = (1, 5, 40)[pick % 3]
        until = self.handle.timetable.jobs[job].cursor
        return c.RequestBackfill(
            backfill=BackfillId(self.clock.new_id()),
            job=job,
            after=until - timedelta(hours=hours),
            until=until - timedelta(seconds=pick % 2 * 1_800),
            only=("missing", "failed", "all")[pick % 3],
            order=("oldest", "newest")[pick // 3 % 2],
            concurrency=1 + pick % 4,
            per_minute=(None, None, 2)[pick // 2 % 3],
            callbacks=bool(pick % 2),
            schedule=("then", "current")[pick // 5 % 2],
        )

    def _about_a_backfill(self, step: Step) -> c.AnyCommand | None:
        backfills = list(self.handle.timetable.backfills)
        if not backfills:
            return None
        backfill = backfills[step.pick % len(backfills)]
        match step.action:
            case "pause-backfill":
                return c.PauseBackfill(backfill=backfill)
            case "resume-backfill":
                return c.ResumeBackfill(backfill=backfill)
            case _:
                return c.CancelBackfill(backfill=backfill)

    def _about_a_run(self, step: Step) -> c.AnyCommand | None:
        runs = list(self._streams)
        if not runs:
            return None
        run = runs[step.pick % len(runs)]
        match step.action:
            case "cancel":
                return c.CancelRun(run=run)
            case "retry":
                return c.RetryRun(run=run)
            case "replay":
                return c.ReplayRun(run=run)
            case _:
                verdicts: tuple[Literal["succeeded", "failed", "retry"], ...]
                verdicts = ("succeeded", "failed", "retry")
                return c.ResolveRun(run=run, verdict=verdicts[step.pick % 3])

    def _of_an_attempt(self, step: Step) -> c.AnyCommand | None:
        """Have an attempt finish a step, or end one way or another."""
        timetable = self.handle.timetable
        if not timetable.occupied:
            return None
        pick = step.pick
        run = timetable.runs[list(timetable.occupied)[pick % len(timetable.occupied)]]
        if step.action == "step":
            result = Payload(kind="json", text="1") if pick % 2 else None
            return c.RecordStep(
                run=run.run,
                attempt=run.attempt,
                epoch=run.epoch,
                name=f"step {pick % 5}",
                result=result,
            )
        return c.RecordOutcomes(outcomes=(outcome_of(run, pick),))


def outcome_of(run: RunState, pick: int) -> Outcome:
    """Return some outcome that fits how the run stands."""
    kinds = ("succeeded", "succeeded", "error", "timeout", "crash", "stopped", "no-service")
    if run.status == "abandoned":
        return Outcome(run=run.run, attempt=run.attempt, epoch=run.epoch, kind="returned")
    kind = kinds[pick % len(kinds)]
    return Outcome(
        run=run.run,
        attempt=run.attempt,
        epoch=run.epoch,
        kind=kind,  # type: ignore[arg-type]  # each of them is one
        fatal=pick % 5 == 0,
        retry_after=timedelta(seconds=90) if pick % 7 == 0 else None,
        abandoned=kind == "timeout" and pick % 2 == 0,
    )
