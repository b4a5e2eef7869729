"""Legal histories for tests of the views: wishes decided by the rules, on a manual clock."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from scheduler.executor.clock import ManualClock
from scheduler.executor.handle import Handle
from scheduler.log.contract import Log, Meta, Recorded, Request, Write
from scheduler.log.memory import MemoryLog
from scheduler.model import commands as c
from scheduler.model.content import Payload, digest_of
from scheduler.model.errors import HorologError
from scheduler.model.events import LogCreated, RunPlanned, ServiceCalled
from scheduler.model.invocations import Outcome, Output
from scheduler.model.jobs import BackfillId, DateRange, Definition, Exclude, JobId, Retry, RunId
from scheduler.model.limits import PAGE_EVENTS_MAX
from scheduler.model.schedules import Cron, Interval, Manual, Schedule
from scheduler.model.streams import SYSTEM
from scheduler.rules.resume import resume

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONDAY = date(2026, 3, 2)  # begins in Tokyo 3 hours after noon
BEN = Meta(actor="uid 1000 (ben)", reason="as agreed", channel="cli", on_behalf_of="maria")
VERSIONS = {"horolog": "0.1.0", "tzdata": "2026.6"}
EVERY_MINUTE = Cron(("* * * * *",))
TICKS_MAX = 100


class WatchedLog(MemoryLog):
    """A log that lets something happen, once, when it is read or has been read to its end."""

    before_reading: Callable[[], object] | None = None
    after_the_end: Callable[[], object] | None = None

    def read(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        stream: str | None = None,
        limit: int = PAGE_EVENTS_MAX,
    ) -> list[Recorded]:
        before, self.before_reading = self.before_reading, None
        if before:
            before()
        page = super().read(after=after, until=until, stream=stream, limit=limit)
        if not page and until is None and self.after_the_end:
            act, self.after_the_end = self.after_the_end, None
            act()
        return page


class History:
    """A log, the fold of it, and a person who asks for things; what is refused changes nothing."""

    def __init__(self, log: Log | None = None, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock(NOON)
        self.log: Log = log or MemoryLog(self.clock.now_ns)
        if not self.log.head().position:
            created = LogCreated(identity="identity-1", horolog="0.1.0")
            self.log.append(Request([Write(SYSTEM, 0, [created])], BEN))
        self.handle = Handle(self.log, self.clock)

    @property
    def epoch(self) -> int:
        return self.handle.timetable.system.epoch

    def ask(self, command: c.AnyCommand) -> bool:
        """Ask as a person; False when it was refused."""
        try:
            self.handle.ask(command, meta=BEN).result()
        except HorologError:
            return False
        return True

    def define(self, name: str, schedule: Schedule = EVERY_MINUTE, **policies: object) -> JobId:
        """Define a job; the id is returned even when it is refused."""
        job = JobId(self.clock.new_id())
        fields = {"service": "api.sync", **policies}
        definition = Definition(name=name, schedule=schedule, **fields)  # type: ignore[arg-type]  # any policy
        self.ask(c.DefineJob(job=job, definition=definition))
        return job

    def start(self) -> None:
        """Take up the log under the next epoch, and settle what the last one left open."""
        self.handle.gather(c.StartSystem(host="web-1", pid=812, versions=VERSIONS))
        for settle in resume(self.handle.timetable, epoch=self.epoch, alive=set()):
            self.handle.gather(settle)
        self.handle.flush()

    def tick(self, seconds: float = 0, *, slots: int = 8) -> None:
        """Let time pass, then decide what it has brought."""
        self.clock.advance(timedelta(seconds=seconds))
        for _ in range(TICKS_MAX):
            if not self.handle.gather(c.Tick(slots=slots, epoch=self.epoch)):
                break
        self.handle.flush()

    def running(self) -> list[RunId]:
        timetable = self.handle.timetable
        return [run for run in timetable.occupied if run in timetable.runs]

    def report(self, run: RunId, kind: str, **fields: object) -> None:
        """Tell how the open attempt of a run ended."""
        state = self.handle.timetable.runs[run]
        fields = {"duration_us": 1_500, **fields}
        outcome = Outcome(
            run=run,
            attempt=state.attempt,
            epoch=state.epoch,
            kind=kind,  # type: ignore[arg-type]  # of the closed set
            **fields,  # type: ignore[arg-type]  # any of the fields
        )
        written = outcome.output.text.encode() if outcome.output else None
        outputs = {} if written is None else {digest_of(written): written}
        self.handle.gather(c.RecordOutcomes(outcomes=(outcome,)), outcome.contents, outputs)
        self.handle.flush()


STEPS = st.one_of(
    st.tuples(st.just("tick"), st.integers(0, 200), st.integers(1, 4)),
    st.tuples(st.just("end"), st.integers(0, 5), st.integers(0, 7)),
    st.tuples(st.just("define"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("job"), st.integers(0, 5), st.integers(0, 8)),
    st.tuples(st.just("run"), st.integers(0, 9), st.integers(0, 5)),
    st.tuples(st.just("system"), st.integers(0, 9), st.integers(0, 0)),
    st.tuples(st.just("step"), st.integers(0, 5), st.integers(0, 2)),
    st.tuples(st.just("call"), st.integers(0, 1), st.integers(0, 0)),
    st.tuples(st.just("backfill"), st.integers(0, 11), st.integers(0, 5)),
)
LIVES = st.lists(STEPS, min_size=20, max_size=80)


def live(history: History, steps: list[tuple[str, int, int]]) -> None:
    """Do the steps, as far as the rules allow; the numbers choose whom and how."""
    for kind, first, second in steps:
        match kind:
            case "tick":
                history.tick(first, slots=second)
            case "end":
                end(history, first, second)
            case "define":
                define(history, first, second)
            case "job":
                change_job(history, first, second)
            case "run":
                change_run(history, first, second)
            case "step":
                finish_step(history, first, second)
            case "backfill":
                change_backfill(history, first, second)
            case "call":
                run = RunId(history.clock.new_id())
                history.ask(c.CallService(run=run, service=f"api.called-{first}"))
            case _:
                change_system(history, first)


def chosen(history: History, number: int) -> JobId | None:
    jobs = list(history.handle.timetable.jobs)
    return jobs[number % len(jobs)] if jobs else None


def end(history: History, number: int, how: int) -> None:
    running = history.running()
    if not running:
        return
    run = running[number % len(running)]
    if history.handle.timetable.runs[run].status == "abandoned":
        history.report(run, "returned")
        return
    match how:
        case 0 | 1 | 2:
            result = Payload(kind="json", text="[1,2]") if how else None
            history.report(run, "succeeded", result=result, output=Output("one\ntwo", 2))
        case 3:
            history.report(run, "error", error="ValueError: no", detail=Payload(text="Traceback"))
        case 4:
            history.report(run, "timeout", error="took over 1 h", abandoned=True)
        case 5:
            history.report(run, "crash", error="killed by signal 9")
        case 6:
            history.report(run, "stopped")
        case _:
            history.report(run, "error", error="Fatal: never", fatal=True)


def finish_step(history: History, number: int, how: int) -> None:
    """Have a running attempt finish a step; one that is done already is refused."""
    running = history.running()
    if running:
        state = history.handle.timetable.runs[running[number % len(running)]]
        result = Payload(kind="json", text="[1]") if how else None
        step = c.RecordStep(
            run=state.run, attempt=state.attempt, epoch=state.epoch, name=f"{how}", result=result
        )
        history.ask(step)


def define(history: History, number: int, how: int) -> None:
    schedules: tuple[Schedule, ...] = (
        EVERY_MINUTE,
        Interval(timedelta(seconds=20)),
        Cron(("*/5 * * * *",), timezone="Europe/Warsaw"),
        Manual(),
        EVERY_MINUTE,
        Interval(timedelta(seconds=7)),
    )
    policies: tuple[dict[str, object], ...] = (
        {},
        {"retry": Retry(max_attempts=3, initial=timedelta(seconds=5))},
        {"overlap": "allow", "on_crash": "hold"},
        {"start_deadline": timedelta(seconds=30), "on_crash": "fail"},
        {"catch_up": "all", "max_runs": 3},
        {"catch_up": "none", "labels": {"team": "billing"}},
        {"on_success": "service:api.after", "on_failure": f"job:job-{number - 1}"},
        {"overlap": "queue", "queue_limit": 2, "concurrency_key": "db"},
        {"overlap": "cancel", "jitter": timedelta(seconds=9), "pause_after_failures": 2},
        {"exclude": Exclude((DateRange(MONDAY, MONDAY),), "Asia/Tokyo")},
    )
    history.define(f"job-{number}", schedules[how], **policies[(number + how) % len(policies)])


def change_job(history: History, number: int, how: int) -> None:
    job = chosen(history, number)
    if job is None:
        return
    state = history.handle.timetable.jobs[job]
    match how:
        case 0:
            history.ask(c.PauseJob(job=job))
        case 1:
            history.ask(c.ResumeJob(job=job, missed=("skip", "latest", "all")[number % 3]))
        case 2:
            history.ask(c.RenameJob(job=job, name=f"named-{number}"))
        case 3:
            service = f"api.other-{number}"
            definition = Definition(
                name=state.definition.name, service=service, schedule=EVERY_MINUTE
            )
            history.ask(c.ReviseJob(job=job, definition=definition))
        case 4:
            run = RunId(history.clock.new_id())
            history.ask(c.TriggerJob(job=job, run=run, input=Payload(text="by hand")))
        case 5:
            until = history.clock.now() + timedelta(seconds=30 * (number + 1))
            history.ask(c.PauseJob(job=job, until=until, missed=("latest", "all")[number % 2]))
        case 6:
            history.ask(c.SkipNextFire(job=job))
        case 7:
            history.ask(c.RestoreNextFire(job=job))
        case _:
            history.ask(c.RemoveJob(job=job))


def change_run(history: History, number: int, how: int) -> None:
    timetable = history.handle.timetable
    streams = {
        recorded.event.run: recorded.stream
        for recorded in history.log.read()
        if isinstance(recorded.event, RunPlanned | ServiceCalled)
    }
    if not streams:
        return
    run = list(streams)[number % len(streams)]
    wish: c.AnyCommand = c.CancelRun(run=run)
    if how in {1, 2}:
        wish = c.RetryRun(run=run) if how == 1 else c.ReplayRun(run=run)
    elif how > 2:
        held = [key for key, state in timetable.runs.items() if state.status == "held"]
        if not held:
            return
        run = held[number % len(held)]
        wish = c.ResolveRun(run=run, verdict=("succeeded", "failed", "retry")[how - 3])
    try:
        history.handle.ask(wish, meta=BEN, stream=streams[run]).result()
    except HorologError:
        return


def change_backfill(history: History, number: int, how: int) -> None:
    """Ask for a backfill of the last minutes of some job, or change one that is under way."""
    under_way = list(history.handle.timetable.backfills)
    job = chosen(history, number)
    if how <= 2 and job is not None:
        until = history.handle.timetable.jobs[job].cursor.replace(microsecond=0)
        wish = c.RequestBackfill(
            backfill=BackfillId(history.clock.new_id()),
            job=job,
            after=until - timedelta(minutes=2 + number),
            until=until,
            only=("missing", "failed", "all")[how],
            order="newest" if number % 2 else "oldest",
            concurrency=1 + number % 3,
            per_minute=6 if number % 4 == 3 else None,
            callbacks=number % 5 == 4,
        )
        history.ask(wish)
    elif under_way:
        backfill = under_way[number % len(under_way)]
        kind = (c.PauseBackfill, c.ResumeBackfill, c.CancelBackfill)[how % 3]
        history.ask(kind(backfill=backfill))


def change_system(history: History, how: int) -> None:
    match how:
        case 0:
            history.ask(c.PauseSystem())
        case 9:
            until = history.clock.now() + timedelta(seconds=45)
            history.ask(c.PauseSystem(until=until, missed="latest"))
        case 1 | 2:
            history.ask(c.ResumeSystem(missed="latest" if how == 1 else "skip"))
        case 3:
            history.clock.step(timedelta(seconds=-90))
            history.ask(c.AcceptClock())
        case 4 | 5 | 6:
            history.start()
        case _:
            history.tick(3_600)
