"""A life in which everything happens that can happen, lived on a real log by a manual clock.

It is the same each time it is lived; what a release writes of it is recorded by
`tools.dev.record_golden_log`.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from scheduler.executor.clock import ManualClock
from scheduler.executor.handle import Answer, Handle
from scheduler.log.contract import Meta
from scheduler.log.sqlite import SqliteLog
from scheduler.model import commands as c
from scheduler.model.content import digest_of, payload_of
from scheduler.model.events import FarEnd, LogCreated
from scheduler.model.invocations import Outcome, Output
from scheduler.model.jobs import (
    BackfillId,
    DateRange,
    Definition,
    Exclude,
    JobId,
    Retry,
    RunId,
)
from scheduler.model.schedules import Cron, Interval, Manual, Once
from scheduler.model.streams import call_stream, fire_stream
from scheduler.rules.resume import resume
from scheduler.rules.run_state import RunState

BEGIN = datetime(2026, 3, 28, 20, tzinfo=UTC)  # the night before the clock goes forward in Europe
MINUTE = timedelta(minutes=1)
ME = Meta(actor="maria", on_behalf_of="ben", reason="a golden log", channel="cli")
STEPS_MAX = 10_000
LONG_TEXT = "a text that is too long to stand in an event; " * 40


class Life:
    """The handle of a log, and short words for what is done with it."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock(BEGIN)
        created = LogCreated(identity=self.clock.random_hex(16), horolog="golden")
        self.log = SqliteLog.create(path, clock_ns=self.clock.now_ns, created=created, meta=ME)
        self.handle = Handle(self.log, self.clock, code=lambda _: "0" * 64)
        self.jobs: dict[str, JobId] = {}
        self.take_up()

    def take_up(self) -> None:
        """Begin the next epoch, as after a crash."""
        self.ask(c.StartSystem(host="host", pid=1, versions={"horolog": "golden"}))
        timetable = self.handle.timetable
        for wish in resume(timetable, epoch=timetable.system.epoch, alive=set()):
            self.ask(wish)

    def ask(self, wish: c.AnyCommand, **rest: Any) -> Answer:  # noqa: ANN401  # what `Handle.ask` takes
        return self.handle.ask(wish, meta=ME, key=self.clock.new_id(), **rest).result(60)

    def job(self, name: str, **fields: Any) -> JobId:  # noqa: ANN401  # any field of a definition
        contents = fields.pop("contents", {})
        past = fields.pop("if_past", "refuse")
        definition = Definition(**{"name": name, "service": "api.sync", **fields})
        self.jobs[name] = JobId(self.clock.new_id())
        wish = c.DefineJob(job=self.jobs[name], definition=definition, if_past=past)
        self.ask(wish, contents=contents)
        return self.jobs[name]

    def decide(self, slots: int = 8) -> None:
        """Decide all that time has brought."""
        epoch = self.handle.timetable.system.epoch
        for _ in range(STEPS_MAX):
            if not self.handle.gather(c.Tick(slots=slots, epoch=epoch)):
                break
        if (sent := self.handle.flush()) is not None:
            sent.result(60)

    def until(self, minute: int) -> None:
        """Let time pass, minute by minute."""
        while self.clock.now() < BEGIN + minute * MINUTE:
            self.clock.advance(MINUTE)
            self.decide()

    def running(self, job: str) -> RunState:
        """Return the run of a job that is being carried out."""
        runs = self.handle.timetable.runs
        found = [runs[run] for run in self.handle.timetable.occupied]
        return next(run for run in found if run.job == self.jobs[job])

    def ends(self, run: RunState, kind: str = "succeeded", **rest: Any) -> None:  # noqa: ANN401  # any field of an outcome
        outcome = Outcome(
            run=run.run,
            attempt=run.attempt,
            epoch=run.epoch,
            kind=kind,  # type: ignore[arg-type]  # one of its literals
            duration_us=1_500_000,
            **rest,
        )
        outputs = {}
        if outcome.output is not None:
            encoded = outcome.output.text.encode()
            outputs = {digest_of(encoded): encoded}
        self.handle.gather(c.RecordOutcomes(outcomes=(outcome,)), outcome.contents, outputs)
        sent = self.handle.flush()
        assert sent is not None
        sent.result(60)
        self.decide()


def live(path: Path) -> None:
    """Live it on a new log at `path`."""
    life = Life(path)
    life.ask(c.NoteSettings(digest="1" * 64, connections=(FarEnd(name="Mail", kind="smtp"),)))
    life.ask(c.NoteServices(services={"api.sync": "0" * 64}, failures=("b.py: SyntaxError",)))
    the_jobs(life)
    the_runs(life)
    the_persons(life)
    the_repairs(life)
    the_clock(life)
    life.ask(c.StopSystem())
    life.log.close()


def the_jobs(life: Life) -> None:
    """Define jobs of every kind and policy."""
    given, contents = payload_of(LONG_TEXT, kind="text")
    life.job("by hand", schedule=Manual(), overlap="queue", queue_limit=2)
    life.job(
        "cron",
        schedule=Cron(("*/5 * * * *", "30 2 * * *"), "Europe/Warsaw", gap="skip", fold="last"),
        input=given,
        contents=contents,
        on_success="service:tell",
        on_failure="job:by hand",
        exclude=Exclude((DateRange(BEGIN.date(), BEGIN.date()),), "Pacific/Kiritimati"),
        jitter=timedelta(seconds=20),
        labels={"team": "sales"},
    )
    life.job(
        "interval",
        schedule=Interval(timedelta(minutes=3)),
        overlap="cancel",
        retry=Retry(3, timedelta(seconds=1), 2.0, MINUTE, give_up_after=timedelta(hours=1)),
        pause_after_failures=2,
        start_deadline=10 * MINUTE,
    )
    life.job("once", schedule=Once(BEGIN + 7 * MINUTE), on_crash="hold")
    life.job("bounded", schedule=Interval(MINUTE), max_runs=4, concurrency_key="db")
    life.job("late", schedule=Cron(("* * * * *",)), catch_up="none", misfire_grace=MINUTE)
    life.job("gone", schedule=Cron(("0 0 1 1 *",)))


