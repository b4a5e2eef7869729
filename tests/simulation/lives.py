"""A virtual day by its seed: some jobs, and all that happens to them and to the machine.

The day lies around a clock change as a rule. What is drawn follows from the seed alone, so a line
that names it brings the same day again.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model.jobs import (
    BackfillId,
    CatchUp,
    DateRange,
    Definition,
    Exclude,
    JobId,
    Missed,
    Overlap,
    Retry,
    RunId,
)
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.model.streams import call_stream, fire_stream
from tests.crash.chance import Chance
from tests.simulation.model_jobs import Job
from tests.simulation.world import World

DAY = timedelta(hours=24)
AFTERWARDS = timedelta(hours=2)  # all is well again, and nothing may be left undone
PACE_S = 900.0  # between two things that happen, on average
DAYS = (
    "2026-03-08T00:00",  # America/New_York goes forward
    "2026-03-28T12:00",  # Europe/Warsaw goes forward in the night that follows
    "2026-04-04T04:00",  # Australia/Lord_Howe goes back, by half an hour
    "2026-06-01T00:00",
    "2026-10-03T04:00",  # Australia/Lord_Howe goes forward
    "2026-10-24T12:00",  # Europe/Warsaw goes back
    "2026-11-01T00:00",  # America/New_York goes back
    "2026-12-31T12:00",
)
ZONES = ("UTC", "Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
EXPRESSIONS = (
    *("*/5 * * * *",) * 3,
    *("*/15 * * * *",) * 3,
    "* * * * *",
    "0 * * * *",
    "*/20 1-3 * * *",
    "30 2 * * *",
    "0,30 1,2,3 * * *",
    "15 1-23/2 * * 1-5",
    "7 3,9,15 1,8,29 * 0",
    "59 23 31 * *",
)
EVERY_S = (61, 120, 600, 600, 3_600, 7_201)
DOWN_S = (0, 1, 30, 200, 1_000, 4_000, 20_000)
STEPS_S = (1, 30, 400, 2_000, 3_500, 9_000)
NAMES = ("a", "b", "c", "d", "e", "f")
SERVICES = ("one", "two")
MISSED: tuple[Missed, ...] = get_args(Missed)
VERDICTS: tuple[Literal["succeeded", "failed", "retry"], ...] = ("succeeded", "failed", "retry")
GAPS: tuple[Literal["after", "skip"], ...] = ("after", "after", "skip")
LATER: tuple[CatchUp, ...] = ("none", "latest", "latest", "latest")
FOLDS: tuple[Literal["first", "last"], ...] = ("first", "first", "last")

Act = Literal[
    "kill",
    "lose",
    "stop",
    "suspend",
    "step",
    "accept",
    "fill",
    "define",
    "revise",
    "rename",
    "pause",
    "resume",
    "pause-all",
    "resume-all",
    "remove",
    "trigger",
    "cancel",
    "retry",
    "resolve",
    "skip-next",
    "restore-next",
    "backfill",
    "replay",
]
ACTS: tuple[Act, ...] = (
    *("kill",) * 5,
    *("lose",) * 2,
    "stop",
    *("suspend",) * 2,
    *("step",) * 3,
    *("accept",) * 2,
    *("fill",) * 2,
    *("define",) * 2,
    *("revise",) * 4,
    "rename",
    *("pause",) * 3,
    *("resume",) * 6,
    "pause-all",
    *("resume-all",) * 6,
    "remove",
    *("trigger",) * 4,
    *("cancel",) * 4,
    *("retry",) * 3,
    *("resolve",) * 3,
    *("skip-next",) * 3,
    "restore-next",
    *("backfill",) * 4,
    *("replay",) * 2,
)


class DayFailedError(AssertionError):
    """A promise was broken on the day of this seed."""

    def __init__(self, seed: str, hours: float, error: BaseException) -> None:
        super().__init__(
            f"seed {seed!r}: {type(error).__name__}: {error}\n"
            f"Again: python -m tools.dev.simulation_drill --seed {seed!r} --hours {hours:g}"
        )


def lived(seed: str, *, hours: float = 24.0) -> "Life":
    """Return the day of a seed, at its end.

    Raises: DayFailedError, which says how to see it again.
    """
    try:
        life = Life(seed, hours=hours)
        life.live()
    except Exception as error:
        raise DayFailedError(seed, hours, error) from error
    return life


class Life:
    """One day."""

    def __init__(self, seed: str, *, hours: float = 24.0) -> None:
        self.seed = seed
        self._chance = Chance(seed)
        begin_at = datetime.fromisoformat(self._chance.one_of(DAYS)).replace(tzinfo=UTC)
        self._end_at = begin_at + hours / 24.0 * DAY
        self.world = World(seed, begin_at + timedelta(seconds=self._chance.one_of((0, 7, 59.5))))
        for _ in range(self._chance.one_of((2, 3, 5, 8))):
            self._define()

    def live(self) -> None:
        """Let the day pass; every promise is judged on the way."""
        world = self.world
        while world.clock.now() < self._end_at:
            pause = timedelta(seconds=round(self._chance.part() * 2 * PACE_S, 3))
            world.run_until(min(world.clock.now() + pause, self._end_at))
            self._act(self._chance.one_of(ACTS))
        self._mend()

    def _mend(self) -> None:
        """Take every hindrance away, and see that nothing is left undone."""
        world = self.world
        world.kill_at(0, is_written=True)
        self._ask(c.AcceptClock())
        for job in list(world.model.jobs):
            self._ask(c.ResumeJob(job=job, missed="latest"))
        self._ask(c.ResumeSystem(missed="all"))
        world.run_until(world.clock.now() + AFTERWARDS)

    # -- what happens

    def _act(self, act: Act) -> None:
        world, chance = self.world, self._chance
        match act:
            case "kill":
                is_written = chance.part() < 0.5
                world.kill_at(chance.one_of((1, 1, 2, 3, 5, 9)), is_written=is_written)
            case "lose":
                world.lose(self._length(DOWN_S))
            case "stop":
                world.stop(self._length(DOWN_S))
            case "suspend":
                world.suspend(self._length(DOWN_S))
            case "step":
                sign = 1 if chance.part() < 0.5 else -1
                world.step_clock(sign * self._length(STEPS_S))
                if sign < 0 and chance.part() < 0.4:
                    self._ask(c.AcceptClock())
            case "accept":
                self._ask(c.AcceptClock())
            case "fill":
                world.fill_disk(self._length((1, 40, 700, 4_000)))
            case "define":
                self._define()
            case "pause-all":
                until, missed = self._pause_end()
                self._ask(c.PauseSystem(until=until, missed=missed))
            case "resume-all":
                self._ask(c.ResumeSystem(missed=chance.one_of(MISSED)))
            case "cancel" | "retry" | "resolve" | "replay":
                self._act_on_a_run(act)
            case _:
                self._act_on_a_job(act)

    def _length(self, choices: tuple[int, ...]) -> timedelta:
        return timedelta(seconds=self._chance.one_of(choices) + round(self._chance.part(), 3))

    def _act_on_a_job(self, act: Act) -> None:
        chance, jobs = self._chance, self.world.model.jobs
        if not jobs:
            return
        key = chance.one_of(list(jobs))
        match act:
            case "revise":
                self._ask(c.ReviseJob(job=key, definition=self._revised(jobs[key]), if_past="skip"))
            case "rename":
                self._ask(c.RenameJob(job=key, name=chance.one_of(NAMES)))
            case "pause":
                until, missed = self._pause_end()
                self._ask(c.PauseJob(job=key, until=until, missed=missed))
            case "backfill":
                self._backfill(key)
            case "skip-next":
                self._ask(c.SkipNextFire(job=key))
            case "restore-next":
                self._ask(c.RestoreNextFire(job=key))
            case "resume":
                self._ask(c.ResumeJob(job=key, missed=chance.one_of(MISSED)))
            case "remove":
                self._ask(c.RemoveJob(job=key))
            case _:
                self._trigger(key)

    def _backfill(self, key: JobId) -> None:
        """Ask for what is missing, or failed, of the last hours."""
        until = min(self.world.model.jobs[key].cursor, self.world.clock.now())
        wish = c.RequestBackfill(
            backfill=BackfillId(self.world.clock.new_id()),
            job=key,
            after=until - timedelta(hours=self._chance.one_of((1, 3, 9))),
            until=until,
            only=self._chance.one_of(("missing", "missing", "failed", "all")),
            order=self._chance.one_of(("oldest", "newest")),
            concurrency=self._chance.one_of((1, 3)),
        )
        self._ask(wish)

    def _pause_end(self) -> tuple[datetime | None, Missed]:
        """Return when a pause is to end by itself, if it is, and what becomes of its fires."""
        if self._chance.part() < 0.4:
            return None, "skip"
        length = timedelta(seconds=self._chance.one_of((1, 600, 4_000, 20_000)))
        return self.world.clock.now() + length, self._chance.one_of(MISSED)

    def _trigger(self, key: JobId) -> None:
        world = self.world
        job = world.model.jobs[key]
        world.settle()
        may = not job.is_removed and job.refusal(job.definition) is None
        was_troubled, crashes = world.is_troubled, world.crashes
        done = self._ask(c.TriggerJob(job=key, run=RunId(world.clock.new_id())))
        if done is not None and not was_troubled and world.crashes == crashes:
            assert done == may, f"run now was {'done' if done else 'refused'}, wrongly"

    def _act_on_a_run(self, act: Act) -> None:
        runs = self.world.model.work.runs
        status: tuple[str, ...] = {
            "cancel": ("running", "waiting", "held", "retrying", "abandoned"),
            "resolve": ("held",),
            "replay": ("succeeded", "failed"),
        }.get(act, ("failed", "expired", "cancelled"))
        fit = [run for run in runs.values() if run.status in status]
        if not fit:
            return
        run = self._chance.one_of(fit[-10:])
        wish: c.AnyCommand
        if act == "cancel":
            wish = c.CancelRun(run=run.id)
        elif act == "retry":
            wish = c.RetryRun(run=run.id)
        elif act == "replay":
            wish = c.ReplayRun(run=run.id)
        else:
            wish = c.ResolveRun(run=run.id, verdict=self._chance.one_of(VERDICTS))
        job = self.world.model.work.job_of[run.id]
        stream = call_stream(run.id)
        if job is not None and run.fire_time is not None:
            stream = fire_stream(run.fire_time, job.key)
        self._ask(wish, stream)

    def _ask(self, wish: c.AnyCommand, stream: str | None = None) -> bool | None:
        done = self.world.ask(wish, stream=stream)
        self.world.settle()
        return done

    # -- what jobs are like

    def _define(self) -> None:
        key = JobId(self.world.clock.new_id())
        self._ask(c.DefineJob(job=key, definition=self._definition(), if_past="skip"))

    def _revised(self, job: Job) -> Definition:
        """Return a definition that differs in its policies, or in everything."""
        fresh = self._definition()
        if self._chance.part() < 0.5:
            return fresh
        old = job.definition
        return replace(fresh, schedule=old.schedule, start_at=old.start_at, end_at=old.end_at)

    def _definition(self) -> Definition:
        draw = self._chance.one_of
        start, end, window, deadline = (
            self._seldom((600, 4_000, 30_000)),
            self._seldom((20_000, 50_000, 80_000)),
            draw((None, None, 900, 7_200)),
            draw((None, None, None, 20, 60)),
        )
        overlap: Overlap = draw(("skip", "skip", "allow", "queue", "cancel"))
        give_up = draw((None, None, None, 15, 700))
        now = self.world.clock.now().replace(microsecond=0)
        return Definition(
            name=draw(NAMES),
            service=draw(SERVICES),
            schedule=self._schedule(now),
            start_at=None if start is None else now + timedelta(seconds=start),
            end_at=None if end is None else now + timedelta(seconds=end),
            max_runs=self._seldom((1, 5, 40)),
            misfire_grace=timedelta(seconds=draw((0, 60, 60, 1_500))),
            catch_up=draw(("none", "latest", "latest", "all") if overlap != "cancel" else LATER),
            catch_up_window=None if window is None else timedelta(seconds=window),
            catch_up_limit=draw((1, 7, 30, 1_000)),
            overlap=overlap,
            queue_limit=draw((1, 1, 3)),
            cancel_grace=timedelta(seconds=draw((0, 5, 60))),
            jitter=timedelta(seconds=draw((0, 0, 0, 20, 400))),
            exclude=self._excluded(now),
            pause_after_failures=draw((None, None, None, 2, 4)),
            concurrency_key=draw((None, None, None, "narrow", "wide")),
            timeout=timedelta(seconds=draw((3_600, 3_600, 60, 1_000))),
            retry=Retry(
                max_attempts=draw((1, 2, 4)),
                initial=timedelta(seconds=draw((0, 10, 400))),
                max_delay=timedelta(seconds=draw((30, 600))),
                give_up_after=None if give_up is None else timedelta(seconds=give_up),
                until_next_fire=give_up is None and self._chance.part() < 0.2,
            ),
            start_deadline=None if deadline is None else timedelta(seconds=deadline),
            on_crash=draw(("retry", "retry", "fail", "hold")),
            on_success=draw((None, None, None, None, "service:after", "job:a")),
            on_failure=draw((None, None, None, "service:after", "job:b")),
        )

    def _excluded(self, now: datetime) -> Exclude | None:
        """Return no days as a rule, else today or tomorrow, in one zone or another."""
        if self._chance.part() < 0.85:
            return None
        day = now.date() + self._chance.one_of((0, 1)) * DAY
        return Exclude((DateRange(day, day),), timezone=self._chance.one_of(ZONES))

    def _seldom(self, choices: tuple[int, ...]) -> int | None:
        return self._chance.one_of(choices) if self._chance.part() < 0.15 else None

    def _schedule(self, now: datetime) -> Schedule:
        draw = self._chance.one_of
        kind = self._chance.part()
        if kind < 0.6:
            number = draw((1, 1, 1, 2))
            expressions = tuple(dict.fromkeys(draw(EXPRESSIONS) for _ in range(number)))
            return Cron(expressions, timezone=draw(ZONES), gap=draw(GAPS), fold=draw(FOLDS))
        if kind < 0.9:
            anchor = None if self._chance.part() < 0.5 else now + timedelta(seconds=draw((0, 777)))
            return Interval(timedelta(seconds=draw(EVERY_S)), anchor)
        if kind < 0.95:
            return Once(now + timedelta(seconds=draw((1, 900, 40_000))))
        return Manual()
