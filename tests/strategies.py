"""Hypothesis strategies: schedules, definitions, and whole lives of some jobs.

A life is a list of steps; each lets time pass and then has something happen that fits the moment:
the clock is set, an attempt ends, a person asks for something, the process is killed. `Life` takes
the steps on a real fold and log; what cannot be met is refused and changes nothing.
"""

from datetime import timedelta
from typing import Literal, NamedTuple, get_args

from hypothesis import strategies as st

from scheduler.executor.clock import ManualClock
from scheduler.executor.handle import Handle
from scheduler.log.contract import Meta
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Payload
from scheduler.model.errors import Refused
from scheduler.model.invocations import Outcome
from scheduler.model.jobs import Definition, JobId, Retry, RunId
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.rules.facts import Fact
from scheduler.rules.resume import resume
from scheduler.rules.run_state import RunState
from tests.facts import at
from tests.fakes import HeldLog

BEGIN_AT = at("03-28 20:00")  # the night before clocks go forward in Europe
SLOTS = 3
ME = Meta(actor="me")
STAGES_MAX = 1_000

EXPRESSIONS = ("*/5 * * * *", "0 * * * *", "*/20 1-3 * * *", "30 2 * * *", "15 9-17 * * 1-5")
CALLBACKS = (None, None, None, None, None, "service:after", "service:after", "job:a")
ZONES = ("UTC", "Europe/Warsaw", "America/New_York")


def instants() -> st.SearchStrategy[int]:
    """Draw whole seconds of a day and a half after the beginning."""
    return st.integers(0, 36 * 3_600)


def schedules() -> st.SearchStrategy[Schedule]:
    """Draw a schedule of any kind that fires now and then within days."""
    crons: st.SearchStrategy[Schedule] = st.builds(
        lambda expressions, zone: Cron(tuple(expressions), timezone=zone),
        st.lists(st.sampled_from(EXPRESSIONS), min_size=1, max_size=2, unique=True),
        st.sampled_from(ZONES),
    )
    intervals = st.builds(
        lambda seconds, anchor: Interval(
            timedelta(seconds=seconds),
            None if anchor is None else BEGIN_AT + timedelta(seconds=anchor),
        ),
        st.sampled_from((120, 600, 3_600, 7_201)),
        st.none() | instants(),
    )
    once = st.builds(lambda second: Once(BEGIN_AT + timedelta(seconds=second)), instants())
    return st.one_of(crons, crons, crons, intervals, intervals, once, st.just(Manual()))


def seldom(strategy: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    """Draw nothing, four times out of five."""
    nothing: st.SearchStrategy[int | None] = st.none()
    return st.sampled_from((nothing, nothing, nothing, nothing, strategy)).flatmap(lambda one: one)


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    """Draw a definition; its bounds may leave it nothing to fire."""
    retry = Retry(
        max_attempts=draw(st.integers(1, 3)),
        initial=timedelta(seconds=draw(st.sampled_from((0, 30)))),
    )
    start = draw(seldom(instants()))
    end = draw(seldom(instants()))
    window = draw(st.sampled_from((None, None, 1_800, 86_400)))
    deadline = draw(st.sampled_from((None, None, 60)))
    return Definition(
        name=draw(st.sampled_from(("a", "b", "c"))),
        service="s",
        schedule=draw(schedules()),
        start_at=None if start is None else BEGIN_AT + timedelta(seconds=start),
        end_at=None if end is None else BEGIN_AT + timedelta(seconds=end),
        max_runs=draw(seldom(st.sampled_from((1, 5)))),
        misfire_grace=timedelta(seconds=draw(st.sampled_from((0, 60, 1_500)))),
        catch_up=draw(st.sampled_from(("none", "latest", "all"))),
        catch_up_window=None if window is None else timedelta(seconds=window),
        catch_up_limit=draw(st.sampled_from((1, 7, 20))),
        overlap=draw(st.sampled_from(("skip", "allow"))),
        retry=retry,
        start_deadline=None if deadline is None else timedelta(seconds=deadline),
        on_crash=draw(st.sampled_from(("retry", "fail", "hold"))),
        on_success=draw(st.sampled_from(CALLBACKS)),
        on_failure=draw(st.sampled_from(CALLBACKS)),
    )


Action = Literal[
    "tick",
    "end",
    "define",
    "revise",
    "rename",
    "pause",
    "resume",
    "remove",
    "trigger",
    "call",
    "step",
    "cancel",
    "retry",
    "resolve",
    "pause-all",
    "resume-all",
    "kill",
    "set-back",
    "accept-clock",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
OFTEN: tuple[Action, ...] = (
    "tick",
    "end",
    "end",
    "trigger",
    "step",
    "retry",
    "resume",
    "resume-all",
) * 3
CLOCK: frozenset[Action] = frozenset({"set-back", "accept-clock"})
DELAYS_S = (0, 1, 60, 61, 300, 300, 300, 600, 3_600, 3_600, 20_000, 90_000)


class Step(NamedTuple):
    """Time that passes, and what happens then; `pick` chooses what it happens to, and how."""

    delay_s: int
    action: Action
    pick: int


class Script(NamedTuple):
    """What a life is made of: the first two definitions are jobs from the beginning."""

    definitions: list[Definition]
    steps: list[Step]


def lives(*, without: frozenset[Action] = frozenset()) -> st.SearchStrategy[Script]:
    """Draw a life, some actions left out."""
    actions = tuple(action for action in ACTIONS + OFTEN if action not in without)
    steps = st.builds(
        Step, st.sampled_from(DELAYS_S), st.sampled_from(actions), st.integers(0, 1_000)
    )
    return st.builds(
        Script,
        st.lists(definitions(), min_size=2, max_size=5),
        st.lists(steps, min_size=20, max_size=60),
    )


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
        wish = c.Tick(slots=SLOTS, epoch=self.handle.timetable.system.epoch)
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
        if isinstance(wish, c.CancelRun | c.RetryRun | c.ResolveRun):
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
                return c.PauseSystem()
            case "resume-all":
                return c.ResumeSystem(missed=("skip", "latest", "all")[step.pick % 3])
            case "accept-clock":
                return c.AcceptClock()
            case "end" | "step":
                return self._of_an_attempt(step)
            case "call":
                return c.CallService(run=RunId(self.clock.new_id()), service="called")
            case "cancel" | "retry" | "resolve":
                return self._about_a_run(step)
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
                return c.PauseJob(job=job)
            case "resume":
                return c.ResumeJob(job=job, missed=("skip", "latest", "all")[step.pick % 3])
            case "remove":
                return c.RemoveJob(job=job)
            case _:
                return c.TriggerJob(job=job, run=RunId(self.clock.new_id()))

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