def the_runs(life: Life) -> None:
    """Let runs end in every way."""
    life.until(6)
    run = life.running("cron")
    life.ask(
        c.RecordStep(
            run=run.run,
            attempt=run.attempt,
            epoch=run.epoch,
            name="fetch",
            result=payload_of('"data"', kind="json")[0],
        )
    )
    life.ends(run, output=Output(text="line 1\nline 2\n", lines=2))
    interval = life.running("interval")
    life.ends(interval, "error", error="500 Server Error")
    life.until(7)
    life.take_up()  # it was killed: "once" is held, the others go on
    life.decide()
    for name in ("bounded", "late"):
        life.ends(life.running(name), "error", error="no", fatal=True)
    life.until(9)
    life.ends(life.running("interval"), "timeout", error="too long", abandoned=True)
    life.ends(life.running("interval"), "returned")
    life.until(14)
    for name in ("interval", "bounded", "late", "cron"):
        life.ends(life.running(name), "error", error="no", fatal=True)
    life.until(15)


def the_persons(life: Life) -> None:
    """Have people ask for all that can be asked."""
    jobs = life.jobs
    once = fire_stream(BEGIN + 7 * MINUTE, jobs["once"])
    held = next(run for run in life.handle.timetable.runs.values() if run.stream == once)
    life.ask(c.ResolveRun(run=held.run, verdict="succeeded"))
    life.ask(c.RenameJob(job=jobs["late"], name="later"))
    life.ask(c.PauseJob(job=jobs["late"], until=life.clock.now() + 4 * MINUTE, missed="latest"))
    life.ask(c.SkipNextFire(job=jobs["cron"]))
    life.ask(c.RestoreNextFire(job=jobs["cron"]))
    life.ask(c.SkipNextFire(job=jobs["cron"]))
    called = RunId(life.clock.new_id())
    life.ask(c.CallService(run=called, service="api.sync"))
    life.decide()
    life.ends(life.handle.timetable.runs[called], "no-service", error="gone")
    life.ask(c.ReplayRun(run=called), stream=call_stream(called))
    by_hand = RunId(life.clock.new_id())
    life.ask(c.TriggerJob(job=jobs["by hand"], run=by_hand))
    life.decide()
    life.ask(c.CancelRun(run=by_hand))
    life.ask(c.RetryRun(run=by_hand), stream=call_stream(by_hand))
    life.ask(c.RemoveJob(job=jobs["gone"]))
    expiring = life.job(
        "expiring", schedule=Manual(), start_deadline=MINUTE, pause_after_failures=1
    )
    life.ask(c.TriggerJob(job=expiring, run=RunId(life.clock.new_id())))
    life.clock.advance(MINUTE)
    life.decide(slots=0)
    state = life.handle.timetable.jobs[jobs["cron"]]
    life.ask(c.ReviseJob(job=state.job, definition=replace(state.definition, timeout=MINUTE)))
    life.ask(c.PauseSystem(until=life.clock.now() + 3 * MINUTE))
    life.until(30)


def the_repairs(life: Life) -> None:
    """Backfill, back up, erase."""
    job = life.jobs["late"]
    cursor = life.handle.timetable.jobs[job].cursor
    first, second, again = (BackfillId(life.clock.new_id()) for _ in range(3))
    missing = c.RequestBackfill(
        backfill=first, job=job, after=cursor - 9 * MINUTE, until=cursor, concurrency=20
    )
    life.ask(missing)
    life.ask(c.PauseBackfill(backfill=first))
    life.ask(c.ResumeBackfill(backfill=first))
    life.decide(slots=64)
    for run in list(life.handle.timetable.open_in[first]):
        life.ends(life.handle.timetable.runs[run])
    life.ask(replace(missing, backfill=again))
    life.decide()
    life.ask(
        c.RequestBackfill(
            backfill=second,
            job=job,
            after=cursor - 30 * MINUTE,
            until=cursor,
            only="all",
            order="newest",
            per_minute=1,
        )
    )
    life.until(33)
    life.ask(c.CancelBackfill(backfill=second))
    head = life.log.head()
    life.ask(c.NoteBackup(position=head.position, hash=head.hash.hex(), file="backup.db"))
    erased, contents = payload_of("to be forgotten " * 99, kind="text")
    call = RunId(life.clock.new_id())
    life.ask(c.CallService(run=call, service="api.sync", input=erased), contents=contents)
    life.ask(c.CancelRun(run=call))
    life.ask(c.EraseContent(digests=(erased.digest or "",)))


def the_clock(life: Life) -> None:
    """Set the clock, restore, and leave something to be done."""
    life.ask(c.NoteClockJump(by_s=-600.0, was=life.clock.now()))
    life.clock.step(-10 * MINUTE)
    life.ask(c.AcceptClock())
    life.until(40)
    life.ask(c.NoteRestore(file="backup.db"))
    life.ask(c.ResumeSystem(missed="all"))
    life.until(55)
